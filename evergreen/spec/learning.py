"""How a model is trained, and when it is promoted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from evergreen.errors import SpecError
from evergreen.spec.kinds import Family, Names, Period, Section, Task, listed

if TYPE_CHECKING:
    from evergreen.learning_tasks import LearningTask

Values = Annotated[tuple[int | float | str, ...], BeforeValidator(listed), Field(min_length=1)]


def _known(metric: str) -> str:
    from evergreen.metrics import find_metric

    try:
        return find_metric(metric).name
    except SpecError as error:
        raise ValueError(str(error)) from None


class Costs(Section):
    """What an error costs, in any unit."""

    false_positive: Annotated[float, Field(gt=0)] = 1.0
    """Class 1 was decided and class 0 was true."""
    false_negative: Annotated[float, Field(gt=0)] = 1.0
    """Class 0 was decided and class 1 was true."""


class Training(Section):
    """How candidates are fitted and compared."""

    task: Task | None = None
    """Found from the target when left out."""
    metric: str | None = None
    """The primary metric: roc_auc, log_loss, rmse, ... by default the task's own."""
    quantiles: Annotated[tuple[float, ...], BeforeValidator(listed), Field(min_length=1)] = (0.1, 0.5, 0.9)
    """Which quantiles are predicted by a quantile task, ascending, between 0 and 1; the outer ones are the interval."""
    conformal: Literal["auto", "never"] = "auto"
    """auto: move the quantiles by what the tuning rows show, where that helps on rows that did not choose the move."""
    exposure: str | None = None
    """Of a count or amount: a column above 0, such as the days at risk, that the prediction is in proportion to; never
    an input."""
    power: Literal["auto"] | Annotated[float, Field(gt=1, lt=2)] = 1.5
    """Of an amount: the power of the mean that its variance is in proportion to, between a count's 1 and Gamma's 2.
    auto: as the training rows show. The metric `tweedie_deviance` stays that of 1.5: so versions can be compared."""
    window: Period | Literal["all", "weighted", "auto"] = "all"
    """How far back training reads. weighted: rows count less the older they are. auto: all, a window or weights,
    whichever did best in the past, and all where none is shown to be better."""
    half_life: Period | None = None
    """With `window: weighted`: the age at which a row counts half; by default chosen on the past. Needs a time."""
    holdout: Period | Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The newest labelled rows, which no choice ever sees: a period, or a share. Without a time: by a hash of the key,
    so that no row ever changes its side; a class of few rows can then not be dealt out by count, and the first champion
    of two classes is judged by rows left out in turn where fewer than 20 of one, of up to 100,000 rows, would judge."""
    holdout_refit: Period | None = timedelta(days=14)
    """Against a champion: refit the recipe through the holdout in steps of so long, as its labels become known, and
    judge the recipe; null judges one challenger that is blind to the holdout. Needs a time."""
    holdout_back: Period = timedelta(days=42)
    """With holdout_refit: the holdout reaches back so far, or to the first row that the champion has not seen."""
    tuning: Period | Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The rows before the holdout on which candidates are compared: a period, or a share. Without a time it holds its
    share of each rare class (under 200 rows)."""
    budget: Period = timedelta(minutes=2)
    """Wall time for fitting candidates; a fixed sequence is cut where it runs out."""
    families: Annotated[tuple[Family, ...], BeforeValidator(listed)] = (
        "lightgbm", "random_forest", "extra_trees", "linear", "mlp", "neighbours", "naive_bayes", "linear_svm",
    )  # fmt: skip
    """The families of candidates; those that a table is too large for are left out."""
    search: Literal["portfolio", "bayes", "random", "grid"] = "bayes"
    """portfolio: a fixed list; bayes: after it a search around its best; random and grid: what `space` says."""
    space: dict[Family, dict[str, Values]] = Field(default_factory=dict)
    """What is searched, by family and parameter: two numbers are a range, anything else are the values to try."""
    cross_validate: Literal["auto", "never"] = "auto"
    """auto: up to 10,000 rows without a time, where the budget allows, candidates are compared on all rows that choices
    may use, fold by fold; up to 5,000 rows with a time the best go on to the newest 60 %, in steps of whole days, each
    predicted from what was known before it."""
    bagging: Literal["auto", "never"] = "auto"
    """auto: where all rows without a time are compared fold by fold, the best candidates are fitted several times on
    rows of random weights, each judged by another division into folds; their mean is a candidate like any other. At
    most `max_scoring_factor` fits; not without `ensemble`, nor where `max_candidates` ends the search."""
    max_candidates: Annotated[int, Field(ge=1)] | None = None
    """End the search after so many candidates: where all of them fit into the budget, every run finds the same."""
    ensemble: Literal["auto", "never"] = "auto"
    """auto: mix what was fitted anyway where it gains on tuning rows that did not choose it."""
    max_members: Annotated[int, Field(ge=2)] = 8
    """Models in an ensemble."""
    max_scoring_factor: Annotated[float, Field(ge=1)] = 4.0
    """What scoring by an ensemble may cost, in multiples of the best single model; 0.015 ms a row is always allowed."""
    class_weight: Literal["none", "balanced"] | dict[str, Annotated[float, Field(gt=0)]] = "none"
    """balanced: classes count equally; or the weight of each class by name, 1 for those that are not named."""
    calibrate: Literal["auto", "never"] = "auto"
    """auto: bend probabilities by what the tuning rows show, where that helps on rows that did not choose how."""
    costs: Costs | None = None
    """What each kind of error costs; the threshold follows from it. For two classes."""
    threshold: Literal["auto"] | Annotated[float, Field(gt=0, lt=1)] = "auto"
    """The probability from which class 1 is decided. auto: the one that costs least on tuning rows, 0.5 without
    `costs`."""
    monotone: dict[str, Literal[1, -1]] = Field(default_factory=dict)
    """Inputs that predictions may only rise with (1) or fall with (-1), all else equal. Only lightgbm can promise that:
    other families are left out."""
    weight: str | None = None
    """A column of sample weights; never an input."""
    seed: Annotated[int, Field(ge=0, le=2_000_000_000)] = 0
    """Makes a run reproducible to the bit."""

    @model_validator(mode="after")
    def _says_what_is_searched(self) -> Training:
        if self.search in ("random", "grid") and not self.space:
            raise ValueError(f"search: {self.search}: say in training.space what is searched, by family and parameter")
        return self

    @model_validator(mode="after")
    def _can_be_kept(self) -> Training:
        if self.task and not self._kind.decides and (self.costs or self.threshold != "auto"):
            raise ValueError("costs and threshold: are for two classes; leave them out, or write task: binary")
        return self

    @model_validator(mode="after")
    def _fits_its_task(self) -> Training:
        levels = self.quantiles
        if list(levels) != sorted(set(levels)) or not all(0 < level < 1 for level in levels):
            raise ValueError(f"quantiles: {list(levels)}: write them ascending, each once, between 0 and 1")
        if levels != type(self).model_fields["quantiles"].default and not (self.task and self._kind.levels):
            raise ValueError("quantiles: are predicted by a quantile task only; write task: quantile")
        if self.exposure and not (self.task and self._kind.rises):
            raise ValueError("exposure: is for counts and amounts; write task: count, or task: amount")
        if self.power != type(self).model_fields["power"].default and not (self.task and self._kind.has_power):
            raise ValueError("power: is of amounts; write task: amount")
        if self.half_life and self.window != "weighted":
            raise ValueError("half_life: is the age at which a row counts half; write window: weighted")
        return self

    @field_validator("metric")
    @classmethod
    def _is_a_metric(cls, name: str | None) -> str | None:
        return name and _known(name)

    @model_validator(mode="after")
    def _has_a_metric_of_its_task(self) -> Training:
        if self.task and self.metric:
            try:
                self._kind.primary(self.metric)
            except SpecError as error:
                raise ValueError(str(error).removeprefix("training.")) from None
        return self

    @property
    def _kind(self) -> LearningTask:
        from evergreen.learning_tasks import TASKS

        return TASKS[str(self.task)]

    @property
    def reach(self) -> timedelta | None:
        """How far back rows are read; None for all of them."""
        return self.window if isinstance(self.window, timedelta) else None

    def metric_of(self, task: Task) -> str:
        """The primary metric; that of quantiles names them in percent, such as ``pinball_10_50_90``."""
        from evergreen.learning_tasks import TASKS

        return TASKS[task].metric_name(self.metric, self.quantiles)


