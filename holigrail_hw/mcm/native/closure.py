"""The closure enumeration in C++ behind the interface of its Python twin.

:func:`enumeration` returns the compiled one where a compiler is found, else the twin; the sets,
their order and the errors are the same. The compiled search returns to Python several times a
second, so that deadlines and Ctrl-C are obeyed.
"""

import ctypes
import time
from collections.abc import Callable, Iterator, Sequence

from ..graph.counting import RULES
from ..single.closure import WIDEST_INPUT, Answer, Closure, OutOfTime
from ..single.forms import Costs
from .library import load

__all__ = ["NativeClosure", "enumeration"]

_SPELL_S = 0.05
_NO_PAUSE = (1 << 64) - 1


def enumeration(
    targets: Sequence[int],
    *,
    depth: int | None = None,
    deadline: float | None = None,
    bits: int | None = None,
) -> Closure:
    """The fastest enumeration available; parameters as for :class:`.closure.Closure`."""
    kind = Closure if load("closure") is None else NativeClosure
    return kind(targets, depth=depth, deadline=deadline, bits=bits)


class NativeClosure(Closure):
    """:class:`.closure.Closure`, compiled."""

    def __init__(self, targets: Sequence[int], **options):
        super().__init__(targets, **options)
        library = load("closure")
        assert library is not None
        self._library = _declared(library)
        given = (ctypes.c_uint32 * len(self.targets))(*self.targets)
        depth = -1 if self.depth is None else self.depth
        self._handle = library.closure_new(given, len(given), self.relations.bits, depth)

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self._library.closure_free(self._handle)

    def walk(
        self,
        extra: int,
        *,
        idle: bool = False,
        costs: Costs | None = None,
        below: Callable[[], int | None] | None = None,
        pause: int | None = None,
    ) -> Iterator[Answer | None]:
        library, handle = self._library, self._handle
        asked = None
        if costs is not None and below is not None and costs.input_width <= WIDEST_INPUT:
            asked = below
            rule = list(RULES).index(costs.rule)
            library.closure_costs(handle, costs.input_width, costs.signed, rule)
        library.closure_start(handle, extra, idle)
        common = (ctypes.c_uint32 * (len(self.targets) + extra + 2))()
        words = (ctypes.c_uint64 * max(1, self.relations.count + 63 >> 6))()
        pause_at = _NO_PAUSE if pause is None else self.work + pause
        while True:
            spell = _SPELL_S
            if self.deadline is not None:
                spell = min(spell, self.deadline - time.monotonic())
                if spell <= 0:
                    raise OutOfTime
            limit = (asked() if asked is not None else None) or 0
            state = library.closure_next(handle, spell, pause_at, limit)
            self.work = library.closure_work(handle)
            if state == 0:
                return
            if state == 3 and pause is not None:
                yield None
                pause_at = self.work + pause
            if state == 1:
                count = library.closure_common(handle, common)
                last = 0
                if library.closure_last(handle, words):
                    last = int.from_bytes(bytes(words), "little")
                yield common[:count], last


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """The library with its function signatures declared."""
    handle, whole = ctypes.c_void_p, ctypes.c_int
    factors, words = ctypes.POINTER(ctypes.c_uint32), ctypes.POINTER(ctypes.c_uint64)
    for name, result, arguments in (
        ("new", handle, (factors, whole, whole, whole)),
        ("free", None, (handle,)),
        ("start", None, (handle, whole, whole)),
        ("costs", None, (handle, whole, whole, whole)),
        ("next", whole, (handle, ctypes.c_double, ctypes.c_uint64, whole)),
        ("common", whole, (handle, factors)),
        ("last", whole, (handle, words)),
        ("work", ctypes.c_uint64, (handle,)),
    ):
        function = getattr(library, f"closure_{name}")
        function.restype, function.argtypes = result, arguments
    return library
