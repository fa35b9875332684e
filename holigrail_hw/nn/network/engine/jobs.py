"""The commands of a layer: which vectors, which products of their sums, and who makes windows.

An engine with windows takes images: a command has a band of an image's rows, and computes a band of
the result. It is used wherever that takes no more cycles than windows from the host, which fill
tiles of few channels better. Where sums go on, long ones take several commands.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from holigrail_hw.arrays.gemm.facts import split
from holigrail_hw.arrays.gemm.feeders import GOOD
from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.arrays.gemm.schedule import Command, total_cycles
from holigrail_hw.arrays.gemm.windows import LONGEST_STEP, MOST_PAD, Window
from holigrail_hw.core.timing import Timing
from holigrail_hw.models.graph.nodes import Linear

from .layers import Layer
from .products import Product

__all__ = ["Job", "jobs_of"]


@dataclass(frozen=True, eq=False)
class Job:
    """A command.

    Attributes
    ----------
    product : Product
    command : Command
    vectors : slice
        Which of all windows of all frames it computes, or goes on with.
    taps : array
        Which of the product's taps it sums up; where ``window`` is given (places, channels).
    window : Window or None
        That of an image in the engine's buffer.
    image : tuple of a frame's number and a slice of rows, or None
        The part of the operand that this image is.
    """

    product: Product
    command: Command
    vectors: slice
    taps: np.ndarray
    window: Window | None = None
    image: tuple[int, slice] | None = None


@lru_cache(maxsize=512)
def jobs_of(spec: Gemm, layer: Layer, shape: tuple[int, ...], frames: int) -> tuple[Job, ...]:
    """All commands of a layer, for so many frames of an operand of this shape, in order."""
    found: list[Job] = []
    for product in layer.products:
        jobs = [*_from_host(spec, layer, product, frames)]
        other = [*_from_image(spec, layer, product, shape, frames)]
        if other and _cycles(spec, other) <= _cycles(spec, jobs):
            jobs = other
        found += jobs
    return tuple(found)


def _cycles(spec: Gemm, jobs: list[Job]) -> int:
    return total_cycles(spec, Timing(), [job.command for job in jobs])


def _from_host(spec: Gemm, layer: Layer, product: Product, frames: int) -> Iterator[Job]:
    """Vectors made by the host."""
    count, start, done = len(product.taps), 0, 0
    for command in split(spec, frames * layer.positions, count, len(product.channels)):
        end = done + command.k_tiles * spec.rows
        yield Job(
            product,
            command,
            slice(start, start + command.vectors),
            np.arange(done, min(end, count)),
        )
        done = end if command.keep else 0
        start += 0 if command.keep else command.vectors


def _from_image(
    spec: Gemm, layer: Layer, product: Product, shape: tuple[int, ...], frames: int
) -> Iterator[Job]:
    """Vectors that the engine makes of images; none if it cannot."""
    node = layer.node
    if not _fits(spec, node, product, shape):
        return
    assert node.window is not None
    window, (height, width, _) = node.window, shape
    rows, columns = window.outputs(height, width)
    taps = np.arange(len(product.taps)).reshape(int(np.prod(window.kernel)), -1)
    n_tiles = -(-len(product.channels) // spec.columns)
    parts, most = _band(spec, node, shape, taps.shape[1], n_tiles)
    if not most:
        return
    bands = -(-rows // most)
    blocks = -(-taps.shape[1] // spec.rows)
    ends = [min(-(-blocks * part // parts) * spec.rows, taps.shape[1]) for part in range(parts + 1)]
    for frame in range(frames):
        for band in range(bands):
            first, last = rows * band // bands, rows * (band + 1) // bands
            top = first * window.strides[0] - window.pads[0]
            bottom = top + (last - first - 1) * window.strides[0] + window.reach[0]
            part_rows = slice(max(top, 0), max(min(bottom, height), max(top, 0) + 1))
            start = frame * rows * columns + first * columns
            places = slice(start, start + (last - first) * columns)
            for part in range(parts):
                chosen = taps[:, ends[part] : ends[part + 1]]
                image = Window(
                    part_rows.stop - part_rows.start,
                    width,
                    -(-chosen.shape[1] // spec.rows),
                    window.kernel[1],
                    columns,
                    *window.strides,
                    *window.dilations,
                    max(-top, 0),
                    window.pads[1],
                    node.zero & ((1 << spec.activation.width) - 1),
                )
                command = _command(spec, image, len(taps), n_tiles, places, part, parts)
                yield Job(product, command, places, chosen, image, (frame, part_rows))


def _command(
    spec: Gemm, image: Window, taps: int, n_tiles: int, places: slice, part: int, parts: int
) -> Command:
    tiles = taps * image.blocks
    return Command(
        places.stop - places.start,
        tiles,
        n_tiles,
        GOOD,
        image.pixels,
        tiles * n_tiles * spec.rows,
        n_tiles * spec.columns if part == parts - 1 and "parameter" in spec.streams() else 0,
        resume=part > 0,
        keep=part < parts - 1,
    )


def _fits(spec: Gemm, node: Linear, product: Product, shape: tuple[int, ...]) -> bool:
    """Whether a command has room for what its window is; parts of sums are no windows."""
    window = node.window
    if not spec.windows or window is None:
        return False
    size = (1 << spec.window["width"].width) - 1
    return (
        product.whole
        and max(window.pads[::2]) < window.reach[0]
        and max(*window.strides, *window.dilations) <= LONGEST_STEP
        and max(window.pads[:2]) <= MOST_PAD
        and max(shape[1], window.kernel[1], window.outputs(*shape[:2])[1]) <= size
    )


def _band(
    spec: Gemm, node: Linear, shape: tuple[int, ...], channels: int, n_tiles: int
) -> tuple[int, int]:
    """Parts along the channels, and the most rows of the result of a command; 0 if none fits."""
    window = node.window
    assert window is not None
    height, width, _ = shape
    rows, columns = window.outputs(height, width)
    blocks = -(-channels // spec.rows)

    def most(parts: int) -> int:
        sums = spec.accumulator_depth // (n_tiles if parts > 1 else 1) // columns
        deep = -(-blocks // parts)
        lines = spec.activation_depth // (width * deep)
        if lines >= height:
            return min(sums, rows)
        return min(sums, rows, max((lines - window.reach[0]) // window.strides[0] + 1, 0))

    counts = range(1, blocks + 1 if spec.resumable else 2)
    found = [(parts, most(parts)) for parts in counts if most(parts)]
    return min(found, key=lambda one: (-(-rows // one[1]), one[0]), default=(1, 0))
