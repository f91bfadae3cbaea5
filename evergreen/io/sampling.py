"""A sample of a source whose values are still the texts that stand there, and the same rows as training reads them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from evergreen.data import clean
from evergreen.discovery import Layout, Reading, find_layout, find_reading, find_sentinels
from evergreen.errors import DataError
from evergreen.functions import is_function
from evergreen.io.sources import read
from evergreen.io.sources.batches import batches
from evergreen.io.sources.kinds import has_lost_digits, kind_of, of_kind, with_all_digits
from evergreen.io.sources.listing import File, find
from evergreen.io.sources.names import renamed
from evergreen.io.sources.opening import parse, separator_of
from evergreen.io.sources.parquet import names_of
from evergreen.io.text_samples import TextPart, block_of, decoded, one_encoding, part_of, texts_of
from evergreen.spec import Read
from evergreen.spec.source import Source
from evergreen.whole_numbers import concat_exactly

#: Cells that a sample holds at most, bytes of files that are read for it, and how many files.
_CELLS, _BYTES, _FILES = 6_000_000, 96 * 2**20, 32


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows as they stand in the source.

    Attributes:
        raw: Texts of a CSV, typed columns of anything else.
        complete: Whether these are all rows.
        semicolons: The file separates fields by semicolons.
        layout: How a CSV is laid out; ``names`` are made up where the file has none.
        parts: The lines of a CSV's files.
        blank: How many lines hold separators alone.
        renamed: What is said of columns whose name stands more than once.
    """

    raw: pd.DataFrame
    complete: bool
    semicolons: bool = False
    layout: Layout = field(default_factory=Layout)
    parts: tuple[TextPart, ...] = ()
    blank: int = 0
    renamed: tuple[str, ...] = ()

    def reading(self, time: str | None = None) -> Reading:
        """How the source must be read.

        Args:
            time: A column that a person has called the event time.
        """
        found = find_reading(self.raw, time, self.semicolons, self.complete)
        found.layout = self.layout
        found.checks += self.renamed
        if self.blank:
            of = "the file" if self.complete else "the sample"
            found.checks.append(f"{self.blank:,} lines of {of} hold separators alone: left out")
        return found

    def typed(self, how: Read | None) -> pd.DataFrame:
        """The same rows with the types that training will see."""
        if not self.parts:
            return clean(self.raw, how)
        unread = [*how.numbers, *how.dates, *how.texts, *how.drop] if how else []
        frames = []
        for part in self.parts:
            texts = dict.fromkeys((name for name in (*unread, *part.texts) if name in part.names), "str")
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                try:
                    rows = parse(io.StringIO(part.text), part.separator, part.names, dtype=texts)
                except pd.errors.ParserWarning:
                    said = f"{len(part.names)} columns ({', '.join(part.names[:5])}, ...)"
                    raise DataError(f"lines have more fields than the header has names: {said}; correct it") from None
            lost = [str(name) for name in rows if name not in texts and has_lost_digits(rows[name])]
            if lost:
                again = parse(io.StringIO(part.text), part.separator, part.names, dtype=dict.fromkeys(lost, "str"))
                rows = rows.assign(**{name: with_all_digits(again[name]) for name in lost})
            frames.append(rows.assign(**part.folders))
        rows = _together(frames)
        return clean(of_kind(rows, {str(name): kind_of(values) for name, values in rows.items()}), how)


def take_sample(source: str, root: Path, header: bool | None = None, said: str = "") -> Sample:
    """Read a sample: all of a small source, evenly spread pieces of a large one.

    Args:
        source: As ``data.source`` names it.
        root: The project's folder.
        header: Whether the first line of a CSV holds names; found out where it is None.
        said: A column as a person has called it: a first line in which it stands holds names.

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
    return _text_sample(fs, files, header, said) if files[0].kind == "CSV" else _typed_sample(source, root)


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
        sample = take_sample(source, root)
        reading, frame = read_sample(sample)
        if sample.complete:
            return frame
        how = reading.read
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
        while cells > 2 * _CELLS:
            kept, step = [_together(kept).iloc[::2]], 2 * step
            cells = kept[0].size
    if not kept:
        raise DataError(f"{source}: no rows; write some first")
    raw = _together(kept)
    if len(raw) == 1 and sum(str(name).endswith((".0", ".1")) for name in raw.columns) >= 2:
        raise DataError(
            f"{source}: is one object of columns, as pandas writes a table by default; write one object a row: "
            'to_json(path, orient="records", lines=True)'
        )
    return Sample(raw, step == 1, renamed=tuple(renamed(names_of(source, root))))


def _together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames of several files or pieces, beneath each other; a column that holds texts in one holds texts in all."""
    if len(frames) == 1:
        return frames[0].reset_index(drop=True)
    mixed = concat_exactly(frames)
    texts = [name for name in mixed.columns if mixed[name].dtype == object and _holds_texts(frames, str(name))]
    return mixed.astype(dict.fromkeys(texts, "str"))


def _holds_texts(frames: Sequence[pd.DataFrame], name: str) -> bool:
    return any(name in frame and isinstance(frame[name].dtype, pd.StringDtype) for frame in frames)


def _text_sample(fs: Any, files: Sequence[File], header: bool | None, said: str) -> Sample:
    chosen = files if len(files) <= _FILES else [files[at * (len(files) - 1) // (_FILES - 1)] for at in range(_FILES)]
    each = max(_BYTES // len(chosen), 2**16)
    blocks = [block_of(fs, file.path, each) for file in chosen]
    encoding = one_encoding([file.path for file in chosen], [data for data, _ in blocks])
    texts = [decoded(data, file.path, encoding[0]) for file, (data, _) in zip(chosen, blocks, strict=True)]
    lines = texts[0].split("\n", 200)[:200]
    usual = separator_of(next((line for line in lines if line.strip()), ""))
    layout = find_layout(lines, usual, encoding)
    parts, nameless = [], False
    for at, (file, text) in enumerate(zip(chosen, texts, strict=True)):
        part, nameless = part_of(
            file.path, text, layout, False if at and nameless else header if not at else True, said
        )
        parts.append(part)
    if nameless:
        layout = Layout(layout.encoding, layout.separator, layout.skip, parts[0].names,
                        {**layout.reasons, "names": "the first line is data like the lines under it"})  # fmt: skip
    parts = [replace(part, folders={k: v for k, v in file.hive.items() if k not in part.names})
             for file, part in zip(chosen, parts, strict=True)]  # fmt: skip
    twins = parts[0].renamed
    raw = _together([texts_of(file.path, part, layout.skip) for file, part in zip(chosen, parts, strict=True)])
    if raw.empty:
        raise DataError(f"{files[0].path}: has a header and no rows; write some first")
    most, blank = max(_CELLS // len(raw.columns), 1000), sum(part.blank for part in parts)
    complete = len(chosen) == len(files) and all(whole for _, whole in blocks) and len(raw) <= most
    if len(raw) > most:
        raw = raw.sample(most, random_state=0).sort_index().reset_index(drop=True)
        given = tuple(dict.fromkeys(name for part in parts for name in part.folders))
        parts = [TextPart(raw.to_csv(header=False, index=False), ",", tuple(map(str, raw.columns)), {}, given)]
    return Sample(raw, complete, usual == ";", layout, tuple(parts), blank, twins)
