"""Aggregates of earlier rows, as they were known at each row's cut-off.

Every figure is a function of the window's own values and of nothing else: sums are kept as fixed-point integers, so
that a long run-up and a short one give the same bits, and scoring a past week as of that week replays what training
sees now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen import spec
from evergreen.errors import DataError, SpecError, did_you_mean
from evergreen.features.windows import NEVER, Windows
from evergreen.handoffs import CUT_OFF, KEY, KNOWN_AT, TIME
from evergreen.whole_numbers import nullable, settled

_MICROSECOND = timedelta(microseconds=1)
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def history_name(rule: spec.History, take: str) -> str:
    """The column of one aggregate, e.g. ``dep_delay_mean_3h_by_origin`` or ``dep_delay_count_7d``."""
    by = "_by_" + "_".join(rule.by) if rule.by else ""
    return f"{rule.of}_{take}_{_short(rule.over)}{by}"


def add_history(
    frame: pd.DataFrame,
    rules: Sequence[spec.History],
    known_at: Mapping[str, str],
    timezone: str = "UTC",
    delay: timedelta = timedelta(0),
) -> pd.DataFrame:
    """Add the aggregates of earlier rows that share a key, from what was known at each row's cut-off.

    A row with cut-off ``c`` sees the non-null values of the other rows of its key that became known in
    ``(c - over, c]``, never its own. A value that became known later than the rule's ``patience`` after its event does
    not count: only so does a run-up of finite length hold all that a window may see.

    Args:
        frame: An assembled table with ``__time`` and ``__cut_off``; any order, any index.
        rules: What to aggregate, over which period, by which key; none gives the frame back.
        known_at: For a column, the one that says when its value became known; ``__time`` for columns not in it.
        timezone: The zone of known times that carry none.
        delay: How long labels take at least: added to the patience for the target's column.

    Returns:
        A new frame with one float64 column an aggregate (``last`` of text stays text, and of whole numbers that float64
        would round, nullable). Where the window is empty,
        ``count`` is 0 and the others are null; where a key is null all are null.

    Raises:
        SpecError: a rule names a missing column, or asks for arithmetic over text.
        DataError: the table has no time, or values too large for exact sums.
    """
    if not rules:
        return frame
    if TIME not in frame or CUT_OFF not in frame:
        raise SpecError("features.history: needs data.time; without an event time there are no earlier rows")
    past = _Past(frame, known_at, timezone, delay)
    added: dict[str, pd.Series] = {}
    for number, rule in enumerate(rules):
        where = f"features.history.{number}"
        _check(frame, rule, known_at, where)
        windows = past.windows(rule)
        added |= {history_name(rule, take): _aggregate(frame, windows, rule.of, take, where) for take in rule.take}
    clash = sorted(set(added) & set(frame.columns))
    if clash:
        raise SpecError(f"features.history: {clash[0]}: the table already has a column of this name")
    return pd.concat([frame, pd.DataFrame(added, index=frame.index)], axis=1)


class _Past:
    """When each value of a table became known, and which rows a rule lets each row see; keys are numbered once."""

    def __init__(self, frame: pd.DataFrame, known_at: Mapping[str, str], timezone: str, delay: timedelta) -> None:
        self._frame, self._known_at, self._timezone, self._delay = frame, known_at, timezone, delay
        self._cut_off = _microseconds(frame[CUT_OFF], timezone)
        self._time = _microseconds(frame[TIME], timezone)
        self._keys: dict[tuple[str, ...], NDArray[np.int64]] = {}

    def windows(self, rule: spec.History) -> Windows:
        """What each row sees by a rule."""
        if rule.by not in self._keys:
            self._keys[rule.by] = group_codes(self._frame, rule.by)
        return Windows(self._keys[rule.by], self._known(rule), self._cut_off, rule.over // _MICROSECOND)

    def _known(self, rule: spec.History) -> NDArray[np.int64]:
        """When each value became known; ``NEVER`` where there is none, or where that took longer than the patience."""
        when = self._known_at.get(rule.of, TIME)
        known = _microseconds(self._frame[when], self._timezone)
        patience = rule.patience + (self._delay if when == KNOWN_AT else timedelta(0))
        in_time = known - self._time <= patience // _MICROSECOND
        return np.where(self._frame[rule.of].notna().to_numpy() & (known != NEVER) & in_time, known, NEVER)


def group_codes(frame: pd.DataFrame, by: Sequence[str]) -> NDArray[np.int64]:
    """Number the combinations of the columns ``by``: int64 of shape (n,), -1 where any of them is null."""
    codes = np.zeros(len(frame), dtype=np.int64)
    for column in by:
        part, levels = pd.factorize(frame[column])
        null = (codes < 0) | (part < 0)
        codes, _ = pd.factorize(codes * (len(levels) + 1) + part)
        codes = np.where(null, -1, codes.astype(np.int64))
    return codes


def _aggregate(frame: pd.DataFrame, windows: Windows, of: str, take: str, where: str) -> pd.Series:
    if take == "count":
        return pd.Series(windows.blank(windows.count.astype(float)), index=frame.index)
    if take == "last":
        return _last(frame, windows, of)
    values = _numbers(frame[of], f"{where}: take {take} of {of}")
    if take in ("min", "max"):
        result = windows.extreme(values, take)
    elif take == "std":
        result = windows.std(values)
    else:
        result = windows.sum(values)
        result = result / np.maximum(windows.count, 1) if take == "mean" else result
        result = np.where(windows.count > 0, result, np.nan)
    return pd.Series(windows.blank(result), index=frame.index)


def _last(frame: pd.DataFrame, windows: Windows, of: str) -> pd.Series:
    # Values that became known at the same instant stand in the order of their event times, then of their keys.
    rows = windows.last(_microseconds(frame[TIME], "UTC"), frame.get(KEY))
    values = frame[of]
    values = nullable(values) if _is_number(values) else values.astype("str")
    if pd.api.types.is_bool_dtype(values.dtype):
        values = values.astype("float64")
    taken = values.reset_index(drop=True).reindex(np.where(rows >= 0, rows, len(frame)))
    return settled(taken.set_axis(frame.index))


def _check(frame: pd.DataFrame, rule: spec.History, known_at: Mapping[str, str], where: str) -> None:
    wanted = [("of", rule.of), *(("by", column) for column in rule.by)]
    if rule.of in known_at:
        wanted.append(("of", known_at[rule.of]))
    for part, column in wanted:
        if column not in frame:
            near = did_you_mean(column, (str(name) for name in frame.columns if not str(name).startswith("__")))
            raise SpecError(f"{where}.{part}: {column}: the table has no such column{near}")
    # A key that is itself known late would lead other rows to this one before it could be known to belong there.
    late = [column for column in rule.by if column in known_at]
    if late:
        raise SpecError(f"{where}.by: {late[0]}: not known at the cut-off (data.later); group by what is")


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values.dtype)


def _numbers(values: pd.Series, where: str) -> NDArray[np.float64]:
    if not _is_number(values):
        try:
            values = values.astype("Float64")  # booleans and numbers with nulls travel as objects
        except (TypeError, ValueError):
            raise SpecError(f"{where}: needs numbers, the column holds {values.dtype}; take count or last") from None
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(numbers).any():
        raise DataError(
            f"{where}: the column holds infinite values; clean them at the source or exclude them by a rule"
        )
    return numbers


def _microseconds(times: pd.Series, timezone: str) -> NDArray[np.int64]:
    """Times as int64 microseconds since 1970 in UTC, ``NEVER`` where null."""
    if not pd.api.types.is_datetime64_any_dtype(times.dtype):
        raise DataError(f"{times.name}: holds {times.dtype}, not times; history needs to know when a value was known")
    if times.dt.tz is None:
        # An hour that exists twice is read as the later one: a value may seem known too late, never too early.
        twice = np.zeros(len(times), dtype=bool)
        times = times.dt.tz_localize(timezone, ambiguous=twice, nonexistent="shift_forward")
    utc = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(utc), NEVER, utc.astype(np.int64))


def _short(span: timedelta) -> str:
    seconds = span.total_seconds()
    for unit, size in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s".replace(".", "p")
