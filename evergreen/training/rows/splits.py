"""Which rows are fitted on, which choose among candidates, and which no choice ever sees."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.errors import TrainingError
from evergreen.handoffs import CUT_OFF, DAY, GROUP, KEY, KNOWN_AT, TARGET, TIME
from evergreen.learning_tasks import TASKS
from evergreen.spec import Training

Positions = NDArray[np.int64]
Share = timedelta | float

_BUCKETS = 1_000_000
#: Rows under which a class is rare.
_RARE = 200


@dataclass(frozen=True)
class Split:
    """Row positions (int64, ascending) of the three parts, and the times at which they begin.

    ``boundaries`` holds ``tuning_from``, ``holdout_from``, ``end`` (event times, the last inclusive), and
    ``known_for_tuning`` and ``known_for_holdout``: what was known at these times may prepare that part. It is empty
    where rows have no time.
    """

    train: Positions
    tuning: Positions
    holdout: Positions
    boundaries: Mapping[str, datetime] = field(default_factory=dict)


def split(frame: pd.DataFrame, training: Training, *, as_of: datetime, unseen_from: datetime | None = None) -> Split:
    """Cut the labelled rows into train, tuning and holdout.

    With time the holdout is the newest period and tuning the one before it, in whole days. A row of the training part
    had its label by the earliest cut-off of the tuning part, a row of the tuning part by that of the holdout; the rest
    is in no part. Without time the holdout is a bucket of a stable hash of the group, or else of the key: a row never
    changes its side however the table grows, and so a rare class cannot be dealt out to it by count. The other rows
    are all seen: the tuning part is the next bucket, and takes its share of each rare class.

    Args:
        frame: A table with the reserved columns.
        training: How large holdout and tuning are: periods back from the newest labelled event, or shares of the
            labelled rows (with time rounded up to whole days).
        as_of: Labels known later do not count.
        unseen_from: Event time from which the champion has seen nothing; the holdout does not begin before it.

    Raises:
        TrainingError: a part would be empty.
    """
    labelled = frame[TARGET].notna().to_numpy()
    if KNOWN_AT in frame:
        labelled = labelled & (frame[KNOWN_AT] <= _timestamp(as_of)).to_numpy()
    rows = np.flatnonzero(labelled)
    if not len(rows):
        raise TrainingError(
            f"no label was known by {as_of:%Y-%m-%d %H:%M}: look at data.target, or wait until its delay has passed"
        )
    if TIME in frame:
        return _by_time(frame.iloc[rows], rows, training, unseen_from)
    rare = None if GROUP in frame else _rare_classes(frame[TARGET].iloc[rows], training)
    return _by_hash(frame[GROUP if GROUP in frame else KEY].iloc[rows], rows, training, rare)


def _by_time(frame: pd.DataFrame, rows: Positions, training: Training, unseen_from: datetime | None) -> Split:
    day = frame[DAY].to_numpy(dtype=np.int64)
    holdout_day = _first_day(day, training.holdout, len(day))
    if unseen_from is not None:
        seen = day[(frame[TIME] < _timestamp(unseen_from)).to_numpy()]
        holdout_day = max(holdout_day, int(seen.max(initial=day.min() - 1)) + 1)
    before = day[day < holdout_day]
    if not len(before):
        raise TrainingError(_empty("tuning", training, "the holdout takes every labelled row"))
    tuning_day = _first_day(before, training.tuning, len(day))
    parts = [day < tuning_day, (day >= tuning_day) & (day < holdout_day), day >= holdout_day]
    boundaries: dict[str, datetime] = {}
    for part, name in ((2, "holdout"), (1, "tuning")):
        if not parts[part].any():
            raise TrainingError(_empty(name, training, f"no labelled row lies in it after {len(day):,} were looked at"))
        rest = frame[parts[part]]
        boundaries[f"{name}_from"] = rest[TIME].min().to_pydatetime()
        boundaries[f"known_for_{name}"] = rest[CUT_OFF].min().to_pydatetime()
        # The embargo: whoever fits for this part stands at its first cut-off and knows no label that came later.
        known = (frame[KNOWN_AT] <= rest[CUT_OFF].min()).to_numpy()
        parts[part - 1] = parts[part - 1] & known
    for name, inside in zip(("train", "tuning"), parts, strict=False):
        if not inside.any():
            raise TrainingError(_empty(name, training, "no label in it was known before the next part begins"))
    boundaries["end"] = frame[TIME].max().to_pydatetime()
    return Split(rows[parts[0]], rows[parts[1]], rows[parts[2]], boundaries)


def _first_day(day: Positions, size: Share, total: int) -> int:
    """The first of the newest whole days that make up ``size``: that many days, or at least that share of ``total``."""
    if isinstance(size, timedelta):
        return int(day.max()) - max(math.ceil(size / timedelta(days=1)), 1) + 1
    wanted = math.ceil(size * total)
    days, counts = np.unique(day, return_counts=True)
    newest = np.cumsum(counts[::-1])
    return int(days[::-1][min(int(np.searchsorted(newest, wanted)), len(days) - 1)])


def _rare_classes(target: pd.Series, training: Training) -> NDArray[np.int64] | None:
    """A number for each row of a rare class, one a class, and -1 for the others; None where nothing is rare."""
    known = training.task is not None
    classes = TASKS[training.task].classes if training.task else not pd.api.types.is_numeric_dtype(target.dtype)
    if not classes and (known or target.nunique() > 2):
        return None
    codes, _ = pd.factorize(target)
    few = np.bincount(codes)[codes] < _RARE
    return np.where(few, codes, -1).astype(np.int64) if few.any() else None


def _by_hash(keys: pd.Series, rows: Positions, training: Training, rare: NDArray[np.int64] | None = None) -> Split:
    shares = []
    for name in ("holdout", "tuning"):
        size = getattr(training, name)
        if isinstance(size, timedelta):
            raise TrainingError(f"training.{name} is a period but data.time is not set; write a share such as 0.2")
        shares.append(size)
    at = hash_shares(keys)
    holdout = at < shares[0]
    tuning = ~holdout & (at < shares[0] + shares[1])
    if rare is not None:
        _deal_out(tuning, at, holdout, rare, shares[1] / (1 - shares[0]))
    parts = {"train": ~holdout & ~tuning, "tuning": tuning, "holdout": holdout}
    for name, part in parts.items():
        if not part.any():
            few = f"only {len(rows):,} rows have a label"
            if keys.name == GROUP:
                few += f", in {keys.nunique():,} groups"
            raise TrainingError(_empty(name, training, few))
    return Split(*(rows[part] for part in parts.values()))


def _deal_out(
    tuning: NDArray[np.bool_],
    at: NDArray[np.float64],
    holdout: NDArray[np.bool_],
    rare: NDArray[np.int64],
    share: float,
) -> None:
    """Give the tuning part its share of each rare class, by hash; one row at least, and one at least is left.

    Rows without a key that are alike, label included, share a place, and so a side.
    """
    for code in np.unique(rare[rare >= 0]):
        members = np.flatnonzero((rare == code) & ~holdout)
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        last = np.sort(at[members])[count - 1] if count > 0 else -1.0
        chosen = at[members] <= last
        tuning[members] = chosen & ~chosen.all()


def hash_shares(keys: pd.Series) -> NDArray[np.float64]:
    """Where in [0, 1) a key falls: float64 of shape (n,), by BLAKE2b of its text, so that it never changes."""
    places = [
        int.from_bytes(hashlib.blake2b(str(key).encode(), digest_size=8).digest(), "big") % _BUCKETS
        for key in keys.to_numpy(dtype=object)
    ]
    return np.array(places, dtype=float) / _BUCKETS


def _timestamp(time: datetime) -> pd.Timestamp:
    stamp = pd.Timestamp(time)
    return stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")


def _empty(part: str, training: Training, why: str) -> str:
    sizes = f"training.holdout is {_say(training.holdout)}, training.tuning {_say(training.tuning)}"
    return f"no rows are left for the {part} part: {why}; {sizes}: make them smaller or training.window longer"


def _say(size: Share) -> str:
    return f"{size / timedelta(days=1):g}d" if isinstance(size, timedelta) else f"{size:g}"
