"""A design as a network of AND gates, evaluated for 64 vectors at once with NumPy.

Yosys maps the design to an and-inverter graph (AIGER 1.9; Biere, Heljanko, Wieringa, "AIGER 1.9 and
beyond", 2011). Every signal becomes an array of 64-bit words, one bit per vector, and the gates of
one level are one NumPy operation. Nothing is compiled, so a design is ready within a second, where
a C++ compiler takes ten; a run of some thousand items costs less than that compilation. Long runs
belong to :mod:`.compiled`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.core.run.process import run
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.store.kept_files import content
from holigrail_hw.core.timing import Timing

from .. import tools
from ..top import CLOCK, RESET, Top

__all__ = ["Gates", "Network", "codes_of_lanes", "words_of_bits"]

_PASSES = (
    "proc",
    "flatten",
    "opt_clean",
    # Memories become registers and multiplexers; without any this does nothing.
    "memory",
    "opt -full",
    "memory_map",
    "techmap",
    "opt",
    # What a register with an enable would load while it holds became undefined: any value serves.
    "setundef -zero",
    # Cells of devices have asynchronous resets, which are not used here.
    "async2sync",
    "dffunmap",
    "aigmap",
    "opt_clean",
)
_WORDS = 128
"""Words evaluated at once: enough to hide NumPy's overhead, few enough to stay in the cache."""


