"""A combinational netlist evaluated cell by cell with NumPy, whole words at a time.

Nothing is compiled and no tool runs: every cell of :mod:`.word_netlist` becomes one operation on
arrays of vectors, and a graph of thousands of adders is checked within seconds. A value is dropped
after its last reader, so that memory holds what is still to be read and not all wires.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .word_netlist import Driver, Netlist, Slice, Uncovered

__all__ = ["Words"]

_Array = np.ndarray

_OPERATIONS: dict[str, Callable[..., Any]] = {
    "$add": np.add,
    "$sub": np.subtract,
    "$mul": np.multiply,
    "$and": np.bitwise_and,
    "$or": np.bitwise_or,
    "$xor": np.bitwise_xor,
    "$not": np.invert,
    "$neg": np.negative,
}
_CHUNK = 4096
"""Vectors evaluated at once."""


@dataclass(frozen=True)
class _Piece:
    """Bits of a wire on their way into an operand: shifted down, cut, shifted up; None: not so."""

    wire: str
    down: np.uint64 | None
    mask: np.uint64 | None
    up: np.uint64 | None


@dataclass(frozen=True)
class _Operand:
    """Pieces and constant bits side by side; ``spare`` bits above a sign get copies of it."""

    pieces: tuple[_Piece, ...]
    constant: np.uint64
    spare: int

    def gather(self, values: Mapping[str, _Array], size: int) -> _Array:
        """The operand of every vector in 64 bits."""
        total = np.full(size, self.constant, np.uint64) if self._is_seeded else None
        for piece in self.pieces:
            bits = values[piece.wire]
            if piece.down is not None:
                bits = bits >> piece.down
            if piece.mask is not None:
                bits = bits & piece.mask
            if piece.up is not None:
                bits = bits << piece.up
            total = bits if total is None else total | bits
        assert total is not None
        if not self.spare:
            return total
        return ((total << np.uint64(self.spare)).view(np.int64) >> self.spare).view(np.uint64)

    @property
    def _is_seeded(self) -> bool:
        return not self.pieces or self.constant != 0


@dataclass(frozen=True)
class _Step:
    """One wire: its operation (None: a connection), and the wires that nobody reads later."""

    wire: str
    operation: Callable[..., Any] | None
    operands: tuple[_Operand, ...]
    mask: np.uint64
    last: tuple[str, ...]

    def evaluate(self, values: Mapping[str, _Array], size: int) -> _Array:
        gathered = [operand.gather(values, size) for operand in self.operands]
        # Bits above those of the result change none of it in any of the operations.
        return gathered[0] if self.operation is None else self.operation(*gathered) & self.mask


class Words:
    """A netlist that can be evaluated.

    Parameters
    ----------
    rtlil : str
        A design of one module, as Amaranth writes it.
    """

    def __init__(self, rtlil: str):
        netlist = Netlist(rtlil)
        self._steps = _steps(netlist)

    @classmethod
    def covering(cls, rtlil: str) -> "Words | None":
        """The netlist, or none if it holds what is not evaluated here."""
        try:
            return cls(rtlil)
        except Uncovered:
            return None

    def run(self, codes: Mapping[str, Any], outputs: Mapping[str, str]) -> dict[str, Any]:
        """Results of vectors, ``uint64``.

        Parameters
        ----------
        codes : mapping of the names of input ports to arrays of codes, all of one length
        outputs : mapping of the names of results to those of output ports
        """
        arrays = {f"\\{name}": np.asarray(code).astype(np.uint64) for name, code in codes.items()}
        count = len(next(iter(arrays.values())))
        results = {name: np.zeros(count, np.uint64) for name in outputs}
        kept = {f"\\{port}" for port in outputs.values()}
        for start in range(0, count, _CHUNK):
            values = {name: code[start : start + _CHUNK] for name, code in arrays.items()}
            size = len(next(iter(values.values())))
            for step in self._steps:
                values[step.wire] = step.evaluate(values, size)
                for wire in step.last:
                    if wire not in kept:
                        del values[wire]
            for name, port in outputs.items():
                results[name][start : start + size] = values[f"\\{port}"]
        return results


def _steps(netlist: Netlist) -> list[_Step]:
    """The drivers of a netlist in their order, ready to be evaluated."""
    readers = {}
    for wire, driver in netlist.drivers.items():
        readers |= dict.fromkeys(driver.wires(), wire)
    last: dict[str, list[str]] = {}
    for read, wire in readers.items():
        last.setdefault(wire, []).append(read)
    return [
        _Step(
            wire,
            _OPERATIONS.get(driver.kind),
            tuple(_operand(parts, driver, netlist.widths) for parts in driver.operands),
            _mask(netlist.widths[wire]),
            tuple(last.get(wire, ())),
        )
        for wire, driver in netlist.drivers.items()
    ]


def _operand(parts: tuple[Slice, ...], driver: Driver, widths: Mapping[str, int]) -> _Operand:
    pieces, constant, place = [], 0, 0
    for part in reversed(parts):
        if part.wire is None:
            constant |= part.value << place
        else:
            cut = part.low + part.width < widths[part.wire]
            pieces.append(
                _Piece(
                    part.wire,
                    np.uint64(part.low) if part.low else None,
                    _mask(part.width) if cut else None,
                    np.uint64(place) if place else None,
                )
            )
        place += part.width
    spare = 64 - place if driver.kind and driver.signed and place else 0
    return _Operand(tuple(pieces), np.uint64(constant), spare)


def _mask(width: int) -> np.uint64:
    return np.uint64((1 << width) - 1)
