"""The parameters of a matrix-product engine, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from holigrail_hw.arith.convert import Convert
from holigrail_hw.arith.requantize.operator import Requantize
from holigrail_hw.core import Engine, Fit, Stream, Timing, parameter, part
from holigrail_hw.core.parameters import to_text
from holigrail_hw.formats import FixedFormat, Format, Rounding, parse
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS
from holigrail_hw.hdl.number.project import has_hardware
from holigrail_hw.hdl.plan.plan import Plan

from ..systolic_array.guarded_element import guardless
from ..systolic_array.pace import Pace
from ..systolic_array.partial_sums import ACCUMULATIONS
from .buffer import BUFFERS
from .sums import ORDERS, ExactResult, RawSums, Totals
from .windows import window_formats

__all__ = ["GemmShape"]

_BIT = parse("uint1")
_WIDEST_SUM = 62
# Lanes have this share of a clock period: their products are in columns of DSP blocks, far away.
_LANE_SHARE = 0.7
# Inputs of a lane that a command sets for all of its channels.
_PER_COMMAND = ("zero_point", "minimum", "maximum", "once")
# What follows from the engine, and what its lanes keep as it is by default.
_DERIVED = (
    "accumulator",
    "result",
    "scale",
    "zero_point_added",
    "minimum",
    "maximum",
    "random_width",
    "source",
    "overflow",
)


@dataclass(frozen=True, kw_only=True)
class GemmShape(Engine):
    """Sizes, formats and memories of an engine, and what follows from them."""

    rows: int = parameter(4, "rows of the array", low=1, high=256, samples=(1,))
    columns: int = parameter(4, "columns of the array", low=1, high=256, samples=(4,))
    activation: Format = parameter(parse("int8"), "format of an activation", samples=("int8",))
    weight: Format = parameter(parse("int8"), "format of a weight", samples=("int8",))
    accumulator: Format | None = parameter(
        None,
        "format of a sum over all tiles; integers: for every product the buffer can hold if none;"
        " else fp32",
        samples=("int24",),
    )
    accumulation: str = parameter(
        "fused",
        "where a floating-point sum is rounded",
        choices=ACCUMULATIONS,
        samples=("fused",),
    )
    product: Format | None = parameter(None, "format of the rounded products of a cascade")
    order: str = parameter(
        "tiles",
        "order of floating-point sums: those of tiles of `rows` products added up, or one product"
        " after the other",
        choices=ORDERS,
        samples=("tiles",),
    )
    sum_rounding: Rounding = parameter(
        Rounding.NEAREST_EVEN, "rounding mode of sums", samples=(Rounding.NEAREST_EVEN,)
    )
    result: Format | None = parameter(
        None, "format of a result; int8, or that of activations for floats", samples=("int8",)
    )
    requantiser: Requantize | Convert | None = part(
        "operator that turns sums into results, a lane per column; none: sums leave as they are",
        derived=_DERIVED,
        defaults={"multiplier": "dsp"},
        words={"requantiser": "requantise", "mode": "requantise", "multiplier": "requantiser"},
    )
    lane_count: int | None = parameter(
        None,
        "lanes that the columns share, a divisor of their number; one each if none",
        low=1,
        high=256,
        samples=(2,),
    )
    activation_depth: int = parameter(
        64, "vectors that each half of the buffer holds", low=2, high=1 << 16, samples=(64,)
    )
    accumulator_depth: int = parameter(
        32, "rows of sums, the most vectors of a command", low=1, high=1 << 15, samples=(32,)
    )
    size_width: int = parameter(
        16,
        "bits of each size in a command: of its vectors, tiles of K and tiles of N",
        low=2,
        high=16,
        samples=(7,),
    )
    cycle_width: int = parameter(
        32, "bits of the clock that a status tells", low=8, high=32, samples=(32,)
    )
    buffer: str = parameter(
        "block",
        "what holds activations: block memories, or large ones with a single port (iCE40 UP5K)",
        choices=BUFFERS,
        samples=("block",),
    )
    multiplier: str = parameter(
        "dsp",
        MULTIPLIER_MEANING,
        choices=MULTIPLIERS,
        samples=("dsp",),
    )
    resumable: bool = parameter(
        False,
        "whether commands can keep their sums for the next command, and go on from them",
        samples=(False,),
    )
    windows: bool = parameter(
        False,
        "whether the buffer holds an image, and vectors are windows over it",
        samples=(False,),
    )
    guard: bool = parameter(
        False,
        "whether words of zero are never read, and elements rest where a factor is zero",
        samples=(False,),
    )

    renamed: ClassVar[Mapping[str, str]] = {
        "requantise": "requantiser.mode",
        "requantise=single": "requantiser=auto",
        "requantise=none": "requantiser=none",
        "requantiser=dsp": "requantiser.multiplier=dsp",
        "requantiser=logic": "requantiser.multiplier=rows",
        "multiplier=logic": "multiplier=rows",
        "rounding": "requantiser.rounding",
        "scale_width": "requantiser.scale_width",
        "shift": "requantiser.shift",
        "shift_width": "requantiser.shift_width",
        "bias": "requantiser.bias",
        "zero_point": "requantiser.zero_point",
        "clamp": "requantiser.clamp",
        "clamp=relu": "requantiser.relu=true",
    }

    m: int = parameter(64, "rows of the product to ask about", low=1, high=1 << 24, hardware=False)
    k: int = parameter(64, "length of its sums", low=1, high=1 << 24, hardware=False)
    n: int = parameter(64, "columns of the product", low=1, high=1 << 24, hardware=False)

    def derive(self) -> dict[str, Any]:
        if self._wrong_factors():
            return {}
        values: dict[str, Any] = {"product": self.accumulator or parse("fp32")}
        if self.is_fixed or self.accumulation != "cascade":
            del values["product"]
        values["result"] = parse("int8") if self.is_fixed else self.activation
        return values | {"accumulator": self._widest()}

    def fit(self, part: str) -> Fit | None:
        if self._wrong():
            return None
        if self.is_fixed:
            return Fit(Requantize, {"accumulator": self.accumulator, "result": self.result})
        formats = {"source": self.accumulator, "result": self.result}
        return Fit(Convert, {**formats, "overflow": "saturate"})

    def check(self) -> list[str]:
        return self._wrong() or self._wrong_lane()

    def _wrong(self) -> list[str]:
        """What is wrong apart from the lanes."""
        return (
            self._wrong_factors()
            or self._wrong_guard()
            or self._wrong_sizes()
            or self._wrong_sums()
        )

    def _wrong_sizes(self) -> list[str]:
        if self.accumulator_depth <= self.most_tiles:
            return []
        return [
            f"accumulator_depth must be at most {self.most_tiles}, the largest size of"
            f" {self.size_width} bits, not {self.accumulator_depth}"
        ]

    def _wrong_lane(self) -> list[str]:
        """Parameters of a lane that it has alone only."""
        lane, wrong = self.requantiser, []
        if self.lane_count is not None and self.lanes is None:
            return ["lane_count must be left out without lanes"]
        if self.columns % (self.lane_count or self.columns):
            return [f"lane_count must divide {self.columns} columns, not be {self.lane_count}"]
        if lane is None:
            return []
        if to_text(lane.rounding).startswith("stochastic"):
            wrong.append("rounding must not be stochastic in an array, which has no random words")
        if self.settings and not self.channel:
            names = ", ".join(self.settings)
            wrong.append(f"{names} must be constants in an engine without parameters of channels")
        return [f"requantiser.{text}" for text in wrong]

    def _wrong_factors(self) -> list[str]:
        wrong = []
        for name in ("activation", "weight"):
            format = getattr(self, name)
            if not has_hardware(format) or (format.is_fixed_like and not format.is_integer):
                wrong.append(
                    f"{name} must be an integer, binary, ternary or float format, not {format}"
                )
        return wrong

    def _wrong_guard(self) -> list[str]:
        if not self.guard:
            return []
        wrong = guardless(activation=self.activation, weight=self.weight)
        if self.buffer != "block":
            wrong.append(
                f"guard must be false with a {self.buffer} buffer, whose words are read together;"
                " buffer block can have it"
            )
        if self.windows:
            wrong.append("guard must be false with windows, whose taps may be outside an image")
        return wrong

    def _wrong_sums(self) -> list[str]:
        given = self.accumulator
        assert given is not None
        if self.sum_rounding.is_stochastic:
            return ["sum_rounding must not be stochastic in an array, which has no random words"]
        if not self.is_fixed and self.accumulation == "exact":
            if self.resumable:
                return ["resumable must be false for exact sums, whose registers hold a command's"]
            if given == self._widest() and self.order == "tiles":
                return []
            return [
                f"accumulator must be {self._widest()} and order tiles for exact sums, which"
                f" nothing changes, not {given} and {self.order}"
            ]
        if not self.is_fixed:
            formats = [("accumulator", given), ("product", self.product or given)]
            return [
                f"{name} must be a float for {self.accumulation} sums, not {format}"
                for name, format in formats
                if format.is_fixed_like or not has_hardware(format)
            ]
        if self.order != "tiles":
            return ["order must be tiles for integers, whose sums no order changes"]
        if not isinstance(given, FixedFormat) or given.fraction_width:
            return [f"accumulator must be an integer format, not {given}"]
        if given.width > _WIDEST_SUM:
            return [f"accumulator must have at most {_WIDEST_SUM} bits, not {given.width}"]
        least = self._column(self.rows).final
        assert isinstance(least, FixedFormat)
        if not given.minimum <= least.minimum <= least.maximum <= given.maximum:
            return [
                f"accumulator must hold every sum of {self.rows} products, as {least} does,"
                f" not be {given}"
            ]
        return []

    @property
    def most_tiles(self) -> int:
        """The largest size that a command can say."""
        return (1 << self.size_width) - 1

    @property
    def is_fixed(self) -> bool:
        """Whether sums are integers that never round."""
        return self.activation.is_fixed_like and self.weight.is_fixed_like

    def _widest(self) -> Format:
        """Format of a sum if none is given."""
        column = self._column(self.rows * self.activation_depth)
        if self.is_fixed:
            return column.final
        return column.register if self.accumulation == "exact" else parse("fp32")

    def _column(self, products: int) -> RawSums:
        return RawSums(
            self.activation,
            self.weight,
            products,
            result=None if self.is_fixed else self.accumulator or parse("fp32"),
            accumulation=self.accumulation,
            product=self.product,
            rounding=self.sum_rounding,
            structure=self.multiplier,
            continues=self.order == "sequential",
            guard=self.guard,
        )

    @property
    def sums(self) -> RawSums:
        """What a column of the array adds."""
        return self._column(self.rows)

    @property
    def totals(self) -> Totals:
        """What the engine makes of the sums of columns."""
        assert self.accumulator is not None
        return Totals(self.sums, self.accumulator, self.rows * self.activation_depth)

    def pace(self, timing: Timing) -> Pace:
        """How deeply the array is pipelined."""
        return Pace(self.sums, timing)

    @property
    def lanes(self) -> Requantize | Convert | ExactResult | None:
        """What makes results of sums; ``None`` if nothing does."""
        if not self.sums.is_exact:
            return self.requantiser
        rounding = self.requantiser.rounding if self.requantiser else Rounding.NEAREST_EVEN
        assert isinstance(rounding, Rounding)
        return ExactResult(replace(self.totals.whole(self.final), rounding=rounding))

    def lane_plan(self, timing: Timing) -> Plan:
        """The schedule of a lane, a fresh plan; wires to and from it take the rest of a period."""
        period = timing.period_ns
        assert self.lanes is not None
        return self.lanes.plan(
            timing if period is None else replace(timing, period_ns=_LANE_SHARE * period)
        )

    @property
    def lane_cycles(self) -> int:
        """Cycles that the lanes take for a row of sums."""
        return self.columns // (self.lane_count or self.columns)

    @property
    def settings(self) -> dict[str, Format]:
        """Inputs of the lanes that each command sets."""
        return {n: f for n, f in self._lane_inputs.items() if n in _PER_COMMAND}

    @property
    def continuation(self) -> dict[str, Format]:
        """Fields of a command that say what it does with sums of others."""
        return dict.fromkeys(("resume", "keep"), _BIT) if self.resumable else {}

    @property
    def window(self) -> dict[str, Format]:
        """Fields of a command that say what its vectors are."""
        return window_formats(self.activation, self.activation_depth) if self.windows else {}

    @property
    def channel(self) -> dict[str, Format]:
        """Inputs of the lanes that each channel has of its own."""
        return {n: f for n, f in self._lane_inputs.items() if n not in _PER_COMMAND}

    @property
    def _lane_inputs(self) -> dict[str, Format]:
        lanes = self.lanes
        return {} if lanes is None else {n: f for n, f in lanes.inputs().items() if n != "x"}

    @property
    def final(self) -> Format:
        """Format of a result at the border."""
        assert self.accumulator is not None and self.result is not None
        return self.accumulator if self.requantiser is None else self.result

    def streams(self) -> dict[str, Stream]:
        rows, columns, channel = range(self.rows), range(self.columns), self.channel
        last = {"last": _BIT}
        size = FixedFormat(self.size_width, signed=False)
        sizes: dict[str, Format] = dict.fromkeys(("vectors", "k_tiles", "n_tiles"), size)
        streams = {
            "command": Stream("in", sizes | self.continuation | self.window | self.settings),
            "activation": Stream("in", {f"a{i}": self.activation for i in rows} | last),
            "weight": Stream("in", {f"w{j}": self.weight for j in columns} | last),
        }
        if channel:
            streams["parameter"] = Stream("in", channel | last)
        result = {f"c{j}": self.final for j in columns} | last
        clock = FixedFormat(self.cycle_width, signed=False)
        return streams | {
            "result": Stream("out", result),
            "status": Stream("out", {"code": parse("uint3"), "cycles": clock}),
        }
