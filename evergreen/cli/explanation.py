"""``explain``: why a version predicts what it predicts for a row."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli import temporary
from evergreen.cli.console import json_text, listen, say
from evergreen.cli.training import Json, Name
from evergreen.errors import UsageError
from evergreen.settings import open_workspace

if TYPE_CHECKING:
    from tasks.explanation import ExplainedRow


def explain(
    name: Name,
    version: Annotated[str, typer.Argument(help="A version's number, or: champion.")],
    row: Annotated[str, typer.Argument(help="The row's key.")],
    at: Annotated[
        datetime | None,
        typer.Option(help="The row's event time (UTC), where no stored feature table holds it: the source is read."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="How many inputs to print; --json has all of them.")] = 15,
    as_json: Json = False,
) -> None:
    """Explain one prediction: what each input of the row adds to it, the largest first.

    The row is looked up in the feature tables that training and evaluation have stored. LightGBM is explained by
    TreeSHAP, a linear model by its coefficients (both exact), a forest by replacing one value at a time.
    """
    if version != "champion" and not version.isdecimal():
        raise UsageError(f"{name}: {version!r} is no version; give its number, or: champion")
    say(f"{name}: explaining the prediction for {row}")
    listen()
    with temporary.prefect(open_workspace()):
        from flows.explain import explain as flow

    explained = flow(name, row, None if version == "champion" else int(version), at)
    if as_json:
        typer.echo(json_text(asdict(explained)))
    else:
        _print(explained, most)


def _print(explained: ExplainedRow, most: int) -> None:
    facts = explained.explanation
    times = f"{explained.event_time:%Y-%m-%d %H:%M}, as known at {explained.cut_off:%Y-%m-%d %H:%M} (UTC)"
    when = f" of {times}" if explained.event_time else ""
    typer.echo(f"{explained.version.model} version {explained.version.version}, row {explained.row}{when}")
    of = f" (probability of {facts.label})" if facts.label else ""
    typer.echo(f"prediction  {facts.prediction:.6g}{of}")
    typer.echo(f"expected    {facts.expected:.6g} before looking at the row")
    typer.echo(f"label       {explained.label if explained.label is not None else 'not known'}")
    typer.echo(f"method      {facts.method}")
    typer.echo(f"inputs, by what they add to the {facts.unit} ({facts.expected_score:.4g} to {facts.score:.4g}):")
    for part in facts.contributions[:most]:
        typer.echo(f"  {part.amount:+12.4g}  {part.name} = {part.value}")
    rest = facts.contributions[most:]
    if rest:
        typer.echo(f"  {sum(part.amount for part in rest):+12.4g}  {len(rest)} more inputs")
