"""Functions of cells, as Liberty writes them: read into trees, and evaluated on bits or words.

``!a`` and ``a'`` invert, ``a ^ b`` is XOR, ``a & b``, ``a * b`` and ``a b`` are AND, ``a | b`` and
``a + b`` are OR, in this order of strength; ``0`` and ``1`` are constants.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from .liberty import LibertyError

__all__ = ["CellFunction", "read_function"]

_TOKEN = re.compile(r"\s*([A-Za-z_]\w*(?:\[\d+\])?|[01]|[!'&*|+^()])")
_ONES = ~np.uint64(0)

Evaluate = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class CellFunction:
    """A function with its inputs in the order in which they occur.

    ``evaluate`` takes 64-bit words, or arrays of them, by the names of the inputs.
    """

    text: str
    inputs: tuple[str, ...]
    evaluate: Evaluate

    def table(self) -> tuple[bool, ...]:
        """The truth table, the first input changing slowest."""
        rows = product((0, 1), repeat=len(self.inputs))
        words = (
            self.evaluate(
                {n: _ONES if b else np.uint64(0) for n, b in zip(self.inputs, row, strict=True)}
            )
            for row in rows
        )
        return tuple(bool(word & np.uint64(1)) for word in words)


def read_function(text: str) -> CellFunction:
    """Read a function; raises LibertyError."""
    tokens, at = [], 0
    stripped = text.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None:
            raise LibertyError(f"a function {text!r}")
        tokens.append(match[1])
        at = match.end()
    reader = _Reader(text, tokens)
    evaluate = reader.either()
    if reader.peek():
        raise LibertyError(f"a function {text!r}")
    names = dict.fromkeys(token for token in tokens if token[0].isalpha() or token[0] == "_")
    return CellFunction(text, tuple(names), evaluate)


class _Reader:
    """Recursive descent, one method for each strength."""

    def __init__(self, text: str, tokens: list[str]):
        self._text, self._tokens, self._at = text, tokens, 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self.peek()
        self._at += 1
        return token

    def either(self) -> Evaluate:
        found = self._both()
        while self.peek() in ("|", "+"):
            self._take()
            found = _combined(np.bitwise_or, found, self._both())
        return found

    def _both(self) -> Evaluate:
        found = self._different()
        while (token := self.peek()) and token not in ("|", "+", ")", "^"):
            if token in ("&", "*"):
                self._take()
            found = _combined(np.bitwise_and, found, self._different())
        return found

    def _different(self) -> Evaluate:
        found = self._inverted()
        while self.peek() == "^":
            self._take()
            found = _combined(np.bitwise_xor, found, self._inverted())
        return found

    def _inverted(self) -> Evaluate:
        if self.peek() == "!":
            self._take()
            return _not(self._inverted())
        found = self._atom()
        while self.peek() == "'":
            self._take()
            found = _not(found)
        return found

    def _atom(self) -> Evaluate:
        token = self._take()
        if token == "(":
            found = self.either()
            if self._take() != ")":
                raise LibertyError(f"a function {self._text!r}")
            return found
        if token in ("0", "1"):
            word = _ONES if token == "1" else np.uint64(0)
            return lambda values: word
        if not token or not (token[0].isalpha() or token[0] == "_"):
            raise LibertyError(f"a function {self._text!r}")
        return lambda values: values[token]


def _combined(operation: Any, left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda values: operation(left(values), right(values))


def _not(inner: Evaluate) -> Evaluate:
    return lambda values: ~inner(values)
