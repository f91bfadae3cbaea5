"""``quarantine``: look at rows that were put aside, and release those that turn out right."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from evergreen.cli.models import known
from evergreen.cli.training import Json, Name
from evergreen.errors import UsageError, did_you_mean
from evergreen.settings import open_workspace


def quarantine(
    name: Name,
    release: Annotated[list[str] | None, typer.Option(help="A row's key to let go on; repeat for several.")] = None,
    why: Annotated[str, typer.Option(help="Why the released rows are right; kept in the record.")] = "",
    as_json: Json = False,
) -> None:
    """List the rows that broke a row rule, or release some into the next snapshot."""
    records = open_workspace().champions
    rows = records.quarantined(known(name))
    if release:
        _check_keys(name, release, {row["row_key"] for row in rows})
        if not why:
            raise UsageError("say why these rows are right: --why '...'")
        count = records.release(name, release, why)
        typer.echo(f"{count} {'row goes' if count == 1 else 'rows go'} on from the next snapshot")
        return
    if as_json:
        typer.echo(json.dumps(rows))
        return
    if not rows:
        typer.echo(f"{name}: no rows in quarantine")
    for row in rows:
        typer.echo(f"{row['row_key']:40} {row['rule']:60} {row['at'][:10]} {'released' if row['released'] else ''}")


def _check_keys(name: str, keys: list[str], aside: set[str]) -> None:
    """Refuse a key that no row in quarantine has; where none is near, say how to find the right one."""
    for key in keys:
        if key not in aside:
            near = did_you_mean(key, aside) if len(aside) < 20 else did_you_mean(key, aside).split("; known")[0]
            look = "" if near else f"; list them: evergreen quarantine {name}"
            raise UsageError(f"{name}: no quarantined row has the key {key!r}{near or look}")
