"""Moments as whole microseconds, in which rows are looked up, and as names of what is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(times: pd.Series) -> NDArray[np.int64]:
    """Microseconds since 1970, (n,); what has no time lies after everything."""
    plain = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(plain), np.iinfo(np.int64).max, plain.astype(np.int64))


def stamp(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // MICROSECOND


def moment_name(moment: datetime) -> str:
    """A moment in a file's name, in UTC."""
    return f"{pd.Timestamp(moment).tz_convert('UTC'):%Y%m%dT%H%M%S%f}"
