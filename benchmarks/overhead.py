"""The platform's own cost: the flow ``train`` on the flights against a plain script that does the same work.

What both sides do, and what only the flow does, stands in ``benchmarks.sides``. Each run is a fresh process in a fresh
workspace; the two sides alternate. Candidates are the first two of ``lightgbm`` and ``linear``, with a budget that both
of them keep: the fixed cost does not depend on what is fitted, and long fits, whose time varies, would only blur it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from benchmarks.repeated import QUARTER, make_project
from benchmarks.runs import Cost, isolated, run
from evergreen.cli import access
from evergreen.cli.servers import free_port, prefect_command, serving
from evergreen.io.flights import lay_out
from evergreen.web.keys import new_key
from evergreen.workspace import Workspace

_AS_OF, _UNTIL = datetime(2013, 4, 1, 4, tzinfo=UTC), date(2013, 4, 2)
_TRAINING = (
    "{metric: roc_auc, holdout: 14d, tuning: 14d, families: [lightgbm, linear], search: portfolio, ensemble: never, "
    "max_candidates: 2, budget: 30min}"
)
_TARGETS = {"without a server": (15.0, 10.0), "with a server": (9.0, 6.0)}
_RATIO = 1.2
#: What both sides must have come to.
_SAME = ("rows", "recipe", "rounds")


@contextlib.contextmanager
def prefect_server(folder: Path) -> Iterator[dict[str, str]]:
    """A running Prefect server with a home of its own; what the environment of its clients says."""
    here = Workspace.local(folder, folder / "server")
    before, environment = dict(os.environ), isolated(here)
    os.environ.clear()
    os.environ.update(environment)
    try:
        port, key = free_port(0), new_key()
        api = f"http://127.0.0.1:{port}/api"
        with serving(prefect_command(port), here, "prefect", f"{api}/health", key):
            yield {"PREFECT_API_URL": api, **access.environment(key)}
    finally:
        os.environ.clear()
        os.environ.update(before)


def alternate(project: Path, repeats: int, server: Mapping[str, str] | None = None) -> tuple[list[Cost], list[Cost]]:
    """The flow's costs and the script's, in turns."""
    pairs = [(run("flow", project, _AS_OF, server), run("script", project, _AS_OF)) for _ in range(repeats)]
    for flow, script in pairs:
        unlike = [
            f"{name} {flow.said[name]} and {script.said[name]}"
            for name in _SAME
            if flow.said[name] != script.said[name]
        ]
        if unlike:
            print(f"the sides did not do the same, and their difference is no overhead: {', '.join(unlike)}")
    return [flow for flow, _ in pairs], [script for _, script in pairs]


def middle(values: Sequence[float]) -> str:
    """``6.1 (5.8 to 6.4)``: the median, the least and the largest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def show_fixed(where: str, flows: list[Cost], scripts: list[Cost]) -> None:
    """The fixed cost beside its targets."""
    extra = [flow.wall - script.wall for flow, script in zip(flows, scripts, strict=True)]
    cpu = [flow.cpu - script.cpu for flow, script in zip(flows, scripts, strict=True)]
    print(f"\n{where}: flow minus script, seconds: median (least to largest) of {len(flows)}")
    print(f"  flow {middle([one.wall for one in flows])}   script {middle([one.wall for one in scripts])}")
    first, later = _TARGETS[where]
    value = statistics.median(extra)
    word = "kept" if value <= first else f"MISSED by {value - first:.1f}"
    print(f"  fixed cost {middle(extra)}   target {first:.0f}: {word}; goal {later:.0f}")
    print(f"  in CPU seconds, the temporary server's included: {middle(cpu)}")


def show_stages(flows: list[Cost], scripts: list[Cost]) -> None:
    """Where the seconds go, stage by stage, the largest differences first."""
    labels = dict.fromkeys(label for cost in (*flows, *scripts) for label in cost.seconds)
    rows: list[tuple[float, str, float, float]] = []
    for label in labels:
        ours, theirs = (statistics.median([c.seconds.get(label, 0.0) for c in side]) for side in (flows, scripts))
        rows.append((ours - theirs, label or "start and waiting for the server", ours, theirs))
    outside = [statistics.median([c.wall - sum(c.seconds.values()) for c in side]) for side in (flows, scripts)]
    rows.append((outside[0] - outside[1], "interpreter's start and end", outside[0], outside[1]))
    print(f"  {'where it goes (wall seconds, median)':<44}{'flow':>8}{'script':>8}{'more':>8}")
    for more, label, ours, theirs in sorted(rows, reverse=True):
        if max(ours, theirs) >= 0.005:
            print(f"  {label:<44}{ours:>8.2f}{theirs:>8.2f}{more:>8.2f}")


def main() -> None:
    """Print the floor, the fixed cost, where it goes, and the ratio on four times the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one repeat, without the four-fold table")
    options = parser.parse_args()
    repeats = 1 if options.quick else options.repeats
    lay_out(Path("data"), print)
    with tempfile.TemporaryDirectory(prefix="evergreen-overhead-") as scratch:
        once = make_project(Path(scratch, "once"), 1, _UNTIL, QUARTER, _TRAINING)
        run("script", once, _AS_OF)  # so that neither side pays for cold files
        floor = run("imports", once, _AS_OF)
        print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(f"the floor, bare imports and Prefect's first empty flow: {floor.wall:.1f} s, {floor.cpu:.1f} CPU s")
        for label, seconds in floor.seconds.items():
            if label:
                print(f"  {label:<44}{seconds:>8.2f}")
        alone = alternate(once, repeats)
        show_fixed("without a server", *alone)
        show_stages(*alone)
        with prefect_server(Path(scratch)) as server:
            show_fixed("with a server", *(served := alternate(once, repeats, server)))
            show_stages(*served)
        if not options.quick:
            flows, scripts = alternate(make_project(Path(scratch, "four"), 4, _UNTIL, QUARTER, _TRAINING), repeats)
            ratio = [flow.wall / script.wall for flow, script in zip(flows, scripts, strict=True)]
            word = "kept" if statistics.median(ratio) <= _RATIO else "MISSED"
            print(f"\nfour times the flights, total over the script's: {middle(ratio)}   target {_RATIO}: {word}")
            show_stages(flows, scripts)


if __name__ == "__main__":
    main()
