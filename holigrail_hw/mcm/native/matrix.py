"""The compiled search for matrix adder graphs: :class:`.ruin.PythonSearch` in C++."""

import ctypes
from collections.abc import Sequence

from ..matrix.draft import Term
from ..matrix.graph import Row
from ..matrix.ruin import PythonSearch, Settings, State
from . import library as native_library

__all__ = ["NATIVE_BITS", "NativeSearch", "search_class"]

NATIVE_BITS = 40
"""Bits of the widest coefficient that the compiled search takes."""
_WAYS = ("dissolve", "around", "expand", "size", "deep", "apart")


class _Ways(ctypes.Structure):
    """Percentages of the ways to ruin, as ``Ways`` in C++."""

    _fields_ = [(name, ctypes.c_int) for name in _WAYS]


class _Request(ctypes.Structure):
    """What a search is about, as ``MatrixRequest`` in C++."""

    _fields_ = [
        ("matrix", ctypes.POINTER(ctypes.c_int64)),
        ("seed", ctypes.c_uint64),
        ("most_pairs", ctypes.c_int64),
        ("inputs", ctypes.c_int),
        ("outputs", ctypes.c_int),
        ("limit", ctypes.c_int),
        ("counts_bits", ctypes.c_int),
        ("rule", ctypes.c_int),
        ("input_width", ctypes.c_int),
        ("table", ctypes.c_int),
        ("columns", ctypes.c_int),
        ("ways", _Ways),
    ]


class NativeSearch:
    """The same answers as those of PythonSearch; coefficients have at most 40 bits.

    Raises
    ------
    ValueError
        If a row is too deep.
    """

    def __init__(
        self,
        matrix: Sequence[Row],
        rows: Sequence[Sequence[Term]],
        settings: Settings,
        seed: int,
    ):
        library = native_library.load("matrix_search")
        if library is None:
            raise RuntimeError(native_library.why_not("matrix_search"))
        library.matrix_search_open.restype = ctypes.c_void_p
        library.matrix_search_open.argtypes = [ctypes.POINTER(_Request)]
        inputs = len(matrix[0])
        items = [c for row in matrix for c in row]
        request = _Request(
            matrix=(ctypes.c_int64 * len(items))(*items),
            seed=seed,
            most_pairs=settings.pairs,
            inputs=inputs,
            outputs=len(matrix),
            limit=settings.limit,
            counts_bits=settings.metric != "adders",
            rule=settings.rule == "da4ml",
            input_width=settings.input_width,
            table=_width(matrix) + 4,
            columns=inputs if settings.columns is None else settings.columns,
            ways=_Ways(**{name: getattr(settings, name) for name in _WAYS}),
        )
        terms = [
            number
            for row, found in enumerate(rows, start=inputs)
            for term in found
            for number in (row, *term)
        ]
        self._library = library
        self._handle = ctypes.c_void_p(library.matrix_search_open(ctypes.byref(request)))
        packed = (ctypes.c_int * len(terms))(*terms)
        if not library.matrix_search_start(self._handle, packed, len(terms) // 4):
            self.close()
            raise ValueError(f"a row is deeper than {settings.limit}")

    @property
    def state(self) -> State:
        """The best so far."""
        return State(*self._numbers()[:3])

    def best(self) -> dict[int, list[Term]]:
        """The rows of the best so far, by node."""
        numbers = (ctypes.c_int * self._numbers()[3])()
        self._library.matrix_search_best(self._handle, numbers)
        found: dict[int, list[Term]] = {}
        left = iter(numbers)
        for node in left:
            found[node] = [(next(left), next(left), next(left)) for _ in range(next(left))]
        return found

    def run(self, heats: Sequence[int]) -> None:
        """One iteration per heat (acceptance temperature); other threads run meanwhile."""
        self._library.matrix_search_run(
            self._handle, (ctypes.c_int * len(heats))(*heats), len(heats)
        )

    def close(self) -> None:
        """Release the memory."""
        if self._handle:
            self._library.matrix_search_close(self._handle)
        self._handle = None

    def _numbers(self) -> list[int]:
        numbers = (ctypes.c_int64 * 4)()
        self._library.matrix_search_state(self._handle, numbers)
        return list(numbers)


def search_class(matrix: Sequence[Row]) -> type[NativeSearch] | type[PythonSearch]:
    """The compiled search if available and the coefficients are not too wide, else its twin."""
    if _width(matrix) <= NATIVE_BITS and native_library.load("matrix_search") is not None:
        return NativeSearch
    return PythonSearch


def _width(matrix: Sequence[Row]) -> int:
    return max(c.bit_length() for row in matrix for c in row)
