"""The gate: promote only on evidence; every doubt keeps the champion."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evergreen.handoffs import Evidence, Interval, Rule, SliceEvidence, Verdict
from evergreen.metrics import find_metric
from evergreen.spec import Probation, Promotion
from evergreen.statistics import MIN_BLOCKS


def decide(evidence: Evidence, rules: Promotion) -> Verdict:
    """Promote only on evidence; every doubt keeps the champion.

    ``not_worse`` is meant for evidence against the last version that was promoted by superiority. Against the trivial
    baseline superiority is asked for whatever the rule: to be no worse than a constant is no achievement.

    Args:
        evidence: Paired gains with intervals, slice values, scoring time; unseen rows only. The bounds of a gain are
            one-sided at its own confidence.
        rules: The spec's rule, floors and bounds.

    Returns:
        A verdict whose ``reasons`` name every rule, held or broken. ``too_little`` says that there are too few rows or
        blocks to judge by.
    """
    enough = [_enough_rows(evidence, rules), _enough_blocks(evidence)]
    judged = [
        *enough,
        _gain(evidence, rules),
        *(_floor(evidence, metric, bound) for metric, bound in rules.floors.items()),
        *(_slice(evidence.metric, part, evidence.confidence, rules) for part in evidence.slices),
    ]
    if rules.max_seconds_per_1000_rows is not None:
        judged.append(_speed(evidence, rules.max_seconds_per_1000_rows))
    return Verdict(
        promote=all(rule.held for rule in judged),
        rules=tuple(judged),
        too_little=not all(rule.held for rule in enough),
    )


@dataclass(frozen=True)
class Trial:
    """What a probation showed: whether it is over, and whether the new champion is shown to be worse than the old.

    ``better`` says that its gain over the old champion is above zero, shown or not.
    """

    over: bool
    worse: bool
    better: bool
    reason: str


def trial_confidence(probation: Probation) -> float:
    """The confidence of one look; the looks of ``each`` share 5 % (Bonferroni): all together hold it."""
    looks = probation.windows if probation.judge == "each" else 1
    return 1 - 0.05 / max(looks, 1)


def judge_trial(evidence: Evidence | None, windows: int, probation: Probation) -> Trial:
    """Judge a new champion against the old one on the live rows that both have scored.

    Doubt keeps the champion here too: it is rolled back only where it is shown to be worse.

    Args:
        evidence: Paired evidence on the mature windows so far, at ``trial_confidence``; None without any.
        windows: How many windows are mature.
        probation: The spec's probation.
    """
    over = windows >= probation.windows
    if evidence is None or not (over or probation.judge == "each"):
        return Trial(over, False, False, f"{windows} of {probation.windows} windows of the probation are ripe")
    gain = evidence.gain
    worse = _finite(gain.high) and gain.high < 0
    where = f"{evidence.metric} {_moves(gain, evidence.confidence, f'{evidence.rows:,} live rows')}"
    end = "shown to be worse than the champion before it" if worse else "not shown to be worse"
    return Trial(over or worse, worse, _finite(gain.value) and gain.value > 0, f"{where} in {windows} windows: {end}")


def _enough_rows(evidence: Evidence, rules: Promotion) -> Rule:
    held = evidence.rows >= rules.min_rows
    end = "enough" if held else f"too few, a verdict needs {rules.min_rows:,}"
    which = f" ({evidence.chosen})" if evidence.chosen else ""
    return Rule("min_rows", held, f"{evidence.rows:,} unseen labelled rows{which}: {end}")


def _enough_blocks(evidence: Evidence) -> Rule:
    held = evidence.blocks >= MIN_BLOCKS
    end = "enough for an interval" if held else f"too few for an interval, which needs {MIN_BLOCKS}"
    return Rule("min_blocks", held, f"{evidence.blocks:,} {evidence.block_name}: {end}")


def _gain(evidence: Evidence, rules: Promotion) -> Rule:
    gain, first = evidence.gain, evidence.baseline == "trivial"
    superior = rules.rule == "superior" or first
    bar = 0.0 if superior else -rules.margin
    held = _finite(gain.low, gain.value) and gain.low > bar
    if not _finite(gain.low, gain.value):
        end = "no interval can be given, so nothing is shown"
    else:
        end = f"{'shown' if held else 'not shown'} to be above {_number(bar)}"
    size = f"{evidence.blocks:,} {evidence.block_name}, {evidence.rows:,} rows"
    if evidence.block_name == "rows":
        size = f"{evidence.rows:,} rows"
    where = f"{evidence.metric} {_moves(gain, evidence.confidence, size)}"
    return Rule("superior" if superior else "not_worse", held, f"{where}: {end}")


def _floor(evidence: Evidence, metric: str, bound: float) -> Rule:
    value = evidence.values.get(metric, math.nan)
    rising = find_metric(metric).greater_is_better
    held = math.isfinite(value) and (value >= bound if rising else value <= bound)
    name = f"floors.{metric}"
    if not math.isfinite(value):
        return Rule(name, False, f"{metric} has no value, so its bound of {_number(bound)} is not shown to be met")
    if rising:
        return Rule(name, held, f"{metric} {_number(value)}: {'at or above' if held else 'below'} {_number(bound)}")
    return Rule(name, held, f"{metric} {_number(value)}: {'at or below' if held else 'above'} {_number(bound)}")


def _slice(metric: str, part: SliceEvidence, confidence: float, rules: Promotion) -> Rule:
    why = f", undefined: {part.undefined}" if part.undefined else ""
    where = f"{part.name}: {metric} {_moves(part.gain, confidence, f'{part.rows:,} rows')}{why}"
    name = f"slices.{part.name}"
    if part.rows < rules.min_slice_rows:
        return Rule(name, True, f"{where}: not judged, below {rules.min_slice_rows:,} rows")
    if not _finite(part.gain.value, part.gain.high):
        return Rule(name, False, f"{where}: no interval can be given, so a loss is not ruled out")
    held = part.gain.high >= -rules.slice_margin
    end = f"{'no loss' if held else 'a loss'} above {_number(rules.slice_margin)} is shown"
    return Rule(name, held, f"{where}: {end}")


def _speed(evidence: Evidence, bound: float) -> Rule:
    seconds = 1000 * evidence.seconds_per_row
    held = math.isfinite(seconds) and seconds <= bound
    sentence = f"1,000 rows are scored in {seconds:.3g} s: {'within' if held else 'not within'} {bound:g} s"
    return Rule("max_seconds_per_1000_rows", held, sentence)


def _moves(gain: Interval, confidence: float, size: str) -> str:
    """``gains 0.003 (one-sided 95 % -0.004 to 0.010; 14 days)``: each bound holds with that confidence on its own."""
    if not math.isfinite(gain.value):
        return f"has no gain ({size})"
    verb = "loses" if gain.value < 0 else "gains"
    if not _finite(gain.low, gain.high):
        return f"{verb} {_number(abs(gain.value))} (no interval; {size})"
    bounds = f"{_number(gain.low)} to {_number(gain.high)}"
    share = f"{100 * confidence:.4g} %"
    change = f"; change {_number(gain.value)}" if verb == "loses" else ""
    return f"{verb} {_number(abs(gain.value))} (one-sided {share} {bounds}{change}; {size})"


def _number(value: float) -> str:
    """Three decimals, or three significant digits where these would hide a small or bloat a large value."""
    if value == 0 or 0.0005 <= abs(value) < 1000:
        return f"{value:.3f}".rstrip("0").rstrip(".") if value == 0 else f"{value:.3f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2g}"


def _finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)
