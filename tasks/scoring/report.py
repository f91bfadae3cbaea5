"""Show in both UIs what was scored."""

from __future__ import annotations

import numpy as np
import pandas as pd
from prefect.artifacts import create_markdown_artifact

from evergreen import scoring
from evergreen.handoffs import Unread, ValidationReport
from evergreen.io.records import Scoring
from evergreen.learning_tasks import PREDICTION
from evergreen.spec import ModelSpec
from evergreen.workspace import Workspace

#: Quantiles of the predictions that a run shows.
_PERCENT = (5, 25, 50, 75, 95)


def publish(
    workspace: Workspace,
    spec: ModelSpec,
    entry: Scoring,
    predictions: pd.DataFrame,
    report: ValidationReport,
    run_id: str,
    unread: Unread,
) -> None:
    """Log the champion's new entry with its figures in MLflow, and as an artifact of the Prefect run."""
    values, late = predictions[PREDICTION].to_numpy(), int(predictions[scoring.LATE].sum())
    metrics = {
        "unread_values": sum(unread.counts()["unread"].values()),
        "unknown_levels": sum(unread.counts()["unknown"].values()),
        "rows": entry.rows, "late_rows": late, "quarantined_rows": report.quarantined, "seconds": entry.seconds,
        "rows_per_second": entry.rows / max(entry.seconds, 1e-3), "peak_mb": entry.peak_mb,
    }  # fmt: skip
    if len(values):
        metrics["prediction_mean"] = float(values.mean())
        quantiles = np.quantile(values, np.array(_PERCENT) / 100)
        metrics |= {f"prediction_q{level:02d}": float(q) for level, q in zip(_PERCENT, quantiles, strict=True)}
    workspace.registry.log(run_id, metrics=metrics, params={"version": entry.version, "predictions": entry.uri})
    create_markdown_artifact(key=f"{spec.model}-score", markdown=_summary(entry, late, report.quarantined, unread))


def _summary(entry: Scoring, late: int, quarantined: int, unread: Unread) -> str:
    return (
        f"# {entry.model}: {entry.rows:,} rows scored\n\n"
        f"| | |\n|---|---|\n"
        f"| cut-offs | after {entry.since:%Y-%m-%d %H:%M} up to {entry.until:%Y-%m-%d %H:%M} UTC |\n"
        f"| version | {entry.version} |\n| late | {late:,} |\n| quarantined | {quarantined:,} |\n"
        f"| values | {unread} |\n"
        f"| took | {entry.seconds:.1f} s, {entry.peak_mb:,.0f} MB |\n| predictions | `{entry.uri}` |\n"
    )
