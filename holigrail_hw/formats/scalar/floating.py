"""Binary floating point: sign, exponent and fraction fields of any width, IEEE 754 style or not.

With exponent field e, fraction field m of f bits, and bias b, a number is

    e = 0:  (-1)^sign *      m * 2^(1 - b - f)          (subnormal; zero when flushed)
    e > 0:  (-1)^sign * (2^f + m) * 2^(e - b - f)

Four ways to spend codes on special values:

======  ========================================================  ===========================
ieee    top exponent field is infinity (m = 0) and NaN            IEEE 754, OCP E5M2
fn      only the code of all ones is NaN, either sign             OCP E4M3
finite  every code is a number                                    OCP FP6, FP4
fnuz    the code of -0 is the only NaN, there is no -0            E4M3FNUZ, E5M2FNUZ
======  ========================================================  ===========================

Flush: such a format has no subnormal numbers at all. The codes that would be subnormal are spare
codes of zero: whatever reads one (every operator, ``decode``, a comparison) reads the zero of its
sign, or the only zero where there is no -0 (fnuz). Nothing writes one: a result is rounded as if
exponents had no lower end, and if it then lies below the smallest normal number it is the zero of
its sign, in every rounding mode, ``up``, ``down`` and ``to_odd`` included. Operators that pass a
number on (maximum, minimum) write that zero, too; those that move codes and never read them as
numbers (codecs) leave them alone.

Full: there are no subnormal numbers either, but the exponent field 0 holds normal ones like every
other; only the fraction 0 in it is zero. Results below the smallest number are rounded as with
flush. So it is in IBM's DLFloat (fn: NaN and infinity are one code), whose only rounding mode is
``nearest_away``, and which gives no meaning to the signs of zero and NaN: here zeros have one.

References: Agrawal et al., "DLFloat: A 16-b Floating Point Format Designed for Deep Learning
Training and Inference" (2019); Sun et al., "Hybrid 8-bit Floating Point (HFP8) Training and
Inference for Deep Neural Networks" (2019); IEEE 754-2019; OCP 8-bit Floating Point Specification
1.0 (2023); OCP Microscaling Formats 1.0 (2023).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from ..errors import FormatError
from ..plain_values import settle_fields
from ..registry import number_system
from .binary_float import BinaryFloat
from .float_names import NAMED_FLOATS, SPECIALS, float_name, named_fields

__all__ = ["SPECIALS", "FloatFormat"]

_MAXIMUM_BIAS = 1000


@number_system
@dataclass(frozen=True)
class FloatFormat(BinaryFloat):
    """A float of 1 + exponent_width + fraction_width bits; the sign is the highest bit.

    ``bias``: 2^(exponent_width-1) - 1 if left out (one more for fnuz).
    ``specials``: as above; ieee if left out, fn without fraction bits.
    ``subnormals``: False flushes, as above.
    ``full``: True for normal numbers with the exponent field 0, as above.
    ``saturate``: results too large, and infinities, become the largest finite number.

    Without it they become infinite (ieee) or NaN (fn, fnuz), unless the rounding mode is directed
    the other way. ``finite`` always saturates; NaN becomes its largest number.
    """

    exponent_width: int
    fraction_width: int
    bias: int = None  # type: ignore[assignment]
    specials: str = None  # type: ignore[assignment]
    subnormals: bool = True
    saturate: bool = False
    full: bool = False

    kind: ClassVar[str] = "float"
    listed_names: ClassVar[tuple[str, ...]] = tuple(NAMED_FLOATS)
    patterns: ClassVar[Mapping[str, str]] = {
        "e{E}m{M}": "float with E exponent bits (1 to 8) and M fraction bits (0 to 23),"
        " as IEEE 754",
        "e{E}m{M}_{options}": "options, in any order: ieee, fn, finite or fnuz; bias{B}; flush"
        " or full; sat",
    }
    signed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        who = f"e{self.exponent_width}m{self.fraction_width}"
        integers = ("exponent_width", "fraction_width", "bias")
        flags = ("subnormals", "saturate", "full")
        settle_fields(self, f"{who}: ", FormatError, integers=integers, flags=flags)
        _check(who, "exponent width", self.exponent_width, 1, 8)
        _check(who, "fraction width", self.fraction_width, 0, 23)
        if self.specials is None:
            object.__setattr__(self, "specials", "ieee" if self.fraction_width else "fn")
        if self.specials not in SPECIALS:
            allowed = ", ".join(SPECIALS)
            raise FormatError(f"{who}: specials must be one of {allowed}, not {self.specials!r}")
        if self.specials == "ieee" and self.fraction_width == 0:
            raise FormatError(
                f"{who}_ieee: fraction width must be at least 1 to tell infinity from NaN, not 0",
                hint=f"{who}_fn has one NaN, {who}_finite has none",
            )
        if self.bias is None:
            object.__setattr__(self, "bias", self.default_bias)
        _check(who, "bias", self.bias, -_MAXIMUM_BIAS, _MAXIMUM_BIAS)
        if self.full:
            object.__setattr__(self, "subnormals", False)
        if self.specials == "finite":
            # It saturates anyway; one format must not have two spellings.
            object.__setattr__(self, "saturate", False)
        if self.largest_code < self.smallest_code:
            raise FormatError(
                f"{self.name}: must have a finite number other than zero, not only zero",
                hint="use a wider exponent, subnormals, or 'finite'",
            )

    @classmethod
    def parse_name(cls, name: str) -> "FloatFormat | None":
        fields = named_fields(name)
        return None if fields is None else cls(**fields)

    @property
    def name(self) -> str:
        return float_name(self)

    @property
    def summary(self) -> str:
        largest = self.format_code(self.largest_code).split("(")[1].rstrip(")")
        fields = f"1-{self.exponent_width}-{self.fraction_width}, bias {self.bias}"
        options = ["flushed"] * self.flushes + ["exponent 0 full"] * self.full
        options += ["saturating"] * self.saturate
        parts = [f"{self.width}-bit float", fields, self.specials, *options, f"largest {largest}"]
        return ", ".join(parts)

    @property
    def default_bias(self) -> int:
        return (1 << (self.exponent_width - 1)) - (self.specials != "fnuz")

    @property
    def saturates(self) -> bool:
        """Whether every overflow gives the largest finite number."""
        return self.saturate or self.specials == "finite"

    @property
    def saturating(self) -> "FloatFormat":
        return replace(self, saturate=True)

    @property
    def has_negative_zero(self) -> bool:
        return self.specials != "fnuz"

    @property
    def largest_code(self) -> int:
        top = self.sign_code - 1
        if self.specials == "ieee":
            return top - self.smallest_normal_code
        return top - (self.specials == "fn")

    @property
    def infinity_code(self) -> int | None:
        return self.largest_code + 1 if self.specials == "ieee" else None

    @property
    def nan_code(self) -> int | None:
        match self.specials:
            case "ieee":
                return self.largest_code + 1 + (self.smallest_normal_code >> 1)
            case "fn":
                return self.largest_code + 1
            case "fnuz":
                return self.sign_code
        return None


def _check(who: str, what: str, given: int, low: int, high: int) -> None:
    if not low <= given <= high:
        raise FormatError(f"{who}: {what} must be between {low} and {high}, not {given}")
