"""Matrix products in any format and any way of adding, by the fastest kernel that is exact.

The golden models say what is right; everything here only says it sooner:

1. sums of integers modulo 2^width, and exact sums, as products of float matrices that lose nothing;
2. a float32 kernel to nearest even, with what certificates allow left out;
3. general kernels for every other rounding, random words and windows, or the same in NumPy;
4. :mod:`holigrail_hw.golden` itself, for what is left: posit sums, wrapping sums that are rounded.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.formats import Exact, Format

from .certificates import largest_sum
from .convert import decode, encode, number_type, quantise, without_negative_zero
from .exact import exact_sum, exact_sum_of_products
from .general import is_general, multiply_general, step_general
from .library import usual_arithmetic
from .loops import multiply_in_loops
from .nearest import multiply32, step32
from .operands import decoded, is_exact_in, reach
from .oracle import golden_codes
from .random_words import RandomWords
from .shape import GemmShape

__all__ = ["Gemm"]


@dataclass(frozen=True, kw_only=True)
class Gemm(GemmShape):
    """C = A B as an operator of this package would compute it.

    >>> gemm = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")
    >>> gemm.numbers([[1.5, 2.0]], [[4.0], [0.25]]).tolist()
    [[6.5]]
    """

    def codes(
        self,
        a: Any,
        b: Any,
        *,
        random: RandomWords | None = None,
        threads: int = 1,
        initial: Any = None,
    ) -> np.ndarray:
        """Codes of the product of two matrices of codes; uint64 (objects above 64 bits).

        Parameters
        ----------
        a, b : arrays of codes, M x K and K x N
        random : RandomWords or None
            Where the words of stochastic rounding come from: :class:`.Philox`,
            :class:`.ShiftRegister` or :class:`.GivenWords`.
        threads : int
            The results do not depend on it.
        initial : array of codes or None
            Of the accumulator, one for each column: what its sums begin with.

        Raises
        ------
        ValueError, FormatError
            Inner sizes that differ, what is no code, random words that are missing.
        """
        a, b = self.checked(a, b)
        self._check_random(random)
        begin = self._checked_initial(initial, b)
        if not a.size or not b.size or not self._has_float_operands:
            return golden_codes(self, a, b, random, begin)
        with usual_arithmetic():
            x, y = self._operands(a, b)
            found = self._kernel_codes(x, y, random, threads, begin)
            return golden_codes(self, a, b, random, begin) if found is None else found

    def numbers(
        self,
        x: Any,
        y: Any,
        *,
        random: RandomWords | None = None,
        threads: int = 1,
        trusted: bool = False,
        initial: Any = None,
    ) -> np.ndarray:
        """The same for floats that are numbers of the formats; gives floats (:func:`number_type`).

        With ``via`` mptorch a zero is +0 wherever MPTorch's is: in formats with subnormal numbers.

        ``trusted`` skips the check that they are; results of others are not defined. ``initial``:
        numbers of the accumulator, one for each column.
        """
        x, y = self.checked(x, y)
        self._check_random(random)
        if not trusted:
            _check_numbers("a", self.a, x)
            _check_numbers("b", self.b, y)
        # The least integer of a type has no magnitude there.
        x, y = (v if v.dtype.kind == "f" else v.astype(np.float64) for v in (x, y))
        begin = self._checked_initial(initial, y)
        if begin is not None and not trusted:
            _check_numbers("initial", self.accumulator, begin[None])
        with usual_arithmetic():
            found = self._floats(x, y, random, threads, begin) if x.size and y.size else None
            if found is None:
                found = decode(self.accumulator, self._codes_of_numbers(x, y, random, begin))
            if self.via == "mptorch":
                found = without_negative_zero(self.accumulator, found)
            return np.asarray(found, number_type(self.accumulator))

    def golden(
        self, a: Any, b: Any, *, random: RandomWords | None = None, initial: Any = None
    ) -> np.ndarray:
        """What :meth:`codes` must give, by the golden models."""
        a, b = self.checked(a, b)
        self._check_random(random)
        return golden_codes(self, a, b, random, self._checked_initial(initial, b))

    def path(self, a: Any, b: Any) -> str:
        """Which kernel computes the product of these codes, for people."""
        a, b = self.checked(a, b)
        if not a.size or not b.size or not self._has_float_operands:
            return "golden model"
        x, y = self._operands(a, b)
        if self._is_in_any_order(x, y, None):
            return "exact sums"
        step = step32(self, *_as_float32(x, y))
        if step is not None:
            return str(step)
        return str(step_general(self, x, y)) if is_general(self) else "golden model"

    def _is_in_any_order(self, x: np.ndarray, y: np.ndarray, begin: Any) -> bool:
        """Whether sums are exact up to their end: integers that wrap, or never reach the ends."""
        if self.is_modular or self.accumulation == "exact":
            return True
        if not self.is_whole or self.chunk is not None:
            return False
        low, high = self.accumulator.number_range
        return largest_sum(x, y, begin) < min(float(high), float(-low))

    def _codes_of_numbers(
        self, x: np.ndarray, y: np.ndarray, random: RandomWords | None, begin: np.ndarray | None
    ) -> np.ndarray:
        if x.size and y.size and self._is_in_any_order(x, y, begin):
            found = self._exact_codes(x, y, random, begin)
            if found is not None:
                return found
        codes = None if begin is None else encode(self.accumulator, begin)
        return golden_codes(self, encode(self.a, x), encode(self.b, y), random, codes)

    @functools.cached_property
    def _has_float_operands(self) -> bool:
        return all(is_exact_in(format, np.float64) for format in (self.a, self.b))

    def _operands(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        dtype = np.float32 if self._in_float32 else np.float64
        return decoded(self.a, a, dtype), decoded(self.b, b, dtype)

    @functools.cached_property
    def _in_float32(self) -> bool:
        return self.accumulation != "exact" and all(
            is_exact_in(format, np.float32) for format in (self.a, self.b)
        )

    def _kernel_codes(
        self,
        x: np.ndarray,
        y: np.ndarray,
        random: RandomWords | None,
        threads: int,
        codes: np.ndarray | None,
    ) -> np.ndarray | None:
        """Codes by a kernel; None if there is none. ``codes``: of what sums begin with."""
        begin = None if codes is None else np.asarray(decode(self.accumulator, codes))
        if self._is_in_any_order(x, y, begin):
            return self._exact_codes(x, y, random, begin)
        found = self._floats(x, y, random, threads, begin)
        if found is None:
            return None
        if isinstance(found, np.ndarray) and found.dtype == np.float32:
            found = found.astype(np.float64)
        return encode(self.accumulator, found, threads=threads, overflow=self.overflow)

    def _floats(
        self,
        x: np.ndarray,
        y: np.ndarray,
        random: RandomWords | None,
        threads: int,
        begin: np.ndarray | None,
    ) -> np.ndarray | None:
        """Numbers of the accumulator, by a kernel that rounds steps; None if there is none."""
        if self._is_in_any_order(x, y, begin):
            return None
        if self._in_float32:
            left, right = _as_float32(x, y)
            step = step32(self, left, right, initial=begin)
            if step is not None:
                return multiply32(self, left, right, step, threads, begin)
        if not is_general(self):
            return None
        step = step_general(self, x, y, begin)
        found = multiply_general(self, x, y, step, random, threads, begin)
        if found is not None:
            return found
        wide = [np.ascontiguousarray(v, np.float64) for v in (x, y)]
        return multiply_in_loops(self, wide[0], wide[1], random, begin)

    def _exact_codes(
        self, x: np.ndarray, y: np.ndarray, random: RandomWords | None, begin: np.ndarray | None
    ) -> np.ndarray | None:
        """Codes of exact sums; None if anything is no finite number."""
        x, y = x.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return None
        sums = exact_sum_of_products(x, y, reach(self.a), reach(self.b))
        if begin is not None:
            if not np.isfinite(begin).all():
                return None
            sums = exact_sum(sums, begin)
        overflow = self.accumulator.overflow_of(self.overflow)
        words, width = None, 0
        if random is not None and self.streams:
            width = self.random_width
            words = random.words(range(len(x)), len(y), y.shape[1], width, 1)[0][-1]
        if isinstance(sums, Exact):
            return self.accumulator.project(sums, self.rounding, words, width, overflow)
        if self.is_whole and overflow == "wrap" and self.accumulator.width <= 64:
            whole = np.ldexp(sums, -self.accumulator.least_place)
            if np.abs(whole).max(initial=0) < 1 << 53:
                low_bits = np.uint64((1 << self.accumulator.width) - 1)
                return whole.astype(np.int64).view(np.uint64) & low_bits
        return encode(
            self.accumulator,
            sums,
            self.rounding,
            random=words,
            random_width=width,
            overflow=overflow,
        )

    def _checked_initial(self, initial: Any, b: np.ndarray) -> np.ndarray | None:
        """What sums begin with, as an array; raises ValueError."""
        if initial is None:
            return None
        if self.accumulation == "window" or self.start != "zero":
            given = "accumulation window" if self.accumulation == "window" else "start product"
            raise ValueError(f"gemm: initial must be left out with {given}")
        found = np.asarray(initial)
        if found.shape != b.shape[1:]:
            raise ValueError(f"gemm: initial must be of {b.shape[1]} columns, not {found.shape}")
        return found

    def _check_random(self, random: RandomWords | None) -> None:
        if self.streams and random is None:
            raise ValueError("gemm: random words must be given for stochastic rounding")


def _as_float32(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(x, np.float32), np.ascontiguousarray(y, np.float32)


def _check_numbers(name: str, format: Format, numbers: np.ndarray) -> None:
    """Raises ValueError for the first float that is no number of the format."""
    kept = quantise(format, numbers, overflow=format.overflow_of("saturate"))
    wrong = ~((kept == numbers) | ((kept != kept) & (numbers != numbers)))
    if wrong.any():
        place = tuple(map(int, np.argwhere(wrong)[0]))
        raise ValueError(
            f"gemm: {name} must hold numbers of {format}, not {float(numbers[place])!r} at"
            f" {place[0]}, {place[1]}; quantise() rounds them"
        )
