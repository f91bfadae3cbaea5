"""Run a suite over a frame, with each silence of Great Expectations closed.

Unknown types are dropped, results come in another order, an exception is an empty result, row indexes are labels,
infinities pass a minimum, a missing value breaks a pair rule, dates as text raise on datetimes, empty frames pass.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, tzinfo
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.errors import EmptyWindow, SpecError
from evergreen.io.suites.columns import judgeable, judgeable_rule
from evergreen.validation import RuleOutcome, RuleSpec, Suite

# A misspelt key here would pass in silence; the tests see each of them work. Complete gives every broken row's label;
# values and the query are left out since they cost seconds.
_FORMAT = {
    "result_format": "COMPLETE",
    "partial_unexpected_count": 0,
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
}
_LIMITS = ("min_value", "max_value", "value_set")
#: Rules whose limits are on the column's own scale: there an infinity would pass the side that has no limit.
_ON_THE_SCALE = frozenset(
    ["expect_column_values_to_be_between"]
    + [f"expect_column_{name}_to_be_between" for name in ("min", "max", "mean", "median", "stdev", "sum")]
)
#: Rules that compare times in UTC, without a zone.
_WITHOUT_ZONE = frozenset(["expect_column_most_common_value_to_be_in_set"])
#: Each context registers itself as the process's current one: two threads at once would share it.
ONE_AT_A_TIME = threading.Lock()


def warm_up() -> None:
    """Import Great Expectations now: seconds that a command can spend while it waits for something else."""
    import great_expectations  # noqa: F401


def validate(frame: pd.DataFrame, suite: Suite) -> list[RuleOutcome]:
    """Run every rule of a suite over a frame, in one pass that shares what rules have in common.

    Args:
        frame: The rows; its index does not matter and it is not changed.
        suite: As read by :func:`evergreen.validation.load_suite`.

    Returns:
        One outcome a rule, in suite order. A rule that could not be checked (a missing column, types that cannot be
        compared) did not hold, and its outcome says why.

    Raises:
        EmptyWindow: the frame has no rows, over which nearly every rule would hold.
        SpecError: an expectation that Great Expectations refuses.
    """
    if frame.empty:
        raise EmptyWindow(f"suite {suite.name}: no rows to check; nearly every rule would hold over none")
    frame = judgeable(frame.reset_index(drop=True), suite)
    with ONE_AT_A_TIME, quiet():
        import great_expectations as gx
        from great_expectations.core import ExpectationSuite
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        built = ExpectationSuite(name=suite.name)
        for index in range(len(suite.expectations)):
            built.expectations.append(_build(suite, index, frame))
        asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        results: dict[int, Any] = {}
        for result in batch.validate(built, result_format=_FORMAT).results:
            results[getattr(result.expectation_config, "meta", {})["id"]] = result
        # The context stays the process's current one, and would hold the rows until the next takes its place.
        context.data_sources.delete("frames")
    return [_outcome(rule, results[index], frame) for index, rule in enumerate(suite.expectations)]


def _build(suite: Suite, index: int, frame: pd.DataFrame) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metadata_types import FailureSeverity

    rule = suite.expectations[index]
    # Great Expectations knows three words; quarantine is ours.
    severity = FailureSeverity("warning" if rule.severity == "quarantine" else rule.severity)
    meta = {**rule.meta, "id": index, "severity": rule.severity}
    try:
        kind, kwargs = judgeable_rule(rule, _kwargs(rule, frame), frame)
        # Appending a configuration to a suite would drop an unknown type; building the object raises.
        return ExpectationConfiguration(
            type=kind, kwargs=kwargs, meta=meta, severity=severity, description=rule.description
        ).to_domain_obj()
    except Exception as error:  # pydantic's, Great Expectations' own, and limits that are no dates
        reason = " ".join(str(error).split())
        raise SpecError(f"expectations/{suite.name}.yaml: expectations.{index} ({rule.type}): {reason}") from error


def _kwargs(rule: RuleSpec, frame: pd.DataFrame) -> dict[str, Any]:
    kwargs = dict(rule.kwargs)
    if rule.type.startswith("expect_column_pair_"):
        kwargs.setdefault("ignore_row_if", "either_value_is_missing")
    if len(rule.columns) != 1 or rule.columns[0] not in frame:
        return kwargs
    values = frame[rule.columns[0]]
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        zone = None if rule.type in _WITHOUT_ZONE else values.dt.tz
        return {key: _as_times(value, zone) if key in _LIMITS else value for key, value in kwargs.items()}
    floats = rule.type in _ON_THE_SCALE and pd.api.types.is_float_dtype(values.dtype)
    if floats and np.isinf(values.to_numpy(dtype=np.float64, na_value=np.nan)).any():
        # The largest finite number of the column's own width: a wider one would round up to infinity.
        largest = float(np.finfo(getattr(values.dtype, "numpy_dtype", values.dtype)).max)
        limits = {"min_value": -largest, "max_value": largest}
        kwargs |= {key: limit for key, limit in limits.items() if kwargs.get(key) is None}
    return kwargs


def _as_times(value: Any, zone: tzinfo | None) -> Any:
    if isinstance(value, list):
        return [_as_times(item, zone) for item in value]
    if not isinstance(value, str | date):
        return value
    try:
        moment = pd.Timestamp(value)
    except ValueError as error:
        raise ValueError(
            f"{value!r} is no date or time, and the column holds times; write for example 2013-01-31"
        ) from error
    if zone is None:
        return moment.tz_convert("UTC").tz_localize(None) if moment.tz else moment
    return moment.tz_convert(zone) if moment.tz else moment.tz_localize(zone)


def _outcome(rule: RuleSpec, raw: Any, frame: pd.DataFrame) -> RuleOutcome:
    result = dict(raw.result or {})
    broken = np.unique(np.asarray(result.pop("unexpected_index_list", None) or [], dtype=np.int64))
    error = _error(raw.exception_info)
    if error is None and rule.severity == "quarantine" and result.get("unexpected_count") != broken.size:
        error = f"it does not say which rows of {', '.join(rule.columns)} broke it"
    raw.result = _plain(result)
    raw.expectation_config.kwargs = _plain(raw.expectation_config.kwargs)
    if error is not None:
        return RuleOutcome(rule, False, f"could not be checked: {error}", broken[:0], error, raw)
    return RuleOutcome(rule, bool(raw.success), _observed(rule, raw, broken, frame), broken, None, raw)


def _error(info: Any) -> str | None:
    # One exception, or one for each of the metrics that failed.
    shapes = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    messages = [str(shape["exception_message"]) for shape in shapes if shape.get("raised_exception")]
    return " | ".join(dict.fromkeys(" ".join(message.split())[:500] for message in messages)) if messages else None


def _observed(rule: RuleSpec, raw: Any, broken: NDArray[np.int64], frame: pd.DataFrame) -> str:
    result = raw.result
    if "element_count" in result:
        checked = result["element_count"] - (result.get("missing_count") or 0)
        text = f"{result['unexpected_count']:,} of {checked:,} checked rows broke it"
        if not broken.size or rule.type == "expect_column_values_to_not_be_null":
            return text
        examples = frame[list(rule.columns)].iloc[broken[:3]].drop_duplicates().to_dict("split")["data"]
        return f"{text}, e.g. {'; '.join(', '.join(_short(value) for value in row) for row in examples)}"
    mismatched = (result.get("details") or {}).get("mismatched") or {}
    if mismatched.get("missing"):
        return f"missing: {_short(', '.join(map(str, mismatched['missing'])))}"
    if result.get("observed_value") is not None:
        return f"observed {_short(result['observed_value'])}"
    return "held" if raw.success else "did not hold"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def _plain(value: Any) -> Any:
    """Numpy and time values as Python's own: rendering logs an error and loses the cell otherwise."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Great Expectations' log and warnings for a while."""
    # Exceptions inside a rule come back in its result; the same words in the log would only be noise.
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
