"""What ``benchmarks.quality`` concludes of all its tables: ranks, ratios of loss, where ours falls short.

Nothing of a table that the portfolio was learned from is in it: those are named and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from evergreen.metrics import find_metric

#: Tables that the portfolio was learned from, by the column ``table``.
LEARNED = Path(__file__).with_name("portfolio.csv")
#: The system that ours must never be significantly worse than, and those that ours is held against by ratios.
PLAIN, PEERS = "lightgbm-stopped", ("optuna-lightgbm", "autogluon")
#: Bootstrap samples of tables, and their part on each side of an interval.
_SAMPLES, _SIDE = 10_000, 0.025
#: How much worse than a peer is more than nothing: 1 % of the loss; the error over all tables at which it is told.
_BEHIND, _ERROR = 0.01, 0.05
_WORST = 3


@dataclass
class Compared:
    """One table: each system's losses (one a seed, infinite where it failed), and what else is known of ours.

    ``gaps`` are the logarithms of unseen loss over that on the rows that chose, one a seed. ``p_behind`` is, by peer,
    how likely a difference as on the judging rows is where ours is at most ``_BEHIND`` behind.
    """

    name: str
    losses: dict[str, list[float]]
    gaps: list[float] = field(default_factory=list)
    p_behind: dict[str, float] = field(default_factory=dict)

    @property
    def mean_losses(self) -> dict[str, float]:
        """Each system's loss, its seeds averaged in the logarithm."""
        return {system: float(np.exp(np.mean(np.log(found)))) for system, found in self.losses.items()}


@dataclass
class Tally:
    """What adds up over the tables of one budget: those compared; of ours where it is over the budget, where worse."""

    budget: float
    tables: list[Compared] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    worse: list[str] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)


def loss_of(metric: str, value: float) -> float:
    """A metric's value as a loss above 0, whose ratios can be compared: what is missing to 1, or the value itself."""
    loss = 1 - value if find_metric(metric).greater_is_better else value
    return max(float(loss), 1e-12)


def learned_tables() -> set[str]:
    """Tables that the portfolio was learned from: they count in no claim."""
    return set(pd.read_csv(LEARNED)["table"])


def p_behind(value: float, low: float) -> float:
    """How likely a gain as low as this is where the truth is 0 (one-sided, normal).

    Args:
        value: Of ours over a peer, in units of the metric; below 0 where ours is behind.
        low: Its lower bound at 95 % confidence, one-sided.
    """
    error = (value - low) / stats.norm.ppf(0.95)
    return float(stats.norm.cdf(value / error)) if error > 0 else float(value >= 0)


def conclude(tally: Tally) -> None:
    """Print what all tables say together.

    Raises:
        SystemExit: no table was compared.
    """
    if not tally.tables:
        raise SystemExit("no table was compared; look at --only and at the manifest")
    learned = sorted(one.name for one in tally.tables if one.name in learned_tables())
    tables = [one for one in tally.tables if one.name not in learned]
    print(f"\n## {len(tables)} tables, {tally.budget:g} s")
    if learned:
        print(f"learned from, not counted: {', '.join(learned)}")
    if tables:
        _print_ranks(tables)
        for peer in PEERS:
            if all(peer in one.losses and "ours" in one.losses for one in tables):
                _print_ratios(tables, peer)
        _print_spread(tables)
    print(f"ours over budget: {', '.join(tally.over) or 'nowhere'}")
    print(f"ours significantly worse than {PLAIN}: {', '.join(tally.worse) or 'nowhere'}")
    if tally.speeds:
        print(f"ours scores {np.median(tally.speeds):.1f} times AutoGluon's rows per second (median over tables)")


def _print_ranks(tables: Sequence[Compared]) -> None:
    systems = list(tables[0].losses)
    ranks = np.array([stats.rankdata([one.mean_losses[system] for system in systems]) for one in tables])
    # Nemenyi's critical difference (Demsar 2006, Statistical comparisons of classifiers over multiple data sets).
    count = len(systems)
    chance = 0.0
    if count > 1:
        chance = (
            stats.studentized_range.ppf(0.95, count, np.inf) / 2**0.5 * (count * (count + 1) / 6 / len(tables)) ** 0.5
        )
    print(f"mean rank over {len(tables)} tables (1 is best; two differ by chance up to {chance:.1f})")
    for at in np.argsort(ranks.mean(axis=0), kind="stable"):
        print(f"{systems[at]:24}{ranks[:, at].mean():6.2f}")


def mean_ratio(ratios: NDArray[np.float64]) -> tuple[float, float, float]:
    """The mean of log ratios (n,), one a table, and its interval by bootstrap over tables."""
    drawn = np.random.default_rng(0).integers(len(ratios), size=(_SAMPLES, len(ratios)))
    low, high = np.quantile(ratios[drawn].mean(axis=1), [_SIDE, 1 - _SIDE])
    return float(ratios.mean()), float(low), float(high)


def _print_ratios(tables: Sequence[Compared], peer: str) -> None:
    """The mean log ratio of loss to a peer, the worst tables, and those that are told apart (Holm over tables)."""
    whole = [one for one in tables if np.isfinite([one.mean_losses["ours"], one.mean_losses[peer]]).all()]
    if not whole:
        return
    ratios = np.array([np.log(one.mean_losses["ours"] / one.mean_losses[peer]) for one in whole])
    mean, low, high = (100 * value for value in mean_ratio(ratios))
    print(f"loss of ours beside {peer}: {mean:+.2f} % (95 % {low:+.2f} to {high:+.2f}), below 0 is better")
    worst = np.argsort(-ratios, kind="stable")[:_WORST]
    print("  worst: " + ", ".join(f"{whole[at].name} {100 * ratios[at]:+.1f} %" for at in worst))
    known = sorted((one.p_behind[peer], one.name) for one in whole if peer in one.p_behind)
    told = list[str]()
    for rank, (p, name) in enumerate(known):
        if p > _ERROR / (len(known) - rank):
            break
        told.append(name)
    print(f"  more than {_BEHIND:.0%} behind by a paired test (Holm): {', '.join(told) or 'nowhere'}")


def _print_spread(tables: Sequence[Compared]) -> None:
    gaps = [gap for one in tables for gap in one.gaps if np.isfinite(gap)]
    if gaps:
        print(f"unseen loss beside that on the rows that chose: {100 * np.median(gaps):+.1f} % (median over tables)")
    for system in tables[0].losses:
        logs = [np.log(one.losses[system]) for one in tables if len(one.losses[system]) > 1]
        spreads = [float(np.std(found, ddof=1)) for found in logs if np.isfinite(found).all()]
        if spreads:
            print(f"{system}: seeds differ by {100 * np.median(spreads):.2f} % (median of {len(spreads)} tables)")


def behind(value: float, low: float, loss: float) -> float:
    """``p_behind`` of being more than ``_BEHIND`` of a peer's loss behind; gains are in units of the loss."""
    margin = _BEHIND * loss
    return p_behind(value + margin, low + margin)