@dataclass(frozen=True)
class Network:
    """An and-inverter graph, its gates sorted by level.

    ``inputs``, ``outputs`` map (port, bit) to a literal; ``latches`` are (current, next, init)
    literals. A literal is twice a variable, plus one if inverted; variable 0 is constant false.
    ``gates`` has rows (output literal, two input literals), ``levels`` the first row of each level.
    """

    inputs: dict[tuple[str, int], int]
    outputs: dict[tuple[str, int], int]
    latches: np.ndarray
    gates: np.ndarray
    levels: np.ndarray
    variables: int

    @classmethod
    def of(cls, top: Top) -> "Network":
        """The graph of a design, from the cache if it was made before."""
        return cls.read(top.rtlil, "rtlil", top.name)

    @classmethod
    def read(cls, text: str, language: str, name: str) -> "Network":
        """The graph of module ``name`` in a text that Yosys reads: ``rtlil`` or ``json``."""
        found = tools.require("yosys", who="simulate")["yosys"]
        passes = "; ".join(_PASSES)
        kept = cache.digest([found.version, passes, text]) + ".aag"

        def make(work: Path) -> Path:
            (work / "design").write_text(text)
            commands = (
                f"read_{language} design; hierarchy -top {name}; {passes}; "
                "write_aiger -ascii -symbols design.aag"
            )
            run(
                [*found.command, "-q", "-p", commands],
                who="simulate",
                log=work / "yosys.log",
                cwd=work,
            )
            return work / "design.aag"

        return cls.parse(cache.use(kept, make, content).decode("ascii"))

    @classmethod
    def parse(cls, text: str) -> "Network":
        """The graph in an ASCII AIGER file with symbols ``PORT[BIT]`` or ``PORT``."""
        lines = text.splitlines()
        variables, inputs, latches, outputs, gates = map(int, lines[0].split()[1:6])
        starts = np.cumsum([1, inputs, latches, outputs, gates])
        ports = [
            [int(line) for line in lines[starts[0] : starts[1]]],
            [int(line) for line in lines[starts[2] : starts[3]]],
        ]
        states = [[int(word) for word in line.split()] for line in lines[starts[1] : starts[2]]]
        named: tuple[dict, dict] = ({}, {})
        for line in lines[starts[4] :]:
            if line.startswith("c"):
                break
            kind, *symbols = line.split()
            if kind[0] == "l":
                continue
            group = "io".index(kind[0])
            for symbol in symbols:
                port, _, bit = symbol.partition("[")
                named[group][port, int(bit.rstrip("]") or 0)] = ports[group][int(kind[1:])]
        rows = [line.split() for line in lines[starts[3] : starts[4]]]
        table, levels = _by_level(np.array(rows, dtype=np.int64).reshape(-1, 3), variables)
        state = np.array([[s[0], s[1], s[2] if len(s) > 2 else 0] for s in states], dtype=np.int64)
        return cls(named[0], named[1], state.reshape(-1, 3), table, levels, variables)

    def evaluate(self, values: np.ndarray) -> None:
        """Compute all gates; ``values`` has one row per literal: true, then inverted."""
        half = self.variables + 1
        for outputs, left, right in self._rows:
            result = values[left] & values[right]
            values[outputs] = result
            values[outputs + half] = ~result

    def row(self, literals: Any) -> Any:
        """Where values of literals are in the array that :meth:`evaluate` works on."""
        return (literals >> 1) + (self.variables + 1) * (literals & 1)

    def fresh(self, words: int) -> np.ndarray:
        """An array for :meth:`evaluate`, all inputs 0."""
        values = np.zeros((2 * (self.variables + 1), words), dtype=np.uint64)
        values[self.variables + 1 :] = ~np.uint64(0)
        return values

    def start(self, words: int) -> np.ndarray:
        """Registers after power-on, one row each."""
        state = np.where(self.latches[:, 2:3] == 1, ~np.uint64(0), np.uint64(0))
        return np.broadcast_to(state, (len(state), words))

    def load(self, values: np.ndarray, state: np.ndarray) -> None:
        """Put the registers into an array for :meth:`evaluate`."""
        current = self.latches[:, 0] >> 1
        values[current], values[current + self.variables + 1] = state, ~state

    def next_state(self, values: np.ndarray) -> np.ndarray:
        """Registers after the clock edge."""
        return values[self.row(self.latches[:, 1])]

    @cached_property
    def _rows(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Level by level: rows of outputs and of both inputs."""
        outputs, left, right = (np.ascontiguousarray(column) for column in self.row(self.gates).T)
        return [
            (outputs[start:stop], left[start:stop], right[start:stop])
            for start, stop in zip(self.levels[:-1], self.levels[1:], strict=True)
        ]


class Gates:
    """One design as gates, with the interface of :class:`.compiled.Compiled`.

    Parameters
    ----------
    spec : OperatorSpec
    timing : Timing
        Plain shell only.

    Attributes
    ----------
    latency, interleave : int
    """

    def __init__(self, spec: OperatorSpec, timing: Timing | None = None):
        top = Top(spec, timing)
        self._set_up(top, Network.of(top))

    @classmethod
    def of(cls, top: Top, network: Network | None = None, **ties: int) -> "Gates":
        """A top module, or a network of it, some of whose further inputs are tied to codes."""
        self = cls.__new__(cls)
        self._set_up(top, network or Network.of(top), ties)
        return self

    def _set_up(self, top: Top, network: Network, ties: Mapping[str, int] | None = None) -> None:
        self.top, self.spec, self.network = top, top.spec, network
        self.latency, self.interleave = top.latency, top.interleave
        self._ties, self._row = ties or {}, network.row

    def run(self, codes: Mapping[str, Any], *, cut_off: int = 0) -> dict[str, Any]:
        """Results of items, one per cycle from reset.

        Parameters
        ----------
        codes : mapping of operand names to arrays of codes
            Of shape (items,) or (time, lanes); lanes are separate copies of the design.
        cut_off : int
            So many cycles of them first, cut off by a reset.
        """
        arrays = {name: np.asarray(values) for name, values in codes.items()}
        shape = next(iter(arrays.values())).shape
        if len(shape) == 1 and not self.top.clocked:
            arrays = {name: values.reshape(1, -1) for name, values in arrays.items()}
        elif len(shape) == 1:
            arrays = {name: values.reshape(-1, 1) for name, values in arrays.items()}
        lanes = next(iter(arrays.values())).shape[1]
        parts = []
        for start in range(0, lanes, 64 * _WORDS):
            part = {name: v[:, start : start + 64 * _WORDS] for name, v in arrays.items()}
            parts.append(self._run_lanes(part, cut_off))
        return {
            name: np.concatenate([part[name] for part in parts], axis=1).reshape(shape)
            for name in self.spec.outputs()
        }

    def exhaustive(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """All combinations of operand codes and their results, in chunks; combinational only."""
        widths = [format.width for format in self.spec.inputs().values()]
        total = 1 << sum(widths)
        for start in range(0, total, 1 << 16):
            count = np.arange(start, min(start + (1 << 16), total), dtype=np.uint64)
            codes, place = {}, 0
            for name, width in reversed(list(zip(self.spec.inputs(), widths, strict=True))):
                codes[name] = (count >> np.uint64(place)) & np.uint64((1 << width) - 1)
                place += width
            yield codes, self.run(codes)

    def _run_lanes(self, codes: Mapping[str, np.ndarray], cut_off: int) -> dict[str, np.ndarray]:
        network, row = self.network, self._row
        count, lanes = next(iter(codes.values())).shape
        words = -(-lanes // 64)
        values, half = network.fresh(words), network.variables + 1
        outputs = self.spec.outputs()
        results = {
            name: np.zeros((count, lanes), np.uint64 if f.width <= 64 else object)
            for name, f in outputs.items()
        }

        def assign(port: str, bit: int, word: np.ndarray) -> None:
            if (literal := network.inputs.get((port, bit))) is not None:
                values[literal >> 1], values[(literal >> 1) + half] = word, ~word

        state = network.start(words)
        nothing, everything = np.zeros(words, np.uint64), np.full(words, ~np.uint64(0))
        for name, code in self._ties.items():
            for bit in range(int(code).bit_length()):
                assign(name, bit, everything if code >> bit & 1 else nothing)
        first = -(cut_off + 1) if cut_off else 0
        for cycle in range(first, count + self.latency):
            for name, format in self.spec.inputs().items():
                given = codes[name][min(cycle % count if cycle < 0 else cycle, count - 1)]
                for bit, word in enumerate(words_of_bits(_plain(given), format.width, words)):
                    assign(name, bit, word)
            assign(RESET, 0, everything if cycle == -1 else nothing)
            assign(CLOCK, 0, nothing)
            network.load(values, state)
            network.evaluate(values)
            if cycle >= self.latency:
                for name, format in outputs.items():
                    literals = [network.outputs[name, bit] for bit in range(format.width)]
                    bits = values[[row(literal) for literal in literals]]
                    results[name][cycle - self.latency] = codes_of_lanes(bits, lanes)
            state = network.next_state(values)
        return results


def _by_level(gates: np.ndarray, variables: int) -> tuple[np.ndarray, np.ndarray]:
    """Gates sorted by their distance from the inputs, and where each distance begins."""
    depth = [0] * (variables + 1)
    for output, left, right in gates.tolist():
        depth[output >> 1] = 1 + max(depth[left >> 1], depth[right >> 1])
    level = np.array([depth[output >> 1] for output in gates[:, 0].tolist()], dtype=np.int64)
    order = np.argsort(level, kind="stable")
    starts = np.flatnonzero(np.diff(level[order], prepend=0))
    return gates[order], np.append(starts, len(gates))


def words_of_bits(codes: np.ndarray, width: int, words: int) -> Iterator[np.ndarray]:
    """Bit by bit, the codes of all lanes packed into words."""
    padded = np.zeros(64 * words, dtype=codes.dtype)
    padded[: len(codes)] = codes
    for bit in range(width):
        one = padded >> bit & 1 if padded.dtype == object else padded >> np.uint64(bit)
        packed = np.packbits(
            one.astype(np.uint64, copy=False) & np.uint64(1) != 0, bitorder="little"
        )
        yield packed.view(np.uint64)


def codes_of_lanes(bits: Sequence[np.ndarray] | np.ndarray, lanes: int) -> np.ndarray:
    """Codes of all lanes from packed bits."""
    dtype = np.uint64 if len(bits) <= 64 else object
    codes = np.zeros(lanes, dtype=dtype)
    for place, packed in enumerate(bits):
        one = np.unpackbits(np.ascontiguousarray(packed).view(np.uint8), bitorder="little")
        value = one[:lanes].astype(dtype)
        codes |= value << (np.uint64(place) if dtype is np.uint64 else place)
    return codes


def _plain(codes: np.ndarray) -> np.ndarray:
    return codes if codes.dtype == object else codes.astype(np.uint64)
