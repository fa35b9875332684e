"""What operators that round once have in common: mode, random word, overflow, result format.

Such an operator computes an exact number from its operands and projects it onto the result
format, the model of IEEE P3109. The random word of stochastic rounding is an input port, never
hidden state.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from holigrail_hw.core import OperatorSpec, parameter
from holigrail_hw.formats import Exact, Format, Rounding, parse
from holigrail_hw.hdl import reference
from holigrail_hw.hdl.number.fixed import FIXED_KINDS
from holigrail_hw.hdl.plan.plan import Plan, Wire

__all__ = ["RoundedOperator"]


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
        return [
            f"{name} must be a float, fixed-point, binary or ternary format, not {format}"
            for name, format in {**self.operands(), "result": self.target}.items()
            if format.kind not in (*FIXED_KINDS, "float")
        ]

    def inputs(self) -> dict[str, Format]:
        ports = self.operands()
        if self.rounding == Rounding.STOCHASTIC:
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
        return all(format.kind in FIXED_KINDS for format in self.operands().values())

    def widest_float(self) -> Format:
        """The widest float among the operands; the first operand if none is a float."""
        formats = list(self.operands().values())
        floats = [format for format in formats if format.kind == "float"]
        return max(floats or formats[:1], key=lambda format: format.width)

    def projected(self, exact: Exact, random: Any) -> Any:
        """Codes of exact results in the result format."""
        overflow = self.overflow if self.target.kind == "fixed" else None
        return self.target.project(exact, self.rounding, random, self.random_width, overflow)

    def options(self, wires: Mapping[str, Wire]) -> dict[str, Any]:
        """How the datapath rounds: the arguments that rounding units take."""
        return {
            "rounding": self.rounding,
            "random": wires.get("random"),
            "overflow": self.overflow,
        }

    def exact_number(self, plan: Plan, **numbers: reference.Number) -> reference.Number:
        """The exact result of the operands, for proofs; naive and apart from the datapath."""
        raise NotImplementedError

    def exact_span(self) -> tuple[int, int]:
        """Exponents of the last place of the exact result, and of the place above it."""
        spans = [reference.span(format) for format in self.operands().values()]
        return min(low for low, _ in spans), max(high for _, high in spans) + 1

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]] | None:
        """The exact result as one whole number, rounded at every place it may need."""
        if not reference.fits(self.exact_span(), reference.span(self.target)):
            return None
        (name,) = self.outputs()

        def answer(plan: Plan, random: Any = None, **codes: Any) -> dict[str, Any]:
            formats = self.operands()
            numbers = {n: reference.decode(plan, formats[n], code) for n, code in codes.items()}
            exact = self.exact_number(plan, **numbers)
            options = (self.rounding, random, self.overflow)
            return {name: reference.project(plan, self.target, exact, *options)}

        return reference.circuit(self.inputs(), self.outputs(), answer)
