"""The truncated searches in C++ behind the interfaces of their Python twins.

:func:`annealing` and :func:`exhaustion` return the compiled searches where a compiler is found and
the numbers fit 64 bits, else the twins; the answers are the same.
"""

import ctypes
import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from ..single.closure import OutOfTime
from ..single.forms import Form
from ..truncation.anneal import COLD, HOT, PRICE, Annealing
from ..truncation.exhaust import Exhaustion
from .library import load

__all__ = ["NativeAnnealing", "NativeExhaustion", "annealing", "exhaustion"]

_WIDEST_FACTOR, _WIDEST_INPUT, _WIDEST_ERROR = 20, 32, 24


def annealing(forms, choices, allowed, input_width, signed, random) -> Annealing:
    """The fastest annealing available; parameters as for :class:`.anneal.Annealing`."""
    kind = NativeAnnealing if _fits(choices, allowed, input_width) else Annealing
    return kind(forms, choices, allowed, input_width, signed, random)


def exhaustion(bounded, allowed, input_width, signed, **limits) -> Exhaustion:
    """The fastest exhaustion available; parameters as for :class:`.exhaust.Exhaustion`."""
    kind = NativeExhaustion if _fits(bounded, allowed, input_width) else Exhaustion
    return kind(bounded, allowed, input_width, signed, **limits)


class NativeAnnealing(Annealing):
    """:class:`.anneal.Annealing`, compiled."""

    blocks_of = 1_000_000
    step_s = 4e-8

    def __init__(
        self,
        forms: dict[int, Form],
        choices: dict[int, list[Form]],
        allowed: dict[int, int],
        input_width: int,
        signed: bool,
        random: Random,
    ):
        super().__init__(forms, choices, allowed, input_width, signed, random)
        listed = {w: [(0, form) for form in choices[w]] for w in choices}
        self._problem = _Problem(listed, allowed, input_width, signed)
        first = [0, *(choices[w].index(forms[w]) for w in self._problem.names)]
        library = self._problem.library
        self._handle = library.truncated_annealing(
            self._problem.handle, (ctypes.c_int32 * len(first))(*first)
        )

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self._problem.library.truncated_annealing_free(self._handle)

    def block(self, count: int, deadline: float) -> None:
        version, state, gauss = self.random.getstate()
        numbers = (ctypes.c_uint32 * len(state))(*state)
        best = self._problem.library.truncated_anneal(
            self._handle,
            count,
            HOT,
            COLD,
            PRICE,
            numbers,
            max(0.0, deadline - time.monotonic()),
            self._problem.answer,
        )
        self.random.setstate((version, tuple(numbers), gauss))
        if best >= 0:
            self.answer = (best, *self._problem.graph())


class NativeExhaustion(Exhaustion):
    """:class:`.exhaust.Exhaustion`, compiled."""

    def run(self) -> bool:
        problem = _Problem(self.bounded, self.allowed, self.input_width, self.signed)
        nodes = {w: index for index, w in enumerate(problem.names, start=1)}
        sequence = (ctypes.c_int32 * len(nodes))(*(nodes[w] for w in self.names))
        state = ctypes.c_int()
        best = problem.library.truncated_exhaust(
            problem.handle,
            sequence,
            self.best,
            self.steps,
            max(0.0, self.deadline - time.monotonic()),
            problem.answer,
            ctypes.byref(state),
        )
        if best >= 0:
            self.best, self.answer = best, problem.graph()
        self.complete = not state.value & 1
        if state.value & 2:
            raise OutOfTime
        return self.complete


class _Problem:
    """A set of fundamentals with their forms, as the compiled searches see it."""

    def __init__(
        self,
        choices: Mapping[int, Sequence[tuple[int, Form]]],
        allowed: dict[int, int],
        input_width: int,
        signed: bool,
    ):
        self.library = _declared(load("truncated"))
        self.names = sorted(choices)
        self.choices = choices
        place = {1: 0, **{w: index for index, w in enumerate(self.names, start=1)}}
        forms = [
            (place[f.left], place[f.right], *f[2:], least)
            for w in self.names
            for least, f in choices[w]
        ]
        flat = [int(number) for form in forms for number in form]
        count = len(self.names)
        self.handle = self.library.truncated_problem(
            count,
            (ctypes.c_int64 * (count + 1))(1, *self.names),
            (ctypes.c_int64 * (count + 1))(-1, *(allowed.get(w, -1) for w in self.names)),
            (ctypes.c_int32 * (count + 1))(0, *(len(choices[w]) for w in self.names)),
            (ctypes.c_int32 * len(flat))(*flat),
            input_width,
            signed,
        )
        self.answer = (ctypes.c_int32 * (4 * count))()

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            self.library.truncated_problem_free(self.handle)

    def graph(self) -> tuple[list[tuple[int, Form]], list[tuple[int, int]]]:
        """The graph the library wrote: forms in order, and their truncations."""
        order, truncations = [], []
        for index in range(0, len(self.answer), 4):
            node, choice, left, right = self.answer[index : index + 4]
            w = self.names[node - 1]
            order.append((w, self.choices[w][choice][1]))
            truncations.append((left, right))
        return order, truncations


def _fits(factors: Mapping[int, Any], allowed: dict[int, int], input_width: int) -> bool:
    return (
        load("truncated") is not None
        and max(factors, default=1).bit_length() <= _WIDEST_FACTOR
        and max(allowed.values(), default=0).bit_length() <= _WIDEST_ERROR
        and input_width <= _WIDEST_INPUT
    )


def _declared(library: ctypes.CDLL | None) -> ctypes.CDLL:
    """The library with its function signatures declared."""
    assert library is not None
    handle, whole, real = ctypes.c_void_p, ctypes.c_int, ctypes.c_double
    short, long = ctypes.POINTER(ctypes.c_int32), ctypes.POINTER(ctypes.c_int64)
    random = ctypes.POINTER(ctypes.c_uint32)
    for name, result, arguments in (
        ("problem", handle, (whole, long, long, short, short, whole, whole)),
        ("problem_free", None, (handle,)),
        ("annealing", handle, (handle, short)),
        ("annealing_free", None, (handle,)),
        ("anneal", whole, (handle, whole, real, real, real, random, real, short)),
        (
            "exhaust",
            whole,
            (handle, short, whole, ctypes.c_int64, real, short, ctypes.POINTER(whole)),
        ),
    ):
        function = getattr(library, f"truncated_{name}")
        function.restype, function.argtypes = result, arguments
    return library
