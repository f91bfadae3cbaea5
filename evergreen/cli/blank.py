"""Prefect's database of a new workspace, laid down at once.

Prefect makes its tables in more than a hundred steps, each of which changes those before: seconds. ``prefect.sql`` is
what they come to, and ``python -m evergreen.cli.blank`` writes it anew. The database knows how far it is: a Prefect
with further steps takes them when it starts, and for one that does not know the last step none is laid down.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path

_SCRIPT = Path(__file__).with_name("prefect.sql")
_STEPS = "server/database/_migrations/versions/sqlite"
#: Whoever names a database wants that one.
_NAMED = ("PREFECT_API_DATABASE_", "PREFECT_SERVER_DATABASE_")
_MAKE = """
import asyncio
from prefect.server.database import provide_database_interface
asyncio.run(provide_database_interface().create_db())
"""


def lay_down(home: Path) -> bool:
    """Give a Prefect that has none yet its database; whether one is there now.

    Args:
        home: ``PREFECT_HOME``.
    """
    target = home / "prefect.db"
    # SQLite would take what a killed server has left beside its database for changes of this one.
    left = any(target.with_name(f"{target.name}-{part}").exists() for part in ("wal", "journal"))
    if left or any(name.startswith(_NAMED) for name in os.environ) or target.exists() or not _is_known():
        return target.exists()
    aside = home / f"{uuid.uuid4().hex}.part"
    with suppress(OSError, sqlite3.Error):  # then Prefect makes it, or says why it cannot
        try:
            with closing(sqlite3.connect(aside)) as database:
                database.executescript(_SCRIPT.read_text(encoding="utf-8"))
            os.link(aside, target)  # refuses where another command was quicker
        finally:
            aside.unlink(missing_ok=True)
    return target.exists()


def made_by_prefect() -> str:
    """The tables that the installed Prefect makes, as SQL."""
    with tempfile.TemporaryDirectory(prefix="evergreen-blank-") as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        subprocess.run([sys.executable, "-c", _MAKE], env=environment | {"PREFECT_HOME": folder}, check=True)
        with closing(sqlite3.connect(Path(folder) / "prefect.db")) as database:
            lines = (line.rstrip() for part in database.iterdump() for line in part.splitlines())
            return "\n".join(lines) + "\n"


def _is_known() -> bool:
    """Whether the installed Prefect knows the step at which the script ends; it is not imported."""
    found = find_spec("prefect")
    step = re.search(r'INTO "alembic_version" VALUES\(\'(\w+)\'\)', _SCRIPT.read_text(encoding="utf-8"))
    steps = Path(found.origin).parent / _STEPS if found and found.origin else None
    return bool(step and steps and any(steps.glob(f"*_{step[1]}_*.py")))


if __name__ == "__main__":
    _SCRIPT.write_text(made_by_prefect(), encoding="utf-8")
