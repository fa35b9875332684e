"""Arrays whose precision changes from one tile of a matrix product to the next.

An output-stationary array (activations move right, weights down, sums stay) of elements that take
``depth`` pairs of words per cycle. The mode says how words are divided: at half the width of both
operands a pair holds four products, at a quarter sixteen, and asymmetric modes hold what lies
between; memory holds operands packed by mode. A serial array takes a pair of digits instead, in as
many cycles as the operands have pairs of digits.

Where the logic that shifts and adds the parts of products stands makes the difference between the
published arrays: in every unit (BitFusion), once for all units that add to one sum (BitBlade), or
in time (Loom).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from holigrail_hw.arith.scalable_mac.golden import sums_by_mode
from holigrail_hw.arith.scalable_mac.structures import Mode
from holigrail_hw.core import Timing, operator
from holigrail_hw.core.target import Target
from holigrail_hw.core.trials import random_codes
from holigrail_hw.core.views import View

from ..systolic_array.accumulating import check_pace
from .cost import array_cost
from .items import codes_of_width, tile_of
from .shape import ScalableArrayShape
from .streams import ScalableStreams
from .views import mode_facts, mode_table

__all__ = ["ScalableArray"]


@operator(
    "scalable-array",
    summary="matrix products by an array whose precision changes from tile to tile",
    references=(
        "Sharma et al., Bit Fusion, 2018 (element)",
        "Ryu et al., BitBlade, 2019 (column)",
        "Sharify et al., Loom, 2018 (serial)",
    ),
)
@dataclass(frozen=True, kw_only=True)
class ScalableArray(ScalableArrayShape):
    """A tile of a matrix product at a time; tiles follow each other without a gap.

    Pairs of items, words of activations and words of weights; the last pair of a tile is marked.
    Then one item of sums per row. The mode comes with every item of activations; a sum that sees
    several modes adds up what each of them makes of its words. Sums wrap.
    """

    def golden(
        self, activation: Mapping[str, Any], weight: Mapping[str, Any]
    ) -> dict[str, dict[str, Any]]:
        last = np.asarray(activation["last"])
        left = self._words(activation, self.rows, 0, "a")
        right = self._words(weight, self.columns, 1, "w")
        shape = (len(last), self.rows, self.columns)
        # A tile begins with the first item, and after every one that is marked.
        begins = np.concatenate([[1], last[:-1]]) if len(last) else last
        steering = {"clear": begins}
        steering |= {name: np.asarray(activation[name]) for name in self.element.steering}
        common = {
            name: np.broadcast_to(codes[:, None, None], shape) for name, codes in steering.items()
        }
        total: Any = np.zeros(shape, object)
        for d in range(self.element.words):
            words = {
                "activation": np.broadcast_to(left[:, d, :, None], shape),
                "weight": np.broadcast_to(right[:, d, None, :], shape),
            }
            total = total + self._sums(words | common).astype(object)
        width = self.element.accumulator.width
        total = (total & ((1 << width) - 1)).astype(np.uint64 if width <= 64 else object)
        ends = np.flatnonzero(last)
        sums = total[ends].reshape(-1, self.columns)
        marks = np.tile(np.arange(self.rows) == self.rows - 1, len(ends)).astype(np.uint64)
        return {"result": {f"sum{j}": sums[:, j] for j in range(self.columns)} | {"last": marks}}

    def _sums(self, codes: Mapping[str, Any]) -> np.ndarray:
        """Running sums of one word pair; those of a shared shift begin at the lowest bit."""
        unit = self.unit
        if self.placing != "column":
            return unit.golden(**codes)["result"]
        packings = [replace(packing, shift=0) for packing in unit.packings]
        signs = unit.signed_activations, unit.signed_weights
        return sums_by_mode(packings, signs, unit.result_width, codes, from_zero=False)

    def tile_of(self, mode: Mode, left: Any, right: Any) -> dict[str, dict[str, Any]]:
        """The items of one tile: a matrix of ``rows`` rows times one of ``columns`` columns.

        Integers that the mode holds; see :func:`.items.tile_of`.
        """
        return tile_of(self, mode, left, right)

    def job(self, rng: np.random.Generator, size: int) -> dict[str, dict[str, Any]]:
        counts = [int(rng.integers(1, 1 + max(size // 3, 1))) for _ in range(rng.integers(1, 4))]

        def codes(format: Any, count: int) -> Any:
            values = random_codes(rng, format.width, count)
            return [int(v) if rng.random() < 0.9 else 0 for v in values]

        return self._job(counts, codes)

    def corner_jobs(self) -> list[dict[str, dict[str, Any]]]:
        counts = [[1], [1, 1, 1], [self.rows], [2 * self.rows + 1, 2]]
        return [
            self._job(tiles, lambda f, n, pick=pick: [f.corner_codes()[-1 - pick % 2]] * n)
            for pick, tiles in enumerate(counts)
        ]

    def _job(self, counts: list[int], codes: Any) -> dict[str, dict[str, Any]]:
        """Tiles of so many items."""
        total = sum(counts)
        last = np.zeros(total, np.uint64)
        last[np.cumsum(counts) - 1] = 1
        return {
            stream: {
                name: last if name == "last" else codes_of_width(format.width, codes(format, total))
                for name, format in self.streams()[stream].fields.items()
            }
            for stream in ("activation", "weight")
        }

    def architecture(self, timing: Timing) -> Any:
        # Before the array is made: a component that is made must be used.
        check_pace(self.element.plan(timing))
        return ScalableStreams(self, timing)

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int:
        """Exact, for any tiles, if items are always there and results always accepted."""
        ends = np.flatnonzero(np.asarray(items["activation"]["last"]))
        return self.tile_cycles(timing, [int(count) for count in np.diff(ends, prepend=-1)])

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        return mode_facts(self, timing or Timing())

    def views(self, target: Target | None = None) -> list[View]:
        return [mode_table(self, target.timing if target else Timing())]

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return array_cost(self, timing or Timing())
