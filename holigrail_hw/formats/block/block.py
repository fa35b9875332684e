"""Blocks: N numbers that share a scale. A number of the block is the scale times its element.

A code holds the elements, the first one in the lowest bits, and the scale above them. Without a
scale a block is a plain vector. So blocks are values like others: one port, one code each.

A scale that is NaN or infinite makes every number of the block NaN. Elements keep their own NaN and
infinities. Several codes may stand for the same numbers.

Making a block of numbers v_1 ... v_N chooses the scale X first. Let M be the largest magnitude, L
the largest number of the element format, and 2^e the largest power of two not above L:

=======  =======================================================================================
floor    X = 2^floor(log2 M) / 2^e, rounded toward zero (OCP MX 1.0, section 6.3): elements may
         be too large by a factor below 2, and become L
ceil     X = M / L, rounded up: no element is too large
nearest  X = M / L, rounded to nearest, ties to the even code
=======  =======================================================================================

X then ends at the least and the greatest number of its format, and the elements are v_i / X, each
rounded once and brought into the range of the element format. Where X is 0, and where any v_i is
not finite, all elements are 0; in the latter case X is NaN, or what its format makes of NaN.

References: OCP Microscaling Formats (MX) Specification 1.0 (2023); Rouhani et al., "Microscaling
Data Formats for Deep Learning" (2023).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ..base import Format
from ..errors import FormatError
from ..exact import Exact
from ..registry import number_system
from ..rounding import Rounder
from .codes import joined, one_of, split
from .names import NAMED_BLOCKS, block_fields, block_name
from .quantise import SCALE_RULES, block_codes
from .scaled import scaled

__all__ = ["SCALE_RULES", "BlockFormat"]

_LARGEST, _WIDEST_ELEMENT, _WIDEST_SCALE = 256, 32, 32


@number_system
@dataclass(frozen=True)
class BlockFormat(Format):
    """``block_size`` numbers of the format ``element``, times one of the format ``scale``."""

    block_size: int = field()  # type: ignore[assignment]  # no default, unlike that of other formats
    element: Format
    scale: Format | None = None

    kind: ClassVar[str] = "block"
    listed_names: ClassVar[tuple[str, ...]] = tuple(NAMED_BLOCKS)
    patterns: ClassVar[Mapping[str, str]] = {
        "block{N}_{element}_{scale}": "N numbers (1 to 256) of the format {element} times one of"
        " the format {scale}",
        "block{N}_{element}": "N numbers of one format, without a scale",
    }

    def __post_init__(self) -> None:
        size = self.block_size
        who = f"block{size}"
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= _LARGEST:
            raise FormatError(f"{who}: must have between 1 and {_LARGEST} numbers, not {size}")
        _check(who, "elements", self.element, _WIDEST_ELEMENT)
        if self.scale is not None:
            _check(who, "scale", self.scale, _WIDEST_SCALE)

    @classmethod
    def parse_name(cls, name: str) -> "BlockFormat | None":
        fields = block_fields(name)
        return None if fields is None else cls(*fields)

    @property
    def name(self) -> str:
        return block_name(self.block_size, self.element, self.scale)

    @property
    def summary(self) -> str:
        times = "no scale" if self.scale is None else f"scale {self.scale}"
        return f"{self.block_size} x {self.element}, {times}, {self.width} bits"

    @property
    def width(self) -> int:
        return self.scale_place + (0 if self.scale is None else self.scale.width)

    @property
    def scale_place(self) -> int:
        """The place of the scale's lowest bit, which is above all elements."""
        return self.block_size * self.element.width

    @property
    def signed(self) -> bool:
        return bool(self.element.signed or (self.scale is not None and self.scale.signed))

    @property
    def number_range(self) -> tuple[Fraction, Fraction]:
        ends = [self.element.number_range]
        ends += [] if self.scale is None else [self.scale.number_range]
        products = [x * y for x in ends[0] for y in (ends[1] if len(ends) > 1 else (1,))]
        return min(products), max(products)

    @property
    def least_place(self) -> int:
        return self.element.least_place + (0 if self.scale is None else self.scale.least_place)

    @property
    def has_nan(self) -> bool:
        return self.element.has_nan or (self.scale is not None and self.scale.has_nan)

    @property
    def has_infinity(self) -> bool:
        return self.element.has_infinity

    @property
    def saturates(self) -> bool:
        return True

    @property
    def default_scale_rule(self) -> str:
        """``floor`` for scales that are powers of two, else ``nearest``."""
        return "floor" if self.scale is None or self.scale.is_power_of_two else "nearest"

    @property
    def is_exact_in_float64(self) -> bool:
        if self.scale is None:
            return self.element.is_exact_in_float64
        # A significand has no more bits than its code.
        bits = self.element.width + (0 if self.scale.is_power_of_two else self.scale.width)
        largest = max(map(abs, self.number_range))
        each = self.element.is_exact_in_float64 and self.scale.is_exact_in_float64
        return each and bits <= 53 and self.least_place >= -1074 and largest < 1 << 1023

    def corner_codes(self) -> list[int]:
        corners = self.element.corner_codes()
        rows = [[code] * self.block_size for code in corners]
        rows += [[corners[(i + k) % len(corners)] for i in range(self.block_size)] for k in (0, 1)]
        scales = [None] if self.scale is None else self.scale.corner_codes()
        middle = scales[len(scales) // 2]
        found = {one_of(self, row, middle) for row in rows}
        found |= {one_of(self, rows[k % len(rows)], scale) for k, scale in enumerate(scales)}
        return sorted(found)

    def plain_codes(self, rng: np.random.Generator, codes: np.ndarray) -> np.ndarray | None:
        """The same elements with scales about the middle, so that blocks have a say together."""
        if self.scale is None:
            return None
        elements, _ = split(self, codes)
        about_one = int(self.scale.encode(1)) + rng.integers(-4, 5, len(codes))
        scales = about_one & ((1 << self.scale.width) - 1)
        return joined(self, elements, scales).astype(object)

    def opposite_codes(self, codes: Any) -> np.ndarray:
        """Codes of the opposite numbers, as near as the elements have them, with the same scale."""
        elements, scale = split(self, codes)
        numbers = self.element.unpack(elements)
        opposite = Exact(~numbers.sign, numbers.significand, numbers.exponent, numbers.category)
        return joined(self, self.element.project(opposite), scale)

    def _unpack(self, codes: np.ndarray) -> Exact:
        elements, scale = split(self, codes)
        numbers = self.element.unpack(elements)
        return numbers if self.scale is None else scaled(numbers, self.scale.unpack(scale))

    def project(  # type: ignore[override]
        self,
        exact: Exact,
        rounding: str = "nearest_even",
        random: Any = None,
        random_width: int = 0,
        overflow: str | None = None,
        scale_rule: str | None = None,
    ) -> np.ndarray:
        """Codes of exact numbers, whose last axis is that of the block and gets lost.

        ``random``: words for each number. ``scale_rule``: as above; the default of the format if
        None. Otherwise as :meth:`.Format.project`.
        """
        self._checked_overflow(overflow)
        if exact.shape[-1:] != (self.block_size,):
            raise FormatError(
                f"{self.name}: the last axis must have {self.block_size} numbers, not"
                f" {exact.shape[-1] if exact.shape else 'be missing'}"
            )
        rule = scale_rule or self.default_scale_rule
        if rule not in SCALE_RULES:
            allowed = ", ".join(SCALE_RULES)
            raise FormatError(f"{self.name}: the scale rule must be {allowed}, not {rule!r}")
        rows = exact.reshape(-1, self.block_size)
        words = None if random is None else np.broadcast_to(random, exact.shape).reshape(rows.shape)
        codes = block_codes(self, rows, rule, (rounding, words, random_width))
        return codes.reshape(exact.shape[:-1])

    def _project(self, exact: Exact, rounder: Rounder, overflow: str | None) -> np.ndarray:
        rows = exact.reshape(-1, self.block_size)
        how = (rounder.mode, rounder.random, rounder.random_width)
        return block_codes(self, rows, self.default_scale_rule, how)

    def sight(self, random_width: int = 0) -> tuple[int, int | None]:
        # Whether a number lies on either side of a border is what the scale rules ask.
        precision, finest = self.element.sight(random_width)
        return precision + (0 if self.scale is None else 2 * self.scale.width + 8), finest

    def format_code(self, code: int) -> str:
        elements, scale = split(self, np.array([code], object))
        texts = [self.element.format_code(int(e)).split("(")[1][:-1] for e in elements[0]]
        factor = "" if self.scale is None else self.scale.format_code(int(scale[0]))
        factor = factor.partition("(")[2][:-1] + " * " if factor else ""
        return f"0x{int(code):0{-(-self.width // 4)}x} ({factor}[{', '.join(texts)}])"


def _check(who: str, what: str, given: Format, widest: int) -> None:
    if given.block_size is not None:
        raise FormatError(f"{who}: {what} must be single numbers, not blocks such as {given}")
    if given.width > widest:
        raise FormatError(f"{who}: {what} must have at most {widest} bits, not {given.width}")
