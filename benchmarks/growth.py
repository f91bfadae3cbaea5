"""Does a training stay linear? The flow ``train`` on 1, 2 and 4 million flights, and on 1 to 8 million rows by 30.

Each size is a fresh process in a fresh workspace; peak memory is the process's own (VmHWM), stage by stage. One fixed
candidate, the first of the list, is fitted for a fixed number of rounds, so that no size does more than another: where
boosting may stop by itself, flights that are repeated go on to the last round, since tuning rows then hold what was
fitted on, and noise ends at once. That number is the bench's alone; no spec has it. Fitting stands in a column of its
own. Growth is told in CPU seconds, which say more on a machine that does other things, and in wall seconds without the
fitting.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.repeated import YEAR, make_project
from benchmarks.runs import Cost, run
from evergreen.io.flights import lay_out

#: A day after the last flight, when its label is known.
_AS_OF, _UNTIL = datetime(2014, 1, 3, 5, tzinfo=UTC), date(2014, 1, 1)
_TRAINING = (
    "{metric: roc_auc, holdout: 14d, tuning: 14d, families: [lightgbm], max_candidates: 1, search: portfolio, "
    "ensemble: never, budget: 1h}"
)
_YEAR_ROWS = 336_776
#: Rounds of boosting that each size is fitted for.
_ROUNDS = 100
_COLUMNS, _PIECE = 30, 500_000
_WIDE = """
model: wide
data: {source: data/wide.parquet, key: id, target: {column: y}}
validation: {suite: wide}
training:
  {metric: roc_auc, families: [lightgbm], max_candidates: 1, search: portfolio, ensemble: never, budget: 1h}
