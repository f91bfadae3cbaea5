"""A model's file: one strict, frozen description of what a model is, parsed at the edge and trusted inside."""

from evergreen.spec.data import Data, Join, Read, Target, Validation
from evergreen.spec.kinds import PRIMARY, Duration, Family, Names, Part, Take, Task, parse_duration
from evergreen.spec.learning import Features, History, Promotion, Training
from evergreen.spec.loading import json_schema, load_spec, load_specs
from evergreen.spec.model import ModelSpec
from evergreen.spec.operation import Monitoring, Probation, Retraining, Schedule, Trigger
from evergreen.spec.source import BOUND, Source, Sql

__all__ = [
    "BOUND",
    "PRIMARY",
    "Data",
    "Duration",
    "Family",
    "Features",
    "History",
    "Join",
    "ModelSpec",
    "Monitoring",
    "Names",
    "Part",
    "Probation",
    "Promotion",
    "Read",
    "Retraining",
    "Schedule",
    "Source",
    "Sql",
    "Take",
    "Target",
    "Task",
    "Training",
    "Trigger",
    "Validation",
    "json_schema",
    "load_spec",
    "load_specs",
    "parse_duration",
]
