"""What travels between tasks: small frozen facts about rows, never the rows themselves.

A handoff names a table in the store by URI, its number of rows and the digest of its names, types and values. It costs
milliseconds to pass on; a frame of 400 MB costs seconds.
"""

from evergreen.handoffs.health import ColumnDrift, Firing, Health, WindowSlice, WindowValue
from evergreen.handoffs.models import Evidence, Interval, ModelVersion, Rule, SliceEvidence, Verdict
from evergreen.handoffs.rows import (
    CUT_OFF,
    DAY,
    GROUP,
    KEY,
    KNOWN_AT,
    RESERVED,
    TARGET,
    TIME,
    FeatureTable,
    RuleResult,
    Snapshot,
    ValidationReport,
)
from evergreen.handoffs.views import View

__all__ = [
    "CUT_OFF",
    "DAY",
    "GROUP",
    "KEY",
    "KNOWN_AT",
    "RESERVED",
    "TARGET",
    "TIME",
    "ColumnDrift",
    "Evidence",
    "FeatureTable",
    "Firing",
    "Health",
    "Interval",
    "ModelVersion",
    "Rule",
    "RuleResult",
    "SliceEvidence",
    "Snapshot",
    "ValidationReport",
    "Verdict",
    "View",
    "WindowSlice",
    "WindowValue",
]
