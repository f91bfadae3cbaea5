"""What a monitor run saw, for people: a page without scripts or files beside it, and some lines for a Prefect artifact.

The page's words and places are in ``report.html.j2``; every text that comes from outside is escaped there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources

import jinja2

from evergreen.handoffs import ColumnDrift, Health, RetrainingDecision
from evergreen.monitoring.chart import draw
from evergreen.monitoring.reference import Reference

#: What stands where there is no number.
_NOTHING = "–"
#: Windows that the page's and the artifact's tables show, the newest ones.
_PAGE_WINDOWS, _ARTIFACT_WINDOWS = 60, 12
#: What Markdown or HTML would take for its own, but not the underscores inside a name.
_SPECIAL = re.compile(r"[\\`*<>|\[\]]|(?<!\w)_|_(?!\w)")


def health_page(
    model: str, healths: Sequence[Health], reference: Reference | None, firing: RetrainingDecision | None
) -> str:
    """The health of a model as one HTML page: the decision, performance over time, the newest window in full.

    Args:
        model: The model's name.
        healths: Every window so far, oldest first.
        reference: The champion's reference; None draws no reference windows.
        firing: The newest decision on retraining.
    """
    newest = healths[-1] if healths else None
    return _template().render(
        model=model,
        healths=healths[-_PAGE_WINDOWS:],
        more=max(len(healths) - _PAGE_WINDOWS, 0),
        newest=newest,
        drift=_largest_first(newest.drift) if newest else (),
        reference=reference,
        firing=firing,
        chart=draw(healths, reference),
        error=estimate_error(healths),
    )


def health_markdown(model: str, healths: Sequence[Health], firing: RetrainingDecision | None) -> str:
    """The same in short, for a Prefect artifact."""
    lines = [f"## {_plain(model)}", ""]
    if firing:
        lines += [f"**{firing.headline}** (as of {firing.as_of:%Y-%m-%d %H:%M} UTC)", ""]
        lines += [*(f"- {_plain(reason)}" for reason in firing.reasons), ""]
    if not healths:
        return "\n".join([*lines, "No window is over yet: nothing was scored, or its first window still runs.", ""])
    newest = healths[-1]
    lines += [f"### Window {newest.start:%Y-%m-%d} to {newest.end:%Y-%m-%d}, version {newest.version}", ""]
    lines += [*(f"- {_plain(reason)}" for reason in newest.reasons), ""]
    lines += ["### Windows", "", "| window | version | rows | labelled | realised | estimated | drifted columns |"]
    lines += ["|---|---|---|---|---|---|---|"]
    lines += [
        f"| {h.start:%Y-%m-%d} | {h.version} | {h.rows:,} | {h.labelled:,} | {_realised(h)} | {_estimated(h)} "
        f"| {_moved(h)} |"
        for h in healths[-_ARTIFACT_WINDOWS:]
    ]
    return "\n".join([*lines, "", estimate_error(healths), ""])


def estimate_error(healths: Sequence[Health]) -> str:
    """How far the estimates without labels were from what was realised, over the windows that have both."""
    gaps = [gap for gap in map(_gap, healths) if gap is not None]
    if not gaps:
        return "No window has both an estimate without labels and a realised figure yet."
    far, most, side = sum(map(abs, gaps)) / len(gaps), max(map(abs, gaps)), sum(gaps) / len(gaps)
    windows = "1 window that has" if len(gaps) == 1 else f"{len(gaps)} windows that have"
    return (
        f"The estimate without labels was off by {far:.4f} in the mean over the {windows} both "
        f"(at most {most:.4f}; on average {abs(side):.4f} too {'high' if side > 0 else 'low'})."
    )


def _gap(health: Health) -> float | None:
    """Estimate minus realised figure, where both are known."""
    if health.realised is None or health.estimated is None:
        return None
    gap = health.estimated.value - health.realised.value
    return gap if math.isfinite(gap) else None


def _largest_first(drift: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    return sorted(drift, key=lambda column: -column.effect if math.isfinite(column.effect) else math.inf)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": _number, "share": _share, "gap": _gap, "rate": _rate, "moved": _moved}
    text = resources.files("evergreen.monitoring").joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(text)


def _number(value: float | None, form: str = ".3f") -> str:
    return format(value, form) if value is not None and math.isfinite(value) else _NOTHING


def _share(value: float) -> str:
    """A share of the rows in percent; one that is there is never shown as none."""
    if not math.isfinite(value):
        return _NOTHING
    return "under 0.1 %" if 0 < value < 0.0005 else f"{100 * value:.1f} %"


def _rate(health: Health) -> str:
    """Rows scored a second."""
    return f"{health.rows / health.seconds:,.0f}" if health.seconds > 0 else _NOTHING


def _moved(health: Health) -> str:
    return f"{sum(column.drifted for column in health.drift)} of {len(health.drift)}"


def _realised(health: Health) -> str:
    return _number(health.realised.value) if health.realised else "not enough labels yet"


def _estimated(health: Health) -> str:
    return _number(health.estimated.value if health.estimated else None)


def _plain(text: str) -> str:
    """Text from outside in Markdown: nothing in it is markup."""
    return _SPECIAL.sub(lambda found: "\\" + found.group(), text.replace("\n", " "))
