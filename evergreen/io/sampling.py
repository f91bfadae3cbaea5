"""A sample of a source whose values are still the texts that stand there, and the same rows as training reads them."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd

from evergreen.data import clean
from evergreen.discovery import Layout, Reading, find_encoding, find_layout, find_reading, find_sentinels, has_header
from evergreen.errors import DataError
from evergreen.io.sources import read
from evergreen.io.sources.batches import batches
from evergreen.io.sources.function import is_function
from evergreen.io.sources.kinds import kind_of, of_kind
from evergreen.io.sources.listing import File, find
from evergreen.io.sources.text import LONGEST, named, packing, parse, separator_of
from evergreen.spec import Read
from evergreen.spec.source import Source

#: Lines that are compared with the first one, to see whether it holds names.
_HEADED = 2000
#: Cells that a sample holds at most, bytes of files that are read for it, and how many files.
_CELLS, _BYTES, _FILES = 6_000_000, 96 * 2**20, 32


@dataclass(frozen=True)
class _Part:
    """Lines of data of one file."""

    text: str
    separator: str
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows as they stand in the source.

    Attributes:
        raw: Texts of a CSV, typed columns of anything else.
        complete: Whether these are all rows.
        semicolons: The file separates fields by semicolons.
        layout: How a CSV is laid out; ``names`` are made up where the file has none.
    """

    raw: pd.DataFrame
    complete: bool
    semicolons: bool = False
    layout: Layout = field(default_factory=Layout)
    parts: tuple[_Part, ...] = ()

    def reading(self, time: str | None = None) -> Reading:
        """How the source must be read.

        Args:
            time: A column that a person has called the event time.
        """
        found = find_reading(self.raw, time, self.semicolons)
        found.layout = self.layout
        return found

    def typed(self, how: Read | None) -> pd.DataFrame:
        """The same rows with the types that training will see."""
        if not self.parts:
            return clean(self.raw, how)
        unread = [*how.numbers, *how.dates, *how.texts] if how else []
        frames = []
        for part in self.parts:
            texts = dict.fromkeys((name for name in unread if name in part.names), "str")
            frames.append(parse(io.StringIO(part.text), part.separator, part.names, dtype=texts))
        rows = _together(frames)
        return clean(of_kind(rows, {str(name): kind_of(values) for name, values in rows.items()}), how)


