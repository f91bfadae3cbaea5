"""CSV files of one source as one frame, in UTF-8 with a header line or as the spec says."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import fsspec
import fsspec.compression
import pandas as pd
import pyarrow as pa

from evergreen.errors import DataError, EmptyWindow, did_you_mean
from evergreen.io.places import FAILURES, what_broke
from evergreen.io.sources.kinds import NULL, TEXT, common_kind, kind_of, of_kind
from evergreen.io.sources.listing import File
from evergreen.spec import Read

#: Rows held at once beside those that are kept.
_CHUNK = 65_536
#: Characters of a line, and lines of a header, after which this is no table.
LONGEST, _HEAD_LINES = 2**24, 50

Keep = Callable[[pd.DataFrame], pd.DataFrame]


def read_text(
    fs: Any,
    files: Sequence[File],
    columns: Sequence[str] | None,
    hive: Sequence[str],
    keep: Keep | None = None,
    how: Read | None = None,
) -> pd.DataFrame:
    """Read files of one source; a column that only some of them have is null in the others.

    Memory holds the kept rows and one piece of a file. The types are those of all rows, kept or not.

    Args:
        fs: Their fsspec file system.
        files: At least one.
        columns: The columns to read; all by default.
        hive: Columns that the folders' names give, as text.
        keep: Takes a piece of a file and gives the rows of it that are wanted; all by default.
        how: What the spec says of the files; columns whose texts it reads are left as text.

    Returns:
        The rows in the files' order, with a fresh index; their types are the source's even where none is kept.

    Raises:
        EmptyWindow: no file has a row, so that nothing tells the types.
        DataError: a file is empty or no table, or a column is missing, stands twice or differs in type between files.
    """
    headers = [_header(fs, file, how) for file in files]
    present = list(dict.fromkeys([*(name for names in headers for name in names), *hive]))
    for name in columns or ():
        if name not in present:
            raise DataError(f"{files[0].path}: no column {name}{did_you_mean(name, present)}")
    wanted = present if columns is None else list(columns)
    parts: list[pd.DataFrame] = []
    kinds: list[tuple[str, dict[str, str]]] = []
    for file, names in zip(files, headers, strict=True):
        part, found = _table(fs, file, [name for name in names if name in wanted], keep or _all, how)
        given = {name: file.hive.get(name) for name in hive if name in wanted and name not in names}
        parts.append(part.assign(**given).reindex(columns=wanted))
        if found is not None:  # a header alone says nothing about types
            hives = {name: NULL if value is None else TEXT for name, value in given.items()}
            kinds.append((file.path, dict.fromkeys(wanted, NULL) | found | hives))
    if not kinds:
        raise EmptyWindow(f"{files[0].path}: no rows in {len(files)} file{'s' * (len(files) > 1)}; write some first")
    final = {name: _common(name, kinds) for name in wanted}
    return pd.concat([of_kind(part, final) for part in parts], ignore_index=True)


def _all(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


def separator_of(line: str) -> str:
    """What separates the fields of a line: the most frequent of comma, semicolon, tab and bar outside of quotes.

    Commas that all stand between digits are decimal ones where there are semicolons or tabs too.
    """
    plain = re.sub(r'"[^"]*"', "", line)
    if any(sign in plain for sign in ";\t|") and not re.search(r"(?<!\d),|,(?!\d)", plain):
        plain = plain.replace(",", "")
    return max(",;\t|", key=plain.count)


def separators(how: Read | None, line: str) -> str:
    """What separates the fields of a line, by the spec or by its look; as pandas wants it."""
    return how.separator if how and how.separator else separator_of(line)


def named(line: str, separator: str, path: str, names: Sequence[str] = ()) -> list[str]:
    """The columns' names by a header's line; or those given, of which there must be as many as the line has fields.

    Raises:
        DataError: a name stands twice, or too many or too few are given.
    """
    cells = line.split() if separator == " " else next(csv.reader([line], delimiter=separator, skipinitialspace=True))
    if names:
        if len(cells) != len(names):
            raise DataError(f"{path}: has {len(cells)} columns; data.read.names gives {len(names)} names")
        return list(names)
    # A column without a name, as row numbers have, is called as pandas calls it.
    found = [cell.strip() or f"Unnamed: {at}" for at, cell in enumerate(cells)]
    for name in found:
        if found.count(name) > 1:
            raise DataError(f"{path}: column {name} stands twice; rename one of them")
    return found


def _header(fs: Any, file: File, how: Read | None = None) -> list[str]:
    """The names of a file's columns."""
    try:
        with opened(fs, file, how) as handle:
            return _begin(handle, file, how)[1]
    except (UnicodeError, *FAILURES) as error:
        raise _unreadable(file, error, how) from error


