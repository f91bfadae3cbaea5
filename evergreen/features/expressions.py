"""New columns as arithmetic over columns of the row: computes what ``evergreen.spec.expressions`` has read."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from evergreen.errors import SpecError
from evergreen.spec.expressions import ColumnName, Constant, Node, Operation, Type, columns_of, parse, type_of
from evergreen.spec.operations import Kind
from evergreen.whole_numbers import is_whole, nullable, settled, whole

_OBJECTS: dict[str, Kind] = {"string": "text", "boolean": "truth", "empty": "unknown", "decimal": "number",
                             "integer": "number", "floating": "number", "mixed-integer-float": "number"}  # fmt: skip


def add_expressions(frame: pd.DataFrame, expressions: dict[str, str]) -> pd.DataFrame:
    """Add one column an expression, in their order; a later one may use an earlier one.

    The language: columns by name, numbers, texts, ``+ - * / // % **``, comparisons, ``and or not``, and functions
    (``where(condition, yes, no)``, ``isnull(x)``, ``hours(time - time)``, ...). A comparison with null is false;
    infinite results (a division by zero) become null. Whole numbers are compared, chosen from and divided with a rest
    exactly; any other arithmetic is that of float64.

    Args:
        frame: Rows with the columns that the expressions use.
        expressions: Text by the name of the new column.

    Returns:
        A new frame; results are float64 (nullable where that would round whole numbers), bool, text or times.

    Raises:
        SpecError: an expression that cannot be read, uses a missing column or an unknown function, or mixes kinds.
    """
    if not expressions:
        return frame
    frame = frame.copy(deep=False)
    parts: dict[str, int] = {}
    for name, text in expressions.items():
        where = f"features.expressions.{name}"
        if name in frame:
            raise SpecError(f"{where}: the table already has a column of this name")
        frame[name], parts[name] = _evaluate(frame, parts, text, where)
    return frame


def expression_columns(text: str) -> frozenset[str]:
    """The names of the columns that an expression uses.

    Raises:
        SpecError: the text is no expression.
    """
    try:
        return columns_of(parse(text))
    except ValueError as error:
        raise SpecError(f"features.expressions: {error}") from None


def columns_behind(names: Iterable[str], expressions: Mapping[str, str], every: bool = False) -> set[str]:
    """The columns of the rows that some columns are made of, or are.

    Args:
        names: The columns.
        expressions: Text by the name of the new column; a later one may use an earlier one.
        every: Let the expressions' own names stand beside what they are made of.
    """
    wanted = set(names)
    for name in reversed(list(expressions)):
        if name in wanted:
            wanted = (wanted if every else wanted - {name}) | expression_columns(expressions[name])
    return wanted


def _evaluate(frame: pd.DataFrame, parts: dict[str, int], text: str, where: str) -> tuple[pd.Series, int]:
    """One new column, and from how many texts it is put together."""
    try:
        tree = parse(text)
        names = columns_of(tree) & set(frame.columns)
        types = {str(name): Type("unknown") for name in frame.columns}
        types |= {name: Type(_kind_of(frame[name]), parts.get(name, 1)) for name in names}
        kind = type_of(tree, types)
    except ValueError as error:
        raise SpecError(f"{where}: {error}") from None
    if kind.kind == "span":
        raise SpecError(f"{where}: {text!r} is a time span; write hours(...) around it")
    try:
        with np.errstate(all="ignore"):
            result = _value(tree, frame)
    except OverflowError:
        raise SpecError(f"{where}: {text!r} gives a number that is too large") from None
    except (TypeError, ValueError, ArithmeticError, NotImplementedError, AttributeError) as error:
        raise SpecError(f"{where}: {text!r} cannot be computed: {error}") from None
    column = result if isinstance(result, pd.Series) else pd.Series(result, index=frame.index)
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.fillna(False).astype(bool), 1
    if is_whole(column):
        return settled(nullable(column)), 1
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("float64").replace([np.inf, -np.inf], np.nan), 1
    return column, kind.parts


def _kind_of(values: pd.Series) -> Kind:
    """What a column holds; ``unknown`` where it has no value, as in a single row to be scored."""
    if values.isna().all():
        return "unknown"
    if pd.api.types.is_bool_dtype(values.dtype):
        return "truth"
    if pd.api.types.is_numeric_dtype(values.dtype):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return "time"
    if pd.api.types.is_timedelta64_dtype(values.dtype):
        return "span"
    return _OBJECTS.get(pd.api.types.infer_dtype(values), "text") if values.dtype == object else "text"


def _value(node: Node, frame: pd.DataFrame) -> Any:
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, ColumnName):
        values = frame[node.name]
        return values.astype("float64") if values.dtype == object and _kind_of(values) == "number" else values
    assert isinstance(node, Operation)
    return _COMPUTED[node.name](*(_value(argument, frame) for argument in node.arguments))


def _is_nothing(value: Any) -> bool:
    return isinstance(value, pd.Series) and _kind_of(value) == "unknown"


def _or_nothing(function: Callable[..., Any]) -> Callable[..., Any]:
    """What is computed from a column without a value has none either, whatever its type."""

    def computed(*values: Any) -> Any:
        empty = next((value for value in values if _is_nothing(value)), None)
        return function(*values) if empty is None else pd.Series(np.nan, index=empty.index)

    return computed


def _in_floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """Arithmetic that whole numbers would overflow in; truth values among themselves stay what they are."""

    def computed(*values: Any) -> Any:
        if all(_is_truth(value) for value in values):
            return function(*values)
        return function(*(_as_float(value) for value in values))

    return computed


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, pd.Series) and pd.api.types.is_bool_dtype(value.dtype))


def _as_float(value: Any) -> Any:
    if isinstance(value, pd.Series):
        plain = pd.api.types.is_float_dtype(value.dtype) or not pd.api.types.is_numeric_dtype(value.dtype)
        if plain and not pd.api.types.is_bool_dtype(value.dtype):
            return value
        return pd.Series(value.to_numpy("float64", na_value=np.nan), index=value.index)
    return float(value) if isinstance(value, bool | int) else value


def _divided(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A division of which the rest of whole numbers is exact; of two constants, by zero, there is no result."""

    def computed(left: Any, right: Any) -> Any:
        left, right = (_as_float(value) if _is_truth(value) else value for value in (left, right))
        if not isinstance(left, pd.Series) and not isinstance(right, pd.Series):
            return function(left, right) if right else float("nan")
        return function(left, right)

    return computed


