"""Files of JSON (one object a line, or one list of objects) of one source as one frame."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any

import pandas as pd

from evergreen.errors import DataError, EmptyWindow
from evergreen.io.filesystems import FAILURES, what_broke
from evergreen.io.sources.listing import File
from evergreen.io.sources.opening import LONGEST, opened
from evergreen.io.sources.values import PIECE, Keep, Rows


def read_lines(
    fs: Any,
    files: Sequence[File],
    columns: Sequence[str] | None,
    hive: Sequence[str],
    time: str | None = None,
    keep: Keep | None = None,
) -> pd.DataFrame:
    """Read files of one source; a key that only some lines have is null in the others.

    Args:
        fs: Their fsspec file system.
        files: At least one.
        columns: The columns to read; all by default.
        hive: Columns that the folders' names give, as text.
        time: The event time, by which ``keep`` chooses.
        keep: Takes a frame with the times alone, and gives the rows of it that are wanted; all by default.

    Raises:
        EmptyWindow: no file has a line.
        DataError: a line is no JSON object, a column mixes types, or one that was asked for is not there.
    """
    rows = Rows(_of(files), None if columns is None else dict.fromkeys(columns), time, keep)
    empty = True
    for file in files:
        for objects in pieces(fs, file):
            empty = False
            names = dict.fromkeys(name for one in objects for name in one)
            given = {name: [file.hive.get(name)] * len(objects) for name in hive if name not in names}
            rows.add({name: [one.get(name) for one in objects] for name in names} | given)
    if empty:
        raise EmptyWindow(f"{_of(files)}: no line; write some first")
    return rows.frame()


def pieces(fs: Any, file: File) -> Iterator[list[dict[str, Any]]]:
    """The objects of a file, some thousand at a time; empty lines are passed over.

    Raises:
        DataError: the file cannot be read, or a line is no JSON object; the message names its number.
    """
    number = 0
    try:
        with opened(fs, file) as handle:
            first = _line(handle, file)
            if first.lstrip().startswith("["):
                yield from _array(first + handle.read(), file)
                return
            lines = chain([first], iter(partial(_line, handle, file), ""))
            while block := list(islice(lines, PIECE)):
                objects = []
                for number, line in enumerate(block, number + 1):  # noqa: B020 (counts on from the last block)
                    if line.strip():
                        objects.append(_object(line, file, number))
                if objects:
                    yield objects
    except (UnicodeDecodeError, *FAILURES) as error:
        broken = what_broke(error) or f"cannot be read as JSON lines ({error}); save it as UTF-8 text"
        raise DataError(f"{file.path}: {broken}") from None


def _line(handle: Any, file: File) -> str:
    line: str = handle.readline(LONGEST)
    if len(line) >= LONGEST and not line.lstrip().startswith("["):
        said = f"holds a line that does not end within {LONGEST:,} characters"
        raise DataError(f"{file.path}: {said}; write one object a line")
    return line


def _array(text: str, file: File) -> Iterator[list[dict[str, Any]]]:
    """The objects of a file that is one list of them."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DataError(f"{file.path}: is no JSON ({error}); write one object a line, or a list of objects") from None
    if not all(isinstance(one, dict) for one in found):
        raise DataError(f'{file.path}: is no list of objects such as [{{"id": 1}}]; write one')
    yield from (found[start : start + PIECE] for start in range(0, len(found), PIECE))


def _object(line: str, file: File, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise DataError(f"{file.path}: line {number} is no JSON ({error}); correct the line") from None
    if not isinstance(found, dict):
        raise DataError(f'{file.path}: line {number} is no object such as {{"id": 1}}; write one a line')
    return found


def _of(files: Sequence[File]) -> str:
    return files[0].path if len(files) == 1 else f"{files[0].path} and {len(files) - 1} more"