def _begin(handle: Any, file: File, how: Read | None) -> tuple[str, list[str], Lines]:
    """The separator, the names, and the lines of data that follow."""
    skip = how.skip if how else 0
    for _ in range(skip):
        handle.readline(LONGEST)
    head, count = "", 0
    while not head.strip() or (head.count('"') % 2 and count < _HEAD_LINES):  # a name may hold the end of a line
        line = handle.readline(LONGEST)
        if not line:
            break
        head, count = (head if head.strip() else "") + line, count + 1
    if not head.strip():
        raise DataError(f"{file.path}: the file is empty; write it again or remove it")
    if "\0" in head:
        raise DataError(f"{file.path}: holds no text; save it as CSV in UTF-8, or name its encoding in data.read")
    if len(head) >= LONGEST:
        raise DataError(f"{file.path}: its first line does not end within {LONGEST:,} characters; this is no table")
    separator = separators(how, head)
    unnamed = how.names if how and how.header == "none" else ()
    names = named(head, separator, file.path, unnamed)
    return separator, names, Lines(handle, file.path, head if unnamed else "", skip + (0 if unnamed else count))


class Lines:
    """A file's text as pandas reads it, which refuses a line without an end before it fills the memory.

    Args:
        handle: The open file.
        path: Its name in errors.
        before: What was read of it already and comes first.
        above: Lines that stand above.
    """

    def __init__(self, handle: Any, path: str, before: str, above: int) -> None:
        self._handle, self._path, self._before, self.above = handle, path, before, above
        self._since = 0

    def read(self, size: int = -1) -> str:
        """The next characters."""
        if self._before:
            text, self._before = self._before, ""
            return text
        text: str = self._handle.read(size)
        last = max(text.rfind("\n"), text.rfind("\r"))
        self._since = len(text) - last - 1 if last >= 0 else self._since + len(text)
        if self._since > LONGEST:
            raise DataError(
                f"{self._path}: holds a line that does not end within {LONGEST:,} characters; this is no table, or it "
                "was damaged"
            )
        return text

    def __iter__(self) -> Iterator[str]:
        """Line by line, as pandas asks of what it takes for a file."""
        while text := self.read(2**16):
            yield text


def _unreadable(file: File, error: BaseException, how: Read | None, above: int = 0) -> DataError:
    said = " ".join(str(error).split())
    said = re.sub(r"\bline (\d+)", lambda found: f"line {int(found[1]) + above}", said)
    if isinstance(error, UnicodeError):
        named = (how.encoding if how else None) or "UTF-8"
        return DataError(
            f"{file.path}: is no {named} text ({said}); name its encoding in data.read.encoding (cp1252 and utf-16 are "
            "frequent), or save it as UTF-8"
        )
    return DataError(f"{file.path}: {what_broke(error) or f'cannot be read as CSV ({said}); correct the line'}")


