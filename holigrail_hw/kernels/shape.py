"""What a matrix product computes: formats, where sums are rounded, and how."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.formats import Format, FormatError, Rounding, parse

__all__ = ["ACCUMULATIONS", "VIAS", "GemmShape"]

ACCUMULATIONS = ("fused", "cascade", "exact", "window")
VIAS = ("exact", "float32", "mptorch")
_MOST_RANDOM_BITS = 32


@dataclass(frozen=True, kw_only=True)
class GemmShape:
    """Parameters of :class:`holigrail_hw.kernels.Gemm`; formats may be given by their names.

    Attributes
    ----------
    a, b : Format
        Of the factors.
    accumulator : Format
        Of the sums.
    accumulation : str
        ``fused``: c = round(c + a*b); ``cascade``: c = round(c + round_product(a*b)); ``exact``:
        one rounding at the end; ``window``: sum and product are cut off below a window of bits
        before they are added.
    product : Format or None
        Of the products of a cascade; that of the accumulator if left out.
    chunk : int or None
        Length of inner sums, which are added one by one; None for one sum over all of K.
    window : int
        Bits of a window.
    rounding : Rounding
        Of every step, the products included.
    random_width : int
        Bits of a random word, if stochastic.
    overflow : str or None
        Of a fixed-point accumulator: ``saturate`` or ``wrap``.
    via : str
        What every product, sum or fused step passes before it is rounded: ``exact`` nothing,
        ``float32`` rounding to float32, ``mptorch`` that and MPTorch's rule for formats without
        subnormal numbers.
    start : str
        ``zero``: every sum begins with +0. ``product``: with its first product, so that a sum of
        products -0 is -0.
    """

    a: Format
    b: Format
    accumulator: Format
    accumulation: str = "fused"
    product: Format | None = None
    chunk: int | None = None
    window: int = 24
    rounding: Rounding = Rounding.NEAREST_EVEN
    random_width: int = 16
    overflow: str | None = None
    via: str = "exact"
    start: str = "zero"

    def __post_init__(self) -> None:
        for name in ("a", "b", "accumulator", "product"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, parse(value))
        object.__setattr__(self, "rounding", Rounding(self.rounding))
        self._check_choices()
        if self.accumulation == "cascade" and self.product is None:
            object.__setattr__(self, "product", self.accumulator)
        if wrong := self._wrong():
            raise FormatError(f"gemm: {'; '.join(wrong)}")

    @functools.cached_property
    def is_modular(self) -> bool:
        """Whether sums are integers modulo 2^width of whole products, in any order."""
        return self.is_whole and self.accumulator.overflow_of(self.overflow) == "wrap"

    @functools.cached_property
    def is_whole(self) -> bool:
        """Whether sums are integers of whole products, which are never rounded."""
        sums = self.accumulator
        return (
            self.accumulation in ("fused", "exact")
            and sums.codes_are_integers
            and self.a.is_fixed_like
            and self.b.is_fixed_like
            and self.via == "exact"
            and self.a.least_place + self.b.least_place >= sums.least_place
        )

    @property
    def streams(self) -> int:
        """Random words of a step; none without stochastic rounding."""
        if not self.rounding.is_stochastic:
            return 0
        return 2 if self.accumulation == "cascade" else 1

    @property
    def is_negative_start(self) -> bool:
        """Whether sums begin with -0, to which a product is added unchanged."""
        return (
            self.start == "product"
            and self.accumulator.has_negative_zero
            and self.rounding is not Rounding.DOWN
        )

    def checked(self, a: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
        """Two matrices whose inner sizes agree; raises ValueError."""
        a, b = np.asarray(a), np.asarray(b)
        if a.ndim != 2 or b.ndim != 2:
            raise ValueError(f"gemm: a and b must be matrices, not of {a.ndim} and {b.ndim} axes")
        if a.shape[1] != b.shape[0]:
            raise ValueError(
                f"gemm: a has {a.shape[1]} columns, so b must have {a.shape[1]} rows, not {len(b)}"
            )
        return a, b

    def _check_choices(self) -> None:
        for name, choices in (
            ("accumulation", ACCUMULATIONS),
            ("via", VIAS),
            ("start", ("zero", "product")),
        ):
            value = getattr(self, name)
            if value not in choices:
                raise FormatError(f"gemm: {name} must be {' or '.join(choices)}, not {value!r}")

        for name in ("chunk", "window", "random_width"):
            value = getattr(self, name)
            if not isinstance(value, int) and (name, value) != ("chunk", None):
                raise FormatError(f"gemm: {name} must be an integer, not {value!r}")

    def _wrong(self) -> list[str]:
        """What does not fit together."""
        found = []
        steps = self.accumulation in ("fused", "cascade")
        if self.product is not None and self.accumulation != "cascade":
            found.append(f"product must be left out with accumulation {self.accumulation}")
        if self.chunk is not None and (self.chunk < 1 or not steps):
            found.append(
                f"chunk must be at least 1, not {self.chunk}"
                if self.chunk < 1
                else f"chunk must be left out with accumulation {self.accumulation}"
            )
        if self.chunk is not None and self.rounding.is_stochastic:
            found.append("chunk must be left out with stochastic rounding")
        if self.accumulation == "window" and not 2 <= self.window <= 128:
            found.append(f"window must be between 2 and 128 bits, not {self.window}")
        if self.via != "exact" and not (steps and self.rounding is Rounding.NEAREST_EVEN):
            found.append(
                "via must be exact unless sums are fused or cascade, to nearest_even,"
                f" not {self.via}"
            )
        if self.via != "exact" and self.start != "zero":
            found.append(f"start must be zero with via {self.via}, not {self.start}")
        if self.rounding.is_stochastic and not 1 <= self.random_width <= _MOST_RANDOM_BITS:
            found.append(
                f"random_width must be between 1 and {_MOST_RANDOM_BITS}, not {self.random_width}"
            )
        if not self.accumulator.holds_sums or not self.accumulator.has_zero:
            found.append(f"accumulator must be a format that holds sums, not {self.accumulator}")
        for name in ("a", "b", "accumulator", "product"):
            format = getattr(self, name)
            if format is not None and not format.has_binary_fractions:
                found.append(f"{name} must have binary fractions, not {format}")
            elif format is not None and format.block_size is not None:
                found.append(f"{name} must hold one number per code, not {format}")
        if self.overflow is not None and self.overflow not in self.accumulator.overflow_modes:
            found.append(f"overflow must be left out for {self.accumulator}, not {self.overflow}")
        return found
