"""``train`` and ``evaluate``: run a flow in this process and say what it found."""

from __future__ import annotations

import json
import math
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evergreen.cli import temporary
from evergreen.cli.console import json_text, listen, say
from evergreen.errors import TrainingError, UsageError
from evergreen.settings import open_workspace

if TYPE_CHECKING:
    from evergreen.handoffs import Evidence, ValidationReport
    from flows.train import Outcome

Name = Annotated[str, typer.Argument(help="The model: a file in deployments/, without .yaml.")]
Moment = Annotated[
    datetime | None, typer.Option(help="The world as it was known then (UTC); by default now, by the run's schedule.")
]
STRICT = "Refuse rows of which a single value cannot be read, or is a level that the model does not know."
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

#: Candidates that are listed after a training.
_MOST_CANDIDATES = 8
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
    with _validating(name):
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
    """Measure a version on a window whose labels are known, with what was known at each row's cut-off.

    Exit codes: 0 measured, 2 the window or the spec is wrong, 3 data, 4 validation, 6 store, 7 no such version.
    """
    if start.timestamp() >= end.timestamp():
        raise UsageError(f"{name}: --start {start} is not before --end {end}; an end is exclusive, so give a later one")
    evidence = run_evaluate(name, start, end, as_of, version)
    if as_json:
        from dataclasses import asdict

        typer.echo(json_text(asdict(evidence)))
    else:
        print_evidence(evidence, "labelled")


def run_train(name: str, as_of: datetime | None) -> Outcome:
    """Run the flow ``train`` in this process, with progress on stderr."""
    here = open_workspace()
    say(f"{name}: starting (workspace {here.folder})")
    listen()
    with temporary.prefect(here):
        from flows.train import train as flow

    return flow(name, as_of)


def _validating(name: str) -> AbstractContextManager[None]:
    """Where the model has a suite, what judges by it comes up in a process beside this one."""
    if open_workspace().spec(name).validation is None:
        return nullcontext()
    from evergreen.runtime.validation_process import beside

    return beside()


def _reproduce(name: str, like: str, as_json: bool) -> None:
    """Run the flow ``reproduce`` in this process and say what it found; exit code 5 where a prediction differs."""
    say(f"{name}: fitting what {like} fitted once more")
    listen()
    with temporary.prefect(open_workspace()):
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
    with temporary.prefect(open_workspace()):
        from flows.evaluate import evaluate as flow

    return flow(name, start, end, as_of, version)


def print_outcome(name: str, outcome: Outcome) -> None:
    """Say what a person wants to know after a training."""
    if outcome.repeated:
        typer.echo(f"\n{name}: nothing new since this verdict; rows, spec and program are the same")
    if outcome.validation:
        _print_rows(outcome.validation)
    version, fitted, folder = outcome.version, *_logged(outcome)
    if fitted:
        _print_candidates(json.loads(version.recipe)["name"], fitted)
    if outcome.evidence:
        print_evidence(outcome.evidence)
    reigns = open_workspace().champions.champions(name)
    word = "PROMOTED" if outcome.verdict.promote else "KEPT THE CHAMPION" if reigns else "NOT PROMOTED"
    typer.echo(f"verdict    {word}: version {version.version} of {name}")
    for rule in outcome.verdict.rules:
        typer.echo(f"  {'held  ' if rule.held else 'BROKEN'} {rule.reason}")
    typer.echo(f"run        {version.run_id} (model {version.model_id})")
    typer.echo(f"reports    {folder}{_reports(outcome.validation)}")
    if not reigns:
        use = f"evergreen predict {name} FILE -o OUT --version {version.version}"
        typer.echo(f"champion   none yet; to predict with this version anyway: {use}; to let it serve:")
        typer.echo(f"           evergreen promote {name} {version.version} --why REASON")


def _reports(checked: ValidationReport | None) -> str:
    """What lies in a run's folder; nothing is said of an earlier run's, nor of rules where there is no suite."""
    if checked is None:
        return ""
    return ": summary.md, validation/rules.html, plots/" if checked.results else ": summary.md, plots/"


def _print_rows(report: ValidationReport) -> None:
    typer.echo(f"\nrows       {report.rows:,} read, {report.quarantined:,} quarantined, {report.released:,} released")
    for result in report.results:
        if not result.success:
            typer.echo(f"  {result.severity:10} {result.rule}: {result.rows_broken:,} rows; {result.observed}")


def _print_candidates(best: str, fitted: list[dict[str, Any]]) -> None:
    typer.echo(f"candidates {best} is the best of {len(fitted)}; by {fitted[0]['metric']} on the tuning rows")
    for one in fitted[:_MOST_CANDIDATES]:
        typer.echo(f"  {one['value']:<10.4f} {one['name']:24} {one['seconds']:6.1f} s")
    if len(fitted) > _MOST_CANDIDATES:
        typer.echo(f"  {len(fitted) - _MOST_CANDIDATES} more: in the run")


def print_evidence(evidence: Evidence, which: str = "unseen") -> None:
    """Say what a comparison showed, and on which rows."""
    theirs = evidence.theirs.value
    other = f"{evidence.baseline} {'no value' if math.isnan(theirs) else f'{theirs:.3f}'}"
    size = f"{evidence.rows:,} {which} rows of {evidence.blocks} {evidence.block_name}"
    typer.echo(f"{evidence.metric:10} {evidence.ours} on {size}; {other}")


def _as_dict(outcome: Outcome) -> dict[str, object]:
    from dataclasses import asdict

    fitted, folder = _logged(outcome)
    return {
        "version": outcome.version.version,
        "promoted": outcome.verdict.promote,
        "reasons": list(outcome.verdict.reasons),
        "run_id": outcome.version.run_id,
        "evidence": asdict(outcome.evidence) if outcome.evidence else None,
        "repeated": outcome.repeated,
        "candidates": fitted,
        "reports": folder,
    }


def _logged(outcome: Outcome) -> tuple[list[dict[str, Any]], str]:
    """The candidates of the run that made a version, the best first, and the folder of its reports."""
    from evergreen.metrics import find_metric

    registry, run_id = open_workspace().registry, outcome.version.run_id
    found: list[dict[str, Any]] = [
        {"name": name, "metric": key.removeprefix("tuning_"), "value": value, "seconds": metrics["fit_seconds"]}
        for name, metrics in registry.candidates(run_id)
        for key, value in metrics.items()
        if key.startswith("tuning_")
    ]
    best_first = sorted(
        found, key=lambda one: -one["value"] if find_metric(one["metric"]).greater_is_better else one["value"]
    )
    return best_first, registry.folder(run_id)
