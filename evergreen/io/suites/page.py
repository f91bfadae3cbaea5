"""The report of a suite as one page that loads nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from evergreen.io.suites.engine import ONE_AT_A_TIME, quiet
from evergreen.validation import RuleOutcome, Suite, name_rules

# States are icons of a font from elsewhere; their words are readable without it.
_ICON = re.compile(r"<i\b[^>]*\bfa-(?:check|times|exclamation)[^>]*>")
_NOT_OFFLINE = tuple(
    re.compile(pattern, re.DOTALL | re.IGNORECASE)
    for pattern in (
        r"<script\b.*?</script>", r"<(?:link|img)\b[^>]*>", r"</?(?:a|i|body|html)\b[^>]*>",
        r"\sdata-[\w-]+=\"[^\"]*\"",
    )
)  # fmt: skip
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:#1c2321}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th{background:#eef2f0}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;"
    "border-bottom:1px solid #d9e0dd;overflow-wrap:anywhere}"
    "tr.held td:first-child{color:#1e6b3c}tr.critical td:first-child{color:#b3261e;font-weight:bold}"
    "tr.quarantine td:first-child,tr.warning td:first-child{color:#8a5a00;font-weight:bold}"
    ".badge{background:#eef2f0;border-radius:3px;padding:0 .3rem}h5{font-size:1.1rem;margin:1.5rem 0 .2rem}"
)


def docs_page(outcomes: Sequence[RuleOutcome], suite: Suite) -> str:
    """Render one self-contained HTML page: a table of all rules, then Great Expectations' own account of each.

    It loads nothing: the page as Great Expectations makes it is styled and scripted from elsewhere, so that only its
    sections are kept, under a small stylesheet of our own.
    """
    with ONE_AT_A_TIME, quiet():
        from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
        from great_expectations.render.renderer import ValidationResultsPageRenderer  # type: ignore[attr-defined]
        from great_expectations.render.view import DefaultJinjaPageView  # type: ignore[attr-defined]

        held = sum(outcome.success for outcome in outcomes)
        whole = ExpectationSuiteValidationResult(
            success=held == len(outcomes),
            results=[outcome.result for outcome in outcomes],
            suite_name=suite.name,
            statistics={
                "evaluated_expectations": len(outcomes),
                "successful_expectations": held,
                "unsuccessful_expectations": len(outcomes) - held,
                "success_percent": 100 * held / max(len(outcomes), 1),
            },
            meta={},
        )
        view: Any = DefaultJinjaPageView()
        rendered = str(view.render(ValidationResultsPageRenderer().render(whole)))
    start, end = rendered.find('<div id="section-2"'), rendered.rfind("<footer")
    sections = rendered[start : end if end > start else None] if start >= 0 else ""
    sections = _ICON.sub(lambda found: "held" if "check" in found[0] else "broken", sections)
    for pattern in _NOT_OFFLINE:
        sections = pattern.sub("", sections)
    return _page(outcomes, suite, sections, held)


def _page(outcomes: Sequence[RuleOutcome], suite: Suite, sections: str, held: int) -> str:
    names = name_rules([outcome.rule for outcome in outcomes])
    rows = "".join(
        f'<tr class="{"held" if outcome.success else outcome.rule.severity}">'
        f"<td>{'held' if outcome.success else 'broken'}</td><td>{outcome.rule.severity}</td>"
        f"<td>{escape(name)}</td><td>{escape(outcome.observed)}</td></tr>"
        for name, outcome in zip(names, outcomes, strict=True)
    )
    title = f"{escape(suite.name)}: {held} of {len(outcomes)} rules held"
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>{escape(suite.description)}</p><table><thead><tr><th>result</th><th>severity</th>"
        f"<th>rule</th><th>observed</th></tr></thead><tbody>{rows}</tbody></table>{sections}</body></html>"
    )
