"""The two sides of the overhead: ``python -m benchmarks.sides flow|script|imports AS_OF ROUNDS``, a process each.

Both do the same work on the project and the workspace that ``EVERGREEN_PROJECT`` and ``EVERGREEN_WORKSPACE`` name: read
the flights, join weather, planes and airports, build the history, fit the same candidates, score the holdout, compute
metrics with intervals, importances and plots, refit, and log runs, metrics, plots and two models to MLflow.

The script reads and joins with pandas and logs with MLflow's own functions, as one would write it by hand. History, row
features, candidates, intervals, importances and plots are the pure functions of this project: they are the work, not
the platform. Both put the same implausible rows aside, the flow by the suite, the script by masks: other rows would
stop the boosting elsewhere, and fits of another length are no overhead. What the script has not: Prefect, Great
Expectations, snapshots, the store and its digests, records, the safe model format and its digest, the search for leaks,
and the verdict.

The last line printed is JSON: seconds by what they were spent on, the peak memory of the process, and that of each
stage.
"""

from __future__ import annotations

import builtins
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

_GIANTS = ("prefect", "mlflow", "great_expectations")


class Ledger:
    """Wall seconds by what they were spent on, and the most memory the process held meanwhile.

    What is measured inside something else counts only once. Memory is the kernel's own high-water mark (VmHWM), which
    is begun anew at each turn: no sampling can miss it, and it knows what numpy, Arrow and LightGBM take.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.peaks: dict[str, int] = defaultdict(int)
        self._open: list[str] = []
        self._since = time.perf_counter()

    def timed(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, whose seconds are booked under ``label``."""

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self._turn()
            self._open.append(label)
            try:
                return function(*args, **kwargs)
            finally:
                self._turn()
                self._open.pop()

        return wrapper

    def wrap(self, owner: Any, names: tuple[str, ...], label: str) -> None:
        """Book the calls of some of an owner's functions; those that it no longer has are left out."""
        for name in names:
            if callable(getattr(owner, name, None)):
                setattr(owner, name, self.timed(label, getattr(owner, name)))

    def watch_imports(self) -> None:
        """Book imports under the giant that was asked for first; the others as ``import the rest``."""
        real = builtins.__import__

        def watched(name: str, *args: Any, **kwargs: Any) -> Any:
            if name in sys.modules or any(label.startswith("import ") for label in self._open):
                return real(name, *args, **kwargs)
            top = name.split(".")[0]
            return self.timed(f"import {top if top in _GIANTS else 'the rest'}", real)(name, *args, **kwargs)

        builtins.__import__ = watched

    def close(self) -> dict[str, float]:
        """Seconds by label; ``""`` holds what nothing was booked for."""
        self._turn()
        return dict(self.seconds)

    def _turn(self) -> None:
        now, label = time.perf_counter(), self._open[-1] if self._open else ""
        self.seconds[label] += now - self._since
        # Imports come by the hundred and hold little: only their seconds are counted.
        if not label.startswith("import "):
            self.peaks[label] = max(self.peaks[label], _new_peak())
        self._since = now


def flow(as_of: datetime, ledger: Ledger) -> dict[str, Any]:
    """The flow ``train`` as the command line runs it, booked by stage; what remains is Prefect's.

    Great Expectations works in a process beside this one. Its CPU seconds count as this side's, as do those of the
    temporary server; of its wall seconds only those that the flow waits for.
    """
    from evergreen.runtime.validation_process import beside

    with beside():
        return _trained(as_of, ledger)


def _trained(as_of: datetime, ledger: Ledger) -> dict[str, Any]:
    from evergreen.cli import temporary
    from evergreen.settings import open_workspace

    with temporary.prefect(open_workspace()):
        from prefect import Task  # first, so that its import is booked under its own name

        from flows import train

    _book(ledger)
    for value in vars(train).values():
        if isinstance(value, Task):
            joins = value.name == "take_snapshot"  # a wrapper around each join would hold the rows that it was given
            value.fn = ledger.timed("reading and joining" if joins else f"the rest of {value.name}", value.fn)
    (model,) = (path.stem for path in open_workspace().deployments.glob("*.yaml"))
    outcome = ledger.timed("Prefect", train.train)(model, as_of)
    recipe = json.loads(outcome.version.recipe)
    return {
        "recipe": recipe["name"],
        "rounds": recipe["params"].get("n_estimators", 0),
        "rows": outcome.validation.rows,
    }


