"""A model's file as a person would write it: each guess with its reason, every doubt marked ``# check:``."""

from __future__ import annotations

import json
from collections.abc import Iterable

from evergreen.discovery.columns import looks_like_years
from evergreen.discovery.layout import Layout
from evergreen.discovery.lines import commented, flow, in_flow, remark, scalar
from evergreen.discovery.reading import Reading
from evergreen.discovery.survey import Survey

_SMALL = 2000


def model_file(name: str, source: str, found: Survey, reading: Reading, lead: str | None, how: str) -> str:
    """The YAML of a model.

    Args:
        name: The model's name, also its suite's.
        source: What ``data.source`` says.
        found: What the sample showed.
        reading: How the file must be read.
        lead: How long before the event time a prediction is made, where a person said so.
        how: The command and the sample, for the first line.
    """
    lines = [f"# {remark(how)}", "# Each guess has its reason beside it; look at every line that says check.", ""]
    lines += [f"model: {name}", f"question: {scalar(f'What is {found.target}?')}", "", "data:"]
    lines += [f"  source: {scalar(source)}", *_read(reading), *_roles(found, lead)]
    lines += ["", f"validation: {name}", "", *_features(found), *_training(found)]
    return "\n".join(lines) + "\n"


def _read(reading: Reading) -> list[str]:
    lines = _layout(reading.layout)
    if reading.missing:
        lines.append(
            commented(
                f"    missing: {flow(reading.missing)}",
                "; ".join(f"{word!r} in {where}" for word, where in reading.missing.items()),
            )
        )
    if reading.numbers:
        lines.append("    numbers:")
        lines += [commented(f"      - {scalar(name)}", why) for name, why in reading.numbers.items()]
        if reading.thousands:
            lines.append(f"    thousands: {scalar(reading.thousands)}")
        if reading.decimal != ".":
            lines.append(f"    decimal: {scalar(reading.decimal)}")
    if reading.dates:
        lines.append("    dates:")
        for name, (forms, why) in reading.dates.items():
            form = scalar(forms[0]) if len(forms) == 1 else flow(forms)
            lines.append(commented(f"      {scalar(name)}: {form}", why))
    if reading.together:
        lines.append("    together:")
        for name, (parts, why) in reading.together.items():
            pairs = ", ".join(f"{in_flow(part)}: {in_flow(form)}" for part, form in parts.items())
            lines.append(commented(f"      {scalar(name)}: {{{pairs}}}", why))
    for key, columns in (("texts", reading.texts), ("fold", reading.fold)):
        if columns:
            lines.append(f"    {key}:")
            lines += [commented(f"      - {scalar(name)}", why) for name, why in columns.items()]
    lines += _drop(reading)
    lines += _sentinels(reading)
    needed = any(not line.lstrip().startswith("#") for line in lines)
    lines += _offers(reading, needed)
    lines += [f"    # check: {remark(check)}" for check in reading.checks]
    if needed:
        return ["  read:", *lines]
    return [*([commented("  read: {}", reading.blanks)] if reading.blanks else []), *(line[2:] for line in lines)]


def _layout(layout: Layout) -> list[str]:
    lines = []
    if layout.encoding:
        lines += [f"    # check: {remark(layout.reasons['encoding'])}", f"    encoding: {scalar(layout.encoding)}"]
    if layout.separator:
        why = layout.reasons.get("separator", "")
        text = f"    separator: {json.dumps(layout.separator)}"
        lines.append(commented(text, why) if why else text)
    if layout.skip:
        lines.append(commented(f"    skip: {layout.skip}", layout.reasons.get("skip", "the line of names")))
    if layout.names:
        lines += [commented("    header: none", layout.reasons["names"]), f"    names: {flow(layout.names)}"]
    return lines


def _drop(reading: Reading) -> list[str]:
    """Lines that are no rows."""
    lines = ["    drop:"] if reading.drop else []
    for name, texts in reading.drop.items():
        lines += [f"      # check: {remark(text)!r} in {remark(why)}: no row?" for text, why in texts.items()]
        lines.append(f"      {scalar(name)}: {flow(texts)}")
    return lines


def _sentinels(reading: Reading) -> list[str]:
    sure = {name: one for name, one in reading.sentinels.items() if one.sure}
    lines = ["    sentinels:"] if sure else []
    for name, one in sure.items():
        lines.append(f"      # check: {remark(name)}: {remark(one.reason)}")
        lines.append(f"      {scalar(name)}: {flow(map(_number, one.values))}")
    return lines


def _offers(reading: Reading, needed: bool) -> list[str]:
    """Sentinels that a person has to decide on, and the line that would take them."""
    offered = {name: one for name, one in reading.sentinels.items() if not one.sure}
    if not offered:
        return []
    lines = [
        f"    # check: {remark(name)}: {remark(one.reason)}; does that mean missing?" for name, one in offered.items()
    ]
    pairs = ", ".join(f"{scalar(name)}: {flow(map(_number, one.values))}" for name, one in offered.items())
    if any(one.sure for one in reading.sentinels.values()):
        return [*lines, f"    # under sentinels: {{{pairs}}}"]
    return [*lines, f"    # sentinels: {{{pairs}}}" if needed else f"    # read: {{sentinels: {{{pairs}}}}}"]


