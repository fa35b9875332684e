"""The matrix engine of an accelerator, by its sizes."""

from holigrail_hw.arith.requantize.operator import Requantize
from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.formats import parse
from holigrail_hw.soc.machine import Machine

from .style import Style

__all__ = ["engine_of", "lane_of"]

_SUM, _CODE = parse("int32"), parse("int8")


def lane_of(bias: str) -> Requantize:
    """A requantisation as TensorFlow Lite defines it, with a bias or none."""
    return Requantize(
        mode="either",
        accumulator=_SUM,
        result=_CODE,
        bias=bias,
        scale_width=31,
        shift=0,
        shift_width=5,
        zero_point=None,
        clamp="ports",
        multiplier="dsp",
    )


def engine_of(machine: Machine, lane_count: int | None = None, style: Style | None = None) -> Gemm:
    """Products of int8 with sums of int32, which wrap; lanes that the columns share."""
    return Gemm(
        rows=machine.rows,
        columns=machine.columns,
        activation=_CODE,
        weight=_CODE,
        accumulator=_SUM,
        result=_CODE,
        requantiser=lane_of("accumulator"),
        lane_count=lane_count,
        activation_depth=machine.activation_depth,
        accumulator_depth=machine.accumulator_depth,
        buffer=(style or Style()).memory,
    )
