"""Every expectation that the installed Great Expectations knows."""

from __future__ import annotations

from typing import Any

from evergreen.io.suites.engine import quiet

#: Fields that every expectation has, and that are no arguments of the rule.
_COMMON = frozenset(
    ("id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content", "severity",
     "windows", "batch_id", "library_metadata")
)  # fmt: skip


def catalogue() -> dict[str, dict[str, Any]]:
    """Every registered expectation, as ``evergreen/validation/catalogue.json`` keeps them.

    Returns:
        By type: ``kind`` (row: it names the rows that broke it; aggregate: about a column; table; sql: the pandas
        engine cannot run it), ``kwargs`` and ``required``, sorted.
    """
    with quiet():
        import great_expectations  # noqa: F401 (registers the expectations)
        from great_expectations.expectations import registry

        names = sorted(registry.list_registered_expectation_implementations())
        return {name: _entry(registry.get_expectation_impl(name)) for name in names}


def _entry(expectation: Any) -> dict[str, Any]:
    from great_expectations.exceptions import MetricProviderError  # type: ignore[attr-defined]
    from great_expectations.execution_engine import PandasExecutionEngine  # type: ignore[attr-defined]
    from great_expectations.expectations import registry

    row = getattr(expectation, "map_metric", None)
    kind = "row" if row else "aggregate" if "column" in expectation.__fields__ else "table"
    engine = PandasExecutionEngine()
    try:
        for metric in (f"{row}.condition",) if row else expectation.metric_dependencies:
            registry.get_metric_provider(metric, engine)
    except MetricProviderError:
        kind = "sql"
    if "other_table_name" in expectation.__fields__:
        kind = "sql"
    fields = {name: field for name, field in expectation.__fields__.items() if name not in _COMMON}
    required = [name for name, field in fields.items() if field.required]
    return {"kind": kind, "kwargs": sorted(fields), "required": sorted(required)}
