"""The backtest flow: what would each retraining policy have brought and cost?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from prefect import flow

from evergreen.backtest import ArmResult
from evergreen.orchestration.runs import find_spec, logged_run, monitor_steps, month_starts, scheduled_time
from evergreen.settings import open_workspace
from tasks.backtest import Backtested, draw, first_event, measure_lived, play, show
from tasks.data import take_snapshot
from tasks.features import build_features
from tasks.validation import validate


@flow(name="backtest", flow_run_name="backtest {model} from {start:%Y-%m-%d}")
def backtest(
    model: str,
    start: datetime,
    end: datetime | None = None,
    as_of: datetime | None = None,
    policies: list[str] | None = None,
) -> Backtested:
    """Play never, monthly, each trigger and the spec's rules through the past, late labels included.

    Args:
        model: The model's name.
        start: When the first model is trained; time passes from then on.
        end: When it ends; by default now.
        as_of: Labels known by then measure the policies; by default the end and the label delay.
        policies: The names of those to play; by default all, each trigger alone among them.
    """
    workspace = open_workspace()
    spec = find_spec(workspace, model)
    start, end = scheduled_time(start), scheduled_time(end)
    as_of = scheduled_time(as_of) if as_of else end + spec.data.target.delay + timedelta(hours=1)
    with logged_run(workspace, spec, "backtest", as_of) as run_id:
        snapshot = take_snapshot(workspace, spec, as_of, first_event(spec, start), end + spec.data.lead)
        table = build_features(workspace, spec, validate(workspace, spec, snapshot, run_id).snapshot)
        moments = (monitor_steps(spec, start, end), month_starts(spec, start, end))
        found = play(workspace, spec, table, start, as_of, moments, run_id, policies)
        show(workspace, spec, found, run_id)
    return replace(found, run_id=run_id)


@flow(name="lived", flow_run_name="lived {model} from {start:%Y-%m-%d}")
def lived(model: str, start: datetime, as_of: datetime, beside: Backtested) -> tuple[ArmResult, str]:
    """Measure what the real flows did in a stretch of time, and draw it beside the policies of a backtest.

    Args:
        model: The model's name.
        start: Predictions for cut-offs after it count.
        as_of: Labels known by then count.
        beside: A backtest of the same time.

    Returns:
        The real flows' result, and the place of the picture.
    """
    workspace = open_workspace()
    spec = find_spec(workspace, model)
    result = measure_lived(workspace, spec, scheduled_time(start), scheduled_time(as_of), beside)
    return result, draw(workspace, spec, [*beside.results, result], beside)
