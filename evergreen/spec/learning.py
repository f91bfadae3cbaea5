"""What a model looks at, how it is trained, and when it is promoted."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from evergreen.spec.kinds import Duration, Family, Names, Part, Take, Task, listed


class History(Part):
    """Aggregates of earlier rows that share a key, as known at the row's cut-off."""

    by: Names = ()
    """Key columns; none means all rows."""
    over: Duration
    """How far back: values that became known in this period before the cut-off."""
    of: str
    """The column that is aggregated."""
    take: Annotated[tuple[Take, ...], BeforeValidator(listed), Field(min_length=1)] = ("count", "mean")
    """The aggregates."""

    @property
    def patience(self) -> timedelta:
        """How long after its event a value may become known and still count: `over`, and at least two days.

        Without a bound no run-up, however long, would hold every value that becomes known inside a window.
        """
        return max(self.over, timedelta(days=2))


class Features(Part):
    """What the model looks at; by default every column that is known at the cut-off."""

    history: Annotated[tuple[History, ...], BeforeValidator(listed)] = ()
    """Aggregates over earlier rows."""
    expressions: dict[str, str] = Field(default_factory=dict)
    """New columns by name, as arithmetic over columns of the row."""
    categorical: Names = ()
    """Columns to treat as categories although they hold numbers."""
    exclude: Names = ()
    """Columns that are never inputs."""
    max_levels: Annotated[int, Field(ge=2)] = 1000
    """Categories kept a column; rarer ones share one level."""
    min_level_rows: Annotated[int, Field(ge=1)] = 10
    """Rows that a category needs to have a level of its own."""


Values = Annotated[tuple[int | float | str, ...], BeforeValidator(listed), Field(min_length=1)]


class Training(Part):
    """How candidates are fitted and compared."""

    task: Task | None = None
    """Found from the target when left out."""
    metric: str | None = None
    """The primary metric: roc_auc, log_loss, rmse, ... by default the task's own."""
    window: Duration | Literal["all"] = "all"
    """How far back training reads."""
    holdout: Duration | Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The newest labelled rows, which no choice ever sees: a period, or a share."""
    holdout_refit: Duration | None = timedelta(days=14)
    """Against a champion: refit the recipe through the holdout in steps of so long, as its labels become known, and
    judge the recipe; null judges one challenger that is blind to the holdout. Needs a time."""
    holdout_back: Duration = timedelta(days=42)
    """With holdout_refit: the holdout reaches back so far, or to the first row that the champion has not seen."""
    tuning: Duration | Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The rows before the holdout on which candidates are compared: a period, or a share."""
    budget: Duration = timedelta(minutes=2)
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
    """auto: up to 3,000 rows without a time, candidates are compared on all rows that choices may use, fold by fold."""
    max_candidates: Annotated[int, Field(ge=1)] | None = None
    """End the search after so many candidates: where all of them fit into the budget, every run finds the same."""
    ensemble: Literal["auto", "never"] = "auto"
    """auto: mix what was fitted anyway where it gains on tuning rows that did not choose it."""
    max_members: Annotated[int, Field(ge=2)] = 5
    """Models in an ensemble."""
    max_scoring_factor: Annotated[float, Field(ge=1)] = 3.0
    """What scoring by an ensemble may cost, in multiples of the best single model."""
    class_weight: Literal["none", "balanced"] = "none"
    """Weigh classes equally."""
    weight: str | None = None
    """A column of sample weights; never an input."""
    seed: int = 0
    """Makes a run reproducible to the bit."""

    @model_validator(mode="after")
    def _says_what_is_searched(self) -> Training:
        if self.search in ("random", "grid") and not self.space:
            raise ValueError(f"search: {self.search}: say in training.space what is searched, by family and parameter")
        return self


class Promotion(Part):
    """When a challenger becomes champion."""

    rule: Literal["superior", "not_worse"] = "superior"
    """superior: the gain is shown to be above zero. not_worse: above minus the margin."""
    margin: Annotated[float, Field(ge=0)] = 0.0
    """The loss in the primary metric that not_worse tolerates."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Confidence of the one-sided interval."""
    floors: dict[str, float] = Field(default_factory=dict)
    """The worst acceptable value of a metric: a minimum, for losses a maximum."""
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
