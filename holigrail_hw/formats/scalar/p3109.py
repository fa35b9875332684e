"""P3109: floats of 3 to 15 bits that spend no more than three codes on special values.

A code of K bits has precision P: P - 1 fraction bits, an exponent field, and a sign unless the
format is unsigned. With bias 2^(K-P-1), or 2^(K-P) unsigned, the magnitudes are those of all
binary floats (:mod:`.binary_float`), and 1 has the code in the middle of the positive ones.

========  =======================  ==============================
          signed                   unsigned
========  =======================  ==============================
NaN       2^(K-1), in place of -0  2^K - 1
infinity  2^(K-1) - 1, 2^K - 1     2^K - 2, if *extended*
========  =======================  ==============================

A *finite* format has no infinities. Every result is rounded without an upper limit first, then
saturated, by one of three modes (section 4.7.5):

=============  ====================================================================================
SatNone        What is too large becomes infinite, or NaN in finite formats and below the zero of
               unsigned ones. If it is finite and rounding is directed the other way (for
               to_odd: in unsigned extended formats), it becomes the nearest finite number.
SatPropagate   What is too large becomes the nearest finite number; infinities stay where the
               format has them.
SatFinite      What is too large, and infinities, become the nearest finite number.
=============  ====================================================================================

Ties go to the even code; with P = 1 that is the last bit of the exponent field.

Reference: IEEE P3109 working group, Interim Report on Binary Floating-point Formats for Machine
Learning, version 4.0.3 (2026), unapproved. Version 4.0 differs in one point: in SatNone, finite
formats end at their largest number instead of NaN.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from ..errors import FormatError
from ..plain_values import settle_fields
from ..registry import number_system
from .binary_float import BinaryFloat

__all__ = ["SATURATIONS", "P3109Format"]

SATURATIONS = {"none": "", "propagate": "_satpropagate", "finite": "_sat"}
"""Saturation modes, with the ends of names."""

_NUMBER = "(0|[1-9][0-9]*)"
_NAME = re.compile(f"binary{_NUMBER}p{_NUMBER}([su]?)([ef]?)(.*)")
_NARROWEST, _WIDEST = 3, 15


@number_system
@dataclass(frozen=True)
class P3109Format(BinaryFloat):
    """The format of ``bits`` bits, 3 to 15, with ``precision`` 1 to bits - 1 (bits if unsigned).

    ``saturation``: ``none``, ``propagate`` or ``finite``. The last two are one mode where there is
    no infinity, which is then called ``finite``.
    """

    bits: int
    precision: int
    signed: bool = True
    extended: bool = True
    saturation: str = "none"

    kind: ClassVar[str] = "P3109 float"
    listed_names: ClassVar[tuple[str, ...]] = ("binary8p3", "binary8p4", "binary8p1u")
    patterns: ClassVar[Mapping[str, str]] = {
        "binary{W}p{P}": "P3109 float of W bits (3 to 15), P of them significant, with infinities",
        "binary{W}p{P}{uf}": "u: unsigned; f: finite, without infinities; both: uf",
        "binary{W}p{P}{sat}": "_sat: what is too large, and infinities, become the nearest number;"
        " _satpropagate: but infinities stay",
    }

    def __post_init__(self) -> None:
        who = f"binary{self.bits}p{self.precision}"
        integers, flags = ("bits", "precision"), ("signed", "extended")
        settle_fields(self, f"{who}: ", FormatError, integers=integers, flags=flags)
        if not _NARROWEST <= self.bits <= _WIDEST:
            raise FormatError(
                f"{who}: width must be between {_NARROWEST} and {_WIDEST}, not {self.bits}"
            )
        most = self.bits - self.signed
        if not 1 <= self.precision <= most:
            signs = "signed" if self.signed else "unsigned"
            raise FormatError(
                f"{who}: precision of {signs} floats of {self.bits} bits must be between 1 and "
                f"{most}, not {self.precision}"
            )
        if self.saturation not in SATURATIONS:
            allowed = ", ".join(SATURATIONS)
            raise FormatError(
                f"{who}: saturation must be one of {allowed}, not {self.saturation!r}"
            )
        if self.saturation == "propagate" and not self.extended:
            # Nothing is there to stay; one format must not have two spellings.
            object.__setattr__(self, "saturation", "finite")

    @classmethod
    def parse_name(cls, name: str) -> "P3109Format | None":
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        bits, precision, sign, domain, end = match.groups()
        modes = {text: mode for mode, text in SATURATIONS.items()}
        if end not in modes:
            raise FormatError(
                f"no format named {name!r}",
                hint="after its precision a P3109 float may have u (unsigned), f (finite), and "
                f"then _sat or _satpropagate, not {end!r}",
            )
        return cls(int(bits), int(precision), sign != "u", domain != "f", modes[end])

    @property
    def name(self) -> str:
        marks = "u" * (not self.signed) + "f" * (not self.extended)
        return f"binary{self.bits}p{self.precision}{marks}{SATURATIONS[self.saturation]}"

    @property
    def summary(self) -> str:
        largest = self.format_code(self.largest_code).split("(")[1].rstrip(")")
        signs = "signed" if self.signed else "unsigned"
        domain = "with infinities" if self.extended else "finite"
        mode = {"none": (), "propagate": ("finite results saturate",), "finite": ("saturating",)}
        parts = (f"{self.bits}-bit P3109 float", f"precision {self.precision}", signs, domain)
        return ", ".join([*parts, *mode[self.saturation], f"largest {largest}"])

    @property
    def exponent_width(self) -> int:  # type: ignore[override]
        return self.bits - self.signed - self.fraction_width

    @property
    def fraction_width(self) -> int:  # type: ignore[override]
        return self.precision - 1

    @property
    def bias(self) -> int:  # type: ignore[override]
        return 1 << (self.exponent_width - 1)

    @property
    def largest_code(self) -> int:
        top = (1 << self.magnitude_width) - 1
        return top - self.extended - (not self.signed)

    @property
    def infinity_code(self) -> int | None:
        return self.largest_code + 1 if self.extended else None

    @property
    def nan_code(self) -> int:  # type: ignore[override]
        return self.sign_code if self.signed else (1 << self.bits) - 1

    @property
    def saturates(self) -> bool:
        return self.saturation == "finite"

    @property
    def saturating(self) -> "P3109Format":
        return replace(self, saturation="finite")

    @property
    def keeps_infinity(self) -> bool:  # type: ignore[override]
        return self.saturation == "propagate"

    @property
    def odd_stops(self) -> bool:  # type: ignore[override]
        return self.extended and not self.signed
