"""Requantisation in the lanes of a matrix engine: one product and one shift for each channel.

The form (x m + c) >> n of a graph is what a lane computes, once bias and zero point are in its
constant. A negative factor turns the signs of the channel's weights; a factor of 0 makes all of
them 0. Where lanes round to even, as other layers need it, rounding down is

    floor(t / 2^n) = round((2 t - (2^n - 1)) / 2^(n+1)),

which is never a tie, as its numerator is odd.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.models.graph.forms import Form, Multiplier

__all__ = ["Lane", "Rescale", "has_lane", "lane_of", "plain", "rescale_of", "unscaled_width"]

_WIDEST_SCALE = 32
_WIDEST_CONSTANT = 64
_WIDEST_SHIFT = 63
# Wider sums than that only to hold constants would be a waste.
_WIDEST_SHIFTED = 40


@dataclass(frozen=True, eq=False)
class Rescale:
    """clip((s scale + constant) >> shift, low, high) of sums s, whose weights have been times sign.

    Arrays of Python integers, one per channel. ``even`` rounds to even instead of down.
    """

    sign: np.ndarray
    scale: np.ndarray
    constant: np.ndarray
    shift: np.ndarray
    low: int
    high: int
    even: bool = False

    def to_even(self) -> "Rescale":
        """The same codes with ties to even."""
        if self.even:
            return self
        fraction = self.shift > 0
        unit = np.array([1 << int(n) for n in self.shift], object)
        return Rescale(
            self.sign,
            np.where(fraction, 2 * self.scale, self.scale),
            np.where(fraction, 2 * self.constant - unit + 1, self.constant),
            self.shift + fraction,
            self.low,
            self.high,
            even=True,
        )


def rescale_of(form: Form | None, offset: np.ndarray) -> Rescale | None:
    """What a lane does for a form, or None if it cannot: of thresholds, or pixel by pixel.

    ``offset`` is added to the sums of every channel, before anything else.
    """
    if not isinstance(form, Multiplier):
        return None
    columns = [_by_channel(a, len(offset)) for a in (form.factor, form.constant, form.shift)]
    if any(column is None for column in columns):
        return None
    factor, constant, shift = columns
    constant = constant + factor * offset.astype(object)
    even = bool(form.even)
    if not even:
        factor, constant, shift = _narrowed(factor, constant, shift)
    sign = np.array([(f > 0) - (f < 0) for f in factor], np.int64)
    scale = np.where(sign == 0, 1, abs(factor))
    if np.any(shift < 0) or np.any(shift >= _WIDEST_SHIFT):
        return None
    return Rescale(sign, scale, constant, shift, form.low, form.high, even)


def plain(offset: np.ndarray, others: Sequence[Rescale]) -> Rescale:
    """Sums as they are, with an offset; their limits are nobody's business.

    They are scaled by a power of two and shifted back, as far as the scales and the shifts of the
    other layers of the lanes reach: so shifts differ less.
    """
    places = min((int(n) for one in others for n in one.shift), default=0)
    widest = max((int(v) for one in others for v in one.scale), default=1)
    places = min(places, widest.bit_length() - 1)
    full = np.full(len(offset), 1 << places, object)
    sign = np.ones(len(offset), np.int64)
    return Rescale(sign, full, offset * full, np.full(len(offset), places, object), 0, 0)


def _by_channel(values: Any, channels: int) -> Any:
    """One value for every channel; None if pixels have their own."""
    values = np.asarray(values, object)
    if values.size not in (1, channels) or (values.ndim and values.shape[-1] != values.size):
        return None
    return np.broadcast_to(values.reshape(-1), (channels,))


def _narrowed(factor: Any, constant: Any, shift: Any) -> tuple[Any, Any, Any]:
    """Without factors of two that the shift takes away again: floor(2t + c, 2) is t + c // 2."""
    rows = []
    for f, c, n in zip(factor, constant, shift, strict=True):
        spare = min((f & -f).bit_length() - 1, n) if f else n
        rows.append((f >> spare, c >> spare, n - spare))
    columns = [np.empty(len(rows), object) for _ in range(3)]
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        column[:] = values
    return columns[0], columns[1], columns[2]


@dataclass(frozen=True)
class Lane:
    """The lanes of an engine: what all layers that use them have in common."""

    low: int
    high: int
    scale_width: int
    shift: int
    shift_width: int
    even: bool

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the engine's part ``requantiser``."""
        found: dict[str, Any] = {
            "mode": "single" if self.scale_width else "shift",
            "rounding": "nearest_even" if self.even else "down",
            "bias": "product",
            "shift": self.shift,
            "shift_width": self.shift_width,
        }
        return found | ({"scale_width": self.scale_width} if self.scale_width else {})

    def fields(self, rescale: Rescale, channels: Any) -> dict[str, np.ndarray]:
        """Numbers for the stream ``parameter``, for some channels."""
        used = rescale.to_even() if self.even else rescale
        found = {"bias": used.constant[channels]}
        if self.scale_width:
            found["scale"] = used.scale[channels]
        if self.shift_width:
            found["shift"] = used.shift[channels] - self.shift
        return found


def has_lane(rescale: Rescale, sum_width: int) -> bool:
    """Whether a lane is wide enough for a layer, whatever the other layers need."""
    return _scale_width([rescale.to_even()], sum_width) <= _WIDEST_SCALE


def lane_of(rescales: Sequence[Rescale], limits: tuple[int, int], sum_width: int) -> Lane:
    """The narrowest lanes for some layers, whose results lie within limits.

    ``sum_width`` is the width of sums, from which lanes take that of their constants.
    """
    used = _alike(rescales)
    shifts = [int(n) for one in used for n in one.shift]
    return Lane(
        low=limits[0],
        high=limits[1],
        scale_width=_scale_width(used, sum_width),
        shift=min(shifts),
        shift_width=(max(shifts) - min(shifts)).bit_length(),
        even=used[0].even,
    )


def unscaled_width(rescales: Sequence[Rescale]) -> int:
    """Bits of the constants of lanes that only shift, for sums of that width; 0 of other lanes."""
    used = _alike(rescales)
    width = _constant_width(used)
    is_plain = all(int(v) == 1 for one in used for v in one.scale)
    return width if is_plain and width <= _WIDEST_SHIFTED else 0


def _alike(rescales: Sequence[Rescale]) -> Sequence[Rescale]:
    """All with ties to even, if one is."""
    even = any(one.even for one in rescales)
    return [one.to_even() for one in rescales] if even else rescales


def _constant_width(rescales: Sequence[Rescale]) -> int:
    constants = [int(v) for one in rescales for v in one.constant]
    return max((c if c >= 0 else -c - 1).bit_length() + 1 for c in constants)


def _scale_width(rescales: Sequence[Rescale], sum_width: int) -> int:
    """Bits of a scale, 0 if all are 1: as wide as the constants need, too."""
    largest = max(int(v) for one in rescales for v in one.scale)
    widest = _constant_width(rescales)
    if widest > _WIDEST_CONSTANT:
        return _WIDEST_CONSTANT
    return max(largest.bit_length() if largest > 1 else 0, widest - sum_width, 0)
