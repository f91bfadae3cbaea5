"""Opening a file of text: its encoding and packing, its header, and lines that have to end somewhere."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import fsspec
import fsspec.compression
import pandas as pd
import pyarrow as pa

from evergreen.errors import DataError
from evergreen.io.filesystems import what_broke
from evergreen.io.sources.listing import File
from evergreen.io.sources.names import told_apart
from evergreen.spec import Read

#: Characters of a line, and lines of a header, after which this is no table.
LONGEST, _HEAD_LINES = 2**24, 50
#: What stands in an archive beside its table: folders, and what macOS and hidden files say of it.
_BESIDE = re.compile(r"/$|^__MACOSX/|(?:^|/)\.[^/]*$")


def opened(fs: Any, file: File, how: Read | None = None) -> Any:
    """A file of text, unpacked, without the mark that some programs write before it."""
    return fsspec.core.OpenFile(
        fs, file.path, "r", compression=packing(file.path),
        encoding=(how.encoding if how else None) or "utf-8-sig", newline="",
    )  # fmt: skip


def begin(handle: Any, file: File, how: Read | None) -> tuple[str, list[str], Lines]:
    """The separator, the names, and the lines of data that follow.

    Raises:
        DataError: the file is empty or no text, or its first line does not end.
    """
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
    separator = (how.separator if how else None) or separator_of(head)
    unnamed = how.names if how and how.header == "none" else ()
    names = named(head, separator, file.path, unnamed)
    above = skip + (0 if unnamed else count)
    return separator, names, Lines(handle, file.path, head if unnamed else "", above, separator)


def separator_of(line: str) -> str:
    """What separates the fields of a line: the most frequent of comma, semicolon, tab and bar outside of quotes.

    Commas that all stand between digits are decimal ones where there are semicolons or tabs too.
    """
    plain = re.sub(r'"[^"]*"', "", line)
    if any(sign in plain for sign in ";\t|") and not re.search(r"(?<!\d),|,(?!\d)", plain):
        plain = plain.replace(",", "")
    return max(",;\t|", key=plain.count)


def named(line: str, separator: str, path: str, names: Sequence[str] = ()) -> list[str]:
    """The columns' names by a header's line; or those given, of which there must be as many as the line has fields.

    Raises:
        DataError: too many or too few are given.
    """
    cells = line.split() if separator == " " else next(csv.reader([line], delimiter=separator, skipinitialspace=True))
    if names:
        if len(cells) != len(names):
            raise DataError(f"{path}: has {len(cells)} columns; data.read.names gives {len(names)} names")
        return list(names)
    # A column without a name, as row numbers have, is called as pandas calls it.
    return told_apart([cell.strip() or f"Unnamed: {at}" for at, cell in enumerate(cells)])


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


def without_blank_lines(text: str, separator: str, quoted: bool = False) -> tuple[str, int]:
    """Text whose lines of separators alone, as spreadsheets write them under a table, are empty; and how many were.

    Args:
        text: It begins where a line does.
        separator: What separates the fields.
        quoted: Whether it begins inside a quoted cell.
    """
    sign = re.escape(separator)
    starts = (separator, " ", "\t", '""')
    if separator == " " or not (
        text.startswith(starts) or any(f"{end}{it}" in text for end in "\n\r" for it in starts)
    ):
        return text, 0
    kept, done, blank = list[str](), 0, 0
    for line in re.finditer(rf'(?<![^\r\n])(?:[ \t]*(?:"")?[ \t]*{sign})+[ \t]*(?:"")?[ \t]*(?=[\r\n]|$)', text):
        quoted ^= text.count('"', done, line.start()) % 2 == 1
        kept += [text[done : line.start()], line[0] if quoted else ""]
        blank, done = blank + (not quoted), line.end()
    return "".join([*kept, text[done:]]), blank


class Lines:
    """A file's text as pandas reads it, which refuses a line without an end before it fills the memory.

    Args:
        handle: The open file.
        path: Its name in errors.
        before: What was read of it already and comes first.
        above: Lines that stand above.
        separator: What separates the fields: lines of separators alone become empty, and are counted as ``blank``.
    """

    def __init__(self, handle: Any, path: str, before: str, above: int, separator: str) -> None:
        self._handle, self._path, self._before, self.above = handle, path, before, above
        self._since, self._separator, self._begun, self._quoted = 0, separator, "", False
        self.blank = 0

    def read(self, size: int = -1) -> str:
        """The next characters."""
        if self._before:
            before, self._before = self._before, ""
            return before
        while True:
            read = self._read(size)
            text = self._begun + read
            # A line that may yet turn out to be blank waits for its end.
            last = max(text.rfind("\n"), text.rfind("\r")) + 1
            begun = text[last:] if read and not text[last:].strip(f'{self._separator} \t"') else ""
            text, self._begun = text[: len(text) - len(begun)], begun
            if text or not read:
                break
        text, blank = without_blank_lines(text, self._separator, self._quoted)
        self.blank += blank
        self._quoted ^= text.count('"') % 2 == 1
        return text

    def _read(self, size: int) -> str:
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


def unreadable(file: File, error: BaseException, how: Read | None, above: int = 0) -> DataError:
    """What went wrong with a file of text, and what to do; ``above`` lines stand before those that were counted."""
    said = placed(error, above)
    if isinstance(error, UnicodeError):
        named = (how.encoding if how else None) or "UTF-8"
        return DataError(
            f"{file.path}: is no {named} text ({said}); name its encoding in data.read.encoding (cp1252 and utf-16 are "
            "frequent), or save it as UTF-8"
        )
    return DataError(f"{file.path}: {what_broke(error) or f'cannot be read as CSV ({said}); correct the line'}")


def placed(error: BaseException, above: int) -> str:
    """What pandas says of a file of text, by the file's own lines.

    Args:
        error: Of which lines or rows are counted from the first line of data.
        above: Lines that stand before it.
    """
    said = " ".join(str(error).split())
    open_quote = re.search(r"EOF inside string starting at row (\d+)", said)
    if open_quote:  # rows are counted from 0 here, lines below from 1
        return f"a quote that opens in line {int(open_quote[1]) + 1 + above} is never closed"
    return re.sub(r"\bline (\d+)", lambda found: f"line {int(found[1]) + above}", said)


def packing(path: str) -> str | None:
    """How a file is packed, by its ending.

    Of an archive the only file is read; Zstandard is unpacked by Arrow where no other package does.
    """
    if path.endswith(".zip") and fsspec.compression.compr["zip"] is not _only_member:
        fsspec.compression.register_compression("zip", _only_member, "zip", force=True)
    if path.endswith(".zst") and "zstd" not in fsspec.compression.compr:
        fsspec.compression.register_compression("zstd", _unpacked, "zst")
    found: str | None = fsspec.utils.infer_compression(path)
    return found


def _only_member(file: Any, mode: str = "rb", **_: Any) -> Any:
    """The table in an archive; what a computer adds to it for itself is none.

    Raises:
        DataError: it holds several files, or none.
    """
    archive = zipfile.ZipFile(file)
    names = [name for name in archive.namelist() if not _BESIDE.search(name)]
    path = getattr(file, "path", None) or getattr(file, "name", "the archive")
    if not names:
        raise DataError(f"{path}: holds no file; put the table in it")
    if len(names) > 1:
        first = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise DataError(f"{path}: holds {len(names)} files ({first}); unpack it, and name one or the folder")
    return archive.open(names[0])


def _unpacked(file: Any, mode: str = "rb", **_: Any) -> Any:
    return io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"))
