"""What operators that round once have in common: mode, random word, overflow, result format.

Such an operator computes an exact number from its operands and projects it onto the result
format, the model of IEEE P3109. The random word of stochastic rounding is an input port, never
hidden state.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from holigrail_hw import golden
from holigrail_hw.core import OperatorSpec, parameter
from holigrail_hw.formats import Exact, Format, Rounding, parse
from holigrail_hw.formats.rules import Rules
from holigrail_hw.formats.scalar.binary_float import BinaryFloat
from holigrail_hw.hdl import reference
from holigrail_hw.hdl.number.exceptions import flags_of
from holigrail_hw.hdl.number.operation import OPERATIONS
from holigrail_hw.hdl.number.project import can_round, has_hardware
from holigrail_hw.hdl.number.status import Status
from holigrail_hw.hdl.plan.plan import Plan, Wire

__all__ = [
    "ArithmeticOperator",
    "RoundedOperator",
    "RuledOperator",
    "unless_ruled",
    "without_flags",
    "without_hardware",
    "without_rounding",
]


@dataclass(frozen=True, kw_only=True)
class RoundedOperator(OperatorSpec):
    """An operator with operands of any scalar formats and one rounded result."""

    result: Format | None = parameter(
        None, "format of the result; exact for fixed point, the widest float else"
    )
    rounding: Rounding = parameter(Rounding.NEAREST_EVEN, "rounding mode")
    random_width: int = parameter(8, "bits of the random word, if stochastic", low=1, high=32)
    overflow: str = parameter(
        "wrap", "a fixed-point result out of range", choices=("wrap", "saturate")
    )

    @abstractmethod
    def operands(self) -> dict[str, Format]:
        """Formats of the operands by port name."""

    def check(self) -> list[str]:
        wrong = without_hardware(**self.operands(), result=self.target)
        return wrong + without_rounding(self.rounding, result=self.target)

    def inputs(self) -> dict[str, Format]:
        ports = self.operands()
        if self.rounding.is_stochastic:
            ports["random"] = parse(f"uint{self.random_width}")
        return ports

    @property
    def target(self) -> Format:
        """The result format, given or derived."""
        assert self.result is not None
        return self.result

    @property
    def is_fixed(self) -> bool:
        """Whether the exact result is a multiple of one constant unit."""
        return all(format.is_fixed_like for format in self.operands().values())

    def widest_float(self) -> Format:
        """The widest operand that is not fixed-like; the first operand if all are."""
        formats = list(self.operands().values())
        floats = [format for format in formats if not format.is_fixed_like]
        return max(floats or formats[:1], key=lambda format: format.width)

    def projected(self, exact: Exact, random: Any) -> Any:
        """Codes of exact results in the result format."""
        return self.projection(random)(exact)

    def projection(self, random: Any) -> golden.Projection:
        """How exact results become codes; ``random`` are the words of stochastic rounding."""
        return golden.Projection(
            self.target, self.rounding, random, self.random_width, self.overflow
        )

    def options(self, wires: Mapping[str, Wire]) -> dict[str, Any]:
        """How the datapath rounds: the arguments that rounding units take."""
        return {
            "rounding": self.rounding,
            "random": wires.get("random"),
            "overflow": self.overflow,
        }


@dataclass(frozen=True, kw_only=True)
class RuledOperator(RoundedOperator):
    """One of the operations that number systems may have rules of their own for.

    A class adds ``operands``, ``arithmetic`` and ``rounded``. There is an output ``flags`` if it is
    asked for (:mod:`holigrail_hw.golden.flags`).
    """

    flags: bool = parameter(False, "an output of exception flags, for results that are floats")
    tininess: str = parameter(
        "after",
        "what underflow is judged by: the result before or after rounding",
        choices=("after", "before"),
    )

    @property
    @abstractmethod
    def arithmetic(self) -> str:
        """Which operation of ``golden.rules`` and ``hdl.number.operation`` this is."""

    def check(self) -> list[str]:
        wrong = unless_ruled(OPERATIONS[self.arithmetic], **self.operands(), result=self.target)
        wrong += without_rounding(self.rounding, result=self.target)
        if wrong or not self.flags:
            return wrong
        if not self.of_binary_fractions:
            return ["flags must be left out for logarithmic numbers"]
        return without_flags(self.target, self.rounding)

    def outputs(self) -> dict[str, Format]:
        return {"result": self.target} | ({"flags": parse("flags")} if self.flags else {})

    @property
    def of_binary_fractions(self) -> bool:
        """Whether all numbers have an end, as those of logarithmic formats do not."""
        formats = (*self.operands().values(), self.target)
        return all(format.has_binary_fractions for format in formats)

    @abstractmethod
    def rounded(self, plan: Plan, **given: Any) -> Wire:
        """The code of the result; ``given`` are operands by name and the options of `project`."""

    def golden(self, random: Any = None, **codes: Any) -> dict[str, Any]:
        operands, projection = self.operands(), self.projection(random)
        formats, given = tuple(operands.values()), tuple(codes[port] for port in operands)
        found = golden.operate(self.arithmetic, formats, given, projection)
        if not self.flags:
            return {"result": found}
        numbers = [format.unpack(code) for format, code in zip(formats, given, strict=True)]
        exact = golden.exact_result(self.arithmetic, numbers, projection)
        flags = golden.exception_flags(numbers, exact, found, projection, self.tininess)
        return {"result": found, "flags": flags}

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        """The rule of the number systems for all of the operation, else what the class says."""
        operands, options = self.operands(), self.options(wires)
        codes = {port: wires[port] for port in operands}
        rule = OPERATIONS[self.arithmetic].find(*operands.values(), self.target)
        if self.flags:
            status = Status(self.tininess)
            result = self.rounded(plan, **codes, **options, status=status)
            given = [(format, wires[port]) for port, format in operands.items()]
            return {"result": result, "flags": flags_of(plan, given, self.target, status)}
        if rule is None:
            return {"result": self.rounded(plan, **codes, **options)}
        formats = tuple(operands.values())
        return {"result": rule(plan, formats, tuple(codes.values()), self.target, **options)}


@dataclass(frozen=True, kw_only=True)
class ArithmeticOperator(RuledOperator):
    """An operation whose exact result is a binary fraction, which proofs can hold.

    A class adds ``exact_number``.
    """

    @abstractmethod
    def exact_number(self, plan: Plan, **numbers: reference.Number) -> reference.Number:
        """The exact result of the operands, for proofs; naive and apart from the datapath."""

    def exact_span(self) -> tuple[int, int]:
        """Exponents of the last place of the exact result, and of the place above it."""
        spans = [reference.span(format) for format in self.operands().values()]
        return min(low for low, _ in spans), max(high for _, high in spans) + 1

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]] | None:
        """The exact result as one whole number, rounded at every place it may need."""
        if self.flags:
            return None
        if not reference.is_known(*self.operands().values(), result=self.target):
            return None
        if not reference.fits(self.exact_span(), reference.span(self.target)):
            return None

        def answer(plan: Plan, random: Any = None, **codes: Any) -> dict[str, Any]:
            formats = self.operands()
            numbers = {n: reference.decode(plan, formats[n], code) for n, code in codes.items()}
            exact = self.exact_number(plan, **numbers)
            options = (self.rounding, random, self.overflow)
            return {"result": reference.project(plan, self.target, exact, *options)}

        return reference.circuit(self.inputs(), self.outputs(), answer)


def without_hardware(**formats: Format) -> list[str]:
    """What is wrong with formats whose numbers no hardware takes apart and rounds to."""

    def needed(format: Format) -> str:
        if format.block_size is not None:
            return f"a format of single numbers, not {format}, which is for operators on blocks"
        if not format.has_binary_fractions:
            return f"a format of binary fractions, not {format}, which is {format.kind}"
        return f"a format that operators have hardware for, not {format}"

    return [
        f"{name} must be {needed(format)}"
        for name, format in formats.items()
        if not has_hardware(format)
    ]


def without_flags(target: Format, rounding: Rounding) -> list[str]:
    """What is wrong with a result of which no flags are told."""
    if not isinstance(target, BinaryFloat) or not target.subnormals or not target.fraction_width:
        return [
            f"flags must be left out unless the result is a float with subnormal numbers and"
            f" fraction bits, not {target}"
        ]
    if rounding.is_stochastic:
        return [f"flags must be left out with rounding {rounding}"]
    return []


def unless_ruled(rules: Rules, **formats: Format) -> list[str]:
    """The same of formats that may have a rule of their own for one operation.

    ``formats`` are those that the rule is looked up by, in order.
    """
    others = {name: format for name, format in formats.items() if format.has_binary_fractions}
    if len(others) == len(formats) or (rules.find(*formats.values()) is not None):
        return without_hardware(**others)
    strange = next(format for format in formats.values() if not format.has_binary_fractions)
    given = " and ".join(dict.fromkeys(map(str, others.values())))
    names = ", ".join(formats)
    return [
        f"{names} must all be {strange.kind} or none of them, not {strange} and {given};"
        " `convert` goes from one to the other"
        if others
        else f"{names} must not be {strange.kind}: there is no hardware for that"
    ]


def without_rounding(rounding: Rounding, **formats: Format) -> list[str]:
    """What is wrong with formats that no hardware rounds to in this mode."""
    return [
        f"rounding must not be {rounding} where {name} is {format}, a {format.kind} number"
        for name, format in formats.items()
        if not can_round(format, rounding)
    ]
