"""Layers for an SCNN engine as items of its streams, valid ones and faulty ones."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.streams import Items, joined
from holigrail_hw.core.values import codes_of, integers_of, number_array
from holigrail_hw.formats import FixedFormat, Format

from .encoding import decode_block, encode_blocks
from .faults import FAULTS, spoil
from .shape import ScnnShape

__all__ = ["corner_jobs", "layer_items", "layer_result", "random_job", "random_layer"]

_FAULTY, _NARROW = 0.25, 0.15


def layer_items(spec: ScnnShape, activations: Any, weights: Any) -> Items:
    """A layer as items of the engine's streams.

    Parameters
    ----------
    activations : integers, channels x height x width of all tiles together
    weights : integers, output channels x channels x filter height x filter width
        Output channels are padded with zeros to whole groups.

    Raises
    ------
    RequestError
        Shapes that do not fit the engine, integers that the formats do not hold.
    """
    activations = number_array(activations, "scnn layer: activations")
    weights = number_array(weights, "scnn layer: weights")
    _check(spec, activations, weights)
    activations, weights = _integers(spec, activations=activations, weights=weights)
    channels, groups = len(activations), -(-len(weights) // spec.filters)
    tiles = activations.reshape(
        channels, spec.rows, spec.tile_height, spec.columns, spec.tile_width
    ).transpose(1, 3, 0, 2, 4)
    tiles = tiles.reshape(spec.elements, channels, -1)
    whole = np.zeros((groups * spec.filters, *weights.shape[1:]), np.int64)
    whole[: len(weights)] = weights
    blocks = whole.reshape(groups, spec.filters, channels, spec.taps).transpose(0, 2, 3, 1)
    sizes = {"channels": channels, "groups": groups}
    items: Items = {"command": {n: np.array([v], np.uint64) for n, v in sizes.items()}}
    for i, tile in enumerate(tiles):
        items[f"activation{i}"] = _packed(spec, [tile], spec.activation, "a")
    items["weight"] = _packed(spec, blocks.reshape(groups, channels, -1), spec.weight, "w")
    return items


def layer_result(spec: ScnnShape, results: Items, groups: int) -> np.ndarray:
    """The results of one layer as int64, output channels x height x width of all tiles."""
    assert isinstance(spec.accumulator, FixedFormat)
    x, y = spec.x, spec.y
    whole = np.zeros((groups * spec.filters, y.outputs, x.outputs), np.int64)
    lanes = range(spec.activation_lanes)
    for element in range(spec.elements):
        fields = results[f"result{element}"]
        values = np.stack([integers_of(fields[f"c{i}"], spec.accumulator) for i in lanes], axis=1)
        zeros = np.stack([np.asarray(fields[f"zeros{i}"]).astype(np.int64) for i in lanes], axis=1)
        ends = (np.flatnonzero(fields["last"]) + 1).tolist()
        row, column = divmod(element, spec.columns)
        height, width = y.owned(row), x.owned(column)
        for k, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            block = decode_block(values[start:end], zeros[start:end], height * width)
            top, left = row * y.step, column * x.step
            tile = block.reshape(height, width)
            whole[k, top : top + height, left : left + width] = tile
    return whole


def random_layer(
    spec: ScnnShape,
    rng: np.random.Generator,
    channels: int,
    filters: int,
    density: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Activations and weights with zeros at random places, given the density of each."""
    shapes = (
        (channels, spec.rows * spec.tile_height, spec.columns * spec.tile_width),
        (filters, channels, spec.filter_height, spec.filter_width),
    )
    found = []
    for shape, format, share in zip(shapes, (spec.activation, spec.weight), density, strict=True):
        assert isinstance(format, FixedFormat)
        values = rng.integers(format.minimum, format.maximum, shape, endpoint=True)
        values = np.where(values == 0, format.maximum or format.minimum, values)
        found.append(np.where(rng.random(shape) < share, values, 0))
    return found[0], found[1]


def random_job(spec: ScnnShape, rng: np.random.Generator, size: int) -> Items:
    """A layer of about ``size`` vectors and of any density; now and then a faulty one."""
    places = spec.tile_width * spec.tile_height / spec.activation_lanes
    places += spec.taps * spec.filters / spec.weight_lanes
    most = int(np.clip(size / places, 1, spec.channel_depth))
    channels, groups = int(rng.integers(1, most + 1)), int(rng.integers(1, 4))
    density = rng.choice([0.05, 0.3, 0.7, 1.0], 2)
    filters = int(rng.integers((groups - 1) * spec.filters + 1, groups * spec.filters + 1))
    if rng.random() < _NARROW:
        x, w = random_layer(spec, rng, most, filters, (1, 1))
        # Products of all channels go to the same few sums, one after the other.
        shape = x.shape[1:]
        x *= np.arange(x[0].size).reshape(shape) == rng.integers(x[0].size)
        job = layer_items(spec, x, w)
    else:
        job = layer_items(spec, *random_layer(spec, rng, channels, filters, tuple(density)))
    if rng.random() < _FAULTY:
        spoil(spec, rng, job)
    return job


