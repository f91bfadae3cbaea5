"""Live rows: what was predicted, as the ledger holds it, beside what turned out to be true."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd

from evergreen import labels, scoring
from evergreen.data.times import local_day
from evergreen.handoffs import CUT_OFF, KEY, KNOWN_AT, TARGET, TIME, ModelVersion
from evergreen.io.records import Ledger, Role
from evergreen.io.store import Store
from evergreen.spec import ModelSpec

_MICROSECOND = timedelta(microseconds=1)


class LabelledPredictions:
    """The rows of the prediction ledger and the label ledger."""

    def __init__(self, ledger: Ledger, store: Store) -> None:
        self._ledger, self._store = ledger, store

    def read_live(
        self, spec: ModelSpec, start: datetime, end: datetime, as_of: datetime, role: Role = "champion"
    ) -> pd.DataFrame:
        """A role's predictions for a window beside their labels.

        Only tables that overlap the window are read.

        Args:
            spec: The model.
            start: The first event time; without a time column the first moment of scoring.
            end: The first event time after the window.
            as_of: Labels that the ledger did not hold then are left out.
            role: Whose predictions.

        Returns:
            One row a key by event time: the columns of ``scoring.predictions``, ``__target`` and ``__known_at``.
        """
        # A window does not hold its end, a range of cut-offs not its beginning.
        lead = spec.data.lead if spec.data.time else timedelta(0)
        predictions = self.read_scored(spec, start - lead - _MICROSECOND, end - lead - _MICROSECOND, role)
        return labels.join_labels(predictions, self.read_labels(spec, as_of, start, end), as_of).rows

    def read_scored(
        self,
        spec: ModelSpec,
        since: datetime | None,
        until: datetime | None,
        role: Role = "champion",
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """The predictions for the cut-offs in ``(since, until]``; without a time column those made in that range.

        Args:
            spec: The model.
            since: The range's beginning; None for all before ``until``.
            until: Its end; None for all after ``since``.
            role: Whose predictions.
            columns: The columns to read; all by default.
        """
        moment = CUT_OFF if spec.data.time else scoring.SCORED_AT
        wanted = None if columns is None else list(dict.fromkeys([*columns, moment]))
        parts = []
        for entry in self._ledger.scorings(spec.model, role, since, until):
            if entry.rows:
                first, last = max(entry.since, since or entry.since), min(entry.until, until or entry.until)
                parts.append(_within(self._store.read(entry.uri, wanted), moment, first, last))
        found = _together(parts, scoring.nothing(bool(spec.data.time)))
        return found if columns is None else found[list(columns)]

    def read_labels(
        self, spec: ModelSpec, as_of: datetime, start: datetime | None = None, end: datetime | None = None
    ) -> pd.DataFrame:
        """The labels that the ledger held at ``as_of``, in the order in which it learned them; corrections come after.

        Args:
            spec: The model.
            as_of: Batches of later runs are left out.
            start: The first event time; None for no limit. Without a time column there is none.
            end: The first event time after the window; None for no limit.
        """
        timed = bool(spec.data.time)
        parts = []
        for batch in self._ledger.label_batches(spec.model, as_of):
            if not timed:
                parts.append(self._store.read(batch.uri))
            elif _overlaps(self._store.span(batch.uri, TIME), start, end):
                rows = self._store.read(batch.uri)
                inside = rows[TIME] >= pd.Timestamp(start) if start else rows[TIME].notna()
                parts.append(rows[(inside & (rows[TIME] < pd.Timestamp(end)) if end else inside).to_numpy()])
        return _together(parts, _no_labels(timed))

    def corrected_labels(self, spec: ModelSpec, since: datetime | None, as_of: datetime) -> pd.Series:
        """The event times of labels that contradicted earlier ones and became known in ``(since, as_of]``.

        Args:
            spec: The model; it has a time.
            since: None for all.
            as_of: The run's clock.
        """
        parts = []
        for batch in self._ledger.label_batches(spec.model, as_of):
            if batch.corrected and (since is None or batch.as_of > since):
                rows = self._store.read(batch.uri, [TIME, KNOWN_AT])
                # A correction became known when it was found, whatever the source says.
                parts.append(rows.loc[(rows[KNOWN_AT] == pd.Timestamp(batch.as_of)).to_numpy(), TIME])
        return pd.concat(parts, ignore_index=True) if parts else pd.Series(dtype="datetime64[us, UTC]")

    def unseen_days(self, spec: ModelSpec, version: ModelVersion, as_of: datetime, enough: int) -> int | None:
        """On how many whole days after those that a version has seen labels have become known since it was fitted.

        Args:
            spec: The model.
            version: The version.
            as_of: The run's clock.
            enough: Counting ends with so many.

        Returns:
            At most ``enough``; None where rows have no time.
        """
        if version.fitted_until is None:
            return None
        zone, days = spec.data.timezone, set[int]()
        seen = int(local_day(pd.Series([pd.Timestamp(version.fitted_until - _MICROSECOND)]), zone).iloc[0])
        for batch in reversed(self._ledger.label_batches(spec.model, as_of)):
            if batch.as_of <= version.fitted_as_of or len(days) >= enough:
                break
            found = local_day(self._store.read(batch.uri, [TIME])[TIME], zone)
            days.update(int(day) for day in found[found > seen].unique())
        return min(len(days), enough)


def _overlaps(span: tuple[pd.Timestamp, pd.Timestamp] | None, start: datetime | None, end: datetime | None) -> bool:
    if span is None:
        return True
    return (start is None or span[1] >= pd.Timestamp(start)) and (end is None or span[0] < pd.Timestamp(end))


def _within(rows: pd.DataFrame, moment: str, since: datetime, until: datetime) -> pd.DataFrame:
    """Those of an entry's rows for which it is still valid."""
    inside = (rows[moment] > pd.Timestamp(since)) & (rows[moment] <= pd.Timestamp(until))
    return rows if inside.all() else rows[inside.to_numpy()]


def _together(parts: list[pd.DataFrame], nothing: pd.DataFrame) -> pd.DataFrame:
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else nothing


def _no_labels(timed: bool) -> pd.DataFrame:
    moment = "datetime64[us, UTC]"
    columns = {KEY: "str", **({TIME: moment} if timed else {}), TARGET: "float64", KNOWN_AT: moment}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
