"""Specifications with odd number formats, drawn at random: what nobody would try by hand.

Formats have one exponent bit or none of the fraction, flush, saturate, have no infinity, no NaN or
no -0, biases up to a thousand, points far away from the digits, one bit, or sixty-four.
"""

import numpy as np

from holigrail_hw.core import Engine, OperatorSpec, RequestError, parameters_of
from holigrail_hw.core.parameters import Parameter
from holigrail_hw.core.parameters.boolean import Boolean
from holigrail_hw.core.parameters.choice import Choice
from holigrail_hw.core.parameters.format_name import FormatName
from holigrail_hw.core.parameters.integer import Integer
from holigrail_hw.core.parameters.parts import Part
from holigrail_hw.formats import FixedFormat, FloatFormat, Format, FormatError, parse
from holigrail_hw.formats.block.block import BlockFormat

__all__ = ["odd_block", "odd_format", "odd_specification", "takes_formats"]

_MOST_LUTS = 2500
_MOST_MEMORY_BITS = 2500
_WIDEST_OPERANDS = 80


def takes_formats(cls: type[OperatorSpec]) -> bool:
    """Whether any parameter is a number format."""
    return any(isinstance(p.kind, FormatName) for p in parameters_of(cls).values())


def odd_format(rng: np.random.Generator, integer: bool = False) -> Format:
    """Any format a user can name; narrow ones are likely."""
    if integer:
        return FixedFormat(rng.integers(1, 17), bool(rng.random() < 0.6))
    kind = rng.choice(["float", "fixed", "binary", "ternary"], p=[0.62, 0.3, 0.04, 0.04])
    if kind in ("binary", "ternary"):
        return parse(str(kind))
    if kind == "fixed":
        width = rng.choice([1, 2, 3, 4, 5, 8, 11, 16, 33, 63, 64], p=_weights(11))
        point = rng.choice([0, 0, rng.integers(-4, 12), rng.integers(-70, 70)])
        return FixedFormat(width, bool(rng.random() < 0.6), point)
    while True:
        bias = rng.choice([0, rng.integers(-9, 40), rng.integers(-1000, 1001)])
        try:
            return FloatFormat(
                rng.choice([1, 1, 2, 2, 3, 4, 5, 8]),
                rng.choice([0, 0, 1, 1, 2, 3, 4, 7, 10]),
                None if rng.random() < 0.6 else bias,
                rng.choice([None, "ieee", "fn", "finite", "fnuz"]),
                bool(rng.random() < 0.65),
                bool(rng.random() < 0.25),
            )
        except FormatError:
            continue


def odd_block(rng: np.random.Generator) -> BlockFormat:
    """A small block of odd numbers under an odd scale, or e8m0."""
    while True:
        try:
            scale = parse("e8m0") if rng.random() < 0.5 else odd_format(rng)
            return BlockFormat(int(rng.integers(1, 3)), odd_format(rng), scale)
        except FormatError:
            continue


def odd_specification(
    cls: type[OperatorSpec], rng: np.random.Generator, tries: int = 1000
) -> OperatorSpec:
    """A specification with odd formats and any modes that the operator takes, not too large."""
    for attempt in range(tries):
        try:
            spec = cls(**_drawn(cls, rng, integer=attempt > tries // 5))
            cost = spec.cost()
        except RequestError:
            continue
        is_small = cost["luts"] <= _MOST_LUTS and cost["memory_bits"] <= _MOST_MEMORY_BITS
        operands = sum(format.width for format in spec.inputs().values())
        if is_small and (operands <= _WIDEST_OPERANDS or issubclass(cls, Engine)):
            return spec
    raise AssertionError(f"{cls.name}: none of {tries} random specifications was accepted")


def _drawn(cls: type[OperatorSpec], rng: np.random.Generator, integer: bool) -> dict:
    given = {}
    last: list[Format] = []
    # Many operators take integers only.
    integer = bool(rng.random() < 0.4) or integer
    for name, parameter in parameters_of(cls).items():
        if isinstance(parameter.kind, FormatName):
            if parameter.optional and rng.random() < 0.4:
                continue
            # Operands of one format take paths of their own.
            if getattr(parameter.default, "block_size", None) is not None:
                given[name] = odd_block(rng)
                continue
            again = bool(last) and rng.random() < 0.25
            given[name] = last[-1] if again else odd_format(rng, integer)
            last.append(given[name])
        elif isinstance(parameter.kind, Part):
            given[name] = _drawn_part(parameter, rng)
        elif isinstance(parameter.kind, Choice) and rng.random() < 0.7:
            given[name] = parameter.choices[rng.integers(len(parameter.choices))]
        elif isinstance(parameter.kind, Boolean):
            given[name] = bool(rng.random() < 0.5)
        elif isinstance(parameter.kind, Integer) and issubclass(cls, Engine):
            # Engines of few elements, with memories of few words.
            assert parameter.low is not None and parameter.high is not None
            if not parameter.optional and parameter.low >= 0:
                given[name] = min(parameter.low + int(rng.integers(0, 4)), parameter.high)
        elif parameter.samples and rng.random() < 0.3:
            given[name] = parameter.samples[rng.integers(len(parameter.samples))]
    return given


def _drawn_part(parameter: Parameter, rng: np.random.Generator) -> dict | None:
    """Parameters of one of the operators that a part may be; nothing where it may be missing."""
    if parameter.optional and rng.random() < 0.3:
        return None
    kind = parameter.kind
    assert isinstance(kind, Part)
    drawn = _drawn(kind.operators[rng.integers(len(kind.operators))], rng, integer=True)
    return {name: value for name, value in drawn.items() if name not in kind.derived}


def _weights(count: int) -> np.ndarray:
    weights = np.linspace(2, 0.5, count)
    return weights / weights.sum()
