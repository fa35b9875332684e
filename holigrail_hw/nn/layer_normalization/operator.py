"""Layer normalisation of integers: (x - mean) / sqrt(variance + epsilon), with a stated error.

With N numbers, S1 = sum x and S2 = sum x^2, all of this is exact:

    (x - mean) / sqrt(variance + epsilon) = (N x - S1) / sqrt(V),  V = N S2 - S1^2 + E,

E = N^2 epsilon in units of x^2, at least 1. Only 1/sqrt(V) is approximated: with 4^e <= V < 4^(e+1)
the top k bits u of V 2^k / 4^(e+1) address a table R = round(2^p sqrt(2^k / (u + 1/2))), and

    y = floor((N x - S1) gamma R 2^(f - p - e - 1) + 1/2) + beta

in units of 2^-f, the last place of the result, where it saturates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np

from holigrail_hw import golden
from holigrail_hw.core import ExactOutputs, OperatorSpec, Timing, clamped, operator, parameter
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.integer.balanced_tree import sum_of
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS, multiply
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

from .datapath import inverse_root, limited, numerator, variance_of
from .roots import relative_error, roots_of

__all__ = ["LayerNormalization"]

_MORE = 80
_WIDEST = 24


@operator(
    "layer-normalization",
    summary="(x - mean) / sqrt(variance + epsilon) of several integers, error stated",
    references=(
        "Ba, Kiros and Hinton, Layer Normalization, 2016",
        "ONNX operator LayerNormalization, opset 17",
    ),
    maturity="preview",
)
@dataclass(frozen=True, kw_only=True)
class LayerNormalization(OperatorSpec):
    """result0, result1, ... of x0, x1, ...; latency 0 without a clock request."""

    length: int = parameter(3, "how many numbers", low=2, high=64, samples=(3,))
    input: Format = parameter(parse("int4"), "format of the numbers", samples=(parse("int4"),))
    result: Format = parameter(
        parse("sfix5_en2"), "format of the results", samples=(parse("sfix5_en2"),)
    )
    epsilon: int = parameter(
        1,
        "what is added to length^2 times the variance, in units of the last place of x squared",
        low=1,
        high=1 << 40,
    )
    gamma: tuple[int, ...] | None = parameter(
        None,
        "factors of the results in units of 2^-gamma_fraction, one for each; 1 if none",
        samples=((3, -5, 0),),
    )
    gamma_fraction: int = parameter(2, "fraction bits of gamma", low=0, high=16)
    beta: tuple[int, ...] | None = parameter(
        None,
        "what is added to the results, in units of their last place; 0 if none",
    )
    index_bits: int | None = parameter(
        None,
        "bits of the variance that address the table; enough for half a unit if none",
        low=3,
        high=14,
    )
    multiplier: str = parameter("rows", MULTIPLIER_MEANING, choices=MULTIPLIERS, samples=("rows",))

    def derive(self) -> dict[str, Any]:
        if self.index_bits is not None:
            return {}
        return {"index_bits": min(max(self.result.width + 1, 3), 14)}

    def check(self) -> list[str]:
        wrong = []
        for name in ("input", "result"):
            format = getattr(self, name)
            if not isinstance(format, FixedFormat):
                wrong.append(f"{name} must be an integer or fixed point, not {format}")
            elif format.width > _WIDEST:
                wrong.append(f"{name} must have at most {_WIDEST} bits, not {format.width}")
        if not wrong and not -8 <= -self.result.least_place <= _WIDEST:
            wrong.append(
                f"result must have -8 to {_WIDEST} fraction bits, not {-self.result.least_place}"
            )
        for name in ("gamma", "beta"):
            given = getattr(self, name)
            if given is not None and len(given) != self.length:
                wrong.append(f"{name} must be {self.length} numbers, not {len(given)}")
            elif given is not None and max(map(abs, given)) >> _WIDEST:
                wrong.append(f"{name} must be numbers below 2^{_WIDEST}, not {max(given, key=abs)}")
        return wrong

    @property
    def _index_bits(self) -> int:
        assert self.index_bits is not None
        return self.index_bits

    @property
    def _root_bits(self) -> int:
        """p; so many that a result is shifted to the right by one place at least."""
        return max(self._index_bits + 1, -self.result.least_place)

    @property
    def _gammas(self) -> tuple[int, ...]:
        return self.gamma or (1 << self.gamma_fraction,) * self.length

    @property
    def _betas(self) -> tuple[int, ...]:
        return self.beta or (0,) * self.length

    @property
    def _most(self) -> int:
        """The greatest V: one half of the numbers at either end."""
        low, high = self.input.integer_range
        half = self.length // 2
        return half * (self.length - half) * (high - low) ** 2 + self.epsilon

    @property
    def _pairs(self) -> int:
        """Pairs of bits of the greatest V."""
        return (self._most.bit_length() + 1) // 2

    @property
    def bound(self) -> Fraction:
        """What a result may be off by."""
        unit = Fraction(2) ** self.result.least_place
        rho = relative_error(self._index_bits, self._root_bits)
        largest = max(map(abs, self._gammas)) * Fraction(isqrt(self.length - 1) + 1)
        # Beyond the range both the result and the exact value are its end.
        ends = max(map(abs, self.result.integer_range)) + max(map(abs, self._betas))
        reach = min(largest / (1 << self.gamma_fraction), ends * unit / (1 - rho))
        return reach * rho + unit / 2

    def _largest(self, gamma: int) -> int:
        """No result is larger, in units of its last place and before beta is added."""
        rho = relative_error(self._index_bits, self._root_bits)
        unit = Fraction(2) ** (self.result.least_place + self.gamma_fraction)
        return int((isqrt(self.length - 1) + 1) * abs(gamma) * (1 + rho) / unit) + 1

    def inputs(self) -> dict[str, Format]:
        return {f"x{number}": self.input for number in range(self.length)}

    def outputs(self) -> dict[str, Format]:
        return {f"result{number}": self.result for number in range(self.length)}

    def _sums(self, codes: Mapping[str, Any]) -> tuple[Any, Any]:
        """N x - S1 along a new first axis, and V; Python integers."""
        x = np.stack(
            [
                golden.integers(codes[name], self.input.width, signed=self.input.signed)
                for name in self.inputs()
            ]
        ).astype(object)
        total = x.sum(axis=0)
        v = self.length * (x * x).sum(axis=0) - total * total + self.epsilon
        return self.length * x - total, v

    def golden(self, **codes: Any) -> dict[str, Any]:
        numerators, v = self._sums(codes)
        k, p, f = self._index_bits, self._root_bits, -self.result.least_place
        table, flat = roots_of(k, p), v.ravel().tolist()
        e = [(one.bit_length() - 1) >> 1 for one in flat]
        tops = [(one << k) >> (2 * pair + 2) for one, pair in zip(flat, e, strict=True)]
        roots = np.array([table[u - (1 << (k - 2))] for u in tops], object).reshape(v.shape)
        shift = np.array(e, object).reshape(v.shape) + p + 1 + self.gamma_fraction - f
        low, high = self.result.integer_range
        mask, found = (1 << self.result.width) - 1, {}
        for n, name in enumerate(self.outputs()):
            product = numerators[n] * self._gammas[n] * roots
            y = ((product + (1 << (shift - 1))) >> shift) + self._betas[n]
            found[name] = (np.clip(y, low, high) & mask).astype(np.uint64)
        return found

    def exact(self, **codes: Any) -> ExactOutputs:
        assert isinstance(self.result, FixedFormat)
        numerators, v = self._sums(codes)
        unit = Fraction(2) ** self.result.least_place
        roots = [Fraction(isqrt(one << 2 * _MORE), 1 << _MORE) for one in v.tolist()]
        found = {}
        for n, name in enumerate(self.outputs()):
            gamma = Fraction(self._gammas[n], 1 << self.gamma_fraction)
            values = [
                number * gamma / root + self._betas[n] * unit
                for number, root in zip(numerators[n].tolist(), roots, strict=True)
            ]
            found[name] = clamped(values, self.result)
        # The roots here are cut off as well, far below anything else.
        return ExactOutputs(found, dict.fromkeys(found, self.bound + unit / (1 << 30)))

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        unit = Fraction(2) ** self.result.least_place
        rho = relative_error(self._index_bits, self._root_bits)
        return {
            "table": f"{3 << (self._index_bits - 2)} roots of {self._root_bits} fraction bits",
            "relative error of 1/sqrt": f"{float(rho):.3g}",
            "error bound (ulp)": round(float(self.bound / unit), 4),
            "error proof": "a sum of bounds: the table at both ends of every entry, rounding",
        }

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        x, result = list(wires.values()), self.result
        assert isinstance(result, FixedFormat)
        span = self.input.integer_range[1] - self.input.integer_range[0]
        total = sum_of(plan, x)
        v = variance_of(plan, x, total, self.epsilon, self._most, self.multiplier)
        root, distance = inverse_root(plan, v, self._index_bits, self._root_bits)
        shift = self._root_bits + self._pairs + self.gamma_fraction + result.least_place
        found = {}
        for n, name in enumerate(self.outputs()):
            gamma, beta = self._gammas[n], self._betas[n]
            if gamma == 0:
                value = min(max(beta, result.minimum), result.maximum)
                found[name] = plan.constant(value, shape_of(result))
                continue
            scaled = numerator(plan, x[n], total, self.length, span, gamma, n)
            product = multiply(plan, scaled, root, self.multiplier, f"product{n}")
            options = (self._largest(gamma), shift, gamma, beta, result, n)
            found[name] = limited(plan, product, distance, *options)
        return found
