"""What a constant matrix times a vector is: by integers, and by exact numbers."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.core import ExactOutputs, clamped, numbers_of, rounding_error
from holigrail_hw.formats import FixedFormat, Format

from ..matrix.circuit import MatrixCircuit
from ..problem.coefficients import fraction_width
from .shape import MatrixShape

__all__ = ["exact_outputs", "result_codes"]


def result_codes(
    shape: MatrixShape,
    outputs: Mapping[str, Format],
    circuit: MatrixCircuit | None,
    codes: Mapping[str, Any],
) -> dict[str, Any]:
    """Codes of the outputs for arrays of codes; with a ``circuit``, sums as it truncates them."""
    inputs = [np.asarray(codes[f"x{index}"]) for index in range(len(shape.integers[0]))]
    # Partial sums need no more bits than the sum of all magnitudes plus what truncation loses.
    largest = max(sum(map(abs, row)) for row in shape.integers) << shape.input.width
    largest = 4 * (largest + max(map(abs, shape.row_biases)) + shape.bound)
    wide = largest >> 60 or any(code.dtype == object for code in inputs)
    values = []
    for code in inputs:
        value = code.astype(object if wide else np.int64)
        if shape.input.signed:
            value = value - ((value >> (shape.input.width - 1)) << shape.input.width)
        values.append(value)
    if circuit is not None:
        constant = 0 if shape.result is None else shape.stage.constant
        totals = [total - constant for total in circuit.evaluate(values)]
    else:
        totals = []
        for row, bias in zip(shape.integers, shape.row_biases, strict=True):
            total = values[0] * 0 + bias
            for constant, value in zip(row, values, strict=True):
                total = total + constant * value
            totals.append(total)
    if shape.relu:
        totals = [total * (total > 0) for total in totals]
    found = {}
    exact = FixedFormat(largest.bit_length() + 1, True, shape.output_fraction)
    for total, (name, format) in zip(totals, outputs.items(), strict=True):
        kept = format if shape.result is None else exact
        code = total & ((1 << kept.width) - 1)
        code = code.astype(object if kept.width > 64 else np.uint64)
        if shape.result is not None:
            numbers = exact.unpack(code)
            code = shape.result.project(numbers, shape.rounding, None, 0, shape.overflow)
        found[name] = code
    return found


def exact_outputs(shape: MatrixShape, codes: Mapping[str, Any]) -> ExactOutputs:
    """The outputs as exact numbers, and how far each may be off."""
    input, result = shape.input, shape.result
    assert isinstance(input, FixedFormat)
    columns = [numbers_of(codes[f"x{index}"], input) for index in range(len(shape.integers[0]))]
    unit = Fraction(2) ** -shape.output_fraction
    last_place = Fraction(2) ** -fraction_width(shape.coefficient_format)
    bound, values = shape.bound * unit, {}
    for index, (row, bias) in enumerate(zip(shape.integers, shape.row_biases, strict=True)):
        totals = [
            bias * unit + last_place * sum(c * x for c, x in zip(row, item, strict=True))
            for item in zip(*columns, strict=True)
        ]
        if shape.relu:
            totals = [max(total, Fraction(0)) for total in totals]
        values[f"result{index}"] = totals
    if isinstance(result, FixedFormat):
        bound += rounding_error(shape.output_fraction, result, shape.rounding)
        if shape.overflow == "saturate":
            values = {name: clamped(totals, result) for name, totals in values.items()}
    wraps = result is not None and shape.overflow == "wrap"
    return ExactOutputs(values, dict.fromkeys(values, bound), wraps)
