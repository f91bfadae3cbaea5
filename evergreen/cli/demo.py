"""``demo``: the main job on real flights, from raw files to a promoted model that is measured on a later quarter."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from evergreen.cli import temporary
from evergreen.cli.console import say
from evergreen.cli.training import print_evidence, print_outcome, run_evaluate, run_train
from evergreen.settings import open_workspace

_APRIL, _JULY = datetime(2013, 4, 1, 4, tzinfo=UTC), datetime(2013, 7, 1, 4, tzinfo=UTC)  # midnights in New York
_LABELS_KNOWN = datetime(2013, 7, 3, 4, tzinfo=UTC)


def demo() -> None:
    """Train on the flights that left New York in 2013, as known on 1 April, and measure the model on April to June."""
    here = open_workspace()
    say("every flight that left New York in 2013: laying out raw files")
    temporary.begin(here)  # Prefect comes up meanwhile
    from evergreen.io.flights import lay_out

    rows = lay_out(here.project / "data", say)
    say(f"{rows:,} flights in {here.project / 'data'}")
    outcomes = {name: run_train(name, _APRIL) for name in ("flight-delay", "arrival-delay")}
    evidence = {name: run_evaluate(name, _APRIL, _JULY, _LABELS_KNOWN) for name in outcomes}
    for name, outcome in outcomes.items():
        print_outcome(name, outcome)
        typer.echo("April to June, scored with what was known at each flight's cut-off:")
        print_evidence(evidence[name])
    typer.echo(
        "\nGo on with:\n"
        "  .venv/bin/evergreen ui                       both UIs: the runs, the rules, the verdict, the models\n"
        "  .venv/bin/evergreen models flight-delay      versions, the champion and its evidence\n"
        "  .venv/bin/evergreen show flight-delay        one version in full\n"
        "  .venv/bin/evergreen quarantine flight-delay  rows that were put aside"
    )
