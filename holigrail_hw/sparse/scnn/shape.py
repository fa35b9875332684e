"""The parameters of a sparse convolution engine, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from holigrail_hw.core import Engine, Stream, parameter
from holigrail_hw.formats import FixedFormat, Format, parse

from .geometry import Axis, Sums

__all__ = ["ScnnShape"]

_BIT = parse("uint1")
_WIDEST_FACTOR, _WIDEST_SUM, _MOST_WEIGHTS, _MOST_PLACES = 16, 48, 1024, 1024


@dataclass(frozen=True, kw_only=True)
class ScnnShape(Engine):
    """Sizes, formats and memories of an engine, and what follows from them."""

    quiet_cycles: ClassVar[int] = 200_000

    weight_lanes: int = parameter(2, "weights multiplied in a cycle", low=1, high=8)
    activation_lanes: int = parameter(2, "activations multiplied in a cycle", low=1, high=8)
    tile_width: int = parameter(4, "inputs of a tile along x", low=1, high=64)
    tile_height: int = parameter(4, "inputs of a tile along y", low=1, high=64)
    filter_width: int = parameter(3, "weights of a filter along x", low=1, high=11)
    filter_height: int = parameter(3, "weights of a filter along y", low=1, high=11)
    filters: int = parameter(2, "output channels of a group", low=1, high=64)
    stride: int = parameter(1, "inputs from one output to the next", low=1, high=2)
    padding: str = parameter(
        "same",
        "whether outputs are made at the border, where some inputs are missing",
        choices=("same", "valid"),
        samples=("same",),
    )
    columns: int = parameter(1, "processing elements side by side", low=1, high=2)
    rows: int = parameter(1, "rows of processing elements", low=1, high=2)
    activation: Format = parameter(parse("int8"), "format of an activation")
    weight: Format = parameter(parse("int8"), "format of a weight")
    accumulator: Format | None = parameter(
        None, "format of sums and results; if none, one that holds every possible sum"
    )
    index_width: int = parameter(4, "bits that count the zeros before a value", low=1, high=8)
    queue: int = parameter(2, "products that wait in front of a bank", low=1, high=8)
    channel_depth: int = parameter(16, "the most input channels", low=1, high=1 << 12)
    size_width: int = parameter(
        16, "bits of each size in a command: of its channels and groups", low=2, high=16
    )
    activation_depth: int = parameter(
        128, "vectors of activations that an element holds", low=1, high=1 << 14
    )
    weight_depth: int = parameter(
        256, "vectors of weights of one group that each of two halves holds", low=1, high=1 << 14
    )
    relu: bool = parameter(True, "whether negative results become 0", samples=(True,))

    renamed: ClassVar[Mapping[str, str]] = {"relu=on": "relu=true", "relu=off": "relu=false"}

    def derive(self) -> dict[str, Any]:
        if self._wrong_factors():
            return {}
        return {"accumulator": self.sum_of(self.channel_depth * self.taps)}

    def check(self) -> list[str]:
        wrong = self._wrong_factors()
        if wrong:
            return wrong
        given = self.accumulator
        if not isinstance(given, FixedFormat) or given.fraction_width:
            wrong.append(f"accumulator must be an integer format, not {given}")
        elif given.width > _WIDEST_SUM:
            wrong.append(f"accumulator must have at most {_WIDEST_SUM} bits, not {given.width}")
        else:
            least = self.sum_of(1)
            if not given.minimum <= least.minimum <= least.maximum <= given.maximum:
                wrong.append(f"accumulator must hold every product, as {least} does, not {given}")
        if self.taps * self.filters > _MOST_WEIGHTS:
            wrong.append(
                f"filter_width * filter_height * filters must be at most {_MOST_WEIGHTS}, not"
                f" {self.taps * self.filters}"
            )
        if self.tile_width * self.tile_height > _MOST_PLACES:
            wrong.append(
                f"tile_width * tile_height must be at most {_MOST_PLACES}, not"
                f" {self.tile_width * self.tile_height}"
            )
        if self.channel_depth > self.most:
            wrong.append(
                f"channel_depth must be at most {self.most}, the largest size of"
                f" {self.size_width} bits, not {self.channel_depth}"
            )
        return wrong + self._wrong_axes()

    def _wrong_factors(self) -> list[str]:
        wrong = []
        for name in ("activation", "weight"):
            format = getattr(self, name)
            whole = isinstance(format, FixedFormat) and not format.fraction_width
            if not whole or format.width > _WIDEST_FACTOR:
                wrong.append(
                    f"{name} must be an integer format of at most {_WIDEST_FACTOR} bits,"
                    f" not {format}"
                )
        return wrong

    def _wrong_axes(self) -> list[str]:
        return self._wrong_axis("width", self.x, "columns") + self._wrong_axis(
            "height", self.y, "rows"
        )

    def _wrong_axis(self, what: str, axis: Axis, elements: str) -> list[str]:
        size = axis.tile * axis.count
        if not axis.same and size < axis.filter:
            return [
                f"filter_{what} must be at most tile_{what} * {elements}, {size}, with valid"
                f" padding, not {axis.filter}"
            ]
        if axis.count == 1:
            return []
        if axis.tile % axis.stride:
            return [
                f"tile_{what} must be a multiple of the stride with several {elements},"
                f" not {axis.tile}"
            ]
        # With two elements a halo ends with the plane, so it reaches at most one tile.
        if axis.owned(axis.count - 1) < 1:
            return [f"filter_{what} must leave outputs to every element, not be {axis.filter}"]
        return []

    def sum_of(self, products: int) -> FixedFormat:
        """The narrowest format that holds the sum of this many products."""
        a, w = self.activation, self.weight
        assert isinstance(a, FixedFormat) and isinstance(w, FixedFormat)
        extremes = [m * n for m in (a.minimum, a.maximum) for n in (w.minimum, w.maximum)]
        low, high = products * min(extremes), products * max(extremes)
        width = max((-low - 1).bit_length() if low < 0 else 0, high.bit_length())
        return FixedFormat(max(width + (low < 0), 1), signed=low < 0)

    @property
    def most(self) -> int:
        """The largest size that a command can say."""
        return (1 << self.size_width) - 1

    @property
    def taps(self) -> int:
        """Weights of a filter in one channel."""
        return self.filter_width * self.filter_height

    @property
    def elements(self) -> int:
        """Processing elements."""
        return self.columns * self.rows

    @property
    def x(self) -> Axis:
        """Tiles and outputs along x."""
        same = self.padding == "same"
        return Axis(self.tile_width, self.filter_width, self.stride, same, self.columns)

    @property
    def y(self) -> Axis:
        """Tiles and outputs along y."""
        same = self.padding == "same"
        return Axis(self.tile_height, self.filter_height, self.stride, same, self.rows)

    @property
    def sums(self) -> Sums:
        """The addresses of the sums."""
        return Sums(self.x, self.y, self.filters, self.weight_lanes, self.activation_lanes)

    def vector(self, prefix: str, format: Format, lanes: int) -> dict[str, Format]:
        """Fields of a vector of values with the number of zeros before each."""
        index = FixedFormat(self.index_width, signed=False)
        values = {f"{prefix}{lane}": format for lane in range(lanes)}
        zeros = {f"zeros{lane}": index for lane in range(lanes)}
        return values | zeros | {"last": _BIT, "final": _BIT}

    def streams(self) -> dict[str, Stream]:
        size = FixedFormat(self.size_width, signed=False)
        assert self.accumulator is not None
        activation = self.vector("a", self.activation, self.activation_lanes)
        result = self.vector("c", self.accumulator, self.activation_lanes)
        every = range(self.elements)
        return {
            "command": Stream("in", dict.fromkeys(("channels", "groups"), size)),
            **{f"activation{i}": Stream("in", activation) for i in every},
            "weight": Stream("in", self.vector("w", self.weight, self.weight_lanes)),
            **{f"result{i}": Stream("out", result) for i in every},
            "status": Stream("out", {"code": parse("uint4")}),
        }