def script(as_of: datetime, ledger: Ledger) -> dict[str, Any]:
    """The plain script, booked by the same stages."""
    from benchmarks import script as plain

    _book(ledger)
    ledger.wrap(plain, ("read", "join"), "reading and joining")
    ledger.wrap(plain, ("make_experiment", "log_candidate", "log_results", "log_model"), "MLflow")
    return plain.train(Path(os.environ["EVERGREEN_PROJECT"]), Path(os.environ["EVERGREEN_WORKSPACE"]), as_of)


def imports(_: datetime, ledger: Ledger) -> dict[str, Any]:
    """The floor: import what a training needs and run Prefect's first empty flow."""
    import great_expectations  # noqa: F401
    import lightgbm  # noqa: F401
    import mlflow.sklearn  # noqa: F401
    import pandas  # noqa: F401
    import sklearn.ensemble  # noqa: F401
    from prefect import flow as prefect_flow

    @prefect_flow(name="empty")
    def empty() -> None:
        """Nothing."""

    ledger.timed("Prefect's first empty flow", empty)()
    return {}


def _book(ledger: Ledger) -> None:
    import tasks.data
    from evergreen import evaluation, features, training
    from evergreen.io import records, registry, store, suites

    ledger.wrap(tasks.data, ("read",), "reading and joining")
    ledger.wrap(features, ("build",), "features")
    ledger.wrap(training, ("find_recipe", "refit"), "fitting")
    judging = ("paired_rows", "against_trivial", "figures", "shap_figure", "dependence_figure")
    ledger.wrap(evaluation, judging, "scoring, metrics, plots")
    explaining = ("predict", "permutation_importance", "tree_shap", "partial_dependence")
    ledger.wrap(training, explaining, "scoring, metrics, plots")
    ledger.wrap(suites, ("judge_table",), "Great Expectations")
    ledger.wrap(store.Store, ("write", "read"), "store and digests")
    logged = ("__init__", "log", "log_child", "log_dataset", "log_files", "log_model", "describe", "register", "load")
    ledger.wrap(registry.Registry, (*logged, "set_alias", "alias"), "MLflow")
    ledger.wrap(
        records.ChampionHistory, tuple(name for name in vars(records.ChampionHistory) if name[0] != "_"), "records"
    )


def fix_rounds(rounds: int) -> None:
    """Let boosting go for so many rounds, neither fewer nor more, in this process."""
    from evergreen.training.families import boosting
    from evergreen.training.families.kinds import lightgbm

    stopping = boosting.boost

    def boost(*given: Any) -> tuple[Any, int, bool]:
        model, _, cut = stopping(*given)
        return model, rounds, cut

    lightgbm.MAX_ROUNDS = rounds
    boosting._PATIENCE = (rounds, rounds)
    vars(lightgbm)["boost"] = boost


def _new_peak() -> int:
    """The most bytes that the process held since this was last asked."""
    status = Path("/proc/self/status").read_bytes()  # text would import its encoding, which is watched
    Path("/proc/self/clear_refs").write_bytes(b"5")
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith(b"VmHWM"))


def main() -> None:
    """Run one side and print what it cost."""
    side, as_of, rounds = sys.argv[1], datetime.fromisoformat(sys.argv[2]), int(sys.argv[3])
    ledger = Ledger()
    ledger.watch_imports()
    if rounds:
        fix_rounds(rounds)
    found = {"flow": flow, "script": script, "imports": imports}[side](as_of, ledger)
    cost = {"seconds": ledger.close(), "peaks": dict(ledger.peaks), "peak": max(ledger.peaks.values())}
    print(json.dumps(cost | found))


if __name__ == "__main__":
    main()
