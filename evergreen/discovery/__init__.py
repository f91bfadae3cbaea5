"""Finding out about a table that nobody has described: how to read it, what it holds, what is odd about it."""

from evergreen.discovery.infer_formats import find_reading
from evergreen.discovery.layout import Layout, find_encoding, find_layout, has_header
from evergreen.discovery.leaks import Leak, find_leaks, shared_rows
from evergreen.discovery.limits import Rule
from evergreen.discovery.naming import model_name
from evergreen.discovery.page import page, summary
from evergreen.discovery.profile import Profile, profile
from evergreen.discovery.reading import Reading
from evergreen.discovery.rules import infer
from evergreen.discovery.sentinels import Sentinel, find_sentinels
from evergreen.discovery.suites import suite_file
from evergreen.discovery.survey import Hints, Survey, find_event, survey, without_unusable
from evergreen.discovery.writing import model_file

__all__ = [
    "Hints",
    "Layout",
    "Leak",
    "Profile",
    "Reading",
    "Rule",
    "Sentinel",
    "Survey",
    "find_encoding",
    "find_event",
    "find_layout",
    "find_leaks",
    "find_reading",
    "find_sentinels",
    "has_header",
    "infer",
    "model_file",
    "model_name",
    "page",
    "profile",
    "shared_rows",
    "suite_file",
    "summary",
    "survey",
    "without_unusable",
]
