"""Watch the champion: its reference, its live windows, its probation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from prefect import task

from evergreen import labels, monitoring, scoring, training
from evergreen.errors import StoreError
from evergreen.handoffs import KEY, TARGET, TIME, Health, ModelVersion, WindowValue
from evergreen.io.records import Scoring
from evergreen.monitoring import Bounds, Reference
from evergreen.orchestration.runs import TABLE_TAG
from evergreen.spec import ModelSpec
from evergreen.workspace import Workspace
from tasks.training import problem_of

logger = logging.getLogger(__name__)

_REFERENCE = "monitoring/reference.json"


@task
def keep_reference(workspace: Workspace, spec: ModelSpec, version: ModelVersion) -> Reference | None:
    """Store with a version what its live windows are compared with, when the first of them is looked at.

    Not when it is trained: the reference costs several fits, and most challengers are never watched.

    Returns:
        The reference; None where the rows that the version was trained on are not stored any more.
    """
    registry = workspace.registry
    uri = registry.tags(version.run_id).get(TABLE_TAG, "")
    try:
        rows = workspace.store.read(uri)
    except StoreError as error:
        logger.warning("%s: version %d cannot be compared with its past: %s", spec.model, version.version, error)
        return None
    reference = _reference_of(workspace, spec, version, tuple(registry.load(version).named_steps["rows"].inputs), rows)
    registry.log_files(version.run_id, {_REFERENCE: monitoring.reference_to_json(reference)}, {})
    logger.info(
        "%s: reference of %d windows, %s %.3f",
        spec.model, len(reference.values), reference.metric, reference.level,
    )  # fmt: skip
    return reference


def _reference_of(
    workspace: Workspace, spec: ModelSpec, version: ModelVersion, inputs: Sequence[str], rows: pd.DataFrame
) -> Reference:
    """The reference of a version: its recipe rolled through the training period."""
    problem = problem_of(workspace, spec, inputs, version.task, version.classes)
    bounds, codes = monitoring.past_windows(rows[TIME], spec.monitoring.window, spec.data.timezone)
    recipe = training.Recipe.from_json(version.recipe)
    predictions = training.rolling_predictions(rows, codes, recipe, problem)
    target = training.encode_known(rows[TARGET], version.task, version.classes)
    past = monitoring.ReferenceRows(rows, target, predictions, codes, bounds)
    rules, metric = spec.monitoring, spec.training.metric_of(version.task)
    return monitoring.build_reference(
        past, inputs, spec.features.categorical, version.task, metric, rules.tolerance, rules.min_rows
    )


def find_reference(workspace: Workspace, version: ModelVersion) -> Reference | None:
    """What a version's windows are compared with, or None where none of them was looked at yet."""
    text = workspace.registry.read_text(version.run_id, _REFERENCE)
    return monitoring.reference_from_json(text) if text else None


@task
def look(
    workspace: Workspace, spec: ModelSpec, versions: Sequence[ModelVersion], as_of: datetime
) -> tuple[Health, ...]:
    """Look at every window that is over and not settled yet; what is new of it enters the health history.

    A window belongs to the version that scored most of it, and only that version's rows count. It is settled once its
    performance is known and one window's time has passed for labels that come late; only a label that contradicts an
    earlier one opens it again: what was said before stays, and a new entry says what it became.

    Args:
        workspace: Where everything is.
        spec: The model.
        versions: Every version that was champion.
        as_of: The run's clock.

    Returns:
        The windows about which something new was learned, oldest first.
    """
    scorings = workspace.ledger.scorings(spec.model)
    if not spec.data.time or not scorings:
        return ()
    watching = workspace.monitoring
    known = {health.start: health for health in watching.healths(spec.model, as_of)}
    # Of what earlier runs knew nothing is new: each of them has ended in a decision.
    last = max((one.as_of for one in watching.firings(spec.model) if one.as_of <= as_of), default=None)
    corrected = workspace.labelled_predictions.corrected_labels(spec, last, as_of)
    length, lead = spec.monitoring.window, spec.data.lead
    first, _ = monitoring.window_of(scorings[0].since + lead, length, spec.data.timezone)
    references: dict[int, Reference | None] = {}
    found = []
    for bounds in monitoring.windows_between(first, as_of, length, spec.data.timezone):
        before = known.get(bounds[0])
        settled = before and before.realised and as_of >= bounds[1] + spec.data.target.delay + length
        if settled and not ((corrected >= bounds[0]) & (corrected < bounds[1])).any():
            continue
        health = _observe(workspace, spec, versions, references, scorings, bounds, as_of)
        if health and not _same(health, before):
            health = _with_correction(health, before) if settled else health
            watching.keep_health(health)
            found.append(health)
    return tuple(found)


