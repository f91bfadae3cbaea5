"""A contest and its verdict as Markdown, for both UIs."""

from __future__ import annotations

from evergreen.handoffs import Evidence, Interval, Verdict


def summary(model: str, evidence: Evidence, verdict: Verdict) -> str:
    """What was judged, how it came out, and every rule, held or broken."""
    word = "promoted" if verdict.promote else "not promoted"
    lines = [
        f"## {model}: {word}",
        "",
        f"{evidence.rows:,} unseen rows of {evidence.blocks:,} {evidence.block_name}, against {evidence.baseline}.",
        "",
        "| | value | 95 % interval |",
        "|---|---|---|",
        f"| {evidence.metric}, challenger | {evidence.ours.value:.4f} | {_range(evidence.ours)} |",
        f"| {evidence.metric}, {evidence.baseline} | {evidence.theirs.value:.4f} | {_range(evidence.theirs)} |",
        f"| gain (lower bound one-sided) | {evidence.gain.value:.4f} | {_range(evidence.gain)} |",
        "",
        "### Rules",
        "",
        *(f"- {'held' if rule.held else '**broken**'}: {rule.reason}" for rule in verdict.rules),
        "",
        "### Values",
        "",
        "| metric | value |",
        "|---|---|",
        *(f"| {name} | {value:.4f} |" for name, value in evidence.values.items()),
    ]
    if evidence.slices:
        lines += ["", "### Slices", "", "| slice | rows | value | gain |", "|---|---|---|---|"]
        lines += [f"| {one.name} | {one.rows:,} | {one.ours} | {one.gain} |" for one in evidence.slices]
    return "\n".join(lines) + "\n"


def _range(interval: Interval) -> str:
    return f"{interval.low:.4f} to {interval.high:.4f}"
