"""``models`` and ``show``: versions, champion history, and the evidence behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli.console import json_text
from evergreen.cli.environment import prepare
from evergreen.cli.training import Json, Name, print_evidence
from evergreen.errors import UsageError
from evergreen.settings import open_workspace

if TYPE_CHECKING:
    from evergreen.handoffs import Evidence, SliceEvidence
    from evergreen.io.records import Reign, TrainingOutcome

#: Slices of the champion that the list of models shows.
_MOST_SLICES = 6


def models(
    name: Annotated[str | None, typer.Argument(help="One model; by default all.")] = None, as_json: Json = False
) -> None:
    """List versions, the champion with its evidence, and the champion history."""
    from evergreen.spec import load_specs

    here = open_workspace()
    records = here.champions
    names = [known(name)] if name else [spec.model for spec in load_specs(here.deployments)]
    if as_json:
        content = {
            one: {
                "decisions": [asdict(d) for d in records.decisions(one)],
                "champions": [asdict(r) for r in records.champions(one)],
            }
            for one in names
        }
        typer.echo(json_text(content))
        return
    for one in names:
        _print_model(records.champions(one), records.decisions(one), one)


def known(name: str) -> str:
    """The name of a model that has a file, or whose file is gone and that has a history.

    Raises:
        SpecError: it has neither; the message names those that there are.
    """
    here = open_workspace()
    if not here.champions.decisions(name):
        here.spec(name)
    return name


def _print_model(reigns: list[Reign], decisions: list[TrainingOutcome], name: str) -> None:
    typer.echo(name)
    if not decisions and not reigns:
        typer.echo(f"  no versions yet; run: evergreen train {name}")
    champion = reigns[-1].version.version if reigns else None
    previous = reigns[-2].version.version if len(reigns) > 1 else None
    for decision in decisions:
        number = decision.version.version
        alias = {champion: "champion", previous: "previous"}.get(number, "")
        value = f"{decision.evidence.metric} {decision.evidence.ours}" if decision.evidence else ""
        when = f"{decision.at[:16]}  as of {decision.version.fitted_as_of:%Y-%m-%d}"
        typer.echo(f"  version {number:<4} {alias:9} {when}  {value}")
        for reason in decision.verdict.reasons:
            typer.echo(f"      {reason}")
        if alias == "champion" and decision.evidence:
            _print_slices(decision.evidence.slices[:_MOST_SLICES], len(decision.evidence.slices))
    if reigns:
        typer.echo("  champion history")
    for reign in reigns:
        # Why the gate let it pass stands with the version above; a person or a rollback has words of its own.
        why = {"superior": "shown to be better", "not_worse": "shown to be not worse"}.get(reign.kind, reign.why)
        since = f"since {reign.as_of:%Y-%m-%d %H:%M}, by {reign.who} at {reign.at[:16]}"
        typer.echo(f"    {reign.sequence}. version {reign.version.version} {since}: {why}")


def _print_slices(slices: Sequence[SliceEvidence], of: int) -> None:
    for one in slices:
        typer.echo(f"      {one.name:30} {one.rows:>8,} rows  {one.value}  gain {one.gain}")
    if of > len(slices):
        typer.echo(f"      {of - len(slices)} more slices: evergreen show")


def show(
    name: Name,
    version: Annotated[int | None, typer.Argument(help="The version; by default the newest.")] = None,
    as_json: Json = False,
) -> None:
    """Show one version: its recipe, what it has seen, how it was judged, where it is."""
    here = open_workspace()
    prepare(here)
    decisions = here.champions.decisions(known(name))
    if not decisions:
        raise UsageError(f"{name}: no versions yet; run: evergreen train {name}")
    chosen = [d for d in decisions if version in (None, d.version.version)]
    if not chosen:
        numbers = ", ".join(str(d.version.version) for d in decisions)
        raise UsageError(f"{name}: no version {version}; known: {numbers}")
    decision = chosen[-1]
    if as_json:
        typer.echo(json_text(asdict(decision)))
        return
    facts = decision.version
    typer.echo(f"{name} version {facts.version}")
    typer.echo(f"recipe     {facts.recipe}")
    until = f"{facts.fitted_until:%Y-%m-%d %H:%M}" if facts.fitted_until else "no time"
    typer.echo(f"has seen   rows up to {until}, labels as of {facts.fitted_as_of:%Y-%m-%d %H:%M} (UTC)")
    if decision.evidence:
        print_evidence(decision.evidence)
        _print_values(decision.evidence)
        _print_slices(decision.evidence.slices, len(decision.evidence.slices))
    for rule in decision.verdict.rules:
        typer.echo(f"  {'held  ' if rule.held else 'BROKEN'} {rule.reason}")
    typer.echo(f"run        {facts.run_id}\nmodel      models:/{facts.model_id} (sha256 {facts.sha256})")


def _print_values(evidence: Evidence) -> None:
    """Every value; where one is undefined, why."""
    for name, value in evidence.values.items():
        why, interval = evidence.undefined.get(name), evidence.intervals.get(name)
        where = f" (95 % {interval.low:.4f} to {interval.high:.4f})" if interval else ""
        typer.echo(f"  {name:30} {f'undefined: {why}' if why else f'{value:.4f}{where}'}")