def corner_jobs(spec: ScnnShape) -> list[Items]:
    """Zeros only, no zeros, smallest, extreme values, every fault with a valid layer after it."""
    rng = np.random.default_rng(7)
    assert isinstance(spec.activation, FixedFormat) and isinstance(spec.weight, FixedFormat)
    two = min(2, spec.channel_depth)

    def layer(channels: int, filters: int, a: float, w: float) -> Items:
        return layer_items(spec, *random_layer(spec, rng, channels, filters, (a, w)))

    jobs = [layer(1, 1, 0, 0), layer(two, 1, 0, 1), layer(two, spec.filters, 1, 0)]
    jobs += [layer(two, 2 * spec.filters, 1, 1), layer(1, 3 * spec.filters, 0.4, 0.4)]
    for end in ("minimum", "maximum"):
        x, w = random_layer(spec, rng, two, spec.filters, (1, 1))
        x[:], w[:] = getattr(spec.activation, end), getattr(spec.weight, end)
        jobs.append(layer_items(spec, x, w))
    corner = np.zeros((1, spec.rows * spec.tile_height, spec.columns * spec.tile_width), np.int64)
    corner[0, -1, -1] = spec.activation.maximum or spec.activation.minimum
    jobs.append(layer_items(spec, corner, random_layer(spec, rng, 1, spec.filters, (1, 1))[1]))
    good = layer(1, 1, 0.5, 0.5)
    for fault in FAULTS:
        # Few weights, as a fault can produce many activations.
        wrong = layer(two, 2 * spec.filters, 0.5, 0.15)
        fault(spec, rng, wrong)
        jobs.append(joined([wrong, good]))
    return jobs


def _packed(spec: ScnnShape, frames: Iterable[Any], format: Format, prefix: str) -> dict[str, Any]:
    """Frames of blocks as fields of vectors."""
    lanes = spec.activation_lanes if prefix == "a" else spec.weight_lanes
    mask = (1 << format.width) - 1
    parts = []
    for blocks in frames:
        found = encode_blocks(blocks, lanes, spec.index_width)
        parts.append(
            {f"{prefix}{i}": (found["values"][:, i] & mask) for i in range(lanes)}
            | {f"zeros{i}": found["zeros"][:, i] for i in range(lanes)}
            | {"last": found["last"], "final": np.eye(len(found["last"]), dtype=np.int64)[-1]}
        )
    return {
        name: np.concatenate([part[name] for part in parts]).astype(np.uint64) for name in parts[0]
    }


def _check(spec: ScnnShape, activations: np.ndarray, weights: np.ndarray) -> None:
    height, width = spec.rows * spec.tile_height, spec.columns * spec.tile_width
    wrong = []
    if activations.ndim != 3 or activations.shape[1:] != (height, width) or not len(activations):
        wrong.append(
            f"activations must be channels x {height} x {width}, not {_sizes(activations)}"
        )
    taps = (spec.filter_height, spec.filter_width)
    if weights.ndim != 4 or weights.shape[2:] != taps or not len(weights):
        wrong.append(
            f"weights must be filters x channels x {taps[0]} x {taps[1]}, not {_sizes(weights)}"
        )
    elif not wrong and len(weights) > spec.most * spec.filters:
        most = spec.most * spec.filters
        wrong.append(f"weights must have at most {most} filters, not {len(weights)}")
    elif not wrong and weights.shape[1] != len(activations):
        wrong.append(f"weights must be for {len(activations)} channels, not {weights.shape[1]}")
    if wrong:
        raise RequestError([f"scnn layer: {text}" for text in wrong])


def _integers(spec: ScnnShape, **arrays: np.ndarray) -> list[np.ndarray]:
    """The arrays as integers; raises RequestError for all values their formats do not hold."""
    found, wrong = [], []
    for (name, numbers), format in zip(arrays.items(), (spec.activation, spec.weight), strict=True):
        try:
            found.append(integers_of(codes_of(numbers, format, f"scnn layer: {name}"), format))
        except RequestError as error:
            wrong += error.violations
    if wrong:
        raise RequestError(wrong)
    return found


def _sizes(array: np.ndarray) -> str:
    return " x ".join(map(str, array.shape)) or "a single number"