class Promotion(Section):
    """When a challenger becomes champion."""

    rule: Literal["superior", "not_worse"] = "superior"
    """superior: the gain is shown to be above zero. not_worse: above minus the margin."""
    margin: Annotated[float, Field(ge=0)] = 0.0
    """The loss in the primary metric that not_worse tolerates."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Confidence of the one-sided interval."""
    floors: dict[str, float] = Field(default_factory=dict)
    """The worst acceptable value of a metric: a minimum, for losses a maximum; `cost`, with training.costs, is what
    errors may cost a row in the mean."""
    slices: Names = ()
    """Columns whose largest levels are judged on their own."""
    slice_margin: Annotated[float, Field(ge=0)] = 0.01
    """A slice breaks the gate when its loss is shown to be above this."""
    min_slice_rows: Annotated[int, Field(ge=1)] = 500
    """A smaller slice is reported, not judged."""
    min_rows: Annotated[int, Field(ge=1)] = 200
    """Unseen labelled rows that a verdict needs."""
    max_seconds_per_1000_rows: Annotated[float, Field(gt=0)] | None = None
    """A bound on scoring time."""

    @field_validator("floors")
    @classmethod
    def _are_metrics(cls, floors: dict[str, float]) -> dict[str, float]:
        return {_known(name): bound for name, bound in floors.items()}
