"""One model's whole description."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from evergreen.spec.data import Data, Validation
from evergreen.spec.features import Features
from evergreen.spec.kinds import Names, Period, Section
from evergreen.spec.learning import Promotion, Training
from evergreen.spec.operation import Monitoring, Probation, Retraining, Schedule, Serving


class ModelSpec(Section):
    """One model: everything but `model`, `data.source` and `data.target` has a default worth having."""

    model: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """The model's name, also the name of its file."""
    question: str = ""
    """What is predicted, in one sentence."""
    data: Data
    validation: Annotated[Validation | None, BeforeValidator(lambda v: {"suite": v} if isinstance(v, str) else v)] = (
        None
    )
    """The suite in expectations/, by name or with its limits."""
    features: Annotated[Features, BeforeValidator(lambda v: {} if v == "auto" else v)] = Features()
    training: Training = Training()
    promotion: Promotion = Promotion()
    monitoring: Monitoring = Monitoring()
    retraining: Retraining = Retraining()
    probation: Probation = Probation()
    approval: Period | None = None
    """Ask a person before a promotion, and keep the champion when nobody answers for so long."""
    schedule: Schedule = Schedule()
    serving: Serving | None = None
    """Let `evergreen serve` answer for the champion: `serving: {}`."""
    notify: Names = ()
    """Who hears of alerts: `env:NAME` of a variable that holds an Apprise URL, or a Prefect block `type/name`."""

    @model_validator(mode="after")
    def _weights_need_a_time(self) -> ModelSpec:
        if self.training.window == "weighted" and not self.data.time:
            raise ValueError("training.window: weighted: rows without a time have no age; set data.time")
        return self

    @property
    def digest(self) -> str:
        """The identity of what is learned and how it is judged; when flows run and who hears of it are no part."""
        learned = {"model", "data", "validation", "features", "training", "promotion"}
        text = json.dumps(self.model_dump(mode="json", include=learned), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def run_up(self) -> timedelta:
        """How far before a window, in event time, lies the oldest row whose value its history features can see."""
        reaches = [
            rule.over + rule.patience + (self.data.target.delay if rule.of == self.data.target.column else timedelta(0))
            for rule in self.features.history
        ]
        return max(reaches) + self.data.lead if reaches else timedelta(0)
