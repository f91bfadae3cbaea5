"""``migrate``: bring a team's databases up to date, before servers and workers of a new version start."""

from __future__ import annotations

import typer

from evergreen.settings import open_workspace


def migrate() -> None:
    """Bring the records up to date with this version of Evergreen; once, before anything of the new version starts.

    A workspace of one machine does it by itself when it is opened, after a copy of the file. A database that others
    use (EVERGREEN_RECORDS) waits for this command: run it as one job before a roll-out, after a backup. Killed in the
    middle it changes nothing; given twice it finds nothing to do.

    Exit codes: 0 up to date, 2 usage, 6 the database cannot be reached or written, or is of a newer version.
    """
    here = open_workspace()
    from evergreen.io.records import migrate as bring_up_to_date

    before, now = bring_up_to_date(here.records_url)
    since = f"brought from revision {before} to {now}" if before else f"made, revision {now}"
    typer.echo(f"{here.records_url}: {f'up to date, revision {now}' if before == now else since}")
