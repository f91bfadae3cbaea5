"""How a table must be read: what was found, and the part of a spec that says so."""

from __future__ import annotations

from dataclasses import dataclass, field

from evergreen.discovery.layout import Layout
from evergreen.discovery.sentinels import Sentinel
from evergreen.spec import Read


@dataclass
class Reading:
    """How to read a table, and why; each guess by its column or its value.

    ``blanked`` names columns in which some texts count as missing only because they are no numbers.
    """

    missing: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    dates: dict[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    together: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    fold: dict[str, str] = field(default_factory=dict)
    sentinels: dict[str, Sentinel] = field(default_factory=dict)
    drop: dict[str, dict[str, str]] = field(default_factory=dict)
    thousands: str | None = None
    decimal: str = "."
    blanks: str = ""
    layout: Layout = field(default_factory=Layout)
    checks: list[str] = field(default_factory=list)
    blanked: set[str] = field(default_factory=set)

    @property
    def read(self) -> Read | None:
        """The part of the spec that says so; None where nothing needs saying. Doubtful sentinels are left out."""
        sure = {name: list(one.values) for name, one in self.sentinels.items() if one.sure}
        found = {
            "missing": list(self.missing),
            "sentinels": sure,
            "numbers": list(self.numbers),
            "thousands": self.thousands,
            "decimal": self.decimal,
            "dates": {name: list(forms) for name, (forms, _) in self.dates.items()},
            "together": {name: parts for name, (parts, _) in self.together.items()},
            "texts": list(self.texts),
            "fold": list(self.fold),
            "drop": {name: list(texts) for name, texts in self.drop.items()},
            "encoding": self.layout.encoding,
            "separator": self.layout.separator,
            "skip": self.layout.skip,
            "header": "none" if self.layout.names else "first",
            "names": list(self.layout.names),
        }
        read = Read.model_validate(found)
        return read if self.blanks or read != Read() else None
