"""``score``, ``monitor`` and ``backtest``: live with a champion, and play what living otherwise would have brought."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli import temporary
from evergreen.cli.console import json_text, listen, say
from evergreen.cli.deciding import print_firing
from evergreen.cli.training import STRICT, Json, Moment, Name, print_outcome
from evergreen.settings import open_workspace

if TYPE_CHECKING:
    from evergreen.handoffs import Health
    from flows.monitor import Monitored
    from tasks.backtest import Backtested
    from tasks.scoring import Scored


def score(
    name: Name,
    as_of: Moment = None,
    since: Annotated[
        datetime | None, typer.Option(help="Score every cut-off after this once more (UTC), e.g. after a repair.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help=STRICT)] = False,
    as_json: Json = False,
) -> None:
    """Score the rows whose cut-off has come since the last run with the champion, and enter it in the ledger.

    Exit codes: 0 scored, or nothing is due; 2 spec, 3 data, 4 validation (nothing was scored), 6 store, 7 registry.
    """
    scored = run_score(name, as_of, since, strict)
    if as_json:
        typer.echo(json.dumps(_as_dict(scored), default=str))
    else:
        print_scored(name, scored)


def run_score(name: str, as_of: datetime | None, since: datetime | None = None, strict: bool = False) -> Scored:
    """Run the flow ``score`` in this process, with progress on stderr."""
    say(f"{name}: scoring what is due")
    listen()
    with temporary.prefect(open_workspace()):
        from flows.score import score as flow

    return flow(name, as_of, since, strict)


def print_scored(name: str, scored: Scored) -> None:
    """Say what a person wants to know after a scoring."""
    if not scored.scorings:
        typer.echo(f"{name}: nothing scored; {scored.why}")
        return
    for entry in scored.scorings:
        typer.echo(f"\n{entry.role:10} version {entry.version} of {name}")
        typer.echo(f"  cut-offs after {entry.since:%Y-%m-%d %H:%M} up to {entry.until:%Y-%m-%d %H:%M} UTC")
        typer.echo(f"  rows {entry.rows:,} in {entry.seconds:.1f} s; predictions {entry.uri}")
    if scored.validation:
        lost = f"; {scored.unread}" if scored.unread else ""
        typer.echo(f"\n{scored.late:,} rows late, {scored.validation.quarantined:,} quarantined{lost}")
    if scored.why:
        typer.echo(scored.why)


def _as_dict(scored: Scored) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "scorings": [asdict(entry) for entry in scored.scorings],
        "late": scored.late,
        "quarantined": scored.validation.quarantined if scored.validation else 0,
        "why": scored.why,
        **scored.unread.counts(),
    }


def monitor(name: Name, as_of: Moment = None, as_json: Json = False) -> None:
    """Look at the windows that are over, judge a probation, decide on retraining, and train where that is decided.

    Exit codes: 0 looked and decided, 2 spec, 3 data, 4 validation of a training's rows, 6 store, 7 registry.
    """
    found = run_monitor(name, as_of)
    if as_json:
        typer.echo(json_text(_monitored(found)))
    else:
        print_monitored(name, found)


def run_monitor(name: str, as_of: datetime | None) -> Monitored:
    """Run the flow ``monitor`` in this process, with progress on stderr."""
    say(f"{name}: looking at the windows that are over")
    listen()
    with temporary.prefect(open_workspace()):
        from flows.monitor import monitor as flow

    return flow(name, as_of)


def print_monitored(name: str, found: Monitored) -> None:
    """Say what was seen window by window, what was decided, and what came of the trainings."""
    if found.firing is None:
        typer.echo(f"{name}: {found.why}")
        return
    for health in found.healths:
        _print_health(health)
    if not found.healths:
        typer.echo(f"{name}: nothing new is known of any window")
    if found.trial:
        typer.echo(f"probation  {found.trial.reason}")
    print_firing(found.firing)
    for outcome in found.outcomes:
        print_outcome(name, outcome)
    if found.firing.fire and not found.outcomes:
        typer.echo(
            "the Prefect server was told and starts the training, or it is under way already; "
            f"see: evergreen why {name}"
        )


def backtest(
    name: Name,
    start: Annotated[datetime, typer.Option(help="When the first model is trained (UTC).")],
    end: Annotated[datetime | None, typer.Option(help="When it ends (UTC); by default now.")] = None,
    as_json: Json = False,
) -> None:
    """Play retraining policies through the past, side by side, with labels no earlier than they were known.

    Finished parts are kept: the same command goes on where it was interrupted.
    """
    found = run_backtest(name, start, end)
    if as_json:
        from dataclasses import asdict

        typer.echo(json_text(asdict(found)))
    else:
        print_backtest(found)


def run_backtest(name: str, start: datetime, end: datetime | None) -> Backtested:
    """Run the flow ``backtest`` in this process, with progress on stderr."""
    say(f"{name}: playing policies from {start:%Y-%m-%d}")
    listen()
    with temporary.prefect(open_workspace()):
        from flows.backtest import backtest as flow

    return flow(name, start, end)


def print_backtest(found: Backtested) -> None:
    """The policies as a table, the recommendation, and where the picture is."""
    from evergreen import backtest as played

    typer.echo(f"\n{found.metric} by month\n\n{played.table(found.results)}\n\n{found.sentence}")
    if found.cost:
        typer.echo(str(found.cost))
    typer.echo(f"picture    plots/backtest.png of the MLflow run {found.run_id}; see: evergreen ui")


def _print_health(health: Health) -> None:
    typer.echo(f"\nwindow {health.start:%Y-%m-%d} to {health.end:%Y-%m-%d}, version {health.version} of {health.model}")
    for reason in health.reasons:
        typer.echo(f"  {reason}")


def _monitored(found: Monitored) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "why": found.why,
        "windows": [asdict(health) for health in found.healths],
        "probation": asdict(found.trial) if found.trial else None,
        "decision": asdict(found.firing) | {"reasons": found.firing.reasons} if found.firing else None,
        "trainings": [
            {"version": one.version.version, "promoted": one.verdict.promote, "reasons": one.verdict.reasons}
            for one in found.outcomes
        ],
    }
