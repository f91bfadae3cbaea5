"""Does a training stay linear? The flow ``train`` on the flights repeated to 1, 2 and 4 million rows.

Each size is a fresh process in a fresh workspace; peak memory is the process's own (VmHWM). One fixed candidate, the
first of the list, is fitted, so that no size tries more recipes than another. Boosting still stops when the tuning rows
say so; the rounds are printed, and fitting stands in a column of its own, since rounds belong to the data and not to
the platform.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.repeated import YEAR, make_project
from benchmarks.runs import Cost, run

#: A day after the last flight, when its label is known.
_AS_OF, _UNTIL = datetime(2014, 1, 3, 5, tzinfo=UTC), date(2014, 1, 1)
_TRAINING = "{metric: roc_auc, holdout: 14d, tuning: 14d, families: [lightgbm], max_candidates: 1, budget: 1h}"
_YEAR_ROWS = 336_776
_FITTING = ("fitting", "scoring, metrics, plots")
#: Peak memory over the table in Arrow; growth a row from one size to the next that counts as none.
_MEMORY, _GROWTH = 4.0, 1.1


@dataclass(frozen=True)
class Size:
    """What a training of one size cost."""

    rows: int
    table_bytes: int
    cost: Cost

    @property
    def peak(self) -> int:
        """The process's peak memory in bytes."""
        return int(self.cost.said["peak"])

    @property
    def fitting(self) -> float:
        """Wall seconds of fitting and scoring."""
        return sum(self.cost.seconds.get(label, 0.0) for label in _FITTING)

    @property
    def platform(self) -> float:
        """Wall seconds of everything else."""
        return self.cost.wall - self.fitting


def measure(scratch: Path, copies: int) -> Size:
    """Train once on so many copies of the year; nothing is left in ``scratch``."""
    project = make_project(scratch / f"copies-{copies}", copies, _UNTIL, YEAR, _TRAINING)
    try:
        cost = run("flow", project, _AS_OF)
        tables = (project / "workspace-flow" / "store" / "features").glob("*.parquet")
        return Size(int(cost.said["rows"]), max(arrow_bytes(path) for path in tables), cost)
    finally:
        shutil.rmtree(project)


def arrow_bytes(path: Path) -> int:
    """The size in memory of a stored table in Arrow, row group by row group."""
    file = pq.ParquetFile(path)
    return sum(file.read_row_group(number).nbytes for number in range(file.num_row_groups))


def verdicts(sizes: list[Size]) -> list[str]:
    """What held and what did not, between each size and the next."""
    lines = []
    for one, two in itertools.pairwise(sizes):
        for name, before, after in (
            ("time a row, fitting left out", one.platform / one.rows, two.platform / two.rows),
            ("time a row", one.cost.wall / one.rows, two.cost.wall / two.rows),
            ("peak memory a row", one.peak / one.rows, two.peak / two.rows),
        ):
            word = "does not grow" if after / before <= _GROWTH else "GROWS"
            lines.append(f"{one.rows:,} to {two.rows:,} rows: {name} {word} ({after / before:.2f} of what it was)")
    for size in sizes:
        ratio = size.peak / size.table_bytes
        word = "kept" if ratio < _MEMORY else f"MISSED by {ratio - _MEMORY:.1f}"
        lines.append(f"{size.rows:,} rows: peak memory {ratio:.1f} times the table in Arrow, target below 4: {word}")
    return lines


def main() -> None:
    """Print a line a size, and what held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 2, 4])
    parser.add_argument("--quick", action="store_true", help="one and two copies of the year instead")
    options = parser.parse_args()
    copies = [1, 2] if options.quick else [max(1, round(size * 1e6 / _YEAR_ROWS)) for size in options.millions]
    began = time.perf_counter()
    print(f"{'rows':>11}{'wall s':>9}{'CPU s':>9}{'fitting s':>11}{'rounds':>8}{'peak GB':>9}{'Arrow GB':>10}")
    sizes = []
    with tempfile.TemporaryDirectory(prefix="evergreen-growth-") as scratch:
        for count in copies:
            size = measure(Path(scratch), count)
            sizes.append(size)
            print(
                f"{size.rows:>11,}{size.cost.wall:>9.1f}{size.cost.cpu:>9.1f}{size.fitting:>11.1f}"
                f"{size.cost.said['rounds']:>8}{size.peak / 1e9:>9.2f}{size.table_bytes / 1e9:>10.2f}",
                flush=True,
            )
    print("\n".join(verdicts(sizes)))
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
