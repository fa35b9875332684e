"""Mutants: planted faults in the datapath, to see whether verification notices them.

Each fault changes one step of the plan: a result bit inverted, stuck at 0 or at 1, or an operand
bit that is lost (for an adder, a lost carry). All faults of an operator are built into one circuit,
with an operand ``fault`` that turns one of them on, so that one compilation serves them all.

A fault survives if no vector shows it. When the vectors are all codes there are, a survivor changes
nothing: that part of the step does not matter (a redundant gate, not a gap in the tests).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth import Cat, Const, Mux, Shape, Value

from ..core.errors import DesignError
from ..core.spec import OperatorSpec
from ..core.timing import Timing
from ..formats import Format, parse
from ..hdl.plan import Plan, Wire
from . import vectors
from .compiled import Compiled
from .process import Progress

__all__ = ["Fault", "MutantResult", "run"]

KINDS = ("inverted", "stuck at 0", "stuck at 1", "operand bit lost")
_COUNT = 4_000


@dataclass(frozen=True)
class Fault:
    """One planted fault: which call of ``step`` (in order), its name, the kind, and the bit."""

    step: int
    name: str
    kind: str
    bit: int

    def __str__(self) -> str:
        return f"{self.name}[{self.bit}] {self.kind}"


@dataclass(frozen=True)
class MutantResult:
    """Faults that were noticed and faults that were not, and how many vectors each one met."""

    killed: tuple[Fault, ...]
    survived: tuple[Fault, ...]
    vectors: int
    exhaustive: bool


def run(
    spec: OperatorSpec,
    timing: Timing | None = None,
    *,
    faults: int = 60,
    count: int | None = None,
    seed: int = 0,
    kinds: tuple[str, ...] = KINDS,
    progress: Progress | None = None,
) -> MutantResult:
    """Plant faults in a design and run the vectors of ``verify`` on each.

    Parameters
    ----------
    timing : Timing
        Of plain ports.
    faults : int
        How many, drawn at random from all possible ones.
    count : int or None
        Vectors; ``None`` for all codes where that is possible, or a default number.

    Raises
    ------
    DesignError
        If the circuit is wrong without any fault, or has no step to break.
    """
    timing = timing or Timing()
    possible = [fault for fault in _faults(spec, timing) if fault.kind in kinds]
    if not possible:
        raise DesignError(f"{spec.name}: there must be a step to break, not none")
    rng = np.random.default_rng(seed)
    picks = np.sort(rng.permutation(len(possible))[:faults])
    chosen = tuple(possible[index] for index in picks)
    design = Compiled(Faulty(original=spec, faults=chosen), timing, progress=progress)
    if count is None and not vectors.is_exhaustive(spec):
        count = _COUNT
    tests = vectors.choose(spec, design.interleave, count, seed)

    def noticed(number: int) -> bool:
        codes = {**tests.codes, "fault": np.full(len(tests), number, np.uint64)}
        return bool(len(vectors.failing(tests, design.run(codes))))

    if noticed(0):
        raise DesignError(f"{spec.name}: the circuit must be right without a fault, not wrong")
    alive, dead = [], []
    for number, fault in enumerate(chosen, start=1):
        if progress is not None:
            progress(f"mutant {number} of {len(chosen)}: {fault}")
        (dead if noticed(number) else alive).append(fault)
    return MutantResult(tuple(dead), tuple(alive), len(tests), tests.exhaustive)


@dataclass(frozen=True, kw_only=True)
class Faulty(OperatorSpec):
    """An operator with faults built in; the operand ``fault`` turns on one, 0 none.

    It is no operator of its own, hence not registered.
    """

    name = "faulty"
    summary = "an operator with planted faults"
    original: OperatorSpec
    faults: tuple[Fault, ...]

    @property
    def stateful(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.original.stateful

    def inputs(self) -> dict[str, Format]:
        width = max(1, len(self.faults).bit_length())
        return {**self.original.inputs(), "fault": parse(f"uint{width}")}

    def outputs(self) -> dict[str, Format]:
        return self.original.outputs()

    def golden(self, **codes: Any) -> dict[str, Any]:
        codes.pop("fault")
        return self.original.golden(**codes)

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        fault = wires.pop("fault")
        breaking: Any = _Breaking(plan, self.faults, fault)
        return self.original.datapath(breaking, **wires)


class _Breaking:
    """A plan whose steps break when ``fault`` says so; everything else is the plan's own."""

    def __init__(self, plan: Plan, faults: tuple[Fault, ...], fault: Wire | None):
        self._plan, self._fault = plan, fault
        self._numbers: dict[int, list[tuple[int, Fault]]] = {}
        for number, one in enumerate(faults, start=1):
            self._numbers.setdefault(one.step, []).append((number, one))
        self._step = 0
        self.seen: dict[int, tuple[str, int, int]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plan, name)

    def step(
        self, name: str, shape: Any, function: Callable[..., Any], *operands: Wire, **options: Any
    ) -> Wire:
        index, self._step = self._step, self._step + 1
        width = Shape.cast(shape).width
        self.seen[index] = name, width, sum(operand.width for operand in operands)
        faults = self._numbers.get(index, [])
        if not faults or self._fault is None:
            return self._plan.step(name, shape, function, *operands, **options)

        plain = Shape.cast(shape)

        def broken(*wires: Any) -> Any:
            *values, active = wires
            right = result = _bits(function(*values), plain.width)
            for number, fault in faults:
                result = Mux(active == number, _mutate(fault, right, function, values), result)
            return result.as_signed() if plain.signed else result

        return self._plan.step(name, shape, broken, *operands, self._fault, **options)

    def loop(
        self, name: str, shape: Any, body: Callable[..., Wire], *operands: Wire, **options: Any
    ) -> Wire:
        first = self._step

        def counted(plan: Any, *wires: Wire) -> Wire:
            # The scheduler may try the body twice: the numbers must be the same each time.
            self._step = first
            return body(self, *wires)

        return self._plan.loop(name, shape, counted, *operands, **options)


