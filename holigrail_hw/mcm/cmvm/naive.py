# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportOperatorIssue=false

"""The reference circuit: adder by adder, and rounding by its definition."""

from collections.abc import Mapping
from typing import Any

from amaranth import Const, Mux

from holigrail_hw.formats import FixedFormat, Format, Rounding
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

from ..build.naive_circuit import naive_matrix
from ..matrix.circuit import MatrixCircuit
from .shape import MatrixShape

__all__ = ["naive_outputs"]


def naive_outputs(
    shape: MatrixShape,
    circuit: MatrixCircuit,
    formats: Mapping[str, Format],
    plan: Plan,
    wires: Mapping[str, Wire],
) -> Mapping[str, Wire]:
    """The outputs of a circuit that was checked, without optimisation."""
    inputs = [wires[f"x{index}"] for index in range(len(shape.integers[0]))]
    sums = naive_matrix([wire.value for wire in inputs], circuit)
    outputs = {}
    for total, (name, format) in zip(sums, formats.items(), strict=True):
        if shape.result is not None:
            total = total - Const(shape.stage.constant)
        if shape.relu:
            total = Mux(total < 0, 0, total)
        if shape.result is not None:
            total = _rounded(shape, total)
        outputs[name] = plan.step(
            f"naive_{name}", shape_of(format), lambda *_, v=total: v, *inputs, wrap=True
        )
    return outputs


def _rounded(shape: MatrixShape, total: Any) -> Any:
    """Rounding by its definition, on the magnitude of what is dropped."""
    result, dropped = shape.result, shape.stage.dropped
    assert isinstance(result, FixedFormat)
    if dropped <= 0:
        rounded = total * (1 << -dropped)
    else:
        unit, minus = 1 << dropped, total < 0
        magnitude = Mux(minus, -total, total)
        kept, rest = magnitude.shift_right(dropped), magnitude[:dropped]
        odd = kept[0]
        up = {
            Rounding.NEAREST_EVEN: (rest * 2 > unit) | ((rest * 2 == unit) & odd),
            Rounding.NEAREST_AWAY: rest * 2 >= unit,
            Rounding.UP: (rest != 0) & ~minus,
            Rounding.DOWN: (rest != 0) & minus,
            Rounding.TO_ODD: (rest != 0) & ~odd,
        }.get(shape.rounding, Const(0, 1))
        rounded = Mux(minus, -(kept + up), kept + up)
    if shape.overflow == "saturate":
        low, high = result.minimum, result.maximum
        rounded = Mux(rounded > high, high, Mux(rounded < low, low, rounded))
    return rounded
