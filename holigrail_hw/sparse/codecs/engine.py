"""What the hardware of all codecs shares: streams of frames, random and corrupt frames, facts.

A decoder that finds an error in a frame sends one more item with ``error`` and ``last``, discards
the rest of that frame, up to its last item on every stream, and goes on with the next one.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from amaranth import unsigned
from amaranth.lib import wiring

from holigrail_hw.core import Engine, Stream, Timing
from holigrail_hw.core.stream_ports import stream_ports
from holigrail_hw.core.streams import Items, joined
from holigrail_hw.formats import Format, parse

__all__ = [
    "BIT",
    "CodecComponent",
    "CodecEngine",
    "flipped",
    "joined_streams",
    "marked",
    "results_of",
    "sparse_codes",
    "symbol_violations",
]

BIT = parse("uint1")
_DENSITIES = (0.0, 0.03, 0.2, 0.5, 0.9, 1.0)
_WIDEST = 16


@dataclass(frozen=True, kw_only=True)
class CodecEngine(Engine):
    """An engine whose jobs are frames, and whose symbols are codes, 0 being the zero."""

    quiet_cycles: ClassVar[int] = 2_000
    # Cycles from the item that completes a result to that result.
    latency: ClassVar[int] = 1

    @abstractmethod
    def frame(self, rng: np.random.Generator, symbols: int, density: float) -> Items:
        """One valid frame of about ``symbols`` symbols; a share ``density`` is non-zero."""

    def corrupted(self, rng: np.random.Generator, frame: Items) -> Items:
        """A corrupt version of a frame; an encoder, which cannot get one, returns it unchanged."""
        return frame

    @property
    def results_per_cycle(self) -> dict[str, Any]:
        """How much is decoded or encoded in a cycle, by name."""
        return {"symbols per cycle": 1}

    @abstractmethod
    def luts_and_flip_flops(self) -> tuple[int, int]:
        """Estimated LUTs and flip-flops."""

    def job(self, rng: np.random.Generator, size: int) -> Items:
        counts = [max(1, size // parts) for parts in range(1, int(rng.integers(2, 5)))]
        found = []
        for count in counts:
            density = float(rng.choice(_DENSITIES))
            frame = self.frame(rng, int(rng.integers(1, count + 1)), density)
            found.append(self.corrupted(rng, frame) if rng.random() < 0.4 else frame)
        return joined(found)

    def corner_jobs(self) -> list[Items]:
        rng = np.random.default_rng(7)
        sizes = [(1, 0.0), (1, 1.0), (40, 0.0), (40, 1.0), (3, 0.5)]
        frames = [self.frame(rng, count, density) for count, density in sizes]
        return [*frames, *(self.corrupted(rng, frame) for frame in frames)]

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        luts, flip_flops = self.luts_and_flip_flops()
        keys = ("adders", "one_bit_adders", "dsps", "memory_bits")
        return dict.fromkeys(keys, 0) | {"luts": luts, "flip_flops": flip_flops}

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        return {**self.results_per_cycle, "latency (cycles)": self.latency}


class CodecComponent(wiring.Component):
    """A component with the streams of an engine; every field is a bit pattern."""

    def __init__(self, streams: Mapping[str, Stream]):
        super().__init__(stream_ports(streams, lambda format: unsigned(format.width)))


def symbol_violations(**formats: Format) -> list[str]:
    """What is wrong with the formats of symbols."""
    return [
        f"{name} must have at most {_WIDEST} bits, not {format.width} ({format})"
        for name, format in formats.items()
        if format.width > _WIDEST
    ]


def sparse_codes(rng: np.random.Generator, width: int, count: int, density: float) -> Any:
    """Random codes, of which a share ``density`` is non-zero."""
    codes = rng.integers(1, (1 << width) - 1, count, np.uint64, endpoint=True)
    return np.where(rng.random(count) < density, codes, np.uint64(0))


def marked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The items of one frame, the last one marked."""
    count = len(next(iter(fields.values())))
    last = np.zeros(count, np.uint64)
    last[-1:] = 1
    return {**fields, "last": last}


def flipped(
    rng: np.random.Generator, items: Mapping[str, Any], stream: Stream, cut: bool = True
) -> dict[str, Any]:
    """The items of one frame with a few bits inverted, replaced by noise, or cut short."""
    found = {name: np.array(codes, np.uint64) for name, codes in items.items()}
    count = len(found["last"])
    names = [name for name in found if name != "last"]
    kind = int(rng.integers(0, 3))
    if kind == 0 and cut and count > 1:
        kept = int(rng.integers(1, count))
        return marked({name: found[name][:kept] for name in names})
    if kind == 1:
        for name in names:
            high = (1 << stream.fields[name].width) - 1
            found[name] = rng.integers(0, high, count, np.uint64, endpoint=True)
        return found
    for _ in range(int(rng.integers(1, 4))):
        name = names[int(rng.integers(len(names)))]
        bit = int(rng.integers(stream.fields[name].width))
        found[name][int(rng.integers(count))] ^= np.uint64(1 << bit)
    return found


def results_of(
    names: Sequence[str], frames: Iterable[tuple[Sequence[Sequence[int]], bool]]
) -> dict[str, Any]:
    """The items a decoder sends, from the fields of each frame and whether it ends in an error."""
    rows: list[list[int]] = []
    for items, wrong in frames:
        more = [[*item, 0, 0] for item in items]
        if wrong:
            more.append([0] * len(names) + [1, 1])
        more[-1][len(names)] = 1
        rows += more
    table = np.array(rows, np.uint64).reshape(len(rows), len(names) + 2)
    return {name: table[:, i] for i, name in enumerate([*names, "last", "error"])}


def joined_streams(frames: Sequence[Mapping[str, Any]], stream: Stream) -> dict[str, Any]:
    """The items of several frames of one stream, one after the other."""
    return {
        name: np.concatenate([np.zeros(0, np.uint64), *(frame[name] for frame in frames)])
        for name in stream.fields
    }
