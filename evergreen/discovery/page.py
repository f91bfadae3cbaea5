"""A profile as one HTML file that needs nothing else, and as a few lines for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from evergreen.discovery.leaks import Leak
from evergreen.discovery.profile import Look, Profile

_STYLE = """
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1b2a22;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .5rem;border-bottom:1px solid #dde5df;vertical-align:top}
th{position:sticky;top:0;background:#fff}.n{text-align:right;font-variant-numeric:tabular-nums}small{color:#5c6b62}
.odd{background:#fff4e0;border-left:4px solid #d98200;padding:.5rem .8rem;margin:.3rem 0}
rect{fill:#3d8361}.m rect{fill:#d98200}polyline{fill:none;stroke:#3d8361;stroke-width:1.5}
"""
#: From here on a period's distribution is worth a look.
_DRIFTED = 0.25
#: Columns that the terminal shows; the page shows all.
_MOST_LINES = 60


def remarks(found: Profile, leaks: Sequence[Leak]) -> list[tuple[str, str]]:
    """What is odd, as (column, words): leaks, constants, twins, mostly missing, outliers, drift."""
    odd = [(leak.column, f"may know the target: {leak.evidence}") for leak in leaks]
    odd += [(name, f"repeats {other} value by value") for name, other in found.twins.items()]
    for look in found.looks:
        column = look.column
        if column.kind in ("constant", "empty"):
            odd.append((column.name, column.reason))
        elif column.missing_share > 0.5:
            odd.append((column.name, f"{column.missing_share:.0%} missing"))
        if column.kind == "id":
            odd.append((column.name, column.reason))
        if look.outliers > 0.02 * found.rows:
            odd.append((column.name, f"{look.outliers:,} values lie beyond three interquartile ranges"))
        if look.drift is not None and look.drift > _DRIFTED and column.name != found.time and column.kind != "id":
            odd.append((column.name, f"changes over time: distance {look.drift:.2f} of one period from the whole"))
    if found.duplicates:
        odd.append(("", f"{found.duplicates:,} rows repeat an earlier one in every column"))
    return odd


def page(title: str, found: Profile, leaks: Sequence[Leak], target: str | None) -> str:
    """The HTML page.

    Args:
        title: The model's or file's name.
        found: The figures.
        leaks: Columns that seem to know the target.
        target: The label's column, if there is one.
    """
    odd = remarks(found, leaks)
    boxes = "".join(f'<div class="odd"><b>{escape(name)}</b> {escape(words)}</div>' for name, words in odd)
    marked = {name for name, _ in odd}
    head = "".join(f"<th>{name}</th>" for name in _heads(found, target))
    body = "".join(_row(look, found, target, look.column.name in marked) for look in found.looks)
    span = f"; periods from {found.periods[0]} along {escape(str(found.time))}" if found.periods else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"<h1>{escape(title)}</h1><p>{found.rows:,} rows, {len(found.looks)} columns{span}</p>"
        f"<h2>What is odd</h2>{boxes or '<p>Nothing.</p>'}<h2>Columns</h2>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        "<p><small>Association: how well the column alone predicts the target on rows not used for it (ROC AUC, share "
        "of avoided errors, or rank R²), on at most 20,000 rows. Drift: the largest Jensen-Shannon distance of a "
        "period's distribution from the whole's, 0 to 1. Outliers: beyond three interquartile ranges from the "
        "quartiles.</small></p></html>\n"
    )


def summary(title: str, found: Profile, leaks: Sequence[Leak]) -> str:
    """The same for a terminal: one line a column, then what is odd."""
    lines = [f"{title}: {found.rows:,} rows, {len(found.looks)} columns"]
    lines.append(f"{'column':28} {'kind':9} {'missing':>8} {'distinct':>9} {'target':>7} {'drift':>6}  what")
    for look in _few(found, leaks):
        column = look.column
        score = "" if look.association is None else f"{look.association:.3f}"
        drift = "" if look.drift is None else f"{look.drift:.2f}"
        lines.append(
            f"{column.name[:28]:28} {column.kind:9} {column.missing_share:8.1%} {column.distinct:9,} {score:>7} "
            f"{drift:>6}  {column.reason[:60]}"
        )
    if len(found.looks) > _MOST_LINES:
        lines.append(f"... and {len(found.looks) - _MOST_LINES:,} more, less telling; all are on the page")
    lines += [f"ODD  {name}: {words}" if name else f"ODD  {words}" for name, words in remarks(found, leaks)]
    return "\n".join(lines)


def _few(found: Profile, leaks: Sequence[Leak]) -> list[Look]:
    """As many columns as a terminal bears, in their order: those that are odd or tell most of the target first."""
    odd = {name for name, _ in remarks(found, leaks)}
    telling = sorted(found.looks, key=lambda one: (one.column.name not in odd, -(one.association or 0.0)))
    kept = {one.column.name for one in telling[:_MOST_LINES]}
    return [one for one in found.looks if one.column.name in kept]


def _heads(found: Profile, target: str | None) -> Iterator[str]:
    yield from ("Column", "Holds", "Missing", "Distinct", "Figures", "Distribution", "Outliers")
    if target:
        yield f"Association with {escape(target)}"
    if found.periods:
        yield from ("Over time", "Drift")


def _row(look: Look, found: Profile, target: str | None, odd: bool) -> str:
    column = look.column
    cells = [
        f"<td><b>{escape(column.name)}</b></td>",
        f"<td>{column.kind}<br><small>{escape(column.reason)}</small></td>",
        f'<td class="n">{column.missing_share:.1%}<br><small>{column.missing:,}</small></td>',
        f'<td class="n">{column.distinct:,}</td>',
        f"<td>{_figures(look)}</td>",
        f"<td>{_bars(look)}</td>",
        f'<td class="n">{f"{look.outliers:,}" if look.quantiles else ""}</td>',
    ]
    if target:
        cells.append(f"<td>{_gauge(look.association)}</td>")
    if found.periods:
        cells += [
            f"<td>{_line(look.over_time)}</td>",
            f'<td class="n">{"" if look.drift is None else f"{look.drift:.2f}"}</td>',
        ]
    return f"<tr{' class=m' if odd else ''}>{''.join(cells)}</tr>"


def _figures(look: Look) -> str:
    if look.mean is None:
        return (
            "<br>".join(
                f"{escape(name[:30])} <small>{count:,}</small>"
                for name, count in list(zip(look.labels, look.counts, strict=True))[:4]
            )
            if not look.quantiles and look.column.kind != "time"
            else ""
        )
    low, _, middle, _, high = look.quantiles
    return (
        f"mean {look.mean:.5g}, sd {look.sd:.4g}<br><small>5 % {low:.4g}, median {middle:.4g}, 95 % {high:.4g}</small>"
    )


def _bars(look: Look) -> str:
    """A histogram of at most 30 bars, 150 by 40 pixels."""
    if not look.counts:
        return ""
    top, width = max(look.counts) or 1, 150 / len(look.counts)
    bars = "".join(
        f'<rect x="{at * width:.1f}" y="{40 - 40 * count / top:.1f}" width="{max(width - 1, 1):.1f}" '
        f'height="{40 * count / top:.1f}"><title>{escape(label)}: {count:,}</title></rect>'
        for at, (label, count) in enumerate(zip(look.labels, look.counts, strict=True))
    )
    return f'<svg width="150" height="40" role="img" aria-label="distribution">{bars}</svg>'


def _gauge(share: float | None) -> str:
    if share is None:
        return ""
    return f'<svg width="60" height="10"><rect width="{60 * share:.1f}" height="10"/></svg> <small>{share:.3f}</small>'


def _line(values: Sequence[float]) -> str:
    """A line through the periods that have rows, 110 by 40 pixels."""
    known = [(at, value) for at, value in enumerate(values) if math.isfinite(value)]
    if len(known) < 2:
        return ""
    low, high = min(value for _, value in known), max(value for _, value in known)
    scale = (high - low) or 1.0
    points = " ".join(
        f"{5 + 100 * at / (len(values) - 1):.1f},{36 - 32 * (value - low) / scale:.1f}" for at, value in known
    )
    return (
        f'<svg width="110" height="40" role="img" aria-label="over time"><title>{low:.4g} to {high:.4g}</title>'
        f'<polyline points="{points}"/></svg>'
    )
