"""What a search has found worth looking at: part of a recipe, so that whoever fits it again looks at the same."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class InputSelection:
    """Which inputs a model looks at.

    Attributes:
        trend: Whether the age of a row is an input.
        without: Inputs that are of no use.
    """

    trend: bool = False
    without: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Canonical text, which a recipe carries; empty where there is nothing to say."""
        if not self.trend and not self.without:
            return ""
        return json.dumps({"trend": self.trend, "without": list(self.without)}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> InputSelection:
        """The view that ``to_json`` wrote."""
        content = json.loads(text or "{}")
        return cls(bool(content.get("trend")), tuple(content.get("without", ())))
