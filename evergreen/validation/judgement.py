"""What the outcomes of a suite mean: rows that go on, rows that are put aside, and whether the run may go on."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.errors import ValidationFailed
from evergreen.handoffs import RuleResult
from evergreen.spec import Validation
from evergreen.validation.suite import RuleSpec, name_rules


@dataclass(frozen=True, eq=False)
class RuleOutcome:
    """What one rule said about a frame.

    Attributes:
        rule: The rule.
        success: Whether it held; a rule that could not be checked did not hold.
        observed: What was seen, in words.
        broken: Positions (0-based, ascending, each once) of rows that broke it; none for rules about columns or tables.
        error: Why the rule could not be checked, else None.
        result: Great Expectations' own result without row indexes, for the report.
    """

    rule: RuleSpec
    success: bool
    observed: str
    broken: NDArray[np.int64]
    error: str | None = None
    result: Any = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Judgement:
    """What the outcomes mean: which rows go on, which are put aside, and what is reported.

    Attributes:
        results: One result a rule, in suite order.
        keep: One bool a row: True where the row goes on.
        quarantined: Columns ``key`` and ``rule`` (names joined by ``; ``), one row a key that was put aside.
        released: Rows that broke a quarantine rule and go on because a person released their key.
        rules: The limits they were judged by.
    """

    results: tuple[RuleResult, ...]
    keep: NDArray[np.bool_]
    quarantined: pd.DataFrame
    released: int
    rules: Validation

    @property
    def put_aside(self) -> int:
        """Rows in quarantine."""
        return int((~self.keep).sum())


def judge(
    outcomes: Sequence[RuleOutcome],
    rows: int,
    keys: pd.Series | NDArray[Any],
    rules: Validation,
    released: Container[str],
) -> Judgement:
    """Turn outcomes into rows that go on and rows that are put aside; raises nothing, see :func:`check`.

    A quarantine rule that could not be checked, or that does not say which rows broke it, is reported as critical:
    otherwise broken rows would go on unseen.

    Args:
        outcomes: In suite order.
        rows: Rows of the frame that was checked.
        keys: Their keys, in the same order; compared with ``released`` as text.
        rules: The suite's name and the share of rows that may be put aside.
        released: Keys that a person has looked at and let pass.
    """
    values = np.asarray(keys, dtype=object)
    broken_by: dict[int, list[str]] = {}
    results = []
    for name, outcome in zip(name_rules([o.rule for o in outcomes]), outcomes, strict=True):
        located = outcome.rule.severity == "quarantine" and outcome.broken.size > 0
        if located:
            for position in outcome.broken.tolist():
                broken_by.setdefault(position, []).append(name)
        results.append(_result(name, outcome, located))
    aside = {position: names for position, names in broken_by.items() if str(values[position]) not in released}
    keep = np.ones(rows, dtype=np.bool_)
    keep[list(aside)] = False
    return Judgement(tuple(results), keep, _by_key(values, aside), len(broken_by) - len(aside), rules)


def check(judgement: Judgement) -> None:
    """Refuse rows that broke a critical rule, or of which too many were put aside.

    Raises:
        ValidationFailed: names each rule with what was observed, and what to do.
    """
    suite, lines = judgement.rules.suite, []
    for result in judgement.results:
        if not result.success and result.severity == "critical":
            lines.append(f"{result.rule}: {result.observed}")
    if lines:
        lines.insert(0, f"suite {suite}: {len(lines)} critical {'rule' if len(lines) == 1 else 'rules'} broke")
    rows, limit = len(judgement.keep), judgement.rules.max_quarantined
    if judgement.put_aside > limit * rows:
        share = f"{judgement.put_aside:,} of {rows:,} rows ({judgement.put_aside / rows:.2%})"
        lines.append(f"suite {suite}: {share} would be put aside, more than validation.max_quarantined ({limit:.2%})")
        lines += [f"{r.rule}: {r.rows_broken:,} rows" for r in judgement.results if r.quarantined]
    if lines:
        advice = f"Correct the source, or change the rule in expectations/{suite}.yaml; nothing was trained or scored."
        raise ValidationFailed("\n  ".join(lines) + f"\n{advice}")


def _result(name: str, outcome: RuleOutcome, located: bool) -> RuleResult:
    severity: str = outcome.rule.severity
    if severity == "quarantine" and not outcome.success and not located:
        severity = "critical"
    return RuleResult(
        rule=name,
        severity=severity,
        success=outcome.success and not located,
        observed=outcome.observed,
        rows_broken=int(outcome.broken.size),
        quarantined=located,
    )


def _by_key(values: NDArray[Any], aside: dict[int, list[str]]) -> pd.DataFrame:
    # The record's key is (snapshot, row key): rows that share a key become one entry with all their rules.
    rules: dict[str, list[str]] = {}
    for position in sorted(aside):
        entry = rules.setdefault(str(values[position]), [])
        entry += [name for name in aside[position] if name not in entry]
    joined = ["; ".join(names) for names in rules.values()]
    return pd.DataFrame({"key": pd.Series(list(rules), dtype="str"), "rule": pd.Series(joined, dtype="str")})
