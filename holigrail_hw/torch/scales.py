"""Scales of quantisers: powers of two, or numbers of few bits, found from what is to be rounded.

A power of two is free in hardware: rescaling is a shift. Any other scale is a product in the
requantiser; ``bits`` significant bits keep numbers exact in float32, and multipliers narrow.

How a scale is found: by the greatest magnitude, by a percentile, or as the one of the least mean
square error (Choukroun et al., Low-bit quantization of neural networks for efficient inference,
2019, for the criterion).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["METHODS", "Float", "PowerOfTwo", "Scale", "of_few_bits", "powers_of_two"]

METHODS = ("maximum", "percentile", "error")
_MOST_VALUES = 1 << 14
_FRACTIONS = 33

Round = Callable[[Tensor], Tensor]
"""Rounds numbers in units of a scale to the format."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How a scale is found.

    Attributes
    ----------
    method : str
        ``maximum``, ``percentile`` or ``error``.
    percentile : float
        Of magnitudes, for the method of this name.
    axis : int or None
        A scale for every index along this axis; None for one scale.
    momentum : float
        Share of what was found before, in [0, 1); weights want 0.
    """

    method: str = "error"
    percentile: float = 99.9
    axis: int | None = None
    momentum: float = 0.9

    def __post_init__(self) -> None:
        wrong = []
        if self.method not in METHODS:
            wrong.append(f"method must be {' or '.join(METHODS)}, not {self.method!r}")
        if not 0 < self.percentile <= 100:
            wrong.append(f"percentile must be above 0 and at most 100, not {self.percentile}")
        if not 0 <= self.momentum < 1:
            wrong.append(f"momentum must be at least 0 and below 1, not {self.momentum}")
        if wrong:
            raise ValueError(f"scale: {'; '.join(wrong)}")

    def shape(self, like: Tensor | tuple[int, ...]) -> tuple[int, ...]:
        """Of the scales of a tensor: () for one."""
        if self.axis is None:
            return ()
        sizes = [1] * len(like.shape if isinstance(like, Tensor) else like)
        sizes[self.axis] = (like.shape if isinstance(like, Tensor) else like)[self.axis]
        return tuple(sizes)

    def found(self, values: Tensor, low: float, high: float, to_codes: Round) -> Tensor:
        """Scales for values whose codes reach from ``low`` to ``high``; 1 where all are zero."""
        values = values.detach()
        rows = values.reshape(1, -1) if self.axis is None else _rows(values, self.axis)
        largest = self._largest(rows, low, high)
        scale = largest
        if self.method == "error":
            scale = self._least_error(_thinned(rows), largest, low, high, to_codes)
        scale = torch.where((scale > 0) & torch.isfinite(scale), scale, 1.0)
        return scale.reshape(self.shape(values))

    def settled(self, scale: Tensor) -> Tensor:
        """The scale that a scale found becomes."""
        raise NotImplementedError

    def tried(self, largest: Tensor) -> list[Tensor]:
        """Scales among which the least error is sought."""
        raise NotImplementedError

    def _largest(self, rows: Tensor, low: float, high: float) -> Tensor:
        size = rows.abs()
        if low < 0:
            least = min(-low, high)
            if self.method == "percentile":
                return _percentile(size, self.percentile) / least
            above, below = rows.amax(1).clamp(min=0), -rows.amin(1).clamp(max=0)
            return torch.maximum(above / high, below / -low)
        if self.method == "percentile":
            return _percentile(size, self.percentile) / high
        return rows.amax(1).clamp(min=0) / high

    def _least_error(
        self, rows: Tensor, largest: Tensor, low: float, high: float, to_codes: Round
    ) -> Tensor:
        best, found = torch.full_like(largest, float("inf")), largest
        for scale in self.tried(largest):
            unit = torch.where(scale > 0, scale, 1.0)[:, None]
            rounded = to_codes((rows / unit).clamp(low, high)) * unit
            error = ((rounded - rows) ** 2).mean(1)
            found = torch.where(error < best, scale, found)
            best = torch.minimum(error, best)
        return found


@dataclass(frozen=True, kw_only=True)
class PowerOfTwo(Scale):
    """Scales that are powers of two.

    >>> scale = PowerOfTwo(method="maximum")
    >>> scale.settled(torch.tensor([0.3, 0.5])).tolist()
    [0.5, 0.5]
    """

    def settled(self, scale: Tensor) -> Tensor:
        exponent = torch.log2(scale)
        whole = torch.ceil(exponent) if self.method == "maximum" else torch.round(exponent)
        return powers_of_two(whole)

    def tried(self, largest: Tensor) -> list[Tensor]:
        top = powers_of_two(torch.ceil(torch.log2(largest.clamp(min=2.0**-120))))
        top = torch.where(largest > 0, top, 0.0)
        return [top * 2.0**-step for step in range(4)]


@dataclass(frozen=True, kw_only=True)
class Float(Scale):
    """Scales of ``bits`` significant bits."""

    method: str = "maximum"
    bits: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.bits <= 12:
            raise ValueError(f"scale: bits must be between 1 and 12, not {self.bits}")

    def settled(self, scale: Tensor) -> Tensor:
        return of_few_bits(scale, self.bits)

    def tried(self, largest: Tensor) -> list[Tensor]:
        return [largest * (0.2 + 0.8 * step / (_FRACTIONS - 1)) for step in range(_FRACTIONS)]


def powers_of_two(exponent: Tensor) -> Tensor:
    """2 to a whole exponent from -126 to 127, exactly, in float32."""
    whole = exponent.to(torch.int32).clamp(-126, 127)
    return ((whole + 127) << 23).view(torch.float32)


def of_few_bits(scale: Tensor, bits: int) -> Tensor:
    """Numbers of so many significant bits, rounded up, so that nothing leaves the range."""
    mantissa, exponent = torch.frexp(scale)
    return torch.ceil(mantissa * 2.0**bits) / 2.0**bits * powers_of_two(exponent)


def _rows(values: Tensor, axis: int) -> Tensor:
    return values.movedim(axis, 0).reshape(values.shape[axis], -1)


def _thinned(rows: Tensor) -> Tensor:
    """Some of the values of every row, always the same ones."""
    step = -(-rows.shape[1] // max(1, _MOST_VALUES // len(rows)))
    return rows[:, ::step] if step > 1 else rows


def _percentile(size: Tensor, percentile: float) -> Tensor:
    ordered = _thinned(size).sort(1).values
    place = round((ordered.shape[1] - 1) * percentile / 100)
    return ordered[:, place]
