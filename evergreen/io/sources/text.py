"""CSV files of one source as one frame, in UTF-8 with a header line or as the spec says."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import pandas as pd

from evergreen.errors import DataError, EmptyWindow, did_you_mean
from evergreen.io.filesystems import FAILURES
from evergreen.io.sources.kinds import (
    NULL,
    TEXT,
    Kind,
    common_kind,
    has_lost_digits,
    in_words,
    joined,
    kind_of,
    with_all_digits,
)
from evergreen.io.sources.listing import File
from evergreen.io.sources.opening import begin, opened, parse, unreadable
from evergreen.spec import Read

logger = logging.getLogger(__name__)

#: Rows held at once beside those that are kept.
_CHUNK = 65_536

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
    kinds: list[tuple[str, dict[str, Kind]]] = []
    for file, names in zip(files, headers, strict=True):
        part, found = _table(fs, file, [name for name in names if name in wanted], keep or _all, how)
        given = {name: file.hive.get(name) for name in hive if name in wanted and name not in names}
        parts.append(part.assign(**given).reindex(columns=wanted))
        del part
        if found is not None:  # a header alone says nothing about types
            hives = {name: NULL if value is None else TEXT for name, value in given.items()}
            kinds.append((file.path, dict.fromkeys(wanted, NULL) | found | hives))
    if not kinds:
        raise EmptyWindow(f"{files[0].path}: no rows in {len(files)} file{'s' * (len(files) > 1)}; write some first")
    final = {name: _common(name, kinds) for name in wanted}
    return joined(parts, final)


def _all(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


def _header(fs: Any, file: File, how: Read | None = None) -> list[str]:
    """The names of a file's columns."""
    try:
        with opened(fs, file, how) as handle:
            return begin(handle, file, how)[1]
    except (UnicodeError, *FAILURES) as error:
        raise unreadable(file, error, how) from error


def _table(
    fs: Any, file: File, names: list[str], keep: Keep, how: Read | None = None
) -> tuple[pd.DataFrame, dict[str, Kind] | None]:
    """The kept rows of a file, and each column's kind by all its rows, as if parsed at once; None without a row."""
    texts = {*_left_as_text(how)}
    while True:
        kept: list[pd.DataFrame] = []
        seen: dict[str, set[Kind]] = {name: set() for name in names}
        for piece in _pieces(fs, file, texts, how):
            if piece.empty:
                return piece[names], None
            for name in names:
                seen[name].add(kind_of(piece[name]))
            kept.append(keep(piece[names]))
        kinds = {name: common_kind(found) or TEXT for name, found in seen.items()}
        # What was read as a number in one piece is text by another: 007 must stay 007, so it is read once more.
        mixed = {name for name in names if kinds[name] >= TEXT and not Kind().union(*seen[name]) <= TEXT | NULL}
        if not mixed:
            return joined(kept, kinds), kinds
        texts |= mixed


def _left_as_text(how: Read | None) -> tuple[str, ...]:
    """Columns whose texts the spec reads: a line of totals in one piece must not make a column's type another."""
    return (*how.numbers, *how.dates, *how.texts, *how.drop) if how else ()


def _pieces(fs: Any, file: File, texts: Collection[str], how: Read | None = None) -> Iterator[pd.DataFrame]:
    """A file piece by piece, the types of each by itself but for ``texts``; with one empty piece for a header alone.

    A column of whole numbers that pandas has rounded is read once more, from texts.
    """
    rounded, done = set[str](), 0
    while True:
        for number, piece in enumerate(_parsed(fs, file, {*texts, *rounded}, how)):
            if number < done:
                continue
            lost = {name for name in {*piece} - {*texts} - rounded if has_lost_digits(piece[name])}
            if lost:
                rounded |= lost
                break
            yield piece.assign(**{name: with_all_digits(piece[name]) for name in rounded})
            done = number + 1
        else:
            return


def _parsed(fs: Any, file: File, texts: Collection[str], how: Read | None) -> Iterator[pd.DataFrame]:
    """What pandas makes of a file piece by piece."""
    above = 0
    try:
        with opened(fs, file, how) as handle:
            separator, names, lines = begin(handle, file, how)
            above = lines.above
            pieces = parse(lines, separator, names, dtype=dict.fromkeys(texts, "str"), chunksize=_CHUNK)
            while True:
                with warnings.catch_warnings():
                    # With usecols pandas drops surplus fields in silence; without it such a line is an error.
                    warnings.simplefilter("error", pd.errors.ParserWarning)
                    piece = next(pieces, None)
                if piece is None:
                    if lines.blank:
                        logger.info("%s: %s blank lines are left out", file.path, f"{lines.blank:,}")
                    return
                yield piece
    except pd.errors.EmptyDataError:
        yield pd.DataFrame(columns=names, dtype="object")
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError, *FAILURES) as error:
        raise unreadable(file, error, how, above) from None


def pieces_of(fs: Any, file: File, texts: Collection[str], how: Read | None) -> Iterator[pd.DataFrame]:
    """A file piece by piece, with types of their own; ``texts``, and what the spec reads by itself, stay text.

    Raises:
        DataError: the file is empty or no table, or a column stands twice.
    """
    names = _header(fs, file, how)
    kept = {*texts, *_left_as_text(how)}
    yield from _pieces(fs, file, [name for name in names if name in kept], how)


def _common(name: str, kinds: Sequence[tuple[str, dict[str, Kind]]]) -> Kind:
    """The kind that a column has in all files that have rows."""
    common, first = NULL, ""
    for number, (path, found) in enumerate(kinds, 1):
        held = common_kind(one[name] for _, one in kinds[:number])
        if held is None:
            here, there = in_words(found[name]), in_words(common)
            raise DataError(f"{path}: column {name} holds {here} here and {there} in {first}; write it one way")
        common, first = held, first if not common <= NULL else path
    return common
