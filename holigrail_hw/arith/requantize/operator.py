"""Requantisation: an integer accumulator becomes a small integer, bit for bit as frameworks do it.

With the accumulator x, a positive integer ``scale`` and a ``shift``::

    single   clamp(zero_point + round((x + bias) * scale / 2^shift))
    shift    clamp(zero_point + round((x + bias) / 2^shift))
    double   clamp(zero_point + round2(round1((x + bias) * scale / 2^scale_width) / 2^shift))
    either   double, or where the input ``once`` is 1
             clamp(zero_point + round1((x + bias) * scale / 2^(scale_width + shift)))

where the names of frameworks stand for

===============================  ==================================================================
TFLite, gemmlowp                 double, scale_width 31, scale in [2^30, 2^31)
TFLite with single rounding      single, scale_width 31, nearest_up
TFLite, by the kind of layer     either, scale_width 31
ONNX QLinearMatMul, QLinearConv  single, nearest_even; with the zero point after rounding
ONNX QuantizeLinear reference    single, nearest_even; ``zero_point_added`` before for QLinearConv
Deeploy RequantShift             single, nearest_up, bias added to the product
QONNX Quant, Trunc               shift or single, the rounding of ``golden.qonnx_rounding``, the
                                 zero point before
===============================  ==================================================================

round1 takes ties up (the saturating rounding doubling high multiply of gemmlowp, whose saturation
needs a negative scale), round2 takes them away from zero. A negative shift is one to the left, in
mode double before the product.

x + bias is taken modulo 2^width of the accumulator, as the 32-bit integers of frameworks are; the
product, its shifts and its bias never overflow. Where TFLite's own shift to the left would
overflow its 32 bits, results differ.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from amaranth import Mux, signed

from holigrail_hw import golden
from holigrail_hw.core import OperatorSpec, operator, parameter
from holigrail_hw.estimate.primitives import Adder
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.integer.constant_product import constant_product
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS, multiply
from holigrail_hw.hdl.integer.narrow import Narrowing, narrow
from holigrail_hw.hdl.integer.round_twice import rounded_once, shifted_left
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

from .reference import naive_requantize

__all__ = ["Requantize"]


@operator(
    "requantize",
    summary="an accumulator scaled, rounded and clamped to a small integer",
    references=(
        "Jacob et al., Quantization and Training of Neural Networks for Efficient "
        "Integer-Arithmetic-Only Inference, 2018 (TensorFlow Lite, gemmlowp)",
        "ONNX operator specification: QuantizeLinear, QLinearMatMul, QLinearConv",
        "Pappalardo et al., QONNX: Representing Arbitrary-Precision Quantized Neural Networks, "
        "2022",
    ),
)
@dataclass(frozen=True, kw_only=True)
class Requantize(OperatorSpec):
    """result = clamp(zero_point + round((x + bias) * scale / 2^shift)).

    Scale, bias and zero point are ports, for tables of channels that share one lane, or constants.
    Latency 0 without a clock request; one result per cycle.
    """

    mode: str = parameter(
        "single",
        "one rounding, gemmlowp's two, one or two by a port, or no scale",
        choices=("single", "double", "either", "shift"),
    )
    accumulator: Format = parameter(
        parse("int20"), "format of x", samples=tuple(map(parse, ("int32", "uint9", "int1")))
    )
    result: Format = parameter(
        parse("int8"), "format of the result", samples=tuple(map(parse, ("uint1", "int16")))
    )
    rounding: str | None = parameter(
        None,
        "rounding, nearest_even if none; mode double has its own",
        choices=golden.ROUNDINGS,
        samples=("nearest_up", "stochastic"),
    )
    scale: int | None = parameter(
        None, "constant factor; a port if none", low=1, high=(1 << 32) - 1, samples=(25387,)
    )
    scale_width: int = parameter(16, "bits of the scale", low=1, high=32, samples=(8,))
    shift: int = parameter(
        16, "constant part of the shift to the right", low=-16, high=64, samples=(-2,)
    )
    shift_width: int = parameter(
        4, "bits of the port that adds to the shift", low=0, high=6, samples=(0,)
    )
    bias: str = parameter(
        "accumulator",
        "what a bias port is added to",
        choices=("accumulator", "product", "none"),
    )
    zero_point: int | None = parameter(
        0,
        "constant added to the result; a port if none",
        low=-(1 << 15),
        high=(1 << 16) - 1,
        samples=(None, -7),
    )
    zero_point_added: str = parameter(
        "after", "whether rounding sees the zero point", choices=("after", "before")
    )
    clamp: str = parameter(
        "constants",
        "bounds of the result",
        choices=("constants", "ports"),
    )
    relu: bool = parameter(
        False, "whether results below the zero point are raised to it", samples=(True,)
    )
    minimum: int | None = parameter(
        None, "least result; that of the format if none", low=-(1 << 15), high=1 << 16, samples=(0,)
    )
    maximum: int | None = parameter(
        None,
        "greatest result; that of the format if none",
        low=-(1 << 15),
        high=1 << 16,
        samples=(90,),
    )
    multiplier: str = parameter("rows", MULTIPLIER_MEANING, choices=MULTIPLIERS, samples=("dsp",))
    random_width: int = parameter(8, "bits of the random word, if stochastic", low=1, high=32)

    renamed: ClassVar[Mapping[str, str]] = {
        "clamp=relu": "relu=true",
        "multiplier=logic": "multiplier=rows",
    }

    def check(self) -> list[str]:
        for name in ("accumulator", "result"):
            format = getattr(self, name)
            if not isinstance(format, FixedFormat) or format.fraction_width:
                return [f"{name} must be an integer format, not {format}"]
        wrong, result = [], self._result
        if result.width > 16:
            wrong.append(f"result must have at most 16 bits, not {result.width}")
        if self.rounds_twice and self.rounding is not None:
            wrong.append(f"rounding must be left out in mode {self.mode}, not {self.rounding}")
        if self.mode == "shift" and self.scale is not None:
            wrong.append(f"scale must be left out in mode shift, not {self.scale}")
        if self.scale is not None and self.scale >> self.scale_width:
            wrong.append(f"scale must fit in {self.scale_width} bits, not {self.scale}")
        if self.rounds_twice and self.bias == "product":
            wrong.append(
                f"bias must be added to the accumulator in mode {self.mode}, not the product"
            )
        if self.zero_point is not None and not (
            result.minimum <= self.zero_point <= result.maximum
        ):
            wrong.append(
                f"zero_point must be between {result.minimum} and {result.maximum}, "
                f"not {self.zero_point}"
            )
        low, high = self._bounds
        if not result.minimum <= low <= high <= result.maximum:
            wrong.append(
                f"minimum and maximum must be in order between {result.minimum} and "
                f"{result.maximum}, not {low} and {high}"
            )
        if self.clamp == "ports" and (self.minimum is not None or self.maximum is not None):
            wrong.append("minimum and maximum must be left out when they are ports")
        if self.clamp == "ports" and self.relu:
            wrong.append("relu must be false when the bounds are ports: the least one says it")
        return wrong

    @property
    def _result(self) -> FixedFormat:
        assert isinstance(self.result, FixedFormat)
        return self.result

    @property
    def _bounds(self) -> tuple[int, int]:
        result = self._result
        return (
            result.minimum if self.minimum is None else self.minimum,
            result.maximum if self.maximum is None else self.maximum,
        )

    @property
    def rounds_twice(self) -> bool:
        """Whether results are, or may be, rounded as gemmlowp does."""
        return self.mode in ("double", "either")

    @property
    def rounds(self) -> str:
        """The rounding mode in use; that of the last of two steps."""
        return "nearest_away" if self.rounds_twice else self.rounding or "nearest_even"

    def inputs(self) -> dict[str, Format]:
        ports = {"x": self.accumulator}
        if self.mode != "shift" and self.scale is None:
            ports["scale"] = FixedFormat(self.scale_width, signed=False)
        if self.shift_width:
            ports["shift"] = FixedFormat(self.shift_width, signed=False)
        if self.bias == "accumulator":
            ports["bias"] = self.accumulator
        elif self.bias == "product":
            scale_width = 0 if self.mode == "shift" else self.scale_width
            ports["bias"] = FixedFormat(min(self.accumulator.width + scale_width, 64))
        if self.zero_point is None:
            ports["zero_point"] = self.result
        if self.clamp == "ports":
            ports["minimum"] = ports["maximum"] = self.result
        if self.mode == "either":
            ports["once"] = FixedFormat(1, signed=False)
        if self.rounds == "stochastic":
            ports["random"] = FixedFormat(self.random_width, signed=False)
        return ports

    def outputs(self) -> dict[str, Format]:
        return {"result": self.result}

    def golden(self, x: Any, **codes: Any) -> dict[str, Any]:
        ports = self.inputs()

        def number(name: str, constant: int) -> Any:
            if name not in ports:
                return constant
            format = ports[name]
            return golden.integers(codes[name], format.width, signed=format.signed)

        value = golden.integers(x, self.accumulator.width, signed=self.accumulator.signed)
        if self.bias == "accumulator":
            half = (1 << (self.accumulator.width - 1)) if self.accumulator.signed else 0
            total = value.astype(object) + number("bias", 0) + half
            value = total % (1 << self.accumulator.width) - half
        shift = self.shift + number("shift", 0)
        zero_point = number("zero_point", self.zero_point or 0)
        scale = 1 if self.mode == "shift" else number("scale", self.scale or 0)
        if self.rounds_twice:
            y = golden.rescale_twice(value, scale, shift, self.scale_width) + zero_point
            if self.mode == "either":
                product = np.asarray(value, object) * scale
                once = golden.divide(product, self.scale_width + shift, "nearest_up")
                y = np.where(number("once", 0) == 1, once + zero_point, y)
        else:
            product = np.asarray(value, object) * scale
            if self.bias == "product":
                product = product + number("bias", 0)
            before = zero_point if self.zero_point_added == "before" else 0
            words = codes.get("random")
            y = golden.divide(product, shift, self.rounds, before, words, self.random_width)
            if self.zero_point_added == "after":
                y = y + zero_point
        low, high = (
            number(n, c) for n, c in zip(("minimum", "maximum"), self._bounds, strict=True)
        )
        if self.relu:
            low = np.maximum(low, zero_point)
        y = np.where(y > high, high, np.where(y < low, low, y))
        return {"result": (y & ((1 << self.result.width) - 1)).astype(np.uint64)}

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        codes = super().stimulus(rng, count)
        # Accumulators of all magnitudes: uniform ones would nearly all be clamped.
        for name in ("x", "bias"):
            if name in codes:
                format = self.inputs()[name]
                mask = (1 << format.width) - 1
                drop = rng.integers(0, format.width, count).tolist()
                found = golden.integers(codes[name], format.width, signed=format.signed)
                kept = [(int(v) >> d) & mask for v, d in zip(found, drop, strict=True)]
                codes[name] = np.array(kept, dtype=np.uint64)
        return codes

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        value, shape = wires["x"], shape_of(self.accumulator)
        if self.bias == "accumulator":
            value = plan.step(
                "biased",
                shape,
                lambda x, b: x + b,
                value,
                wires["bias"],
                using=Adder(self.accumulator.width),
                wrap=True,
            )
        zero_point = wires.get("zero_point")
        if zero_point is None:
            zero_point = plan.constant(self.zero_point or 0, shape_of(self.result))
        shift, amount = self.shift, wires.get("shift")
        rounding = self.rounds
        if self.rounds_twice:
            if shift < 0:
                value, amount = shifted_left(plan, value, -shift, amount)
                shift = 0
            product = self._product(plan, value, wires.get("scale"))
            value = rounded_once(
                plan, value, product, self.scale_width, shift, amount, wires.get("once")
            )
            rounding = "nearest_up"
        elif self.mode == "single":
            value = self._product(plan, value, wires.get("scale"))
        if self.bias == "product":
            width = max(value.width + (not value.shape.signed), wires["bias"].width) + 1
            value = plan.step(
                "biased",
                signed(width),
                lambda p, b: p + b,
                value,
                wires["bias"],
                using=Adder(width),
                wrap=True,
            )
        how = Narrowing(
            result=self._result,
            shift=shift,
            amount=amount,
            rounding=rounding,
            zero_point=zero_point,
            before=self.zero_point_added == "before" and not self.rounds_twice,
            bounds=self._limits(plan, wires, zero_point),
            random=wires.get("random"),
        )
        return {"result": narrow(plan, value, how)}

    def _product(self, plan: Plan, value: Wire, scale: Wire | None) -> Wire:
        if scale is not None:
            return multiply(plan, value, scale, self.multiplier)
        assert self.scale is not None
        if self.multiplier == "dsp":
            return multiply(plan, value, plan.constant(self.scale, self.scale_width), "dsp")
        return constant_product(plan, value, self.scale)

    def _limits(
        self, plan: Plan, wires: Mapping[str, Wire], zero_point: Wire
    ) -> tuple[Wire, Wire] | None:
        """Wires of the bounds; ``None`` if they are those of the format."""
        if self.clamp == "ports":
            return wires["minimum"], wires["maximum"]
        result, shape = self._result, shape_of(self.result)
        low, high = self._bounds
        if not self.relu:
            if (low, high) == (result.minimum, result.maximum):
                return None
            return plan.constant(low, shape), plan.constant(high, shape)
        if self.zero_point is not None:
            low = max(low, self.zero_point)
            return plan.constant(low, shape), plan.constant(high, shape)
        lowest = zero_point
        if low > result.minimum:
            lowest = plan.step(
                "lowest",
                shape,
                lambda z: Mux(z > low, z, low),
                zero_point,
                using=Adder(result.width),
                wrap=True,
            )
        return lowest, plan.constant(high, shape)

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]] | None:
        """Full-width sums, products and comparisons, and rounding of the magnitude."""
        if self.rounds == "stochastic":
            return None
        return functools.partial(naive_requantize, self, self._bounds)