"""
_FITTING = ("fitting", "scoring, metrics, plots")
#: Growth a row from one size to the next that counts as none; stages that are shown.
_GROWTH, _STAGES = 1.1, 8


@dataclass(frozen=True)
class Table:
    """A kind of table: how a project with so many rows of it is made, and what a training of it may hold at once.

    ``folder`` holds what the peak is compared with, as Parquet in the project: the table in Arrow.
    """

    make: Callable[[Path, float], Path]
    millions: tuple[float, ...]
    folder: str
    most: float


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
    def peaks(self) -> dict[str, int]:
        """Peak memory in bytes by stage, the largest first."""
        return dict(sorted(self.cost.said["peaks"].items(), key=lambda one: -one[1]))

    @property
    def fitting(self) -> float:
        """Wall seconds of fitting and scoring."""
        return sum(self.cost.seconds.get(label, 0.0) for label in _FITTING)

    @property
    def platform(self) -> float:
        """Wall seconds of everything else."""
        return self.cost.wall - self.fitting


def make_flights(folder: Path, millions: float) -> Path:
    """The year of flights so often that its rows come nearest to so many."""
    return make_project(folder, max(1, round(millions * 1e6 / _YEAR_ROWS)), _UNTIL, YEAR, _TRAINING)


def make_wide(folder: Path, millions: float) -> Path:
    """Thirty columns of float64, a key and a label that two of the columns tell little of, written piece by piece."""
    for name in ("data", "deployments", "expectations"):
        (folder / name).mkdir(parents=True)
    (folder / "deployments" / "wide.yaml").write_text(_WIDE, encoding="utf-8")
    rules = "\n".join(
        f"  - {{type: expect_column_values_to_not_be_null, kwargs: {{column: number_{at}}}, severity: critical}}"
        for at in range(_COLUMNS)
    )
    (folder / "expectations" / "wide.yaml").write_text(f"name: wide\nexpectations:\n{rules}\n", encoding="utf-8")
    names = [f"number_{at}" for at in range(_COLUMNS)]
    schema = pa.schema([("id", pa.int64()), *((name, pa.float64()) for name in names), ("y", pa.int64())])
    rng, rows = np.random.default_rng(0), round(millions * 1e6)
    with pq.ParquetWriter(folder / "data" / "wide.parquet", schema, use_dictionary=False) as writer:
        for first in range(0, rows, _PIECE):
            count = min(_PIECE, rows - first)
            numbers = [rng.normal(size=count) for _ in names]
            label = (rng.random(count) < np.where(numbers[0] > 0, 0.6, 0.4) + 0.05 * (numbers[1] > 1)).astype("int64")
            writer.write_table(pa.table([np.arange(first, first + count), *numbers, label], schema=schema))
    return folder


TABLES = {
    "flights": Table(make_flights, (1, 2, 4), "workspace-flow/store/features", 4.0),
    "wide": Table(make_wide, (1, 2, 4, 8), "data", 2.5),
}


def measure(scratch: Path, table: Table, millions: float) -> Size:
    """Train once on so many rows; nothing is left in ``scratch``."""
    project = table.make(scratch / f"rows-{millions:g}", millions)
    try:
        cost = run("flow", project, _AS_OF, rounds=_ROUNDS)
        return Size(
            int(cost.said["rows"]), max(arrow_bytes(p) for p in (project / table.folder).glob("*.parquet")), cost
        )
    finally:
        shutil.rmtree(project)


def arrow_bytes(path: Path) -> int:
    """The size in memory of a stored table in Arrow, row group by row group."""
    file = pq.ParquetFile(path)
    return sum(file.read_row_group(number).nbytes for number in range(file.num_row_groups))


def verdicts(sizes: list[Size], most: float) -> list[str]:
    """What held and what did not, between each size and the next."""
    lines = []
    for one, two in itertools.pairwise(sizes):
        for name, before, after in (
            ("time a row, fitting left out", one.platform / one.rows, two.platform / two.rows),
            ("CPU time a row", one.cost.cpu / one.rows, two.cost.cpu / two.rows),
            ("peak memory a row", one.peak / one.rows, two.peak / two.rows),
        ):
            word = "does not grow" if after / before <= _GROWTH else "GROWS"
            lines.append(f"{one.rows:,} to {two.rows:,} rows: {name} {word} ({after / before:.2f} of what it was)")
    for size in sizes:
        ratio = size.peak / size.table_bytes
        word = "kept" if ratio < most else f"MISSED by {ratio - most:.1f}"
        lines.append(
            f"{size.rows:,} rows: peak memory {ratio:.1f} times the table in Arrow, target below {most:g}: {word}"
        )
    return lines


def stages(sizes: list[Size]) -> list[str]:
    """Where the most memory was held, in GB, the largest stages of the largest size first."""
    lines = [f"{'peak GB by stage':<34}" + "".join(f"{size.rows:>12,}" for size in sizes)]
    for label in list(sizes[-1].peaks)[:_STAGES]:
        held = "".join(f"{size.peaks.get(label, 0) / 1e9:>12.2f}" for size in sizes)
        lines.append(f"{label or 'start and the server':<34}{held}")
    return lines


def show(name: str, millions: list[float]) -> None:
    """Train on each size of a table; print a line each, where memory was held, and what held of the targets."""
    table = TABLES[name]
    print(
        f"\n{name}\n{'rows':>11}{'wall s':>9}{'CPU s':>9}{'fitting s':>11}{'rounds':>8}{'peak GB':>9}{'Arrow GB':>10}"
    )
    sizes = []
    with tempfile.TemporaryDirectory(prefix="evergreen-growth-") as scratch:
        for count in millions or list(table.millions):
            size = measure(Path(scratch), table, count)
            sizes.append(size)
            print(
                f"{size.rows:>11,}{size.cost.wall:>9.1f}{size.cost.cpu:>9.1f}{size.fitting:>11.1f}"
                f"{size.cost.said['rounds']:>8}{size.peak / 1e9:>9.2f}{size.table_bytes / 1e9:>10.2f}",
                flush=True,
            )
    print("\n".join([*stages(sizes), *verdicts(sizes, table.most)]), flush=True)


def main() -> None:
    """Print both tables, or one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", choices=[*TABLES], nargs="+", default=[*TABLES])
    parser.add_argument("--millions", type=float, nargs="+", default=[], help="instead of the table's own sizes")
    parser.add_argument("--quick", action="store_true", help="0.3 and 0.6 million rows instead")
    options = parser.parse_args()
    began = time.perf_counter()
    if "flights" in options.table:
        lay_out(Path("data"), print)
    for name in options.table:
        show(name, [0.3, 0.6] if options.quick else options.millions)
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
