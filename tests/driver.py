"""A program that imports what flows and commands need once, then forks a process for each run that is asked for.

An order is a line of JSON on stdin: a flow, or a command of the program. The run of a flow may be told to end, without
a word, after the first of its writes at which none ended before: whatever is written, it goes through one of these
doors. What is read again needs no end of its own. Or it stops there, to be killed.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import re
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy.event
from sqlalchemy import Connection

from evergreen.cli import main
from evergreen.io.records.database import Database
from evergreen.io.registry import Registry
from evergreen.io.store import Store

#: What a run imports by and by.
NEEDED = (
    "alembic.command", "anyio._backends._asyncio", "flows.monitor", "flows.promote", "flows.score", "flows.train",
    "git", "great_expectations", "lightgbm", "matplotlib.pyplot", "mlflow.pyfunc", "mlflow.sklearn",
    "mlflow.store.model_registry.sqlalchemy_store", "mlflow.store.tracking.sqlalchemy_store", "skops.io",
    "sklearn.linear_model",
)  # fmt: skip


def end_after_a_write(log: str, known: list[str], kinds: list[str], stops: bool) -> None:
    """Let this process end, or stop, after its first write that is not known, of one of the kinds where any are named.

    Which one it was stands beside the log.
    """
    counts: Counter[str] = Counter()

    def wrote(kind: str) -> None:
        counts[kind] += 1
        step = f"{kind} {counts[kind]}"
        if step not in known and (not kinds or kind in kinds):
            Path(f"{log}.step").write_text(step)
            os.kill(os.getpid(), signal.SIGSTOP) if stops else os._exit(9)

    def noted(owner: type, name: str, kind: Callable[[tuple[Any, ...]], str]) -> None:
        original = getattr(owner, name)

        def noting(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            wrote(kind(args))
            return result

        setattr(owner, name, noting)

    writing, fsync = Database.writing, os.fsync

    @contextmanager
    def noting(self: Database, model: str = "") -> Iterator[Connection]:
        tables: set[str] = set()

        def executed(connection: object, cursor: object, statement: str, *rest: object) -> None:
            tables.update(re.findall(r"^(?:INSERT|DELETE|UPDATE)\b.*?(\w+) *(?:\(|SET|WHERE)", statement))

        with writing(self, model) as connection:
            sqlalchemy.event.listen(connection, "before_cursor_execute", executed)
            yield connection
        if tables:
            wrote("records " + " and ".join(sorted(tables)))

    def not_yet_in_its_place(file: int) -> None:
        wrote("aside")
        fsync(file)

    Database.writing, os.fsync = noting, not_yet_in_its_place
    noted(Store, "write", lambda args: f"table {args[2]}")
    for name in ("log_model", "log_files", "register", "set_alias"):
        noted(Registry, name, lambda args, name=name: f"registry {name}")


def run(log: str, order: dict[str, Any]) -> None:
    """Run a flow or a command as it was ordered."""
    if "command" in order:
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = ["evergreen", *order["command"]]
        main()
        return
    name, given = order["flow"], order["given"]
    if order["known"] is not None:
        end_after_a_write(log, order["known"], order["kinds"], order["stops"])
    flow = getattr(importlib.import_module(f"flows.{name}"), name)
    flow(**given | {"as_of": datetime.fromisoformat(given["as_of"])})


def forked(log: str, order: dict[str, Any]) -> int:
    """Start a run in a process of its own; its number."""
    pid = os.fork()
    if pid:
        return pid
    for number, path in ((1, log), (2, order.get("errors", log))):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    faulthandler.dump_traceback_later(100, exit=False)  # a run that hangs says where
    code = 1
    try:
        run(log, order)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def answer(*numbers: int) -> None:
    """Write a line."""
    sys.stdout.write(" ".join(map(str, numbers)) + "\n")
    sys.stdout.flush()


def serve(log: str) -> None:
    """Answer each order with the processes that were started for it, and then with their exit codes."""
    for name in NEEDED:
        importlib.import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        pids = [forked(log, order) for _ in range(order["times"])]
        answer(order["number"], *pids)
        answer(order["number"], *(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids))


if __name__ == "__main__":
    serve(sys.argv[1])
