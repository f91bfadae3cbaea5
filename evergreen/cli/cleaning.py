"""``clean``: remove what is old and what no record rests on."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from evergreen.cli.environment import prepare
from evergreen.cli.processes import running
from evergreen.settings import open_workspace

_MIB, _GIB = 2**20, 2**30


def clean(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    keep_days: Annotated[int, typer.Option(min=1, help="What is younger stays, unless --max-gb says otherwise.")] = 90,
    max_gb: Annotated[
        float | None, typer.Option("--max-gb", min=0, help="Remove more, the oldest first, to come under this size.")
    ] = None,
) -> None:
    """Remove old tables, runs and models that were never promoted, finished parts of old backtests, and old logs.

    Never removed: every version that was champion, its run and its tables; what the ledgers, or quarantined rows that
    wait for a word, refer to; the logs of a running `up`; anything younger than a day.
    """
    from evergreen.housekeeping import holdings, remove
    from evergreen.retention import removable
    from evergreen.spec import load_specs

    here = open_workspace()
    prepare(here)
    held = holdings(here, [spec.model for spec in load_specs(here.deployments)])
    if running(here.folder):
        held.protected |= {item.name for item in held.items if item.kind == "log"}
    limit = None if max_gb is None else int(max_gb * _GIB)
    gone = removable(held.items, held.protected, datetime.now(UTC), timedelta(days=keep_days), limit)
    for item in gone:
        typer.echo(f"{'would remove' if dry_run else 'removed':12} {item.touched:%Y-%m-%d}  {item.kind:8} {item.name}")
        if not dry_run:
            remove(here, item)
    counts = Counter(item.kind for item in gone)
    what = ", ".join(f"{count} {kind}s" for kind, count in sorted(counts.items())) or "nothing"
    size, rest = sum(item.size for item in gone), sum(item.size for item in held.items)
    typer.echo(
        f"{what}: {size / _MIB:,.1f} MiB; {len(held.items) - len(gone)} items stay, {(rest - size) / _MIB:,.1f} MiB"
    )
