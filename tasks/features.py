"""Build the table that models are fitted on and applied to."""

from __future__ import annotations

import logging

import pandas as pd
from prefect import task

from evergreen import features
from evergreen.data import check_named, inputs, refuse_infinities
from evergreen.handoffs import TARGET, TIME, FeatureTable, Snapshot
from evergreen.masking import masked
from evergreen.spec import ModelSpec
from evergreen.workspace import Workspace

logger = logging.getLogger(__name__)


@task
def build_features(workspace: Workspace, spec: ModelSpec, snapshot: Snapshot) -> FeatureTable:
    """Add expressions and history as known at each row's cut-off, and drop the run-up that only history needed."""
    store = workspace.store
    rows = store.read(snapshot.uri)
    names = inputs(rows, spec)
    source = masked(str(spec.data.source))
    refuse_infinities(rows, names, source)
    for name in names:
        if rows[name].isna().all():
            logger.warning("%s: column %s has no value in %s rows; it is left out", source, name, f"{len(rows):,}")
    table = features.build(rows, spec)
    check_named(table, spec)
    built = tuple(name for name in table.columns if name not in rows.columns and name not in spec.features.exclude)
    if snapshot.start is not None:
        table = table[table[TIME] >= pd.Timestamp(snapshot.start)].reset_index(drop=True)
    stored = store.write(table, "features")
    logger.info("%s: %d inputs for %s rows", spec.model, len(names) + len(built), f"{stored.rows:,}")
    return FeatureTable(
        stored.uri, stored.rows, int(table[TARGET].notna().sum()), stored.digest, snapshot, (*names, *built)
    )
