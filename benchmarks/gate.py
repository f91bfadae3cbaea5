"""How often the gate promotes what it should not, and finds what it should; beside it a plain ``>=`` gate.

Run with ``python -m benchmarks.gate``. Each cell is a few hundred simulated contests, judged by the real ``paired`` and
``decide``. Both models' errors correlate by 0.92, as those of two models of the same rows do. Where rows depend on each
other, days differ in base rate, and 5 % of the variance of each model's error is shared by all the rows of a day.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from evergreen.evaluation import paired
from evergreen.promotion import decide
from evergreen.spec import Promotion, Task

Floats = NDArray[np.float64]

ROWS = (500, 2_000, 10_000)
DAYS = (0, 7, 14, 30)  # 0: rows are independent
CHAMPION_AUC = 0.74
CORRELATION = 0.92
DAY_SHARE = 0.05
CHAIN_ROUNDS, CHAIN_STEP, CHAIN_MARGIN = 10, 0.004, 0.01


@dataclass(frozen=True)
class Cell:
    """One line of the table: a challenger that is truly better by ``gain``, judged ``decisions`` times."""

    metric: str
    gain: float
    rows: int
    days: int
    decisions: int
    promoted: float = np.nan
    plain: float = np.nan

    @property
    def target(self) -> str:
        """The bound that this cell has to keep, or nothing."""
        if self.gain == 0:
            return "<= 6 %"
        if self.gain < 0:
            return "< 2 %"
        return "> 80 %" if self.rows == 10_000 and self.metric == "roc_auc" else ""

    @property
    def kept(self) -> bool:
        """Whether it does; a cell without a bound does."""
        bounds = {"<= 6 %": self.promoted <= 0.06, "< 2 %": self.promoted < 0.02, "> 80 %": self.promoted > 0.8}
        return bounds.get(self.target, True)


def draw_errors(rng: np.random.Generator, days: NDArray[np.intp] | None, rows: int) -> tuple[Floats, Floats]:
    """Errors of two models, of unit variance and correlated, (n,) each."""
    cover = [[1.0, CORRELATION], [CORRELATION, 1.0]]
    errors = rng.multivariate_normal([0, 0], cover, rows)
    if days is not None:
        shared = rng.multivariate_normal([0, 0], cover, days.max() + 1)[days]
        errors = np.sqrt(1 - DAY_SHARE) * errors + np.sqrt(DAY_SHARE) * shared
    return errors[:, 0], errors[:, 1]


def draw_contest(
    rng: np.random.Generator, metric: str, gain: float, rows: int, days: int
) -> tuple[Floats, Floats, Floats, NDArray[np.intp] | None]:
    """Target, challenger's and champion's predictions, and days, of one holdout.

    ROC AUC is binormal: positives score d higher, and AUC = Phi(d / sqrt 2). RMSE is 1 for the champion and
    ``1 - gain`` for the challenger.
    """
    day = np.sort(rng.integers(0, days, rows)) if days else None
    ours, theirs = draw_errors(rng, day, rows)
    if metric == "rmse":
        target = rng.normal(0, 2, rows)
        return target, target + (1 - gain) * ours, target + theirs, day
    shift = rng.normal(0, 0.4, days)[day] if day is not None else 0.0
    positive = (rng.random(rows) < norm.cdf(-0.6 + shift)).astype(np.float64)
    ours = ours + positive * np.sqrt(2) * norm.ppf(CHAMPION_AUC + gain)
    theirs = theirs + positive * np.sqrt(2) * norm.ppf(CHAMPION_AUC)
    return positive, norm.cdf(ours - 1), norm.cdf(theirs - 1), day


def judge(cell: Cell) -> Cell:
    """Play a cell's contests, from a seed of its own."""
    seed = [cell.rows, cell.days, int(1e4 * abs(cell.gain)), len(cell.metric), int(cell.gain > 0)]
    rng = np.random.default_rng(seed)
    task: Task = "regression" if cell.metric == "rmse" else "binary"
    promoted = plain = 0
    for _ in range(cell.decisions):
        target, ours, theirs, day = draw_contest(rng, cell.metric, cell.gain, cell.rows, cell.days)
        evidence = paired(task, cell.metric, target, ours, theirs, day, "champion 1")
        promoted += decide(evidence, Promotion()).promote
        plain += evidence.gain.value >= 0
    return replace(cell, promoted=promoted / cell.decisions, plain=plain / cell.decisions)


def play_chain(arguments: tuple[int, int]) -> tuple[float, float]:
    """AUC lost in ten ``not_worse`` contests, each by a challenger a step below the champion.

    The anchored gate judges against the last version that was promoted by superiority (the first one here), the chained
    one against the current champion.
    """
    seed, rows = arguments
    rng = np.random.default_rng([seed, rows])
    rules = Promotion(rule="not_worse", margin=CHAIN_MARGIN)
    lost = {"anchored": 0.0, "chained": 0.0}
    for _ in range(CHAIN_ROUNDS):
        for way in lost:
            behind = lost[way] + CHAIN_STEP if way == "anchored" else CHAIN_STEP
            target, ours, theirs, day = draw_contest(rng, "roc_auc", -behind, rows, 14)
            if decide(paired("binary", "roc_auc", target, ours, theirs, day, "champion 1"), rules).promote:
                lost[way] += CHAIN_STEP
    return lost["anchored"], lost["chained"]


def share(cell: Cell) -> str:
    """``4.8% | 51.0%``: promoted by each gate; ``!`` where the target was missed."""
    return f"{cell.promoted:.1%} | {cell.plain:.1%}{' ' if cell.kept else '!'}"


def show_cells(cells: list[Cell]) -> None:
    """One line for each kind of challenger and number of rows; a pair of columns for each kind of dependence."""
    heads = "".join(f"{f'{days} days' if days else 'independent':>20}" for days in DAYS)
    print(f"{'promoted by evergreen | by >=':<34}{heads}   target")
    for gain, metric in dict.fromkeys((cell.gain, cell.metric) for cell in cells):
        for rows in ROWS:
            line = [c for c in cells if (c.gain, c.metric, c.rows) == (gain, metric, rows)]
            name = "equal" if gain == 0 else f"{'better' if gain > 0 else 'worse'} by {abs(gain):g}"
            shares = "".join(f"{share(c):>20}" for c in line)
            print(f"{metric:<9}{name:<17}{rows:>6,}  {shares}   {line[0].target}")


def main() -> None:
    """Print the table; ``!`` marks a target that was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=400, help="contests a cell")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    kinds = [("roc_auc", 0.0), ("rmse", 0.0), ("roc_auc", -0.006), ("rmse", -0.01), ("roc_auc", 0.012), ("rmse", 0.01)]
    cells = [
        Cell(metric, gain, rows, days, options.decisions) for metric, gain in kinds for rows in ROWS for days in DAYS
    ]
    start = time.perf_counter()
    with multiprocessing.Pool(options.processes) as pool:
        show_cells(list(pool.imap(judge, cells)))
        chains = options.decisions // 4
        lost = np.array(pool.map(play_chain, [(seed, 10_000) for seed in range(chains)]))
    print(
        f"\nnot_worse, margin {CHAIN_MARGIN}, {CHAIN_ROUNDS} contests a step of {CHAIN_STEP} AUC down, {chains} chains:"
    )
    for name, column in zip(("anchored", "chained"), lost.T, strict=True):
        print(f"  {name:<9} lost in total: mean {column.mean():.4f}, worst {column.max():.4f}")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
