"""Labels as they become known: which are new, which contradict earlier ones, and when there are enough of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from evergreen.handoffs import KEY, KNOWN_AT, TARGET, TIME
from evergreen.spec import Target
from evergreen.whole_numbers import as_text, comparable

#: The columns of the label ledger; without ``__time`` where a model has none.
COLUMNS = (KEY, TIME, TARGET, KNOWN_AT)


@dataclass(frozen=True)
class Joined:
    """Predictions beside their labels.

    ``unknown`` counts labels of rows that nobody scored, ``unlabelled`` predictions whose label is not known.
    """

    rows: pd.DataFrame
    unknown: int
    unlabelled: int


def newest(labels: pd.DataFrame) -> pd.DataFrame:
    """The last label of each key, of labels in the order in which they became known."""
    return labels[~labels[KEY].duplicated(keep="last").to_numpy()].reset_index(drop=True)


def new_labels(labels: pd.DataFrame, known: pd.DataFrame, as_of: datetime) -> tuple[pd.DataFrame, int]:
    """The labels that the ledger does not hold: of new keys, and those that contradict what it holds.

    A label that was taken back (a null where there was a value) is none; the earlier one stands. Of labels that share a
    key (equal rows without a key column) the last counts.

    Args:
        labels: As the source shows them as of a time: ``__key``, ``__time`` where timed, ``__target``, ``__known_at``.
        known: The ledger's newest label a key, the same columns.
        as_of: The run's clock: a correction became known now, whatever the source says.

    Returns:
        Rows to append, by time and key, and how many of them correct an earlier label.
    """
    columns = [name for name in COLUMNS if name in labels]
    found = newest(labels.loc[labels[TARGET].notna().to_numpy(), columns])
    keys, held = _alike(found[KEY], known[KEY])
    place = pd.Index(held).get_indexer(keys)
    there = place >= 0
    ours, theirs = _alike(found[TARGET], known[TARGET].take(place[there]))
    differs = there.copy()
    differs[there] = ours.to_numpy()[there] != theirs.to_numpy()
    moment = pd.Timestamp(as_of).tz_convert("UTC").as_unit("us")
    found[KNOWN_AT] = found[KNOWN_AT].mask(differs, moment).dt.as_unit("us")
    fresh = found[differs | ~there]
    by = [name for name in (TIME, KEY) if name in fresh]
    return fresh.sort_values(by, kind="stable", ignore_index=True), int(differs.sum())


def join_labels(predictions: pd.DataFrame, labels: pd.DataFrame, as_of: datetime) -> Joined:
    """Set beside each prediction the newest label known at ``as_of``.

    Args:
        predictions: From the prediction ledger, one row a key.
        labels: From the label ledger, in the order in which they became known; keys may stand there several times.
        as_of: Labels known later are left out.

    Returns:
        The predictions in their order with ``__target`` and ``__known_at``, null where no label is known.
    """
    last = newest(labels[(labels[KNOWN_AT] <= pd.Timestamp(as_of)).to_numpy()])
    keys, held = _alike(predictions[KEY], last[KEY])
    place = pd.Index(held).get_indexer(keys)
    beside = last[[TARGET, KNOWN_AT]].reindex(place).set_axis(predictions.index)
    found = int((place >= 0).sum())
    return Joined(
        predictions.assign(**{name: beside[name] for name in (TARGET, KNOWN_AT)}),
        len(last) - found,
        len(predictions) - found,
    )


def maturity(
    joined: pd.DataFrame, end: datetime, target: Target, as_of: datetime, coverage: float, min_rows: int
) -> tuple[bool, str]:
    """Whether a window's performance is a number, and the words that say so or why not.

    Labels that arrive early may do so for a reason (who cancels does it soon): a window is ripe only once the label of
    its last row is due, and then only where most of its rows have theirs. With ``target.known_at`` there is no delay to
    wait for, and coverage alone decides.

    Args:
        joined: The window's predictions with ``late`` and ``__target``.
        end: The first event time after the window.
        target: When labels become known.
        as_of: The run's clock.
        coverage: The share of the rows that were scored in time whose label must be known.
        min_rows: How many of them at least.
    """
    live = joined[~joined["late"].to_numpy(dtype=bool)]
    rows, labelled = len(live), int(live[TARGET].notna().sum())
    ripe = end + target.delay if target.known_at is None else end
    if as_of < ripe:
        return False, f"not enough labels yet: the last are due at {ripe:%Y-%m-%d %H:%M} UTC"
    if not rows:
        return False, "no rows were scored in time"
    share = f"{labelled:,} of {rows:,} rows ({labelled / rows:.0%})".replace("%", " %")
    if labelled < coverage * rows:
        return False, f"not enough labels yet: {share}, {coverage * 100:g} % needed"
    if labelled < min_rows:
        return False, f"not enough labels yet: {share}, {min_rows:,} rows needed"
    return True, f"labels are known for {share}"


def _alike(ours: pd.Series, theirs: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Both in one type: a source may give whole numbers one day and texts the next."""
    if ours.dtype == theirs.dtype:
        return ours, theirs
    if pd.api.types.is_numeric_dtype(ours.dtype) and pd.api.types.is_numeric_dtype(theirs.dtype):
        return comparable(ours, theirs)
    return as_text(ours), as_text(theirs)
