"""What travels between tasks: small frozen facts about rows, never the rows themselves.

A handoff names a table in the store by URI, its number of rows and the digest of its names, types and values. It costs
milliseconds to pass on; a frame of 400 MB costs seconds.
"""

from evergreen.handoffs.health import ColumnDrift, Health, RetrainingDecision, WindowSlice, WindowValue
from evergreen.handoffs.input_selection import InputSelection
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
from evergreen.handoffs.unread import Lost, Unread

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
    "Health",
    "InputSelection",
    "Interval",
    "Lost",
    "ModelVersion",
    "RetrainingDecision",
    "Rule",
    "RuleResult",
    "SliceEvidence",
    "Snapshot",
    "Unread",
    "ValidationReport",
    "Verdict",
    "WindowSlice",
    "WindowValue",
]
