"""What an SCNN engine must answer: blocks become arrays, and arrays a plain dense convolution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.formats import FixedFormat, Format

from .encoding import encode_blocks
from .shape import ScnnShape

__all__ = ["Layer", "convolution", "layers_of", "results_of", "scnn_golden"]

ACTIVATIONS, WEIGHTS, INDEX, FULL = 1, 2, 4, 8


@dataclass(frozen=True)
class Layer:
    """One command as the engine understands it.

    Attributes
    ----------
    activations : list of int64 arrays, channels x places of a tile, one for each element
    weights : list of int64 arrays, channels x weights of a block, one for each group
    code : int
        The status.
    kept : list, one for each element and then each group, of lists of blocks
        The vectors stored of every block received: (places, whether a lane counts).
    items : list of int
        Vectors received, for each element and then each group.
    channels : int
        Channels that are processed.
    """

    activations: list[Any]
    weights: list[Any]
    code: int
    kept: list[Any]
    items: list[int]
    channels: int


def layers_of(spec: ScnnShape, items: Mapping[str, Mapping[str, Any]]) -> list[Layer]:
    """The layers of the streams."""
    readers = [
        _Reader(
            items[f"activation{i}"], spec.activation, "a", spec.activation_lanes,
            spec.tile_width * spec.tile_height, spec.activation_depth, ACTIVATIONS,
        )
        for i in range(spec.elements)
    ]  # fmt: skip
    weights = _Reader(
        items["weight"], spec.weight, "w", spec.weight_lanes,
        spec.taps * spec.filters, spec.weight_depth, WEIGHTS,
    )  # fmt: skip
    command = items["command"]
    found = []
    sizes = (np.asarray(command[name]).tolist() for name in ("channels", "groups"))
    for channels, groups in zip(*sizes, strict=True):
        kept = min(channels, spec.channel_depth)
        parts = [reader.read(channels, kept) for reader in readers]
        parts += [weights.read(channels, kept) for _ in range(groups)]
        code = FULL * (channels > kept)
        for part in parts:
            code |= part[1]
        blocks = [part[0] for part in parts]
        found.append(
            Layer(
                blocks[: spec.elements],
                blocks[spec.elements :],
                code,
                [part[2] for part in parts],
                [part[3] for part in parts],
                kept,
            )
        )
    return found


class _Reader:
    """Takes blocks from a stream of vectors, up to the vector marked final."""

    def __init__(
        self,
        fields: Mapping[str, Any],
        format: Format,
        prefix: str,
        lanes: int,
        size: int,
        depth: int,
        frame: int,
    ):
        def columns(name: str) -> Any:
            found = [np.asarray(fields[f"{name}{lane}"]).astype(np.int64) for lane in range(lanes)]
            return np.stack(found, axis=1)

        assert isinstance(format, FixedFormat)
        values, half = columns(prefix), 1 << (format.width - 1)
        self._values = (values ^ half) - half if format.signed else values
        self._steps = columns("zeros") + 1
        self._last = np.asarray(fields["last"]).astype(bool)
        self._final = np.asarray(fields["final"]).astype(bool)
        self._size, self._depth, self._frame = size, depth, frame
        self._place = 0

    def read(self, channels: int, kept: int) -> tuple[Any, int, Any, int]:
        """Blocks, status, the vectors stored of each, and the number of vectors received."""
        blocks = np.zeros((kept, self._size), np.int64)
        vectors: list[list[Any]] = [[] for _ in range(kept)]
        code = block = base = stored = 0
        first = self._place
        while True:
            item = self._place
            self._place += 1
            ends = bool(self._last[item] or self._final[item])
            if block < kept:
                places = base + np.cumsum(self._steps[item]) - 1
                base = int(places[-1]) + 1
                values = np.where(places < self._size, self._values[item], 0)
                if np.any(values != self._values[item]):
                    code |= INDEX
                if values.any() or not ends:
                    if stored == self._depth:
                        code |= FULL
                    else:
                        stored += 1
                        used = values != 0
                        vectors[block].append((places, used))
                        blocks[block, places[used]] = values[used]
            if ends:
                block, base = block + 1, 0
            if self._final[item]:
                break
        code |= self._frame * (block != channels)
        return blocks, code, vectors[:block], self._place - first


def convolution(x: Any, weights: Any, stride: int, same: bool) -> Any:
    """int64 sums of channels x height x width with filters x channels x height x width."""
    size, filter = np.array(x.shape[1:]), np.array(weights.shape[2:])
    if same:
        before, outputs = (filter - 1) // 2, -(-size // stride)
        after = np.maximum((outputs - 1) * stride + filter - before - size, 0)
        x = np.pad(x, [(0, 0), *zip(before, after, strict=True)])
    else:
        outputs = (size - filter) // stride + 1
    total = np.zeros((len(weights), *outputs), np.int64)
    height, width = ((outputs - 1) * stride + 1).tolist()
    for s in range(filter[0]):
        for r in range(filter[1]):
            part = x[:, s : s + height : stride, r : r + width : stride]
            total += np.einsum("kc,cyx->kyx", weights[:, :, s, r], part)
    return total


def results_of(spec: ScnnShape, layer: Layer) -> list[list[Any]]:
    """int64 results, output channels x places, by element and group."""
    plane = _plane(spec, layer)
    parts: list[list[Any]] = [[] for _ in range(spec.elements)]
    for block in layer.weights:
        shape = (layer.channels, spec.filter_height, spec.filter_width, spec.filters)
        weights = block.reshape(shape).transpose(3, 0, 1, 2)
        sums = convolution(plane, weights, spec.stride, spec.padding == "same")
        sums = _finished(spec, sums)
        for element, part in enumerate(parts):
            part.append(_tile(spec, sums, element).reshape(spec.filters, -1))
    return parts


def scnn_golden(spec: ScnnShape, items: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Results of every element and statuses of all commands."""
    parts: list[list[dict[str, Any]]] = [[] for _ in range(spec.elements)]
    codes = []
    for layer in layers_of(spec, items):
        codes.append(layer.code)
        for part, groups in zip(parts, results_of(spec, layer), strict=True):
            for group, blocks in enumerate(groups):
                found = encode_blocks(blocks, spec.activation_lanes, spec.index_width)
                found["final"] = np.zeros(len(found["last"]), np.int64)
                found["final"][-1] = group == len(groups) - 1
                part.append(found)
    answer = {f"result{i}": _fields(spec, part) for i, part in enumerate(parts)}
    return answer | {"status": {"code": np.array(codes, np.uint64)}}


