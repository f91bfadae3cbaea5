"""Lines of files of text, as a sample takes them: decoded, cut at the header, and parsed as texts."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import fsspec
import pandas as pd

from evergreen.discovery import Layout, find_encoding, has_header
from evergreen.discovery.values import looks_like_data
from evergreen.errors import DataError
from evergreen.io.sources.names import renamed
from evergreen.io.sources.opening import LONGEST, named, packing, parse, placed, separator_of, without_blank_lines

#: Lines that are compared with the first one, to see whether it holds names.
_HEADED = 400


@dataclass(frozen=True)
class TextPart:
    """Lines of data of one file."""

    text: str
    separator: str
    names: tuple[str, ...]
    folders: dict[str, str | None] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    blank: int = 0
    renamed: tuple[str, ...] = ()


def one_encoding(paths: Sequence[str], blocks: Sequence[bytes]) -> tuple[str | None, str]:
    """The encoding of all files.

    Raises:
        DataError: they differ.
    """
    found = {path: find_encoding(data) for path, data in zip(paths, blocks, strict=True)}
    others = {path: one for path, one in found.items() if one[0] is not None}
    if not others:
        return None, ""
    path, encoding = next(iter(others.items()))
    for other, data in zip(paths, blocks, strict=True):
        if found[other][0] != encoding[0] and not data.isascii():
            raise DataError(f"{path}: is written in {encoding[0]}, {other} in {found[other][0] or 'UTF-8'}; write one")
    return encoding


def part_of(path: str, text: str, layout: Layout, header: bool | None, said: str = "") -> tuple[TextPart, bool]:
    """The lines of data of a file with their names, and whether the names are made up.

    A first line in which stands what a person called a column (``said``) holds names.
    """
    for _ in range(layout.skip):
        text = _body(text)
    text = text.lstrip("\n")
    first = text.split("\n", 1)[0]
    separator = layout.separator or separator_of(first)
    text, blank = without_blank_lines(text, separator)
    if layout.names:
        return TextPart(text, separator, layout.names, blank=blank), False
    cells = first.split() if separator == " " else _cells(first, separator)
    if len(cells) < 2:
        raise DataError(
            f"{path}: has one column: {first[:80]!r}; fields are separated by comma, semicolon, tab or bar, or by what "
            "data.read.separator says"
        )
    _refuse_prose(path, text, separator)
    if header is None and said.strip() and not looks_like_data(said):
        header = said.strip().casefold() in (cell.strip().casefold() for cell in cells) or None
    if header is None:
        places = tuple(map(str, range(len(cells))))
        below = texts_of(path, TextPart(_beginning(_body(text)), separator, places), layout.skip, _HEADED)
        header = has_header(cells, below)
    if not header:
        return TextPart(text, separator, tuple(f"column_{at}" for at in range(1, len(cells) + 1)), blank=blank), True
    head = first
    while head.count('"') % 2 and "\n" in text[len(head) :]:  # a name may hold the end of a line
        head = text[: text.index("\n", len(head) + 1)] if "\n" in text[len(head) + 1 :] else text
    names, twins = (
        tuple(named(head, separator, path)),
        tuple(renamed([cell.strip() for cell in _cells(head, separator)])),
    )
    return TextPart(text[len(head) + 1 :], separator, names, blank=blank, renamed=twins), False


def _refuse_prose(path: str, text: str, separator: str) -> None:
    """Lines of which most hold nothing that separates fields are no table.

    Raises:
        DataError: they are so.
    """
    lines = [line for line in _beginning(text).split("\n") if line.strip()]
    alone = [line for line in lines if separator not in line]
    if separator != " " and 2 * len(alone) > len(lines) and not any('"' in line for line in lines):
        raise DataError(
            f"{path}: {len(alone)} of its first {len(lines)} lines hold no {separator!r}, e.g. {alone[0][:60]!r}: this "
            "is a text, no table; give a table, or say in data.read.separator what separates its fields"
        )


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])


def block_of(fs: Any, path: str, limit: int) -> tuple[bytes, bool]:
    """The bytes of a file, or of its beginning, middle and end in whole lines."""
    packed = packing(path)
    try:
        with fsspec.core.OpenFile(fs, path, "rb", compression=packed) as handle:
            size = None if packed else fs.size(path)
            if size is None or size <= limit:
                data = handle.read(limit)
                whole = size is not None or not handle.read(1)
                return data if whole else _closed(_lines(data, path, tail=True))[0], whole
            begin, closed = _closed(_lines(handle.read(limit // 3), path, tail=True))
            if closed:  # nobody can tell where a row begins in the middle
                return begin, False
            pieces = [begin]
            if find_encoding(pieces[0][:4096])[0] in ("utf-16", "utf-16-le", "utf-16-be"):  # lines end in two bytes
                return pieces[0] + b"\0" * (len(pieces[0]) % 2), False
            for start in (size // 2, size - limit // 3):
                handle.seek(start)
                pieces.append(_lines(handle.read(limit // 3), path, tail=start == size // 2, head=True))
            return b"".join(pieces), False
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error}); check the file") from error


def _closed(data: bytes) -> tuple[bytes, bool]:
    """Whole rows of whole lines, and whether quoted cells hold ends of lines."""
    if not any(line.count(b'"') % 2 for line in data[:1_000_000].split(b"\n")[:-1]):
        return data, False
    while data.count(b'"') % 2:
        data = data[: data.rfind(b"\n", 0, len(data) - 1) + 1]
    return data, True


def _lines(data: bytes, path: str, *, head: bool = False, tail: bool = False) -> bytes:
    start = data.find(b"\n") + 1 if head else 0
    end = data.rfind(b"\n") + 1 if tail else len(data)
    if end <= start and len(data) > LONGEST and b"\r" not in data:
        raise DataError(f"{path}: holds a line that does not end within {LONGEST:,} characters; this is no table")
    return data[start:end]


def decoded(data: bytes, path: str, encoding: str | None) -> str:
    """The text, with lines that end as in Unix.

    Raises:
        DataError: it holds a zero byte, or nothing.
    """
    if b"\0" in data and not (encoding or "").startswith("utf-16"):
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise DataError(f"{path}: line {line} holds a zero byte: this is no text, or it is damaged; save it as CSV")
    text = data.decode(encoding or "utf-8-sig", "replace").removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DataError(f"{path}: the file is empty; write it again or remove it")
    return text if text.endswith("\n") else text + "\n"


def _body(text: str) -> str:
    return text.split("\n", 1)[1] if "\n" in text else ""


def _beginning(text: str) -> str:
    """Lines enough to look at; all of them where a cell may be cut that holds ends of lines."""
    lines = text.split("\n", _HEADED)
    head = "\n".join([*lines[:_HEADED], ""])
    return head if len(lines) > _HEADED and head.count('"') % 2 == 0 else text


def texts_of(path: str, part: TextPart, skip: int, most: int | None = None) -> pd.DataFrame:
    """The rows of a part (at most so many), every value as the text that stands there.

    Raises:
        DataError: a line has more fields than the others; the message names it by its place in the file.
    """
    try:
        with warnings.catch_warnings():  # of lines that end with a separator; others are refused where types are read
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            rows: pd.DataFrame = parse(io.StringIO(part.text), part.separator, part.names, dtype="str",
                                       keep_default_na=False, na_filter=False, nrows=most)  # fmt: skip
        return rows.assign(**part.folders).astype(dict.fromkeys(part.folders, "str"))
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=list(part.names), dtype="str")
    except (pd.errors.ParserError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as CSV ({placed(error, skip + 1)}); correct the line") from None
