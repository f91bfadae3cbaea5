"""What a model looks at, and what it was spared, in words."""

from __future__ import annotations

import json
from collections import Counter

from evergreen.features.rows.transformer import RowFeatures

#: Inputs that a summary names; the file beside it names all.
_MOST_LINES = 25


def summarised(rows: RowFeatures) -> str:
    """A part of a summary, in Markdown: how many columns, and what was left out and why."""
    made, dropped = Counter(rows.sources_), rows.dropped_
    lines = ["", "### Inputs", "", f"{len(made):,} inputs and parts of the calendar, {made.total():,} columns."]
    if dropped:
        lines += ["", "| left out | why |", "|---|---|"]
        lines += [f"| {name} | {why} |" for name, why in list(dropped.items())[:_MOST_LINES]]
    if len(dropped) > _MOST_LINES:
        lines += ["", f"{len(dropped) - _MOST_LINES:,} more: `inputs.json` of the run."]
    return "\n".join(lines) + "\n"


def listed(rows: RowFeatures) -> str:
    """All columns by the input that they were made of, and all that was left out with the reason, as JSON."""
    made: dict[str, list[str]] = {}
    for column in rows.columns_:
        made.setdefault(column.source, []).append(column.name)
    return json.dumps({"columns": made, "left_out": rows.dropped_}, indent=1, ensure_ascii=False)
