"""A model's file: one strict, frozen description of what a model is, parsed at the edge and trusted inside."""

from evergreen.spec.data import Data, Join, Read, Target, Validation
from evergreen.spec.features import Features, History, Missing, Transform
from evergreen.spec.kinds import (
    Duration,
    Family,
    Names,
    Section,
    Take,
    Task,
    parse_duration,
)
from evergreen.spec.learning import Costs, Promotion, Training
from evergreen.spec.loading import json_schema, load_spec, load_specs
from evergreen.spec.model import ModelSpec
from evergreen.spec.operation import Monitoring, Probation, Retraining, Schedule, Trigger
from evergreen.spec.source import BOUND, Source, Sql

__all__ = [
    "BOUND",
    "Costs",
    "Data",
    "Duration",
    "Family",
    "Features",
    "History",
    "Join",
    "Missing",
    "ModelSpec",
    "Monitoring",
    "Names",
    "Probation",
    "Promotion",
    "Read",
    "Retraining",
    "Schedule",
    "Section",
    "Source",
    "Sql",
    "Take",
    "Target",
    "Task",
    "Training",
    "Transform",
    "Trigger",
    "Validation",
    "json_schema",
    "load_spec",
    "load_specs",
    "parse_duration",
]
