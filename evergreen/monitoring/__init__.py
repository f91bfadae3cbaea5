"""Watching a champion: has its performance fallen, have its rows drifted, what can be known without labels."""

from evergreen.monitoring.cells import ColumnProfile
from evergreen.monitoring.drift import find_drift
from evergreen.monitoring.estimate import ASSUMPTION, describe, estimate, fit_estimator, why_unknown
from evergreen.monitoring.estimator import Estimator, estimator_from_json, estimator_to_json
from evergreen.monitoring.observation import ObservedWindow, observe
from evergreen.monitoring.performance import PerformanceSignal, default_tolerance, judge_performance
from evergreen.monitoring.profile import Counts, Profile, build_profile, count, from_json, to_json
from evergreen.monitoring.reference import (
    Reference,
    ReferenceRows,
    build_reference,
    reference_from_json,
    reference_to_json,
    window_value,
)
from evergreen.monitoring.windows import Bounds, past_windows, window_codes, window_of, windows_between

__all__ = [
    "ASSUMPTION",
    "Bounds",
    "ColumnProfile",
    "Counts",
    "Estimator",
    "ObservedWindow",
    "PerformanceSignal",
    "Profile",
    "Reference",
    "ReferenceRows",
    "build_profile",
    "build_reference",
    "count",
    "default_tolerance",
    "describe",
    "estimate",
    "estimator_from_json",
    "estimator_to_json",
    "find_drift",
    "fit_estimator",
    "from_json",
    "judge_performance",
    "observe",
    "past_windows",
    "reference_from_json",
    "reference_to_json",
    "to_json",
    "why_unknown",
    "window_codes",
    "window_of",
    "window_value",
    "windows_between",
]