def _observe(
    workspace: Workspace,
    spec: ModelSpec,
    versions: Sequence[ModelVersion],
    references: dict[int, Reference | None],
    scorings: Sequence[Scoring],
    bounds: Bounds,
    as_of: datetime,
) -> Health | None:
    live = workspace.labelled_predictions.read_live(spec, *bounds, as_of)
    if live.empty:
        return None
    owner = int(live[scoring.VERSION].mode().iloc[0])
    version = next((one for one in versions if one.version == owner), None)
    if version is None:
        return None
    if owner not in references:
        references[owner] = find_reference(workspace, version) or keep_reference(workspace, spec, version)
    reference = references[owner]
    if reference is None:
        return None
    mine = live[live[scoring.VERSION] == owner].reset_index(drop=True)
    rules = spec.monitoring
    ripe, words = labels.maturity(mine, bounds[1], spec.data.target, as_of, rules.coverage, rules.min_rows)
    timely = mine[~mine[scoring.LATE].to_numpy(dtype=bool)].reset_index(drop=True)
    inside = [one for one in scorings if one.version == owner and _overlaps(one, bounds, spec.data.lead)]
    seen = monitoring.ObservedWindow(
        bounds,
        as_of,
        timely,
        _features(workspace, inside, timely, bounds, [column.name for column in reference.profile.columns]),
        training.encode_known(timely[TARGET], version.task, version.classes),
        scoring.values(timely, version),
        len(mine) - len(timely),
        ripe,
        words,
        timely[TIME].max().to_pydatetime() if len(timely) else None,
        len(timely) * sum(one.seconds for one in inside) / max(sum(one.rows for one in inside), 1),
        max((one.peak_mb for one in inside), default=0.0),
    )
    return monitoring.observe(seen, version, reference, rules, slices_of(spec))


def slices_of(spec: ModelSpec) -> tuple[str, ...]:
    """The columns whose levels are watched on their own."""
    return spec.promotion.slices if spec.monitoring.slices is None else spec.monitoring.slices


def _overlaps(entry: Scoring, bounds: Bounds, lead: timedelta) -> bool:
    return entry.since + lead < bounds[1] and entry.until + lead >= bounds[0] and entry.rows > 0


def _features(
    workspace: Workspace, entries: Sequence[Scoring], live: pd.DataFrame, bounds: Bounds, columns: Sequence[str]
) -> pd.DataFrame:
    """The inputs of a window's live rows, in their order, from the tables that they were scored from."""
    store = workspace.store
    parts = []
    for uri in dict.fromkeys(one.features for one in entries):
        rows = store.read(uri, [KEY, TIME, *columns])
        parts.append(rows[((rows[TIME] >= bounds[0]) & (rows[TIME] < bounds[1])).to_numpy()])
    if not parts:
        return pd.DataFrame(index=live.index, columns=[TIME, *columns])
    found = pd.concat(parts, ignore_index=True).drop_duplicates(KEY, keep="last")
    place = pd.Index(found[KEY]).get_indexer(live[KEY])
    # A row is always scored from a stored table; were one gone, its row would count as missing throughout.
    whole = (place >= 0).all()
    rows = found.iloc[place] if whole else found.reset_index(drop=True).reindex(np.where(place < 0, len(found), place))
    return rows.drop(columns=KEY).reset_index(drop=True)


def _with_correction(health: Health, before: Health | None) -> Health:
    """Say what labels that came after the window was settled made of its figure."""
    was, now = before.realised if before else None, health.realised
    said = f"labels were corrected after the window was settled: {health.metric} is {_figure(now)}, was {_figure(was)}"
    return replace(health, reasons=(said, *health.reasons))


def _figure(realised: WindowValue | None) -> str:
    return f"{realised.value:.3f} on {realised.rows:,} rows" if realised else "not known"


def _same(health: Health, before: Health | None) -> bool:
    """Whether nothing was learned since the window was looked at."""
    if before is None:
        return False
    facts = ("version", "rows", "late", "labelled")
    same = all(getattr(health, name) == getattr(before, name) for name in facts)
    # As texts, where no value equals no value. A corrected label moves the value and no count.
    return same and repr(health.realised) == repr(before.realised)
