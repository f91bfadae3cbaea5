"""``why``, ``promote``, ``rollback`` and ``freeze``: what the rules decided, and what a person decides over them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli import temporary
from evergreen.cli.console import json_text, listen
from evergreen.cli.training import Json, Name
from evergreen.errors import UsageError
from evergreen.settings import open_workspace
from evergreen.workspace import Workspace

if TYPE_CHECKING:
    from evergreen.handoffs import RetrainingDecision
    from evergreen.io.records import MonitoringRecords, TrainingOutcome

Why = Annotated[str, typer.Option(help="The reason, for those who read the history.")]


def why(
    name: Name,
    every: Annotated[bool, typer.Option("--all", help="Every decision so far, the oldest first.")] = False,
    as_json: Json = False,
) -> None:
    """Explain the newest decision on retraining: what calls for it, what stands in its way, what must happen next."""
    here = open_workspace()
    here.spec(name)
    watching = here.monitoring
    firings = watching.firings(name)
    freeze = watching.frozen(name)
    newest = firings[-1] if firings else None
    following = _next(here, watching, newest) if newest else ()
    if as_json:
        content = {
            "model": name,
            "decision": _as_dict(newest) if newest else None,
            "next": following,
            "frozen": asdict(freeze) if freeze else None,
            "pending": [firing.cause for firing in watching.pending(name)],
        }
        typer.echo(json_text(content | ({"decisions": [_as_dict(one) for one in firings]} if every else {})))
        return
    if newest is None:
        typer.echo(f"{name}: nothing was decided yet; run: evergreen monitor {name}")
    for firing in firings[:-1] if every else ():
        typer.echo(f"{firing.as_of:%Y-%m-%d %H:%M}  {firing.headline}: {'; '.join(firing.reasons)}")
    if newest:
        print_firing(newest, following)
    if freeze:
        typer.echo(f"frozen by {freeze.who} at {freeze.at[:16]} UTC: {freeze.why}")


def print_firing(firing: RetrainingDecision, following: tuple[str, ...] = ()) -> None:
    """Say what was decided, every trigger and every bar with its reason, and what must happen next."""
    typer.echo(f"\n{firing.model}: {firing.headline} (as of {firing.as_of:%Y-%m-%d %H:%M} UTC)")
    typer.echo(f"what may call for a training of version {firing.version}'s successor")
    for rule in firing.triggers:
        typer.echo(f"  {'CALLS' if rule.held else 'quiet'}  {rule.name:13} {rule.reason}")
    typer.echo("what may stand in its way")
    for rule in firing.bars:
        typer.echo(f"  {'free ' if rule.held else 'BARS '}  {rule.name:13} {rule.reason}")
    for number, line in enumerate(following):
        typer.echo(f"{'       ' if number else 'next   '}{line}")


def promote(
    name: Name, version: Annotated[int, typer.Argument(help="The version that shall serve.")], why: Why
) -> None:
    """Make a version champion on a person's word; the champion history keeps who and why.

    Exit codes: 0 it serves, 2 usage or frozen, 7 no such version, or another one was crowned meanwhile.
    """
    run_promote(name, version, why)
    typer.echo(f"{name}: version {version} is champion")


def rollback(name: Name, why: Why) -> None:
    """Go back to the champion before this one; the champion history keeps who and why.

    Exit codes: 0 it serves, 2 there was none before or the model is frozen, 7 another one was crowned meanwhile.
    """
    reigns = open_workspace().champions.champions(name)
    if len(reigns) < 2:
        has = f"version {reigns[-1].version.version} is its first champion" if reigns else "it has no champion"
        raise UsageError(f"{name}: {has}, so there is none to go back to; see: evergreen models {name}")
    version, before = reigns[-2].version.version, reigns[-1].version.version
    run_promote(name, version, f"rollback from version {before}: {why}")
    typer.echo(f"{name}: version {version} is champion again, version {before} no longer")


def run_promote(name: str, version: int, why: str) -> None:
    """Run the flow ``promote`` in this process."""
    listen()
    with temporary.prefect(open_workspace()):
        from flows.promote import promote as flow

    flow(name, version, why)


def freeze(
    name: Name,
    why: Annotated[str, typer.Option(help="The reason; it stands in every decision until the end.")] = "",
    off: Annotated[bool, typer.Option("--off", help="End the freeze.")] = False,
) -> None:
    """Keep rules, rollbacks and people's commands from changing a model's champion, until --off."""
    here = open_workspace()
    here.spec(name)
    watching = here.monitoring
    frozen = watching.frozen(name)
    if off:
        if frozen:
            watching.freeze(name, False, why)
        typer.echo(f"{name}: {'the freeze has ended' if frozen else 'was not frozen'}")
        return
    if not why.strip():
        raise UsageError(f"{name}: say why: evergreen freeze {name} --why TEXT")
    watching.freeze(name, True, why)
    typer.echo(f"{name}: frozen; end it with: evergreen freeze {name} --off")


def _next(here: Workspace, watching: MonitoringRecords, firing: RetrainingDecision) -> tuple[str, ...]:
    from evergreen.cli.outlook import OutlookFacts, outlook
    from evergreen.io.trainings import past_trainings

    spec, records = here.spec(firing.model), here.champions
    if firing.fire:
        return (_answer(here, records.decisions(firing.model), firing),)
    reign = records.champion(firing.model)
    refused = [at for at, _ in watching.closed(firing.model).values() if at <= firing.as_of]
    trainings = past_trainings(records, spec, firing.as_of)
    fitted = reign.version.fitted_as_of if reign else firing.as_of
    past = OutlookFacts(fitted, trainings, refused, watching.frozen(firing.model) is not None)
    return outlook(firing, past, spec.retraining, spec.monitoring.window)


def _answer(here: Workspace, decisions: list[TrainingOutcome], firing: RetrainingDecision) -> str:
    """What became of a decision to train."""
    from evergreen.io.locks import ANSWER, APPROVAL

    locks = here.locks
    for one in decisions:
        if one.cause == firing.cause:
            word = "promoted" if one.verdict.promote else "not promoted"
            return (
                f"the training has ended: version {one.version.version}, {word}; see: evergreen models {firing.model}"
            )
    closed = here.monitoring.closed(firing.model).get(firing.cause)
    if closed:
        return f"the training ended without a verdict: {closed[1]}"
    if locks.holder(ANSWER, firing.model):
        return "the training is under way, or waits for a person's word in the Prefect UI"
    if asked := locks.holder(APPROVAL, firing.model):
        return f"the training comes after the one that waits for a person's word in the Prefect UI ({asked})"
    if ahead := locks.holder("training", firing.model):
        return f"the training comes after one that was begun by hand ({ahead})"
    return "the training has not ended yet; if it died, the next monitor run starts it again"


def _as_dict(firing: RetrainingDecision) -> dict[str, object]:
    return asdict(firing) | {"headline": firing.headline, "reasons": firing.reasons}
