"""Conditions between the parameters of a design: ``a.width >= b.width and rounding != "up"``.

A small language of its own. Python's parser reads it, so that it looks as expected; what is more
than the operations below is refused, and nothing is ever run as Python.

Names are parameters (``bits_per_cycle``, ``requantiser.scale_width``), ``period_ns`` and
``latency``. A number format has its properties behind a dot (``a.width``), and is otherwise a text,
its name, as words of a choice are. ``min``, ``max`` and ``abs`` are functions.
"""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import to_text
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.formats import Format

__all__ = ["Condition", "read"]

_LONGEST = 1000
_HINT = 'for example --where "a.width >= b.width"'

_COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {f.__name__: f for f in (min, max, abs)}
_PLAIN = (bool, int, float, str)


@dataclass(frozen=True)
class Condition:
    """One condition; ``names`` are the parameters that it asks about."""

    text: str
    names: frozenset[str]
    _tree: ast.expr

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether these parameters meet it; values by the names in :attr:`names`.

        Raises
        ------
        RequestError
            If what is compared cannot be, or a format has no such property.
        """
        try:
            found = self._value(self._tree, values)
        except (TypeError, ArithmeticError, RecursionError) as error:
            raise self._error(f"must compare what can be compared, not fail ({error})") from None
        if not isinstance(found, bool):
            raise self._error(f"must be true or false, not {found}")
        return found

    def _value(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        match node:
            case ast.BoolOp(op=ast.And()):
                return all(_truth(self._value(part, values)) for part in node.values)
            case ast.BoolOp():
                return any(_truth(self._value(part, values)) for part in node.values)
            case ast.UnaryOp(op=ast.Not()):
                return not _truth(self._value(node.operand, values))
            case ast.UnaryOp():
                return -_number(self._value(node.operand, values))
            case ast.BinOp():
                sides = (self._value(side, values) for side in (node.left, node.right))
                return _ARITHMETIC[type(node.op)](*map(_number, sides))
            case ast.Compare():
                sides = [self._value(side, values) for side in (node.left, *node.comparators)]
                pairs = zip(sides, node.ops, sides[1:], strict=False)
                return all(_COMPARISONS[type(op)](left, right) for left, op, right in pairs)
            case ast.Call(func=ast.Name(id=name)):
                return _FUNCTIONS[name](*(_number(self._value(a, values)) for a in node.args))
            case ast.Tuple() | ast.List():
                return [self._value(item, values) for item in node.elts]
            case ast.Constant():
                return node.value
        return self._named(_dotted(node) or "", values)

    def _named(self, path: str, values: Mapping[str, Any]) -> Any:
        name = _owner(path, self.names) or ""
        value, rest = values[name], path[len(name) + 1 :]
        if not rest:
            return _plain(value)
        found = getattr(value, rest, None) if isinstance(value, Format) else None
        if rest.startswith("_") or not isinstance(found, _PLAIN):
            raise self._error(f"must ask {name} for what it has, not {_plain(value)} for {rest}")
        return found

    def _error(self, what: str) -> RequestError:
        return RequestError(f"explore: --where {self.text!r}: the condition {what}", hint=_HINT)


def read(text: str, known: Iterable[str]) -> Condition:
    """The condition of a text, about some of the ``known`` names.

    Raises
    ------
    RequestError
        If it is none, or asks for more than this language has.
    """
    who = f"explore: --where {text[:_LONGEST]!r}"
    if len(text) > _LONGEST:
        raise RequestError(
            f"{who}: the condition must have at most {_LONGEST} characters, not {len(text)}"
        )
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        names = {*known}
        asked = frozenset(_names(tree, names, who))
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        if isinstance(error, RequestError):
            raise
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise RequestError(
            f"{who}: the condition must be an expression, not broken ({reason})", hint=_HINT
        ) from None
    if not asked:
        raise RequestError(
            f"{who}: the condition must ask about a parameter, not about none",
            hint=f"there are {', '.join(sorted(names))}",
        )
    return Condition(text, asked, tree)


def _names(node: ast.expr, known: set[str], who: str) -> set[str]:
    """Parameters below a node; raises RequestError at what is not in the language."""
    below: list[ast.expr] = []
    match node:
        case ast.BoolOp(values=below) | ast.Tuple(elts=below) | ast.List(elts=below):
            pass
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            below = [operand]
        case ast.BinOp(left=left, right=right) if type(node.op) in _ARITHMETIC:
            below = [left, right]
        case ast.Compare(left=left, comparators=others):
            for comparison in node.ops:
                if type(comparison) not in _COMPARISONS:
                    raise _refused(who, "is")
            below = [left, *others]
        case ast.Call(func=ast.Name(id=name), args=below, keywords=[]) if (
            name in _FUNCTIONS and len(below) > (name != abs.__name__)
        ):
            pass
        case ast.Constant(value=value) if isinstance(value, _PLAIN):
            pass
        case _:
            return {_parameter(node, known, who)}
    return {name for part in below for name in _names(part, known, who)}


def _parameter(node: ast.expr, known: set[str], who: str) -> str:
    path = _dotted(node)
    if path is None:
        raise _refused(who, ast.unparse(node))
    name = _owner(path, known)
    if name is None or "." in path[len(name) + 1 :]:
        raise RequestError(
            f"{who}: no parameter named {path!r}",
            hint=f"there are {', '.join(sorted(known))}",
        )
    return name


def _refused(who: str, what: str) -> RequestError:
    return RequestError(
        f"{who}: the condition must be made of parameters, numbers, texts, comparisons, and, or,"
        f" not, + - * / // %, min, max and abs, not of {what}",
        hint=_HINT,
    )


def _dotted(node: ast.expr) -> str | None:
    """``a.b.c`` as text; None if the node is something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None


def _owner(path: str, names: Iterable[str]) -> str | None:
    """The longest of the names that the path is, or begins with."""
    found = [name for name in names if path == name or path.startswith(f"{name}.")]
    return max(found, key=len, default=None)


def _plain(value: Any) -> Any:
    """A parameter's value as conditions see it: a number, or the text by which it is given."""
    if isinstance(value, bool | int | float):
        return value
    return value.name if isinstance(value, OperatorSpec) else to_text(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _number(value: Any) -> Any:
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return value