def _fields(spec: ScnnShape, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Codes of a stream of results."""
    assert isinstance(spec.accumulator, FixedFormat)
    mask, empty = (1 << spec.accumulator.width) - 1, np.zeros((0, spec.activation_lanes), np.int64)
    values, zeros = (
        np.concatenate([empty, *(part[name] for part in parts)]).T.astype(np.int64)
        for name in ("values", "zeros")
    )
    found = {f"c{lane}": row & mask for lane, row in enumerate(values)}
    found |= {f"zeros{lane}": row for lane, row in enumerate(zeros)}
    for name in ("last", "final"):
        found[name] = np.concatenate([empty[:, 0], *(part[name] for part in parts)])
    return {name: codes.astype(np.uint64) for name, codes in found.items()}


def _plane(spec: ScnnShape, layer: Layer) -> Any:
    """All tiles of all channels: channels x height x width."""
    tiles = np.stack(layer.activations).reshape(
        spec.rows, spec.columns, layer.channels, spec.tile_height, spec.tile_width
    )
    whole = tiles.transpose(2, 0, 3, 1, 4)
    return whole.reshape(
        layer.channels, spec.rows * spec.tile_height, spec.columns * spec.tile_width
    )


def _finished(spec: ScnnShape, sums: Any) -> Any:
    """Sums wrapped to the accumulator, then ReLU."""
    assert isinstance(spec.accumulator, FixedFormat)
    width = spec.accumulator.width
    sums = sums & ((1 << width) - 1)
    if spec.accumulator.signed:
        half = 1 << (width - 1)
        sums = (sums ^ half) - half
    return np.maximum(sums, 0) if spec.relu else sums


def _tile(spec: ScnnShape, sums: Any, element: int) -> Any:
    height, width = -(-spec.tile_height // spec.stride), -(-spec.tile_width // spec.stride)
    row, column = divmod(element, spec.columns)
    return sums[:, row * height : (row + 1) * height, column * width : (column + 1) * width]
