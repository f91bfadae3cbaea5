"""A contest and its verdict as Markdown, for both UIs."""

from __future__ import annotations

from collections.abc import Mapping

from evergreen.handoffs import Evidence, Interval, Verdict


def summary(model: str, evidence: Evidence, verdict: Verdict | None, links: Mapping[str, str] | None = None) -> str:
    """What was judged, how it came out, and every rule, held or broken.

    Args:
        model: The model's name.
        evidence: What the contest showed.
        verdict: What was decided; None where a version was only measured.
        links: Addresses by name, e.g. of the runs in both UIs; shown at the end.
    """
    word = "measured" if verdict is None else "promoted" if verdict.promote else "not promoted"
    side, which = ("challenger", "unseen") if verdict else ("version", "labelled")
    lines = [
        f"## {model}: {word}",
        "",
        f"{evidence.rows:,} {which} rows of {evidence.blocks:,} {evidence.block_name}, against {evidence.baseline}.",
        "",
        "| | value | 95 % interval |",
        "|---|---|---|",
        f"| {evidence.metric}, {side} | {evidence.ours.value:.4f} | {_range(evidence.ours)} |",
        f"| {evidence.metric}, {evidence.baseline} | {evidence.theirs.value:.4f} | {_range(evidence.theirs)} |",
        f"| gain (lower bound one-sided) | {evidence.gain.value:.4f} | {_range(evidence.gain)} |",
        "",
        *_rules(verdict),
        "### Values",
        "",
        "| metric | value |",
        "|---|---|",
        *(f"| {name} | {_value(evidence, name)} |" for name in evidence.values if "/" not in name),
        *_each_class(evidence),
    ]
    if evidence.slices:
        lines += ["", "### Slices", "", "| slice | rows | value | gain |", "|---|---|---|---|"]
        lines += [f"| {one.name} | {one.rows:,} | {one.value} | {one.gain} |" for one in evidence.slices]
    if links:
        lines += ["", "### Elsewhere", "", *(f"- [{name}]({address})" for name, address in links.items())]
    return "\n".join(lines) + "\n"


def _rules(verdict: Verdict | None) -> list[str]:
    if verdict is None:
        return []
    judged = [f"- {'held' if rule.held else '**broken**'}: {rule.reason}" for rule in verdict.rules]
    return ["### Rules", "", *judged, ""]


def _each_class(evidence: Evidence) -> list[str]:
    """A table with a line a class or quantile and a column a metric."""
    pairs = [name.split("/", 1) for name in evidence.values if "/" in name]
    metrics, classes = list(dict.fromkeys(m for m, _ in pairs)), list(dict.fromkeys(c for _, c in pairs))
    if not classes:
        return []
    return [
        "",
        "### Quantiles" if metrics == ["share_below"] else "### Classes",
        "",
        f"| {'quantile' if metrics == ['share_below'] else 'class'} | {' | '.join(metrics)} |",
        "|---" * (len(metrics) + 1) + "|",
        *(f"| {one} | {' | '.join(_value(evidence, f'{name}/{one}') for name in metrics)} |" for one in classes),
    ]


def _value(evidence: Evidence, name: str) -> str:
    if name in evidence.undefined:
        return f"undefined: {evidence.undefined[name]}"
    where = f" (95 % {_range(evidence.intervals[name])})" if name in evidence.intervals else ""
    return f"{evidence.values[name]:.4f}{where}"


def _range(interval: Interval) -> str:
    return f"{interval.low:.4f} to {interval.high:.4f}"
