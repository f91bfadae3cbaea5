"""A sample of a source whose values are still the texts that stand there, and the same rows as training reads them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd

from evergreen.data import clean
from evergreen.discovery import find_reading, has_header
from evergreen.errors import DataError
from evergreen.io.sources import read
from evergreen.io.sources.listing import find
from evergreen.io.sources.text import separator_of
from evergreen.spec import Read
from evergreen.spec.source import Source

#: Cells that a sample holds at most, and bytes of a file that are read for it.
_CELLS, _BYTES = 6_000_000, 96 * 2**20
#: A source that is a Python function, ``module:function``.
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows as they stand in the source.

    Attributes:
        raw: Texts of a CSV, typed columns of anything else.
        complete: Whether these are all rows.
        semicolons: The file separates fields by semicolons.
        names: Made-up names where the file has none.
    """

    raw: pd.DataFrame
    complete: bool
    semicolons: bool = False
    names: tuple[str, ...] = ()
    text: str | None = None
    separator: str = ","

    def typed(self, how: Read | None) -> pd.DataFrame:
        """The same rows with the types that training will see."""
        if self.text is None:
            return clean(self.raw, how)
        unread = [*how.numbers, *how.dates, *how.texts] if how else []
        frame = pd.read_csv(
            io.StringIO(self.text),
            sep=self.separator,
            header=None,
            names=list(self.raw.columns),
            dtype=dict.fromkeys(unread, "str"),
            low_memory=False,
            index_col=False,
        )
        return clean(frame, how)


def take_sample(source: str, root: Path, header: bool | None = None) -> Sample:
    """Read a sample: all of a small source, evenly spread blocks of a large one.

    Args:
        source: As ``data.source`` names it.
        root: The project's folder.
        header: Whether the first line of a CSV holds names; found out where it is None.

    Raises:
        DataError: there is no such source, or it is no table.
    """
    if not _FUNCTION.fullmatch(source):
        fs, files = find(source, root)
        if files[0].kind == "CSV":
            return _text_sample(fs, [file.path for file in files], header)
    rows = read(source, root)
    return Sample(_cut(rows), len(rows) * max(len(rows.columns), 1) <= _CELLS)


def read_all(
    source: Source, root: Path, how: Read | None = None, time: str | None = None, timezone: str = "UTC"
) -> pd.DataFrame:
    """Every row of a source with the types that training sees; how to read it is found out where nobody says.

    Args:
        source: As ``data.source`` names it.
        root: The project's folder.
        how: What a spec says of the file.
        time: The event time, which becomes a moment in UTC.
        timezone: The zone of times that carry none.
    """
    if how is None and time is None and isinstance(source, str):
        sample = take_sample(source, root)
        found = find_reading(sample.raw, None, sample.semicolons)
        found.names = sample.names
        how = found.read
    return read(source, root, time=time, timezone=timezone, how=how)


def _cut(rows: pd.DataFrame) -> pd.DataFrame:
    most = max(_CELLS // max(len(rows.columns), 1), 1000)
    return rows if len(rows) <= most else rows.sample(most, random_state=0).sort_index().reset_index(drop=True)


def _text_sample(fs: Any, paths: list[str], header: bool | None) -> Sample:
    each = max(_BYTES // len(paths), 2**16)
    blocks = [_block(fs, path, each) for path in paths]
    first = blocks[0][0].split("\n", 1)[0].rstrip("\r")
    separator = separator_of(first)
    names = next(csv.reader([first], delimiter=separator), [])
    if len(names) < 2:
        raise DataError(f"{paths[0]}: has one column: {first[:80]!r}; fields are separated by comma, semicolon or tab")
    below = _frame("".join(_body(text) for text, _ in blocks), separator, len(names), paths[0])
    named = has_header(names, below) if header is None else header
    if named:
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise DataError(f"{paths[0]}: column {twice[0] or '(without a name)'} stands twice; rename one of them")
        text = "".join(_body(block) for block, _ in blocks)
        columns = [name or f"Unnamed: {at}" for at, name in enumerate(names)]
    else:
        text = "".join(block for block, _ in blocks)
        columns = [f"column_{at}" for at in range(1, len(names) + 1)]
        below = _frame(text, separator, len(names), paths[0])
    most = max(_CELLS // len(columns), 1000)
    complete = all(whole for _, whole in blocks) and len(below) <= most
    if len(below) > most:
        text, below = _thinned(text, separator, below, most)
    below.columns = pd.Index(columns, dtype="str")
    if below.empty:
        raise DataError(f"{paths[0]}: has a header and no rows; write some first")
    return Sample(below, complete, separator == ";", () if named else tuple(columns), text, separator)


def _thinned(text: str, separator: str, rows: pd.DataFrame, most: int) -> tuple[str, pd.DataFrame]:
    kept = rows.sample(most, random_state=0).sort_index().reset_index(drop=True)
    return kept.to_csv(sep=separator, header=False, index=False), kept


def _block(fs: Any, path: str, limit: int) -> tuple[str, bool]:
    """The text of a file, or of its beginning, middle and end in whole lines."""
    packed = fsspec.utils.infer_compression(path)
    try:
        with fsspec.core.OpenFile(fs, path, "rb", compression=packed) as handle:
            size = None if packed else fs.size(path)
            if size is None or size <= limit:
                data = handle.read(limit)
                whole = size is not None or not handle.read(1)
                return _decoded(data if whole else data[: data.rfind(b"\n") + 1], path), whole
            pieces = [_lines(handle.read(limit // 3), tail=True)]
            for start in (size // 2, size - limit // 3):
                handle.seek(start)
                pieces.append(_lines(handle.read(limit // 3), tail=start == size // 2, head=True))
            return _decoded(b"".join(pieces), path), False
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error}); check the file") from error


def _lines(data: bytes, *, head: bool = False, tail: bool = False) -> bytes:
    start = data.find(b"\n") + 1 if head else 0
    return data[start : data.rfind(b"\n") + 1] if tail else data[start:]


def _decoded(data: bytes, path: str) -> str:
    if b"\0" in data:
        raise DataError(f"{path}: holds no text; save it as CSV in UTF-8")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text at byte {error.start}; save it as UTF-8") from None
    if not text.strip():
        raise DataError(f"{path}: the file is empty; write it again or remove it")
    return text if text.endswith("\n") else text + "\n"


def _body(text: str) -> str:
    return text.split("\n", 1)[1] if "\n" in text else ""


def _frame(text: str, separator: str, width: int, path: str) -> pd.DataFrame:
    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            names=list(_counted(width)),
            dtype="str",
            keep_default_na=False,
            na_filter=False,
            index_col=False,
        )
    except (pd.errors.ParserError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as CSV ({' '.join(str(error).split())}); correct the line") from None


def _counted(width: int) -> Iterable[str]:
    return (str(at) for at in range(width))
