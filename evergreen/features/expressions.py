"""New columns as arithmetic over columns of the row, in a small language that can do nothing else."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from evergreen.errors import SpecError, did_you_mean

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip


def _where(condition: Any, yes: Any, no: Any) -> Any:
    if not isinstance(condition, pd.Series):
        return yes if condition else no
    chosen = yes if isinstance(yes, pd.Series) else pd.Series(yes, index=condition.index)
    return chosen.where(_truth(condition), no)


def _truth(value: Any) -> Any:
    return value.astype("boolean").fillna(False).astype(bool) if isinstance(value, pd.Series) else bool(value)


def _missing(value: Any) -> Any:
    return pd.isna(value)


def _lower(value: Any) -> Any:
    return value.astype("str").str.lower()


def _upper(value: Any) -> Any:
    return value.astype("str").str.upper()


def _hours(value: Any) -> Any:
    return value / pd.Timedelta(hours=1)


#: What an expression may call, with the number of arguments.
FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "abs": (abs, 1),
    "log": (np.log, 1),
    "log1p": (np.log1p, 1),
    "exp": (np.exp, 1),
    "sqrt": (np.sqrt, 1),
    "floor": (np.floor, 1),
    "round": (np.round, 1),
    "min": (np.minimum, 2),
    "max": (np.maximum, 2),
    "where": (_where, 3),
    "isnull": (_missing, 1),
    "lower": (_lower, 1),
    "upper": (_upper, 1),
    "hours": (_hours, 1),
}


def add_expressions(frame: pd.DataFrame, expressions: dict[str, str]) -> pd.DataFrame:
    """Add one column an expression, in their order; a later one may use an earlier one.

    The language: columns by name, numbers, texts, ``+ - * / // % **``, comparisons, ``and or not``, and the functions
    of ``FUNCTIONS`` (``where(condition, yes, no)``, ``isnull(x)``, ``hours(time - time)``, ...). A comparison with null
    is false; infinite results (a division by zero) become null.

    Args:
        frame: Rows with the columns that the expressions use.
        expressions: Text by the name of the new column.

    Returns:
        A new frame; results are float64, bool or text.

    Raises:
        SpecError: an expression that cannot be read, uses a missing column or an unknown function, or mixes types.
    """
    if not expressions:
        return frame
    frame = frame.copy(deep=False)
    for name, text in expressions.items():
        where = f"features.expressions.{name}"
        if name in frame:
            raise SpecError(f"{where}: the table already has a column of this name")
        frame[name] = _evaluate(frame, text, where)
    return frame


def expression_columns(text: str) -> frozenset[str]:
    """The names of the columns that an expression uses.

    Raises:
        SpecError: the text is no expression.
    """
    tree = _parse(text, "features.expressions")
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called)


def _parse(text: str, where: str) -> ast.expr:
    try:
        return ast.parse(str(text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise SpecError(f"{where}: {text!r} is no expression; write for example distance / (1 + seats)") from None


def _evaluate(frame: pd.DataFrame, text: str, where: str) -> pd.Series:
    tree = _parse(text, where)
    try:
        with np.errstate(all="ignore"):
            result = _value(tree, frame, where)
    except (TypeError, ValueError, AttributeError, ZeroDivisionError, OverflowError) as error:
        raise SpecError(f"{where}: {text!r} cannot be computed: {error}") from None
    column = result if isinstance(result, pd.Series) else pd.Series(result, index=frame.index)
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        raise SpecError(f"{where}: {text!r} is a time span; write hours(...) around it")
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.fillna(False).astype(bool)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("float64").replace([np.inf, -np.inf], np.nan)
    return column


def _value(node: ast.expr, frame: pd.DataFrame, where: str) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return value
        case ast.Name(id=name):
            if name not in frame:
                near = did_you_mean(name, (str(c) for c in frame.columns if not str(c).startswith("__")))
                raise SpecError(f"{where}: {name}: the table has no such column{near}")
            return frame[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            if isinstance(op, ast.Pow) and not _is_small_power(right):
                raise SpecError(f"{where}: a power must be a number from -10 to 10")
            return _OPERATORS[type(op)](_value(left, frame, where), _value(right, frame, where))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            truth = _truth(_value(operand, frame, where))
            return ~truth if isinstance(truth, pd.Series) else not truth
        case ast.UnaryOp(op=op, operand=operand):
            if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](_value(operand, frame, where))
        case ast.BoolOp(op=op, values=values):
            parts = [_truth(_value(value, frame, where)) for value in values]
            join = operator.and_ if isinstance(op, ast.And) else operator.or_
            result = parts[0]
            for part in parts[1:]:
                result = join(result, part)
            return result
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return _compare(left, ops, comparators, frame, where)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _call(name, args, frame, where)
    raise SpecError(f"{where}: {ast.unparse(node)!r} is not allowed; use columns, numbers, + - * / and {_names()}")


def _compare(left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr], frame: pd.DataFrame, where: str) -> Any:
    result: Any = True
    before = _value(left, frame, where)
    for op, other in zip(ops, others, strict=True):
        if type(op) not in _OPERATORS:
            raise SpecError(f"{where}: {type(op).__name__} is not allowed; compare with == != < <= > >=")
        after = _value(other, frame, where)
        held = _OPERATORS[type(op)](before, after)
        # Null is unequal to everything in pandas; here no comparison with null holds.
        known = ~(pd.isna(before) | pd.isna(after)) if isinstance(held, pd.Series) else True
        result = _truth(held) & known & result
        before = after
    return result


def _call(name: str, args: list[ast.expr], frame: pd.DataFrame, where: str) -> Any:
    if name not in FUNCTIONS:
        raise SpecError(f"{where}: {name}: unknown function{did_you_mean(name, FUNCTIONS)}")
    function, count = FUNCTIONS[name]
    if len(args) != count:
        raise SpecError(f"{where}: {name} takes {count} argument{'s' * (count > 1)}, not {len(args)}")
    return function(*(_value(arg, frame, where) for arg in args))


def _is_small_power(node: ast.expr) -> bool:
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(inner, ast.Constant) and isinstance(inner.value, int | float) and abs(inner.value) <= 10


def _names() -> str:
    return ", ".join(FUNCTIONS)
