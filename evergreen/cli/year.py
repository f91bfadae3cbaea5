"""``year``: the demonstration's champion lives through the rest of its year, by real flows on a simulated clock."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from evergreen.cli import temporary
from evergreen.cli.console import listen, say
from evergreen.settings import open_workspace

if TYPE_CHECKING:
    from evergreen.backtest import ArmResult
    from flows.monitor import Monitored
    from tasks.scoring import Scored

_MODEL = "flight-delay"
_START, _END = datetime(2013, 4, 1, 4, tzinfo=UTC), datetime(2014, 1, 1, 5, tzinfo=UTC)  # midnights in New York
_LABELS_KNOWN = datetime(2014, 1, 2, 6, tzinfo=UTC)
_ARMS = ("never", "monthly, ungated", "monthly, gated")


@dataclass(frozen=True)
class _Week:
    """One turn of the loop, and the wall seconds of its two flows."""

    scored: Scored
    monitored: Monitored
    seconds: float


def year() -> None:
    """Let the champion of the demonstration live from April to December 2013, week by week.

    Flights are scored with what was known at their cut-offs, labels arrive a day later, the monitor looks, the rules
    decide, challengers are trained and judged. At the end stand one table and one picture: never retrained, retrained
    every month ungated and gated (by the backtest), and retrained by the spec's rules (by real flows). Run again, it
    goes on where it stopped.
    """
    here = open_workspace()
    began = time.monotonic()
    say("April to December 2013, week by week, on a simulated clock")
    temporary.begin(here)
    from evergreen.io.flights import lay_out

    lay_out(here.project / "data", say)
    with temporary.prefect(here):
        listen()
        from evergreen.orchestration.runs import find_spec, monitor_steps
        from flows.backtest import backtest, lived
        from flows.train import train
        from tasks.promotion import find_champions
    if not find_champions.fn(here, _MODEL):
        say("training the first champion, as known on 1 April")
        train(_MODEL, _START)
    steps = [*monitor_steps(find_spec(here, _MODEL), _START, _END), _LABELS_KNOWN]
    weeks = [_live(step, number, len(steps)) for number, step in enumerate(steps, 1)]
    flows = {step.isoformat(): week.seconds for step, week in zip(steps, weeks, strict=True)}
    (here.folder / "year.json").write_text(json.dumps(flows, indent=1), encoding="utf-8")
    say("playing the other policies through the same year")
    found = backtest(_MODEL, _START, _END, _LABELS_KNOWN, list(_ARMS))
    real, picture = lived(_MODEL, _START, _LABELS_KNOWN, found)
    _print(weeks, [*found.results, real], found.sentence)
    typer.echo(f"picture    {picture}\nin all     {time.monotonic() - began:.0f} s")
    typer.echo("\nGo on with:\n  .venv/bin/evergreen ui\n  .venv/bin/evergreen why flight-delay --all")


def _live(step: datetime, number: int, of: int) -> _Week:
    from flows.monitor import monitor
    from flows.score import score

    began = time.monotonic()
    scored = score(_MODEL, step)
    monitored = monitor(_MODEL, step)
    seconds = time.monotonic() - began
    say(f"week {number} of {of}, {step:%Y-%m-%d}: {_say(monitored)} ({seconds:.1f} s)")
    return _Week(scored, monitored, seconds)


def _say(monitored: Monitored) -> str:
    realised = [health.realised for health in monitored.healths if health.realised]
    words = [f"ROC AUC {realised[-1].value:.3f}"] if realised else []
    for outcome in monitored.outcomes:
        word = "promoted" if outcome.verdict.promote else "kept the champion over"
        words.append(f"trained again: {word} version {outcome.version.version}")
    if monitored.trial and monitored.trial.over:
        words.append(f"probation over: {'rolled back' if monitored.trial.worse else 'stays'}")
    return "; ".join(words) or "nothing ripe yet"


def _print(weeks: Sequence[_Week], found: Sequence[ArmResult], sentence: str) -> None:
    months = list(found[0].months)
    typer.echo("\n" + f"{'ROC AUC':34}" + "".join(f"{month[5:]:>7}" for month in months) + "   mean  trained      s")
    for arm in found:
        row = "".join(f"{arm.months.get(month, float('nan')):7.3f}" for month in months)
        seconds = f"{arm.seconds:7.0f}" if arm.seconds == arm.seconds else ""
        typer.echo(f"{arm.name:34}{row}{arm.mean:7.4f}{arm.trainings:9}{seconds}")
    by_name = {arm.name: arm for arm in found}
    never, monthly, real = by_name["never"], by_name["monthly, ungated"], found[-1]
    gained = monthly.mean - never.mean
    share = f"{(real.mean - never.mean) / gained:.0%}" if gained > 0 else "no gain to recover"
    typer.echo(f"\nthe rules recovered {share} of what monthly retraining gains, with {real.trainings} trainings")
    typer.echo(sentence)
    flows = sum(week.seconds for week in weeks)
    typer.echo(f"flows      {2 * len(weeks)} scorings and monitorings in {flows:.0f} s")
