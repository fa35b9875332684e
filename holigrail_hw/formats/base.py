"""What every number format can do: turn codes into exact numbers and exact numbers into codes.

A format is data. An operation on formats is always decode -> exact operation -> project, where
*project* rounds an exact number and brings it into range (the model of IEEE P3109). Operand and
result formats are independent of each other.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .errors import FormatError
from .exact import Exact
from .numbers import exact_from_numbers
from .rounding import Rounder, Rounding
from .traits import Traits

__all__ = ["Format"]


class Format(Traits):
    """A number format; frozen, hashable, and equal to ``parse(format.name)``.

    Codes are bit patterns: unsigned integers below 2^width, as uint64 arrays, or as arrays of
    Python integers above 64 bits. Every method takes arrays of any shape, or single numbers.

    A format answers the questions of :class:`.traits.Traits`, reads its names (``parse_name``,
    registered by :func:`.registry.number_system`), and adds ``_unpack`` and ``_project`` on flat
    arrays. One that holds several numbers per code appends an axis in ``_unpack``; one whose
    numbers are no binary fractions (logarithmic) overrides ``decode`` and ``encode`` and leaves
    the exact pair out.
    """

    listed_names: ClassVar[tuple[str, ...]] = ()
    """Names of this number system that are worth listing, narrow formats first."""
    patterns: ClassVar[Mapping[str, str]] = {}
    """Patterns of its other names, such as ``int{W}``, with what they mean."""

    @classmethod
    def parse_name(cls, name: str) -> "Format | None":
        """The format of a name, None if it is no name of this number system.

        Raises FormatError if it is one, but there is no such format.
        """
        return None

    @property
    @abstractmethod
    def summary(self) -> str:
        """One line for people: size, fields, range."""

    @property
    @abstractmethod
    def is_exact_in_float64(self) -> bool:
        """Whether every number of the format is also a float64."""

    @property
    def saturating(self) -> "Format":
        """The format of the same codes whose results beyond the range become its nearest end."""
        return self

    @abstractmethod
    def corner_codes(self) -> list[int]:
        """Codes worth testing first, ascending: zeros, ones, extremes, borders, specials."""

    def plain_codes(self, rng: np.random.Generator, codes: np.ndarray) -> np.ndarray | None:
        """Codes of numbers with few digits, which tell wrong adders apart: one for each code.

        Codes are Python integers. None, with nothing drawn, if uniform codes are as good.
        """
        return None

    def distant_codes(
        self, rng: np.random.Generator, centre: np.ndarray
    ) -> list[np.ndarray] | None:
        """Other operands, far from ``centre`` but such that they tell; modulo 2^width.

        Each array of the list is drawn as often as the others; all hold Python integers. None, with
        nothing drawn, if operands near the centre are enough.
        """
        return None

    @abstractmethod
    def _unpack(self, codes: np.ndarray) -> Exact:
        """Exact numbers of a flat array of valid codes."""

    @abstractmethod
    def _project(self, exact: Exact, rounder: Rounder, overflow: str | None) -> np.ndarray:
        """Codes of a flat array of exact numbers."""

    _finest_exponent: ClassVar[int | None] = None

    def unpack(self, codes: Any) -> Exact:
        """Exact numbers of the codes."""
        array = self._checked_codes(codes)
        flat = self._unpack(array.reshape(-1))
        return flat.reshape(array.shape + flat.shape[1:])

    def project(
        self,
        exact: Exact,
        rounding: str = Rounding.NEAREST_EVEN,
        random: Any = None,
        random_width: int = 0,
        overflow: str | None = None,
    ) -> np.ndarray:
        """Codes of exact numbers: rounded once, then brought into range.

        ``random``: for stochastic rounding, words of ``random_width`` bits; broadcast with the
        numbers. Raises FormatError for an option the format does not know.
        """
        rounder = Rounder.create(Rounding(rounding), random, random_width)
        shape = exact.shape
        if rounder.random is not None:
            shape = np.broadcast_shapes(shape, rounder.random.shape)
            words = np.broadcast_to(rounder.random, shape).reshape(-1)
            rounder = Rounder(rounder.mode, words, random_width)
            exact = exact.broadcast_to(shape)
        codes = self._project(exact.ravel(), rounder, self._checked_overflow(overflow))
        return codes.reshape(shape)

    def decode(self, codes: Any) -> np.ndarray:
        """Values of the codes: float64 if it holds all of the format, else Fractions."""
        exact = self.unpack(codes)
        return exact.to_float64() if self.is_exact_in_float64 else exact.to_fractions()

    def encode(
        self,
        values: Any,
        rounding: str = Rounding.NEAREST_EVEN,
        random: Any = None,
        random_width: int = 0,
        overflow: str | None = None,
    ) -> np.ndarray:
        """Codes of integers, floats (NaN and infinities too), Fractions, or arrays of them.

        The options are those of :meth:`project`. Each value is taken exactly and rounded once.
        """
        exact = exact_from_numbers(values, *self.sight(random_width))
        return self.project(exact, rounding, random, random_width, overflow)

    def sight(self, random_width: int = 0) -> tuple[int, int | None]:
        """What of an endless fraction :meth:`project` needs, besides a sticky bit below.

        The number of leading bits, and the exponent of a place down to which all bits are needed
        besides, None if the leading bits suffice.
        """
        guard, finest = random_width + 4, self._finest_exponent
        return self.width + guard, None if finest is None else finest - guard

    def is_nan_code(self, codes: Any) -> np.ndarray:
        """Which codes are no numbers."""
        return self.unpack(codes).is_nan

    def is_negative_code(self, codes: Any) -> np.ndarray:
        """Which codes have a negative sign, that of -0 too."""
        return self.unpack(codes).sign

    def canonical_codes(self, codes: Any) -> np.ndarray:
        """The codes that results have, of the same numbers."""
        return self.project(self.unpack(codes))

    def format_code(self, code: int) -> str:
        """A code for people, such as ``0x3c (1.5)``."""
        value = self.unpack(int(code)).to_fractions()[()]
        return f"0x{int(code):0{-(-self.width // 4)}x} ({_number_text(value)})"

    def __str__(self) -> str:
        return self.name

    def _checked_codes(self, codes: Any) -> np.ndarray:
        array = codes if isinstance(codes, np.ndarray) else np.array(codes, dtype=object)
        is_integer = array.dtype.kind in "iub" or (
            array.dtype == object
            and all(isinstance(code, int | np.integer) for code in array.ravel().tolist())
        )
        if not is_integer:
            raise FormatError(
                f"{self.name}: codes must be integers, not {_type_text(array)}",
                hint="codes are bit patterns; encode() makes them from numbers",
            )
        if array.size and (int(array.min()) < 0 or int(array.max()) >> self.width):
            wrong = int(array.min()) if int(array.min()) < 0 else int(array.max())
            raise FormatError(
                f"{self.name}: codes must be between 0 and {(1 << self.width) - 1}, not {wrong}",
                hint="codes are bit patterns; encode() makes them from numbers",
            )
        return array.astype(np.uint64 if self.width <= 64 else object)

    def _checked_overflow(self, overflow: str | None) -> str | None:
        if overflow is None:
            return self.overflow_modes[0] if self.overflow_modes else None
        if overflow not in self.overflow_modes:
            allowed = " or ".join(map(repr, self.overflow_modes)) or "left out"
            raise FormatError(
                f"{self.name}: overflow must be {allowed}, not {overflow!r}",
                hint=None if self.overflow_modes else "the format's name says it: '_sat' saturates",
            )
        return overflow


def _type_text(array: np.ndarray) -> str:
    if array.dtype != object:
        return str(array.dtype)
    wrong = (code for code in array.ravel().tolist() if not isinstance(code, int | np.integer))
    return type(next(wrong)).__name__


def _number_text(value: Any) -> str:
    """Exact decimal if short, else a small multiple of a power of two, else nine digits."""
    if isinstance(value, float):
        return "-0" if value == 0 else str(value)
    if value.denominator == 1 and abs(value) < 10**12:
        return str(value.numerator)
    exponent = 1 - value.denominator.bit_length()
    significand = value.numerator
    while significand % 2 == 0:
        significand, exponent = significand // 2, exponent + 1
    if -12 <= exponent < 0 and len(text := _decimal_text(significand, -exponent)) <= 10:
        return text
    if abs(significand) < 1000:
        factor = {1: "", -1: "-"}.get(significand, f"{significand}*")
        return f"{factor}2^{exponent}"
    digits = math.floor(math.log10(2) * (abs(significand).bit_length() + exponent))
    if abs(digits) > 300:
        return f"{significand}*2^{exponent}"
    return f"~{float(value):.9g}"


def _decimal_text(significand: int, places: int) -> str:
    digits = str(abs(significand) * 5**places).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}".rstrip("0")
    return "-" + text if significand < 0 else text
