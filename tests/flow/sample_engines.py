"""A small engine for the tests of the flow: it repeats values, and may be told to do it wrongly."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core import Engine, Stream, operator, parameter
from holigrail_hw.formats import parse

__all__ = ["FAULTS", "Repeat"]

FAULTS = ("none", "extra", "value", "drop", "ready", "stuck", "slow", "memory")


@operator("test-repeat", summary="each value as often as the count beside it says")
@dataclass(frozen=True, kw_only=True)
class Repeat(Engine):
    """Streams ``value`` and ``count`` go in, ``result`` comes out; ``last`` marks the last copy."""

    quiet_cycles: ClassVar[int] = 50

    width: int = parameter(8, "width of a value", low=1, high=80, samples=(1, 70))
    fault: str = parameter("none", "what goes wrong", choices=FAULTS)
    question: int = parameter(3, "only asks", low=0, high=9, hardware=False)

    def streams(self):
        value = parse(f"uint{min(self.width, 64)}")
        return {
            "value": Stream("in", {"a": value}),
            "count": Stream("in", {"n": parse("uint4")}),
            "result": Stream("out", {"a": value, "last": parse("uint1")}),
        }

    def golden(self, value, count):
        copies = np.asarray(count["n"]).astype(int)
        ends = np.cumsum(copies)
        last = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint64)
        last[ends[copies > 0] - 1] = 1
        return {"result": {"a": np.repeat(value["a"], copies), "last": last}}

    def job(self, rng, size):
        top = (1 << min(self.width, 64)) - 1
        return {
            "value": {"a": rng.integers(0, top, size, np.uint64, endpoint=True)},
            "count": {"n": rng.integers(0, 16, size, np.uint64)},
        }

    def corner_jobs(self):
        return [
            {"value": {"a": np.array([1], np.uint64)}, "count": {"n": np.array([n], np.uint64)}}
            for n in (0, 1, 15)
        ]

    def cycles(self, timing, value, count):
        copies = np.asarray(count["n"]).astype(int)
        used = np.flatnonzero(copies)
        # One cycle to take a pair, one for each copy; the last copy ends the run.
        upto = copies[: used[-1] + 1] if len(used) else copies[:0]
        return int((upto + 1).sum())

    def cost(self, timing=None):
        keys = ("adders", "one_bit_adders", "luts", "flip_flops", "dsps", "memory_bits")
        return dict.fromkeys(keys, 0) | {"flip_flops": min(self.width, 64) + 4}

    def architecture(self, timing):
        return _Repeater(self)


class _Repeater(wiring.Component):
    def __init__(self, spec: Repeat):
        self._fault, self._width = spec.fault, min(spec.width, 64)
        result = data.StructLayout({"a": self._width, "last": 1})
        super().__init__(
            {
                "value": In(stream.Signature(data.StructLayout({"a": self._width}))),
                "count": In(stream.Signature(data.StructLayout({"n": 4}))),
                "result": Out(stream.Signature(result)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        left, held = Signal(4), Signal(self._width)
        total = Signal(12)
        busy, both = left != 0, self.value.valid & self.count.valid
        taking = both & ~busy
        m.d.comb += [
            self.value.ready.eq(taking),
            self.count.ready.eq(taking),
            self.result.valid.eq(busy),
            self.result.payload.a.eq(held),
            self.result.payload.last.eq(left == 1),
        ]
        with m.If(taking):
            m.d.sync += [left.eq(self.count.payload.n), held.eq(self.value.payload.a)]
            m.d.sync += total.eq(total + 1)
        with m.If(busy & self.result.ready):
            m.d.sync += left.eq(left - 1)
        match self._fault:
            case "extra":
                with m.If(busy & self.result.ready & (total == 9)):
                    m.d.sync += [left.eq(left), total.eq(0)]
            case "value":
                m.d.comb += self.result.payload.a.eq(held ^ (total[:3] == 7))
            case "drop":
                waited = Signal()
                m.d.sync += waited.eq(busy & ~self.result.ready & ~waited)
                m.d.comb += self.result.valid.eq(busy & ~waited)
            case "ready":
                m.d.comb += self.result.payload.last.eq((left == 1) ^ self.result.ready)
            case "stuck":
                with m.If(total == 12):
                    m.d.comb += [self.value.ready.eq(0), self.count.ready.eq(0)]
                    m.d.sync += [left.eq(0), total.eq(total)]
            case "slow":
                phase = Signal()
                m.d.sync += phase.eq(~phase)
                with m.If(phase):
                    m.d.comb += [self.value.ready.eq(0), self.count.ready.eq(0)]
                    with m.If(taking):
                        m.d.sync += [left.eq(left), held.eq(held)]
            case "memory":
                seen = Signal(reset_less=True, init=0)
                with m.If(taking):
                    m.d.sync += seen.eq(1)
                with m.If(seen & (total == 0) & taking):
                    m.d.sync += held.eq(~self.value.payload.a)
        return m
