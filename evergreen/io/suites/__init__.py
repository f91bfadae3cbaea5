"""The door to Great Expectations: runs a suite over a frame, renders its report, lists its expectations."""

from evergreen.io.suites.engine import validate, warm_up
from evergreen.io.suites.judging import ValidationRequest, judge_table
from evergreen.io.suites.listing import catalogue
from evergreen.io.suites.page import docs_page

__all__ = ["ValidationRequest", "catalogue", "docs_page", "judge_table", "validate", "warm_up"]