def _compared(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Null is unequal to everything in pandas; here no comparison with null holds."""

    def computed(left: Any, right: Any) -> Any:
        empty = next((value for value in (left, right) if _is_nothing(value)), None)
        if empty is not None:
            return pd.Series(False, index=empty.index)
        held = function(left, right)
        known = ~(pd.isna(left) | pd.isna(right)) if isinstance(held, pd.Series) else True
        return _truth(held) & known

    return computed


def _truth(value: Any) -> Any:
    return value.astype("boolean").fillna(False).astype(bool) if isinstance(value, pd.Series) else bool(value)


def _not(value: Any) -> Any:
    truth = _truth(value)
    return ~truth if isinstance(truth, pd.Series) else not truth


def _where(condition: Any, yes: Any, no: Any) -> Any:
    if not isinstance(condition, pd.Series):
        return yes if condition else no
    held = _truth(condition)
    if _is_truth(yes) != _is_truth(no):
        yes, no = _as_float(yes), _as_float(no)
    if _is_nothing(yes) and not _is_nothing(no):
        yes, no, held = no, np.nan, ~held
    chosen = yes if isinstance(yes, pd.Series) else pd.Series(yes, index=condition.index)
    other = pd.Series(np.nan if _is_nothing(no) else no, index=condition.index)
    if is_whole(chosen) or is_whole(other):  # the floats of one must not round the other
        chosen, other = whole(chosen), whole(other)
    return chosen.where(held, other)


def _cased(name: str) -> Callable[[Any], Any]:
    def computed(value: Any) -> Any:
        return getattr(value.astype("str").str if isinstance(value, pd.Series) else value, name)()

    return computed


def _hours(value: Any) -> Any:
    return value / pd.Timedelta(hours=1)


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _divided(operator.truediv), "**": operator.pow,
    "negative": operator.neg, "positive": operator.pos,
    "abs": abs, "log": np.log, "log1p": np.log1p, "exp": np.exp, "sqrt": np.sqrt, "floor": np.floor, "round": np.round,
}  # fmt: skip
_OTHER: dict[str, Callable[..., Any]] = {
    "//": _divided(operator.floordiv), "%": _divided(operator.mod), "min": np.minimum, "max": np.maximum,
    "lower": _cased("lower"), "upper": _cased("upper"), "hours": _hours,
}  # fmt: skip
_COMPUTED: dict[str, Callable[..., Any]] = {
    **{name: _or_nothing(_in_floats(function)) for name, function in _ARITHMETIC.items()},
    **{name: _or_nothing(function) for name, function in _OTHER.items()},
    "==": _compared(operator.eq), "!=": _compared(operator.ne), "<": _compared(operator.lt),
    "<=": _compared(operator.le), ">": _compared(operator.gt), ">=": _compared(operator.ge),
    "and": lambda left, right: _truth(left) & _truth(right), "or": lambda left, right: _truth(left) | _truth(right),
    "not": _not, "where": _where, "isnull": pd.isna,
}  # fmt: skip
