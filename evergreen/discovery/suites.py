"""A suite's file as a person would write it: above each rule the figure that it came from."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from evergreen.discovery.limits import Rule
from evergreen.discovery.lines import remark, scalar

_HEAD = """\
# {how}
# A starting suite: every rule holds for the rows that it was found from, the figure it came from stands above it.
#   critical    nothing is trained; `mostly` sets the share of rows that has to hold
#   warning     reported, and the run goes on
#   quarantine  the broken rows are put aside and the rest goes on (rules about single rows only)
# Columns with two underscores are made by the assembly: __key is the identity of a row, __hour its local hour,
# __day_rows how many rows its day has, __age_days how old it is at the end of what was read.

name: {name}
description: {description}

expectations:
"""


#: The one written in C, where there is one.
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def suite_file(name: str, rules: Sequence[Rule], how: str, rows: int) -> str:
    """The YAML of a suite.

    Args:
        name: The suite's name.
        rules: In the order in which they are reported.
        how: The command that wrote it.
        rows: How many rows it was found from.
    """
    parts = [_HEAD.format(how=remark(how), name=name, description=scalar(f"Found from {rows:,} rows"))]
    said = None
    for rule in rules:
        if rule.remark != said:
            parts.append(f"  # {remark(rule.remark)}\n")
            said = rule.remark
        kwargs = yaml.dump(
            rule.kwargs, Dumper=_Dumper, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False
        )
        parts.append(f"  - type: {rule.type}\n    kwargs: {kwargs.strip()}\n    severity: {rule.severity}\n")
    return "".join(parts)
