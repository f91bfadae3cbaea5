"""Finished parts of long work, on disk: what was interrupted or widened goes on from them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


class Cache:
    """Named arrays in one folder; a part is there whole or not at all.

    Args:
        folder: Made when first written to. What it holds is told apart by the folder's name alone, so that the name
            must say which rows, spec and program the parts were made with.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with suppress(OSError):
            os.utime(folder)  # what is used is not old, although nothing new is written

    def read(self, key: str) -> Arrays | None:
        """A finished part, or None; one that cannot be read counts as not there."""
        try:
            with np.load(self._folder / f"{key}.npz", allow_pickle=False) as found:
                return {name: found[name] for name in found.files}
        except (OSError, ValueError, BadZipFile, KeyError):
            return None

    def write(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep a finished part: written aside, then renamed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        aside = self._folder / f"{key}.{uuid.uuid4().hex}.part"
        try:
            with aside.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self._folder / f"{key}.npz")
        finally:
            aside.unlink(missing_ok=True)
