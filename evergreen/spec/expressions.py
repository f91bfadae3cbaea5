"""The language of ``features.expressions``: what an expression may say, and what kind of value it gives.

An expression is read and typed before any row is seen; nothing else than the operations of
``evergreen.spec.operations`` is ever computed, each on the values of one row.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from evergreen.errors import did_you_mean
from evergreen.spec.operations import FUNCTIONS, Kind, result_of

#: Bounds of one expression: its signs, its operations and values, how deep they are nested, and of a text how many
#: columns and texts it may be put together from.
_SIGNS, _NODES, _DEPTH, _PARTS = 4_000, 400, 60, 50
_LARGEST_POWER = 10

_SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.USub: "negative", ast.UAdd: "positive", ast.Not: "not", ast.And: "and", ast.Or: "or",
}  # fmt: skip


@dataclass(frozen=True)
class Constant:
    """A value that stands in the text."""

    value: bool | int | float | str


@dataclass(frozen=True)
class ColumnName:
    """A column of the row."""

    name: str


@dataclass(frozen=True)
class Operation:
    """One of ``OPERATIONS`` or ``FUNCTIONS`` with what it is applied to."""

    name: str
    arguments: tuple[Node, ...]


Node = Constant | ColumnName | Operation


@dataclass(frozen=True)
class Type:
    """The kind of a value, and of a text from how many columns and texts it is put together at most."""

    kind: Kind
    parts: int = 1


def parse(text: str) -> Node:
    """An expression as a tree of the operations of this language.

    Raises:
        ValueError: it is none, or too large; the message says what is allowed.
    """
    stripped = str(text).strip()
    if len(stripped) > _SIGNS:
        raise ValueError(f"is {len(stripped):,} signs long; an expression has at most {_SIGNS:,}")
    try:
        tree = ast.parse(stripped, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{_short(stripped)} is no expression; write for example distance / (1 + seats)") from None
    _check_size(tree)
    return _node(tree)


def columns_of(node: Node) -> frozenset[str]:
    """The names of the columns that an expression uses."""
    if isinstance(node, ColumnName):
        return frozenset([node.name])
    return frozenset().union(*map(columns_of, node.arguments)) if isinstance(node, Operation) else frozenset()


def type_of(node: Node, columns: Mapping[str, Type] | None) -> Type:
    """What kind of value an expression gives.

    Args:
        node: From :func:`parse`.
        columns: The columns of the table; None where they are not known yet, so that each may be of any kind.

    Raises:
        ValueError: a column is not there, or an operation does not take what it is given.
    """
    if isinstance(node, Constant):
        return Type(_kind_of_constant(node.value))
    if isinstance(node, ColumnName):
        if columns is None:
            return Type("unknown")
        if node.name not in columns:
            near = did_you_mean(node.name, (name for name in columns if not name.startswith("__")))
            raise ValueError(f"{node.name}: the table has no such column{near}")
        return columns[node.name]
    given = [type_of(argument, columns) for argument in node.arguments]
    written = [isinstance(argument, Constant) for argument in node.arguments]
    kind = result_of(node.name, [each.kind for each in given], written)
    added = sum(each.parts for each in given) if node.name == "+" else max(each.parts for each in given)
    parts = added if kind == "text" else 1
    if parts > _PARTS:
        raise ValueError(f"puts a text together from {parts} others; at most {_PARTS} are allowed")
    return Type(kind, parts)


def check_expressions(expressions: dict[str, str]) -> dict[str, str]:
    """Read and type expressions whose columns nobody has seen yet.

    Raises:
        ValueError: one cannot be computed whatever the columns hold; the message begins with its name.
    """
    for name, text in expressions.items():
        try:
            type_of(parse(text), None)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return expressions


def _check_size(tree: ast.expr) -> None:
    """Bound the whole expression before anything walks through it by recursion."""
    level: list[ast.AST] = [tree]
    nodes = depth = 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if nodes > _NODES or depth > _DEPTH:
            raise ValueError(
                f"has too many parts; an expression has at most {_NODES} operations and values, nested {_DEPTH} deep: "
                "split it into several columns"
            )
        level = [
            child
            for node in level
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.expr_context | ast.operator | ast.unaryop | ast.cmpop | ast.boolop)
        ]


def _node(tree: ast.expr) -> Node:
    match tree:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return Constant(_bounded(value))
        case ast.Name(id=name):
            return ColumnName(name)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _SYMBOLS:
            return _binary(_SYMBOLS[type(op)], _node(left), _node(right))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _SYMBOLS:
            return _unary(_SYMBOLS[type(op)], _node(operand))
        case ast.BoolOp(op=op, values=values):
            return _joined(_SYMBOLS[type(op)], [_node(value) for value in values])
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compared([_node(left), *map(_node, others)], ops)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _called(name, [_node(argument) for argument in args])
    raise ValueError(
        f"{_short(ast.unparse(tree))} is not allowed; use columns, numbers, texts, + - * / // % **, comparisons, and, "
        f"or, not, and {', '.join(FUNCTIONS)}"
    )


def _binary(symbol: str, left: Node, right: Node) -> Node:
    if symbol == "**" and not (isinstance(right, Constant) and _is_small(right.value)):
        raise ValueError(f"a power must be a number from -{_LARGEST_POWER} to {_LARGEST_POWER}")
    return Operation(symbol, (left, right))


def _unary(symbol: str, operand: Node) -> Node:
    if isinstance(operand, Constant) and symbol in ("negative", "positive") and not isinstance(operand.value, str):
        return Constant(-operand.value if symbol == "negative" else +operand.value)
    return Operation(symbol, (operand,))


def _joined(symbol: str, parts: Sequence[Node]) -> Node:
    joined = parts[0]
    for part in parts[1:]:
        joined = Operation(symbol, (joined, part))
    return joined


def _compared(values: Sequence[Node], ops: Sequence[ast.cmpop]) -> Node:
    for op in ops:
        if type(op) not in _SYMBOLS:
            raise ValueError(f"{type(op).__name__} is not allowed; compare with == != < <= > >=")
    pairs = [Operation(_SYMBOLS[type(op)], pair) for op, pair in zip(ops, pairwise(values), strict=True)]
    return _joined("and", pairs)


def _called(name: str, arguments: Sequence[Node]) -> Node:
    if name not in FUNCTIONS:
        raise ValueError(f"{name}: unknown function{did_you_mean(name, FUNCTIONS)}")
    count = len(next(iter(FUNCTIONS[name])))
    if len(arguments) != count:
        raise ValueError(f"{name} takes {count} argument{'s' * (count > 1)}, not {len(arguments)}")
    return Operation(name, tuple(arguments))


def _bounded(value: bool | int | float | str) -> bool | int | float | str:
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError(f"{_short(str(value))}: a whole number must be below 2**63; write 1e20")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is too large to be written down")
    return value


def _is_small(value: bool | int | float | str) -> bool:
    return isinstance(value, int | float) and abs(value) <= _LARGEST_POWER


def _kind_of_constant(value: bool | int | float | str) -> Kind:
    return "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