def _table(
    fs: Any, file: File, names: list[str], keep: Keep, how: Read | None = None
) -> tuple[pd.DataFrame, dict[str, str] | None]:
    """The kept rows of a file, and each column's kind by all its rows, as if parsed at once; None without a row."""
    texts = {*how.numbers, *how.dates, *how.texts} if how else set[str]()
    while True:
        kept: list[pd.DataFrame] = []
        seen: dict[str, set[str]] = {name: set() for name in names}
        for piece in _pieces(fs, file, texts, how):
            if piece.empty:
                return piece[names], None
            for name in names:
                seen[name].add(kind_of(piece[name]))
            kept.append(keep(piece[names]))
        kinds = {name: common_kind(found) or TEXT for name, found in seen.items()}
        # What was read as a number in one piece is text by another: 007 must stay 007, so it is read once more.
        mixed = {name for name in names if kinds[name] == TEXT and not seen[name] <= {TEXT, NULL}}
        if not mixed:
            return pd.concat([of_kind(part, kinds) for part in kept], ignore_index=True), kinds
        texts |= mixed


def _pieces(fs: Any, file: File, texts: Collection[str], how: Read | None = None) -> Iterator[pd.DataFrame]:
    """A file piece by piece, the types of each by itself but for ``texts``; with one empty piece for a header alone."""
    above = 0
    try:
        with opened(fs, file, how) as handle:
            separator, names, lines = _begin(handle, file, how)
            above = lines.above
            pieces = parse(lines, separator, names, dtype=dict.fromkeys(texts, "str"), chunksize=_CHUNK)
            while True:
                with warnings.catch_warnings():
                    # With usecols pandas drops surplus fields in silence; without it such a line is an error.
                    warnings.simplefilter("error", pd.errors.ParserWarning)
                    piece = next(pieces, None)
                if piece is None:
                    return
                yield piece
    except pd.errors.EmptyDataError:
        yield pd.DataFrame(columns=names, dtype="object")
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError, *FAILURES) as error:
        raise _unreadable(file, error, how, above) from None


def parse(lines: Any, separator: str, names: Sequence[str], **more: Any) -> Any:
    """The rows of lines without their header, as pandas reads them.

    Args:
        lines: What it can read from.
        separator: One sign; a blank for blanks.
        names: The columns' names.
        more: What else to say to ``pandas.read_csv``.
    """
    return pd.read_csv(
        lines, sep=r"\s+" if separator == " " else separator, header=None, names=list(names), index_col=False,
        low_memory=False, skipinitialspace=True, **more,
    )  # fmt: skip


def pieces_of(fs: Any, file: File, texts: Collection[str], how: Read | None) -> Iterator[pd.DataFrame]:
    """A file piece by piece, with types of their own; ``texts``, and what the spec reads by itself, stay text.

    Raises:
        DataError: the file is empty or no table, or a column stands twice.
    """
    names = _header(fs, file, how)
    kept = {*texts, *how.numbers, *how.dates, *how.texts} if how else {*texts}
    yield from _pieces(fs, file, [name for name in names if name in kept], how)


def opened(fs: Any, file: File, how: Read | None = None) -> Any:
    """A file of text, unpacked, without the mark that some programs write before it."""
    return fsspec.core.OpenFile(
        fs, file.path, "r", compression=packing(file.path),
        encoding=(how.encoding if how else None) or "utf-8-sig", newline="",
    )  # fmt: skip


def packing(path: str) -> str | None:
    """How a file is packed, by its ending; Zstandard is unpacked by Arrow where no other package does."""
    if path.endswith(".zst") and "zstd" not in fsspec.compression.compr:
        fsspec.compression.register_compression("zstd", _unpacked, "zst")
    found: str | None = fsspec.utils.infer_compression(path)
    return found


def _unpacked(file: Any, mode: str = "rb", **_: Any) -> Any:
    return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"))


def _common(name: str, kinds: Sequence[tuple[str, dict[str, str]]]) -> str:
    """The kind that a column has in all files that have rows."""
    common, first = NULL, ""
    for number, (path, found) in enumerate(kinds, 1):
        held = common_kind(one[name] for _, one in kinds[:number])
        if held is None:
            raise DataError(f"{path}: column {name} holds {found[name]} here and {common} in {first}; write it one way")
        common, first = held, first if common != NULL else path
    return common