def _mutate(fault: Fault, right: Any, function: Any, values: list[Any]) -> Any:
    """The bits of a step's result with one fault."""
    width = len(right)
    if fault.kind == "inverted":
        return right ^ Const(1 << fault.bit, width)
    if fault.kind == "stuck at 0":
        return right & Const((1 << width) - 1 - (1 << fault.bit), width)
    if fault.kind == "stuck at 1":
        return right | Const(1 << fault.bit, width)
    place, operands = fault.bit, list(values)
    for index, value in enumerate(values):
        if place < len(Value.cast(value)):
            operands[index] = _without_bit(value, place)
            break
        place -= len(Value.cast(value))
    return _bits(function(*operands), width)


def _bits(value: Any, width: int) -> Any:
    """A value, extended or cut to ``width`` bits, as plain bits."""
    plain = Value.cast(value)
    sign = plain[-1] if plain.shape().signed else Const(0, 1)
    return Cat(plain, sign.replicate(max(0, width - len(plain))))[:width]


def _without_bit(value: Any, bit: int) -> Any:
    """The value with one bit cleared, in the same shape."""
    plain, shape = Value.cast(value), value.shape()
    bits = Cat(plain[:bit], Const(0, 1), plain[bit + 1 :])
    if isinstance(shape, Shape):
        return bits.as_signed() if shape.signed else bits
    return shape(bits)


def _faults(spec: OperatorSpec, timing: Timing) -> list[Fault]:
    """Every fault that can be planted."""
    steps: dict[int, tuple[str, int, int]] = {}

    class Listing(Faulty):
        def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
            wires.pop("fault")
            listing: Any = _Breaking(plan, (), None)
            result = spec.datapath(listing, **wires)
            steps.update(listing.seen)
            return result

    Listing(original=spec, faults=()).plan(timing)
    found = []
    for index, (name, width, operand_width) in steps.items():
        for kind in KINDS:
            bits = operand_width if kind == KINDS[3] else width
            found += [Fault(index, name, kind, bit) for bit in range(bits)]
    return found
