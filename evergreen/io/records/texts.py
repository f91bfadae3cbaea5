"""Handoffs as JSON texts and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from evergreen.handoffs import (
    ColumnDrift,
    Evidence,
    Health,
    Interval,
    ModelVersion,
    RetrainingDecision,
    Rule,
    SliceEvidence,
    Verdict,
    WindowSlice,
    WindowValue,
)


def text_of(handoff: Any) -> str:
    """A handoff as JSON; times in ISO form."""
    return json.dumps(asdict(handoff), default=lambda value: value.isoformat())


def version_of(text: str) -> ModelVersion:
    """The version that ``text_of`` wrote."""
    values = _times(json.loads(text), "fitted_until", "fitted_as_of")
    return ModelVersion(**{**values, "classes": tuple(values["classes"])})


def verdict_of(text: str) -> Verdict:
    """The verdict that ``text_of`` wrote."""
    values = json.loads(text)
    return Verdict(values["promote"], _rules(values["rules"]), values["too_little"])


def evidence_of(text: str | None) -> Evidence | None:
    """The evidence that ``text_of`` wrote."""
    if not text:
        return None
    values = json.loads(text)
    values |= {name: Interval(**values[name]) for name in ("gain", "ours", "theirs")}
    values["slices"] = tuple(
        SliceEvidence(**{**one, "gain": Interval(**one["gain"]), "ours": Interval(**one["ours"])})
        for one in values["slices"]
    )
    values["intervals"] = {name: Interval(**one) for name, one in values.get("intervals", {}).items()}
    return Evidence(**values)


def health_of(text: str) -> Health:
    """The health that ``text_of`` wrote."""
    values = _times(json.loads(text), "start", "end", "as_of")
    if values["realised"]:
        values["realised"] = WindowValue(**_times(values["realised"], "start", "end"))
    if values["estimated"]:
        values["estimated"] = Interval(**values["estimated"])
    values["slices"] = tuple(WindowSlice(s["name"], s["rows"], Interval(**s["value"])) for s in values["slices"])
    values["drift"] = tuple(ColumnDrift(**column) for column in values["drift"])
    values["reasons"] = tuple(values["reasons"])
    return Health(**values)


def retraining_decision_of(text: str) -> RetrainingDecision:
    """The decision that ``text_of`` wrote."""
    values = _times(json.loads(text), "as_of")
    return RetrainingDecision(**{**values, "triggers": _rules(values["triggers"]), "bars": _rules(values["bars"])})


def _rules(values: list[dict[str, Any]]) -> tuple[Rule, ...]:
    return tuple(Rule(**rule) for rule in values)


def _times(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return values | {name: datetime.fromisoformat(values[name]) if values[name] else None for name in names}
