"""``train`` and ``evaluate``: run a flow in this process and say what it found."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli import temporary
from evergreen.cli.console import json_text, listen, say
from evergreen.errors import TrainingError
from evergreen.settings import settings

if TYPE_CHECKING:
    from evergreen.handoffs import Evidence
    from flows.train import Outcome

Name = Annotated[str, typer.Argument(help="The model: a file in deployments/, without .yaml.")]
Moment = Annotated[
    datetime | None, typer.Option(help="The world as it was known then (UTC); by default now, by the run's schedule.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

#: The exit code of a training whose verdict had too few unseen rows: the version is kept as challenger.
TOO_LITTLE = 10


def train(
    name: Name,
    as_of: Moment = None,
    like: Annotated[
        str, typer.Option(help="Only fit an earlier training again (its run or version), and compare bit by bit.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Validate, train, judge and, if it is better, promote a model.

    Exit codes: 0 a verdict was reached (promoted or not), 10 too few unseen rows for a verdict, 2 spec, 3 data,
    4 validation, 5 training, 6 store, 7 registry.
    """
    if like:
        _reproduce(name, like, as_json)
        return
    outcome = run_train(name, as_of)
    if as_json:
        typer.echo(json_text(_as_dict(outcome)))
    else:
        print_outcome(name, outcome)
    if outcome.verdict.too_little and not outcome.repeated:
        raise typer.Exit(TOO_LITTLE)


def evaluate(
    name: Name,
    start: Annotated[datetime, typer.Option(help="The first event time (UTC).")],
    end: Annotated[datetime, typer.Option(help="The event time at which the window ends (UTC, exclusive).")],
    as_of: Moment = None,
    version: Annotated[int | None, typer.Option(help="A version; by default the champion.")] = None,
    as_json: Json = False,
) -> None:
    """Measure a version on a window whose labels are known, with what was known at each row's cut-off."""
    evidence = run_evaluate(name, start, end, as_of, version)
    if as_json:
        from dataclasses import asdict

        typer.echo(json_text(asdict(evidence)))
    else:
        print_evidence(evidence)


def run_train(name: str, as_of: datetime | None) -> Outcome:
    """Run the flow ``train`` in this process, with progress on stderr."""
    here = settings()
    say(f"{name}: starting (workspace {here.workspace})")
    listen()
    with temporary.prefect(here):
        from flows.train import train as flow

    return flow(name, as_of)


def _reproduce(name: str, like: str, as_json: bool) -> None:
    """Run the flow ``reproduce`` in this process and say what it found; exit code 5 where a prediction differs."""
    say(f"{name}: fitting what {like} fitted once more")
    listen()
    with temporary.prefect(settings()):
        from flows.reproduce import reproduce
    found = reproduce(name, like)
    if as_json:
        from dataclasses import asdict

        typer.echo(json_text(asdict(found)))
    else:
        for line in found.differences:
            typer.echo(f"differs    {line}")
        same = "every one the same to the bit" if not found.unequal else f"{found.unequal:,} of them differ"
        typer.echo(f"version {found.version.version} and its twin predict {found.rows:,} rows: {same}")
    if found.unequal:
        raise typer.Exit(TrainingError.exit_code)


def run_evaluate(
    name: str, start: datetime, end: datetime, as_of: datetime | None, version: int | None = None
) -> Evidence:
    """Run the flow ``evaluate`` in this process."""
    say(f"{name}: measuring {start:%Y-%m-%d} to {end:%Y-%m-%d}")
    listen()
    with temporary.prefect(settings()):
        from flows.evaluate import evaluate as flow

    return flow(name, start, end, as_of, version)


def print_outcome(name: str, outcome: Outcome) -> None:
    """Say what a person wants to know after a training."""
    if outcome.repeated:
        typer.echo(f"\n{name}: nothing new since this verdict; rows, spec and program are the same")
    report = outcome.validation
    if report:
        typer.echo(
            f"\nrows       {report.rows:,} read, {report.quarantined:,} quarantined, {report.released:,} released"
        )
        for result in report.results:
            if not result.success:
                typer.echo(f"  {result.severity:10} {result.rule}: {result.rows_broken:,} rows; {result.observed}")
    if outcome.evidence:
        print_evidence(outcome.evidence)
    version = outcome.version
    word = "PROMOTED" if outcome.verdict.promote else "KEPT THE CHAMPION"
    typer.echo(f"verdict    {word}: version {version.version} of {name}")
    for rule in outcome.verdict.rules:
        typer.echo(f"  {'held  ' if rule.held else 'BROKEN'} {rule.reason}")
    typer.echo(f"run        {version.run_id} (model {version.model_id})")


def print_evidence(evidence: Evidence) -> None:
    """Say what a comparison on unseen rows showed."""
    typer.echo(
        f"{evidence.metric:10} {evidence.ours} on {evidence.rows:,} unseen rows of {evidence.blocks} "
        f"{evidence.block_name}; {evidence.baseline} {evidence.theirs.value:.3f}"
    )


def _as_dict(outcome: Outcome) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "version": outcome.version.version,
        "promoted": outcome.verdict.promote,
        "reasons": list(outcome.verdict.reasons),
        "run_id": outcome.version.run_id,
        "evidence": asdict(outcome.evidence) if outcome.evidence else None,
        "repeated": outcome.repeated,
    }
