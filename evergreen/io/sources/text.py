"""CSV files of one source as one frame; comma, semicolon or tab, with a header line, in UTF-8."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from typing import Any

import fsspec
import pandas as pd

from evergreen.errors import DataError, did_you_mean
from evergreen.io.sources.listing import File


def read_text(fs: Any, files: Sequence[File], columns: Sequence[str] | None, hive: Sequence[str]) -> pd.DataFrame:
    """Read files of one source; a column that only some of them have is null in the others.

    Args:
        fs: Their fsspec file system.
        files: At least one.
        columns: The columns to read; all by default.
        hive: Columns that the folders' names give, as text.

    Raises:
        DataError: a file is empty or no table, or a column is missing, stands twice or differs in type between files.
    """
    headers = [_header(fs, file) for file in files]
    present = dict.fromkeys(name for _, names in headers for name in names)
    for name in columns or ():
        if name not in present and name not in hive:
            known = [*present, *hive]
            raise DataError(f"{files[0].path}: no column {name}{did_you_mean(name, known)}")
    parts = []
    for file, (separator, names) in zip(files, headers, strict=True):
        part = _table(fs, file, separator, [name for name in names if columns is None or name in columns])
        given = {
            name: file.hive.get(name) for name in hive if name not in part and (columns is None or name in columns)
        }
        parts.append(part.assign(**{name: pd.Series(value, part.index, "str") for name, value in given.items()}))
    _check_kinds(files, parts)
    rows = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return rows if columns is None else rows.reindex(columns=list(columns))


def _header(fs: Any, file: File) -> tuple[str, list[str]]:
    try:
        with _opened(fs, file) as handle:
            line = handle.readline()
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise DataError(f"{file.path}: cannot be read as CSV ({error}); save it as UTF-8 text") from error
    if not line.strip():
        raise DataError(f"{file.path}: the file is empty; write it again or remove it")
    if "\0" in line:
        raise DataError(f"{file.path}: holds no text; save it as CSV in UTF-8")
    separator = max(",;\t", key=line.count)
    names = next(csv.reader([line], delimiter=separator))
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{file.path}: column {name or '(without a name)'} stands twice; rename one of them")
    return separator, names


def _table(fs: Any, file: File, separator: str, names: list[str]) -> pd.DataFrame:
    try:
        with _opened(fs, file) as handle, warnings.catch_warnings():
            # With usecols pandas drops surplus fields in silence; without it a line with a field too many is an error.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(handle, sep=separator, low_memory=False, index_col=False)[names]
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError, OSError) as error:
        raise DataError(
            f"{file.path}: cannot be read as CSV ({' '.join(str(error).split())}); correct the line"
        ) from None
    flags = [name for name in frame if frame[name].dtype == object and frame[name].dropna().isin([True, False]).all()]
    return frame.astype(dict.fromkeys(flags, "boolean"))


def _opened(fs: Any, file: File) -> Any:
    return fsspec.core.OpenFile(
        fs, file.path, "r", compression=fsspec.utils.infer_compression(file.path), encoding="utf-8-sig", newline=""
    )


def _check_kinds(files: Sequence[File], parts: Sequence[pd.DataFrame]) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for file, part in zip(files, parts, strict=True):
        for name in part:
            if part[name].isna().all():
                continue
            kind = "numbers" if pd.api.types.is_numeric_dtype(part[name].dtype) else "text"
            first, where = seen.setdefault(str(name), (kind, file.path))
            if kind != first:
                raise DataError(
                    f"{file.path}: column {name} holds {kind} here and {first} in {where}; write it one way"
                )
