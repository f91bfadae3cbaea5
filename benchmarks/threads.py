"""Where do two threads gain most: two candidates at once with one each, or one after the other with both?

Boosting of a few sizes, of two and of many classes, both ways in turn. It is why ``training.families.boosting`` gives
a small matrix one thread and ``training.search.folds`` fits the folds of a small table two at a time: there the second
thread of one fit mostly waits. On a machine that does other things wall time says how it shares its cores, CPU time
what the work is. Run it with OMP_WAIT_POLICY=passive, as the platform runs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import lightgbm
import numpy as np

from benchmarks.runs import seconds

#: Rows, columns, classes and rounds.
_SIZES = ((1_000, 20, 2, 200), (5_000, 20, 2, 200), (10_000, 20, 2, 100), (12_000, 16, 26, 10), (50_000, 20, 2, 50),
          (200_000, 20, 2, 20))  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a size: medians, and the ratio of one after the other to both at once (above 1: at once wins)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args(arguments)
    print(f"{'rows':>8}{'columns':>9}{'classes':>9}{'wall: in turn':>15}{'at once':>9}{'ratio':>7}"
          f"{'CPU: in turn':>14}{'at once':>9}{'ratio':>7}")  # fmt: skip
    for rows, columns, classes, rounds in _SIZES:
        in_turn, at_once, turn, once = np.median(compared(rows, columns, classes, rounds, given.repeats), axis=0)
        print(
            f"{rows:>8,}{columns:>9}{classes:>9}{in_turn:>15.2f}{at_once:>9.2f}{in_turn / at_once:>7.2f}"
            f"{turn:>14.2f}{once:>9.2f}{turn / once:>7.2f}",
            flush=True,
        )


def compared(rows: int, columns: int, classes: int, rounds: int, repeats: int) -> list[tuple[float, ...]]:
    """Of each repeat: wall seconds of two fits in turn with two threads, and at once with one; the same in CPU."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, columns)).astype(np.float32)
    y = np.digitize(x[:, 0] * x[:, 1] + x[:, 2] + rng.normal(size=rows), np.linspace(-2, 2, classes + 1)[1:-1])
    objective = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
    how = objective | {"num_leaves": 31, "verbosity": -1, "deterministic": True, "force_row_wise": True}

    def fit(threads: int, seed: int) -> None:
        lightgbm.train(how | {"num_threads": threads, "seed": seed}, lightgbm.Dataset(x, y), rounds)

    def in_turn() -> None:
        for seed in range(2):
            fit(2, seed)

    def at_once() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(partial(fit, 1), range(2)))

    return [
        (*(one for one, _ in pair), *(two for _, two in pair))
        for pair in ([_both(in_turn), _both(at_once)] for _ in range(repeats))
    ]


def _both(work: Callable[[], None]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    began = time.process_time()
    return seconds(work), time.process_time() - began


if __name__ == "__main__":
    main()
