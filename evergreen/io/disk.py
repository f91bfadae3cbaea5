"""What a disk that is full, broken or out of reach raises becomes one refusal that says what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from evergreen.errors import StoreError

#: What a failed write raises, by whichever library.
FAILURES = (OSError, sqlite3.Error, SQLAlchemyError)


def unwritable(place: Path | str, error: BaseException) -> StoreError:
    """The refusal for a place in the workspace, with the reason in the system's or the database's own words."""
    reason = getattr(error, "strerror", None) or getattr(error, "orig", None) or str(error).split("\n")[0]
    return StoreError(f"{place}: cannot be written ({reason}); free space or set EVERGREEN_WORKSPACE")


def cause(error: BaseException) -> BaseException | None:
    """The failed write that another error was raised for, if that is what it was raised for."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, FAILURES):
        seen = seen.__cause__ or seen.__context__
    return seen