def _number(value: float | str) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _roles(found: Survey, lead: str | None) -> list[str]:
    lines = [*_key(found), *(_time(found, lead) if found.time else _no_time(found))]
    lines.append(commented(f"  target: {{column: {in_flow(found.target)}}}", f"{found.task.task}: {found.task.reason}"))
    lines += _checks(found.task.checks)
    if found.time:
        lines.append(
            "  # check: the label counts as known at once; if it takes a while: target: {column: ..., delay: 1d}"
        )
    lines += _group(found)
    again, torn = found.repeated
    if again:
        said = f", {torn:,} of them with another label" if torn else ""
        at = " at the same time" if found.time else ""
        lines.append(f"  # check: {again:,} of {found.rows:,} rows repeat an earlier one{at} in every input{said}")
    return lines


def _key(found: Survey) -> list[str]:
    if found.key:
        return [commented(f"  key: {scalar(found.key.value)}", found.key.reason), *_checks([found.key.check])]
    return [
        "  # check: no column has a different value in every row and the look of an id; a row is known by"
        " its content. If one is the key: key: COLUMN"
    ]


def _time(found: Survey, lead: str | None) -> list[str]:
    """The event time, of a table that has one."""
    if not found.time:
        return []
    lines = [commented(f"  time: {scalar(found.time.value)}", found.time.reason), *_checks([found.time.check])]
    lines.append(
        commented(f"  lead: {lead}", "given by --lead")
        if lead
        else "  # check: a prediction is made at the event time itself; if it is made before: lead: 1d"
    )
    if found.days < 5:
        lines.append(f"  # check: only {found.days} days; a verdict needs four in the holdout alone")
    return lines


def _no_time(found: Survey) -> list[str]:
    """Why there is no event time, and which column may be meant."""
    doubts = [
        f"{remark(one.name)} lacks it in {one.missing:,} of {one.rows:,} rows: a total line, or rows without a day?"
        for one in found.columns
        if one.kind == "time" and 0 < one.missing_share < 0.05
    ]
    doubts += [
        f"{remark(one.name)} looks like years: evergreen init FILE --target {remark(found.target)}"
        f" --time {remark(one.name)} --name NAME"
        for one in found.columns
        if looks_like_years(one)
    ]
    why = f" ({'; '.join(doubts)})" if doubts else ""
    return [f"  # check: no event time was found{why}: rows count as having no order. If there is one: time: COLUMN"]


def _group(found: Survey) -> list[str]:
    if found.group and not found.group.check:
        return [commented(f"  group: {scalar(found.group.value)}", found.group.reason)]
    if found.group:
        return [
            f"  # check: {remark(found.group.value)}: {remark(found.group.reason)}; {found.group.check}",
            f"  # group: {scalar(found.group.value)}",
        ]
    return []


def _features(found: Survey) -> list[str]:
    active = [commented(f"    - {scalar(name)}", why) for name, why in found.excluded.items()]
    suspects = [leak for leak in found.leaks if leak.column not in found.excluded]
    indent = "    " if active else "  "
    doubts = [
        f"{indent}# check: {remark(leak.column)}: {remark(leak.evidence)}; if it is not known in time, exclude it:"
        for leak in suspects
    ]
    offers = [
        f"{indent}# - {scalar(leak.column)}" if active else f"{indent}# exclude: {flow([leak.column])}"
        for leak in suspects
    ]
    doubts = [line for pair in zip(doubts, offers, strict=True) for line in pair]
    notes = [
        f"  # check: {remark(leak.column)}: {remark(leak.evidence)}"
        for leak in found.leaks
        if leak.column in found.excluded
    ]
    free = [column.name for column in found.columns if column.kind == "text" and column.name in found.inputs]
    if free:
        notes.append(f"  # free text, read by its words (features.text: never would not): {remark(', '.join(free))}")
    lines = [*(["  exclude:", *active] if active else []), *doubts, *notes]
    if found.rows < _SMALL:
        lines.append(commented("  min_level_rows: 3", f"only {found.rows:,} rows: rare levels may still say something"))
    if not lines:
        return []
    values = [line for line in lines if not line.lstrip().startswith("#")]
    return ["features:" if values else "features: {}", *lines, ""]


def _training(found: Survey) -> list[str]:
    lines = ["training:", commented(f"  task: {found.task.task}", found.task.reason)]
    labelled = found.rows - sum(column.missing for column in found.columns if column.name == found.target)
    if labelled * 0.2 < 200:
        lines += [
            "",
            f"# check: {labelled:,} rows with a label leave about {labelled // 5:,} for the holdout; a verdict needs"
            " 200 (promotion.min_rows). Fewer rows give wide intervals:",
            "# promotion: {min_rows: 50}",
        ]
    return lines


def _checks(texts: Iterable[str]) -> list[str]:
    return [f"  # check: {remark(text)}" for text in texts if text]
