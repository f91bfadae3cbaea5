"""``predict``: what a model says about the rows of any file, beside the loop."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from evergreen.cli.console import json_text, listen, say
from evergreen.cli.environment import prepare
from evergreen.cli.training import STRICT, Json, Name
from evergreen.settings import open_workspace


def predict(
    name: Name,
    file: Annotated[str, typer.Argument(help="CSV, JSON lines, Parquet or Feather, by its ending; a path or a URL.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write: .csv, .csv.gz or .parquet.")],
    version: Annotated[int | None, typer.Option(help="Which version; by default the champion.")] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write texts such as =1+1 as they stand; a spreadsheet would run them.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help=STRICT)] = False,
    as_json: Json = False,
) -> None:
    """Predict every row of a file: its key, the prediction, and the probability of each class.

    The file may be larger than the memory. Nothing is entered in the ledger. Models whose features look at earlier rows
    are refused: those rows are in their source, which ``evergreen score`` reads. In a CSV an apostrophe stands before
    texts that a spreadsheet would run as a formula. Values that are no number or time where training read such, and
    levels that the model does not know, are counted in the last line; a column without one value that can be read is
    refused.

    Exit codes: 0 written, 2 usage or spec, 3 data (columns are missing or not readable, no table), 6 store, 7 registry
    (no such version, or one that cannot be loaded).
    """
    here = open_workspace()
    prepare(here)
    from evergreen.predictions import predict_file

    spec = here.spec(name)
    chosen = here.champions.version(name, version)
    say(f"{name}: predicting {file} with version {chosen.version}")
    listen()
    done = predict_file(here, spec, chosen, file, out, datetime.now(UTC), raw=raw, strict=strict)
    if as_json:
        told = {"model": name, "version": chosen.version, "rows": done.rows, "out": out}
        typer.echo(json_text(told | done.unread.counts()))
    else:
        lost = f"; {done.unread}" if done.unread else ""
        typer.echo(f"{name}: {done.rows:,} rows predicted by version {chosen.version}, written to {out}{lost}")
