"""What others may ask of a format instead of asking which format it is.

Fixed point, binary and ternary numbers are integers times one unit, 2^least_place; such formats
are *fixed-like*. Floats and posits are not. An operator that wants to know more asks one of these
traits. A number system that is added later answers them, and nothing has to know its name.
"""

from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Any, ClassVar

__all__ = ["Traits"]


class Traits(ABC):
    """Questions with default answers; a format overrides those it answers otherwise."""

    kind: ClassVar[str]
    """The number system in a word, for people. Nothing is decided by it."""
    overflow_modes: ClassVar[tuple[str, ...]] = ()
    """What ``overflow`` may be; the first is the default. Empty: the format itself decides."""

    few_numbers: ClassVar[str] = ""
    """All numbers in words, of a format that has two or three; empty for others."""

    block_size: Any = None
    """How many numbers a code holds; None for one alone."""
    element: Any
    """Of a block: the format of its numbers before they are scaled."""
    scale: Any = None
    """Of a block: the format of the factor that its numbers share; None if there is none."""

    width: Any
    """Number of bits of a code."""
    signed: Any
    """Whether a code can stand for a negative number."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The canonical name."""

    @property
    @abstractmethod
    def number_range(self) -> tuple[Fraction, Fraction]:
        """The least and the greatest finite number."""

    @property
    def least_place(self) -> int:
        """Exponent of the last bit that any finite number has: all are multiples of 2^that.

        Raises
        ------
        TypeError
            For formats whose numbers are no binary fractions.
        """
        raise TypeError(f"{self.name}: its numbers are no binary fractions")

    @property
    def has_binary_fractions(self) -> bool:
        """Whether all numbers are binary fractions, which ``unpack`` takes apart."""
        return True

    @property
    def is_fixed_like(self) -> bool:
        """Whether the numbers are integers of one range times 2^least_place, and nothing else."""
        return False

    @property
    def integer_range(self) -> tuple[int, int]:
        """The least and the greatest finite number in units of 2^least_place."""
        unit = Fraction(2) ** self.least_place
        low, high = self.number_range
        return int(low / unit), int(high / unit)

    @property
    def subnormal_place(self) -> int | None:
        """Exponent of the first digit of numbers too small to be normalised; None if all are.

        All numbers of a fixed-like format have their first digit there, that of the largest.
        """
        if not self.is_fixed_like:
            return None
        return max(map(abs, self.integer_range)).bit_length() - 1 + self.least_place

    @property
    def is_integer(self) -> bool:
        """Whether the format is fixed-like with unit 1."""
        return self.is_fixed_like and self.least_place == 0

    @property
    def codes_are_integers(self) -> bool:
        """Whether a code is the number in units of 2^least_place, modulo 2^width.

        So it is with unsigned and two's complement integers: sums of codes are codes of sums.
        """
        return False

    @property
    def has_zero(self) -> bool:
        """Whether any code stands for zero."""
        return True

    @property
    def has_negative_zero(self) -> bool:
        """Whether zero has a sign, as with floats."""
        return False

    @property
    def has_infinity(self) -> bool:
        """Whether any code stands for an infinity."""
        return False

    @property
    def has_nan(self) -> bool:
        """Whether any code stands for what is no number: NaN, or NaR of a posit."""
        return False

    @property
    def saturates(self) -> bool:
        """Whether a result beyond the range always becomes the nearest end of it."""
        return False

    @property
    def is_power_of_two(self) -> bool:
        """Whether every positive number is a power of two."""
        return False

    @property
    def holds_sums(self) -> bool:
        """Whether running sums can be kept in the format."""
        return True

    @property
    def adds_exactly(self) -> bool:
        """Whether sums of what the format is made for need no rounding, as those in a quire."""
        return False

    @property
    def exponent_field(self) -> range:
        """Places of the code's bits that are an exponent; a proof may be split by their values."""
        return range(0)

    def overflow_of(self, asked: str | None) -> str | None:
        """``asked`` if the format offers that overflow mode, else its default."""
        if asked in self.overflow_modes:
            return asked
        return self.overflow_modes[0] if self.overflow_modes else None
