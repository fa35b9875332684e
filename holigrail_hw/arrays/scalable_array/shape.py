"""The parameters of a precision-scalable array, and what follows from them."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from holigrail_hw.arith.scalable_mac.mode_names import ModeNames
from holigrail_hw.arith.scalable_mac.operator import ScalableMac
from holigrail_hw.arith.scalable_mac.structures import MODES_MEANING, Mode
from holigrail_hw.core import Engine, RequestError, Stream, Timing, parameter
from holigrail_hw.formats import FixedFormat, Format, parse

from ..shared.tiling import incomplete_sizes
from ..systolic_array.accumulating import pair_ends
from .element import ScalableElement

__all__ = ["ScalableArrayShape"]

_BIT = parse("uint1")
_UNITS = {"element": "divide-2d-together", "column": "divide-2d-together", "serial": "serial-2d"}
_SHARED = ("width", "levels", "modes", "signed_activations", "signed_weights", "headroom")


@dataclass(frozen=True, kw_only=True)
class ScalableArrayShape(Engine):
    """Sizes, precisions and the place of the logic that puts products together."""

    rows: int = parameter(2, "rows of elements", low=1, high=64, samples=(1,))
    columns: int = parameter(2, "columns of elements", low=1, high=64)
    depth: int = parameter(1, "word pairs of an element; lanes if it is serial", low=1, high=64)
    placing: str = parameter(
        "column",
        "products of a mode are put together in each unit of an element (BitFusion), once for the"
        " units of an element (BitBlade), or digit after digit (Loom)",
        choices=tuple(_UNITS),
    )
    width: int = parameter(4, "full width of an operand, in bits", low=2, high=16)
    levels: int = parameter(1, "how often operands can be halved", low=1, high=3)
    modes: tuple[Mode, ...] | None = parameter(None, MODES_MEANING, nothing="all", kind=ModeNames())
    digit: int = parameter(1, "bits of a serial operand in a cycle", low=1, high=4)
    signed_activations: bool = parameter(False, "whether activations are signed")
    signed_weights: bool = parameter(True, "whether weights are signed")
    headroom: int = parameter(10, "bits of a sum above those of a full product", low=0, high=32)
    m: int | None = parameter(
        None,
        "a product to ask about, M x K times K x N: its M",
        low=1,
        high=1 << 20,
        hardware=False,
    )
    k: int | None = parameter(None, "its K", low=1, high=1 << 20, hardware=False)
    n: int | None = parameter(None, "its N", low=1, high=1 << 20, hardware=False)

    def check(self) -> list[str]:
        try:
            self.unit  # noqa: B018
        except RequestError as error:
            prefix = f"{ScalableMac.name}: "
            return incomplete_sizes(self) + [t.removeprefix(prefix) for t in error.violations]
        return incomplete_sizes(self)

    @property
    def unit(self) -> ScalableMac:
        """What a word pair is multiplied by; of a serial array, all digits of an element."""
        shared = {name: getattr(self, name) for name in _SHARED}
        if self.placing == "serial":
            shared |= {"digit": self.digit, "lanes": self.depth}
        return ScalableMac(structure=_UNITS[self.placing], **shared)

    @property
    def element(self) -> ScalableElement:
        """What one element computes."""
        return ScalableElement(self.unit, self.depth, self.placing)

    def word_format(self, port: int) -> Format:
        """The words of all pairs of a row or a column, the first lowest."""
        return FixedFormat(self.element.words * self.unit.port_widths[port], False, 0)

    def streams(self) -> dict[str, Stream]:
        """Words of activations by row with mode or marks, words of weights by column; sums."""
        steering: dict[str, Format] = {
            name: parse(f"uint{width}") for name, width in self.element.steering.items()
        }
        last = {"last": _BIT}
        activation = {f"a{i}": self.word_format(0) for i in range(self.rows)}
        weight = {f"w{j}": self.word_format(1) for j in range(self.columns)}
        result = {f"sum{j}": self.element.accumulator for j in range(self.columns)}
        return {
            "activation": Stream("in", activation | steering | last),
            "weight": Stream("in", weight),
            "result": Stream("out", result | last),
        }

    @property
    def mode_list(self) -> tuple[Mode, ...]:
        """The modes, in the order of their codes."""
        return self.unit.mode_list

    def shift(self, mode: Mode) -> int:
        """How many bits above the lowest of its word a sum of a mode begins."""
        if self.placing != "element":
            return 0
        return self.unit.packings[self.mode_list.index(mode)].shift

    def products(self, mode: Mode) -> int:
        """Products of an element for one item."""
        return self.depth * self.unit.kind.products(self.width, mode)

    def length(self, mode: Mode, k: int) -> int:
        """Items of a tile whose sums have ``k`` products."""
        return -(-k // self.products(mode)) * self.unit.kind.steps(self.digit, mode)

    def tile_cycles(self, timing: Timing, counts: list[int]) -> int:
        """Cycles from reset to the last result of tiles of so many items."""
        if not counts:
            return 0
        latency = _latency(self.element, timing)
        return pair_ends(counts, self.rows)[-1] + 2 * self.rows + self.columns + latency - 1

    def product_cycles(self, timing: Timing, mode: Mode, m: int, k: int, n: int) -> int:
        """Cycles from reset to the last result of a whole product in one mode."""
        length = self.length(mode, k)
        tiles = -(-m // self.rows) * -(-n // self.columns)
        return self.tile_cycles(timing, [length]) + (tiles - 1) * max(length, self.rows)

    def promise_ns(self, timing: Timing | None = None) -> float | None:
        return self.element.plan(timing).promise_ns

    def _words(self, codes: Any, count: int, port: int, prefix: str) -> Any:
        """Every word of every row or column: items x words x count."""
        width = self.unit.port_widths[port]
        bundles = np.stack([np.asarray(codes[f"{prefix}{i}"], object) for i in range(count)], -1)
        words = [(bundles >> d * width) & ((1 << width) - 1) for d in range(self.element.words)]
        return np.stack(words, 1)


@cache
def _latency(element: ScalableElement, timing: Timing) -> int:
    return element.plan(timing).latency
