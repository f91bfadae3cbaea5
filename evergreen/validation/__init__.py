"""Checking data: suites of rules, what they said about a frame, and what that means for its rows and for the run."""

from evergreen.validation.judgement import Judgement, RuleOutcome, check, judge
from evergreen.validation.suite import RuleSpec, Suite, known_types, load_suite, name_rules

__all__ = ["Judgement", "RuleOutcome", "RuleSpec", "Suite", "check", "judge", "known_types", "load_suite", "name_rules"]
