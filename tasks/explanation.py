"""Find a row among the stored feature tables and take its prediction apart."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from prefect import task

from evergreen import training
from evergreen.errors import StoreError, UsageError
from evergreen.handoffs import CUT_OFF, KEY, TARGET, TIME, ModelVersion
from evergreen.learning_tasks import TASKS
from evergreen.orchestration.runs import TABLE_TAG
from evergreen.spec import ModelSpec
from evergreen.training import Explanation
from evergreen.workspace import Workspace

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExplainedRow:
    """An explained prediction, with what is known of the row; times are None for a model without time."""

    version: ModelVersion
    row: str
    event_time: datetime | None
    cut_off: datetime | None
    label: str | None
    found_in: str
    explanation: Explanation


@task
def find_row(workspace: Workspace, spec: ModelSpec, version: ModelVersion, row: str) -> str | None:
    """The URI of a stored feature table that holds the row: of the version's own run first, else of the newest one.

    Tables that runs of another spec built are passed over: their features may mean something else.
    """
    store = workspace.store
    runs = workspace.registry.tagged(spec.model, TABLE_TAG)
    own = [run for run in runs if run["run_id"] == version.run_id]
    for run in [*own, *(run for run in runs if run not in own and run.get("evergreen.spec") == spec.digest)]:
        try:
            keys = store.read(run[TABLE_TAG], [KEY])[KEY]
        except StoreError:
            logger.info("%s: the feature table of run %s is not stored any more", spec.model, run["run_id"])
            continue
        if (keys.astype(str) == row).any():
            return run[TABLE_TAG]
    return None


@task
def explain_row(
    workspace: Workspace, spec: ModelSpec, version: ModelVersion, row: str, uri: str | None
) -> ExplainedRow:
    """Explain the prediction for the row with this key in a feature table.

    Raises:
        UsageError: the table does not hold the row, there is no table, or several rows share the key.
    """
    rows = workspace.store.read(uri) if uri else pd.DataFrame({KEY: []})
    found = rows[rows[KEY].astype(str) == row].reset_index(drop=True)
    if found.empty:
        raise UsageError(_not_found(spec, row, looked_up=uri is not None))
    pipeline = workspace.registry.load(version)
    explanation = training.explain(pipeline, version.task, found, version.classes)
    first = found.iloc[0]
    known, _ = training.encode_target(found[TARGET], version.task, version.classes)
    label = None
    if pd.notna(known[0]):
        label = version.classes[int(known[0])] if TASKS[version.task].classes else f"{known[0]:g}"
    event_time, cut_off = (first[name].to_pydatetime() if name in found else None for name in (TIME, CUT_OFF))
    return ExplainedRow(version, row, event_time, cut_off, label, str(uri), explanation)


def _not_found(spec: ModelSpec, row: str, looked_up: bool) -> str:
    key = f"key {spec.data.key}" if spec.data.key else "key (a hash of the row's content)"
    if looked_up or not spec.data.time:
        return f"{spec.model}: {spec.data.source} holds no row with {key} = {row} there; look at its spelling and time"
    return (
        f"{spec.model}: no stored feature table of this spec holds a row with {key} = {row}, and a key does not tell "
        f"its time; name the row's {spec.data.time} with --at, and the source is read around it"
    )
