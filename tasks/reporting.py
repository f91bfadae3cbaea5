"""Show what a monitor run saw and decided, in both UIs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from prefect import task
from prefect.artifacts import create_markdown_artifact

from evergreen.handoffs import Health, RetrainingDecision
from evergreen.monitoring.report import health_markdown, health_page
from evergreen.orchestration.runs import logged_run
from evergreen.promotion import Trial
from evergreen.spec import ModelSpec
from evergreen.workspace import Workspace
from tasks.monitoring import find_reference


@task
def report_health(
    workspace: Workspace,
    spec: ModelSpec,
    healths: Sequence[Health],
    trial: Trial | None,
    firing: RetrainingDecision,
    as_of: datetime,
) -> None:
    """One MLflow run with the newest window's figures and a page, and a Prefect artifact."""
    registry = workspace.registry
    every = workspace.monitoring.healths(spec.model, as_of)
    champion = workspace.champions.champion(spec.model)
    reference = find_reference(workspace, champion.version) if champion else None
    page = health_page(spec.model, every, reference, firing)
    text = health_markdown(spec.model, every, firing)
    with logged_run(workspace, spec, "monitor", as_of) as run_id:
        tags = {
            "mlflow.note.content": text,
            "evergreen.retrain": str(firing.fire),
            "evergreen.reasons": "\n".join(firing.reasons),
        }
        if trial:
            tags["evergreen.probation"] = trial.reason
        registry.log(run_id, metrics=_figures(healths), tags=tags)
        registry.log_files(run_id, {"health.html": page}, {})
    create_markdown_artifact(key=f"{spec.model}-health", markdown=text + (f"\n{trial.reason}\n" if trial else ""))


def _figures(healths: Sequence[Health]) -> dict[str, float]:
    """The figures of the windows about which something was learned, the newest last."""
    found: dict[str, float] = {}
    for health in healths:
        if health.realised:
            found |= {f"realised_{health.metric}": health.realised.value, "labelled": health.labelled}
        if health.estimated and math.isfinite(health.estimated.value):
            found[f"estimated_{health.metric}"] = health.estimated.value
        found |= {
            "rows": health.rows,
            "coverage": health.coverage,
            "drifted_columns": sum(column.drifted for column in health.drift),
            "score_seconds": health.seconds,
            "peak_mb": health.peak_mb,
        }
        if health.seconds:
            found["rows_per_second"] = health.rows / health.seconds
    return found