def take_sample(source: str, root: Path, header: bool | None = None) -> Sample:
    """Read a sample: all of a small source, evenly spread pieces of a large one.

    Args:
        source: As ``data.source`` names it.
        root: The project's folder.
        header: Whether the first line of a CSV holds names; found out where it is None.

    Raises:
        DataError: there is no such source, or it is no table.
    """
    if is_function(source, root):
        rows = read(source, root)
        most = max(_CELLS // max(len(rows.columns), 1), 1000)
        if len(rows) <= most:
            return Sample(rows, True)
        return Sample(rows.sample(most, random_state=0).sort_index().reset_index(drop=True), False)
    fs, files = find(source, root)
    return _text_sample(fs, files, header) if files[0].kind == "CSV" else _typed_sample(source, root)


def read_sample(sample: Sample, time: str | None = None) -> tuple[Reading, pd.DataFrame]:
    """How a sampled source must be read, and the sample read so.

    Args:
        sample: The sample.
        time: A column that a person has called the event time.
    """
    reading = sample.reading(time)
    frame = sample.typed(reading.read)
    reading.sentinels = find_sentinels(frame)
    return reading, clean(frame, reading.read) if reading.sentinels else frame


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
        how = read_sample(take_sample(source, root))[0].read
    return read(source, root, time=time, timezone=timezone, how=how)


def _typed_sample(source: str, root: Path) -> Sample:
    """Every row while they are few, then every second, every fourth, and so on, of the whole source."""
    kept: list[pd.DataFrame] = []
    step, place, cells = 1, 0, 0
    for rows in batches(source, root):
        chosen = rows.iloc[-place % step :: step]
        place += len(rows)
        kept.append(chosen)
        cells += chosen.size
        if cells > 2 * _CELLS:
            kept, step = [_together(kept).iloc[::2]], 2 * step
            cells = kept[0].size
    if not kept:
        raise DataError(f"{source}: no rows; write some first")
    return Sample(_together(kept), step == 1)


def _together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames of several files or pieces, beneath each other; a column that holds texts in one holds texts in all."""
    if len(frames) == 1:
        return frames[0].reset_index(drop=True)
    mixed = pd.concat(frames, ignore_index=True)
    texts = [name for name in mixed.columns if mixed[name].dtype == object and _holds_texts(frames, str(name))]
    return mixed.astype(dict.fromkeys(texts, "str"))


def _holds_texts(frames: Sequence[pd.DataFrame], name: str) -> bool:
    return any(name in frame and isinstance(frame[name].dtype, pd.StringDtype) for frame in frames)


def _text_sample(fs: Any, files: Sequence[File], header: bool | None) -> Sample:
    chosen = files if len(files) <= _FILES else [files[at * (len(files) - 1) // (_FILES - 1)] for at in range(_FILES)]
    each = max(_BYTES // len(chosen), 2**16)
    blocks = [_block(fs, file.path, each) for file in chosen]
    encoding = _one_encoding([file.path for file in chosen], [data for data, _ in blocks])
    texts = [_decoded(data, file.path, encoding[0]) for file, (data, _) in zip(chosen, blocks, strict=True)]
    lines = texts[0].split("\n", 200)[:200]
    usual = separator_of(next((line for line in lines if line.strip()), ""))
    layout = find_layout(lines, usual, encoding)
    parts, nameless = [], False
    for at, (file, text) in enumerate(zip(chosen, texts, strict=True)):
        part, nameless = _part(file.path, text, layout, False if at and nameless else header if not at else True)
        parts.append(part)
    if nameless:
        layout = Layout(layout.encoding, layout.separator, layout.skip, parts[0].names,
                        {**layout.reasons, "names": "the first line is data like the lines under it"})  # fmt: skip
    raw = _together([_texts(file.path, part, layout.skip) for file, part in zip(chosen, parts, strict=True)])
    if raw.empty:
        raise DataError(f"{files[0].path}: has a header and no rows; write some first")
    most = max(_CELLS // len(raw.columns), 1000)
    complete = len(chosen) == len(files) and all(whole for _, whole in blocks) and len(raw) <= most
    if len(raw) > most:
        raw = raw.sample(most, random_state=0).sort_index().reset_index(drop=True)
        parts = [_Part(raw.to_csv(header=False, index=False), ",", tuple(map(str, raw.columns)))]
    return Sample(raw, complete, usual == ";", layout, tuple(parts))


def _one_encoding(paths: Sequence[str], blocks: Sequence[bytes]) -> tuple[str | None, str]:
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


def _part(path: str, text: str, layout: Layout, header: bool | None) -> tuple[_Part, bool]:
    """The lines of data of a file with their names, and whether the names are made up."""
    for _ in range(layout.skip):
        text = _body(text)
    text = text.lstrip("\n")
    first = text.split("\n", 1)[0]
    separator = layout.separator or separator_of(first)
    if layout.names:
        return _Part(text, separator, layout.names), False
    cells = first.split() if separator == " " else _cells(first, separator)
    if len(cells) < 2:
        raise DataError(
            f"{path}: has one column: {first[:80]!r}; fields are separated by comma, semicolon, tab or bar, or by what "
            "data.read.separator says"
        )
    if header is None:
        some = "\n".join(text.split("\n", _HEADED)[1:_HEADED]) + "\n"
        below = _texts(path, _Part(some, separator, tuple(map(str, range(len(cells))))), layout.skip)
        header = has_header(cells, below)
    if not header:
        return _Part(text, separator, tuple(f"column_{at}" for at in range(1, len(cells) + 1))), True
    head = first
    while head.count('"') % 2 and "\n" in text[len(head) :]:  # a name may hold the end of a line
        head = text[: text.index("\n", len(head) + 1)] if "\n" in text[len(head) + 1 :] else text
    return _Part(text[len(head) + 1 :], separator, tuple(named(head, separator, path))), False


def _cells(line: str, separator: str) -> list[str]:
    import csv

    return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])


def _block(fs: Any, path: str, limit: int) -> tuple[bytes, bool]:
    """The bytes of a file, or of its beginning, middle and end in whole lines."""
    packed = packing(path)
    try:
        with fsspec.core.OpenFile(fs, path, "rb", compression=packed) as handle:
            size = None if packed else fs.size(path)
            if size is None or size <= limit:
                data = handle.read(limit)
                whole = size is not None or not handle.read(1)
                return data if whole else _lines(data, path, tail=True), whole
            pieces = [_lines(handle.read(limit // 3), path, tail=True)]
            if find_encoding(pieces[0][:4096])[0] in ("utf-16", "utf-16-le", "utf-16-be"):  # lines end in two bytes
                return pieces[0] + b"\0" * (len(pieces[0]) % 2), False
            for start in (size // 2, size - limit // 3):
                handle.seek(start)
                pieces.append(_lines(handle.read(limit // 3), path, tail=start == size // 2, head=True))
            return b"".join(pieces), False
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error}); check the file") from error


def _lines(data: bytes, path: str, *, head: bool = False, tail: bool = False) -> bytes:
    start = data.find(b"\n") + 1 if head else 0
    end = data.rfind(b"\n") + 1 if tail else len(data)
    if end <= start and len(data) > LONGEST and b"\r" not in data:
        raise DataError(f"{path}: holds a line that does not end within {LONGEST:,} characters; this is no table")
    return data[start:end]


def _decoded(data: bytes, path: str, encoding: str | None) -> str:
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


def _texts(path: str, part: _Part, skip: int) -> pd.DataFrame:
    try:
        rows: pd.DataFrame = parse(io.StringIO(part.text), part.separator, part.names, dtype="str",
                                   keep_default_na=False, na_filter=False)  # fmt: skip
        return rows
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=list(part.names), dtype="str")
    except (pd.errors.ParserError, ValueError) as error:
        said = " ".join(str(error).split())
        said = re.sub(r"\bline (\d+)", lambda found: f"line {int(found[1]) + skip + 1}", said)
        raise DataError(f"{path}: cannot be read as CSV ({said}); correct the line") from None
