"""Which rule says that a champion has fallen, how often falsely, and how late: on simulated years.

Run with ``python -m benchmarks.monitor_rules`` (``make bench-monitor-rules``). A false alarm is a firing that begins
while the champion's expected figure is within the tolerance of its reference. A delay counts windows from the first
one out of tolerance to the first firing, that one included. Beside our rule: three standard deviations of the reference
windows, the 95 % interval of each window, the same in three windows running; and the default rules of NannyML and
Evidently, run for real on fewer years in an environment of their own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.monitor_peers import run_peers
from benchmarks.monitor_streams import NOISE, TOLERANCE, WINDOWS, Stream, Years, draw_years
from evergreen.handoffs import WindowValue
from evergreen.monitoring.performance import trace_performance

Bools = NDArray[np.bool_]
SEED = 20
ROWS = (300, 1_000, 10_000, 100_000)
START = datetime(2024, 1, 1, tzinfo=UTC)
SHORT = (8, 13, 20)  # windows of a short reference
PEER_NOISE = ("independent", "AR(1) 0.3", "season")


def _ours(years: Years) -> Bools:
    m, length = years.stream.reference, timedelta(days=years.stream.days)
    starts = [START + i * length for i in range(years.value.shape[1])]
    fired = []
    for rows, value, error in zip(years.rows.tolist(), years.value.tolist(), years.error.tolist(), strict=True):
        windows = [WindowValue(s, s + length, *each) for s, *each in zip(starts, rows, value, error, strict=True)]
        trace = trace_performance(windows[:m], windows[m:], greater_is_better=True, tolerance=TOLERANCE)
        fired.append(trace.fired)
    return np.stack(fired)


def _three_sd(years: Years) -> Bools:
    reference, live = np.split(years.value, [years.stream.reference], axis=1)
    return np.asarray(live < (reference.mean(axis=1) - 3 * reference.std(axis=1, ddof=1))[:, None])


def _interval(years: Years) -> Bools:
    reference, live = np.split(years.value, [years.stream.reference], axis=1)
    return np.asarray(live + 1.96 * years.sampling[:, years.stream.reference :] < reference.mean(axis=1)[:, None])


def _three_of_three(years: Years) -> Bools:
    each = _interval(years)
    fired = np.zeros_like(each)
    fired[:, 2:] = each[:, 2:] & each[:, 1:-1] & each[:, :-2]
    return fired


RULES: dict[str, Callable[[Years], Bools]] = {
    "ours": _ours,
    "3 sd": _three_sd,
    "interval": _interval,
    "3 of 3": _three_of_three,
}


@dataclass(frozen=True)
class Outcome:
    """What one rule did in the years of one stream; a fall that it never found has an infinite delay."""

    stream: Stream
    rule: str
    years: int
    false_years: int
    delays: tuple[float, ...]

    @property
    def false_share(self) -> float:
        """Share of the years with a false alarm."""
        return self.false_years / self.years

    def delay(self, quantile: float) -> float:
        """Windows from a fall to its firing; NaN where nothing fell."""
        return float(np.quantile(self.delays, quantile, method="inverted_cdf")) if self.delays else np.nan


def judge(stream: Stream, rule: str, fired: Bools, fallen: Bools) -> Outcome:
    """Count the years with a false alarm, and the windows that each fall took to be found.

    Args:
        stream: The years' kind.
        rule: The rule's name.
        fired: (years, live) whether the rule fires after each window.
        fallen: (years, live) whether the champion is out of tolerance in it.
    """
    begins = fired & ~np.pad(fired, ((0, 0), (1, 0)))[:, :-1]
    delays: list[float] = []
    for alarms, state in zip(fired, fallen, strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], state.astype(int), [0]])))
        for first, end in edges.reshape(-1, 2):
            hits = np.flatnonzero(alarms[first:end])
            delays.append(float(hits[0] + 1) if len(hits) else np.inf)
    return Outcome(stream, rule, len(fired), int((begins & ~fallen).any(axis=1).sum()), tuple(delays))


def run(task: tuple[Stream, int]) -> list[Outcome]:
    """Every rule on the same years of one stream."""
    stream, count = task
    years = draw_years(stream, count, SEED)
    return [judge(stream, rule, decide(years), years.fallen) for rule, decide in RULES.items()]


def streams(rows: Iterable[int]) -> list[Stream]:
    """The kinds of year that are simulated."""
    kinds = [(noise, change, 30) for noise in NOISE for change in ("none", "abrupt")]
    kinds += [("independent", change, 30) for change in ("at the bound", "slow", "recurring")]
    short = [(noise, m) for m in SHORT for noise in ("independent", "AR(1) 0.3", "AR(1) 0.6")]
    kinds += [(noise, change, m) for noise, m in short for change in ("none", "abrupt")]
    each = [Stream(noise, change, days, n, m) for days in WINDOWS for noise, change, m in kinds for n in rows]
    return [stream for stream in each if not (stream.noise == "weekdays" and stream.days == 7)]


def goals(stream: Stream) -> tuple[float, float, float]:
    """The most that our rule may do: share of years with a false alarm; median and 95 % delay, infinite for none."""
    enough, fall = stream.reference >= 30, stream.change == "abrupt" and stream.rows == 1_000
    if stream.change in ("at the bound", "slow", "recurring"):
        return np.inf, np.inf, np.inf
    if stream.noise == "independent" and enough:
        return 0.02, 4 if fall else np.inf, 10 if fall else np.inf
    close = enough and stream.noise in ("AR(1) 0.1", "AR(1) 0.3", "weekdays")
    return 0.05, 10 if fall and close else np.inf, np.inf


def missed(outcome: Outcome) -> str:
    """What an outcome of ours misses of its goals; empty if it holds them."""
    share, median, late = goals(outcome.stream)
    found = [
        f"{outcome.false_share:.1%} of years, goal {share:.0%}" if outcome.false_share >= share else "",
        f"median {outcome.delay(0.5):.0f} windows, goal {median:.0f}" if outcome.delay(0.5) > median else "",
        f"95 % within {outcome.delay(0.95):.0f} windows, goal {late:.0f}" if outcome.delay(0.95) > late else "",
    ]
    return "; ".join(text for text in found if text)


def describe(outcomes: list[Outcome]) -> str:
    """One line of the table: a stream, and what each rule did on it."""
    s = outcomes[0].stream
    line = f"{s.noise:12} {s.change:12} {'weekly' if s.days == 7 else 'daily':6} {s.reference:3} {s.rows:7,}"
    for outcome in outcomes:
        interval = stats.binomtest(outcome.false_years, outcome.years).proportion_ci(method="wilson")
        delay = f"{outcome.delay(0.5):.0f}/{outcome.delay(0.95):.0f}" if outcome.delays else ""
        line += f" | {outcome.false_share:6.1%} ({interval.low:4.0%} to {interval.high:4.0%}) {delay:>7}"
    return line


def compare_peers(years: int, evidently_years: int) -> None:
    """Print what the tools' own rules do on weekly windows of exactly 1,000 rows, beside ours on the same years."""
    each = [Stream(noise, change, 7, 1_000, 30) for noise in PEER_NOISE for change in ("none", "abrupt")]
    drawn = [draw_years(stream, years, SEED) for stream in each]
    try:
        # Taken in turns, so that the first years, which are Evidently's too, are of one kind each.
        turns = np.stack([one.actual for one in drawn], axis=1).reshape(years * len(each), -1)
        fired = run_peers(turns, 1_000, 30, evidently_years)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"NannyML and Evidently could not be run here: {error}")
        return
    for k, (stream, one) in enumerate(zip(each, drawn, strict=True)):
        for name, alarms in [("ours", None), *fired.items()]:
            decided = _ours(one) if alarms is None else alarms[k :: len(each)]
            if not len(decided):
                continue  # Evidently has no year of this kind
            outcome = judge(stream, name, decided, one.fallen[: len(decided)])
            print(f"{name:9} {len(decided):3} years: {describe([outcome])}", flush=True)


def main() -> None:
    """Simulate, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=200, help="simulated years of each kind")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS, help="rows of a window")
    parser.add_argument("--peer-years", type=int, default=10, help="years of each kind for NannyML; 0: no peers")
    parser.add_argument("--evidently-years", type=int, default=2, help="years for Evidently, in all")
    arguments = parser.parse_args()
    start = time.monotonic()
    print(f"share of {arguments.years} years with a false alarm (95 % interval), median/95 % delay in windows")
    print(
        f"{'noise':12} {'change':12} {'window':6} {'ref':3} {'rows':>7}", *(f"{rule:28}" for rule in RULES), sep=" | "
    )
    failures = []
    with multiprocessing.Pool(2) as pool:
        for outcomes in pool.imap(run, [(stream, arguments.years) for stream in streams(arguments.rows)]):
            print(describe(outcomes), flush=True)
            if missed(outcomes[0]):
                failures.append(f"{describe(outcomes[:1])}: {missed(outcomes[0])}")
    print("\nour goals missed:" if failures else "\nall our goals are held", *failures, sep="\n  ")
    if arguments.peer_years:
        print("\nthe tools themselves, on weekly windows of 1,000 rows:")
        compare_peers(arguments.peer_years, arguments.evidently_years)
    print(f"\n{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
