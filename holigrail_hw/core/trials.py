"""What an operator is tried with: random codes, corner cases, and answers of interleaved sums."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from holigrail_hw.formats import Format

__all__ = ["interleaved", "mixed_items", "random_codes", "sample_values"]


def random_codes(rng: np.random.Generator, width: int, count: int) -> Any:
    """Uniform codes of a given width in bits."""
    if width <= 64:
        high = (1 << width) - 1
        return rng.integers(0, high, count, dtype=np.uint64, endpoint=True)
    words = [rng.integers(0, (1 << 32) - 1, count, endpoint=True) for _ in range(-(-width // 32))]
    mask = (1 << width) - 1
    codes = np.zeros(count, dtype=object)
    for word in words:
        codes = (codes << 32) | word.astype(object)
    return codes & mask


def mixed_items(
    inputs: Mapping[str, Format],
    corners: Mapping[str, list[int]],
    stimulus: Callable[[np.random.Generator, int], Mapping[str, Any]],
    count: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """``count`` items: corner cases combined, then those of ``stimulus``; all in random order."""
    names = list(inputs)
    total = int(np.prod([len(corners[name]) for name in names], dtype=float))
    budget = min(total, count // 2)
    if total <= count // 2:
        rows = list(itertools.product(*(corners[name] for name in names)))
    else:
        picks = [rng.integers(0, len(corners[name]), budget) for name in names]
        rows = [
            tuple(corners[name][i] for name, i in zip(names, row, strict=True))
            for row in zip(*picks, strict=True)
        ]
    random = stimulus(rng, count - len(rows))
    order = rng.permutation(count)
    result = {}
    for index, (name, format) in enumerate(inputs.items()):
        dtype = np.uint64 if format.width <= 64 else object
        corner = np.array([row[index] for row in rows], dtype=dtype)
        result[name] = np.concatenate([corner, np.asarray(random[name], dtype)])[order]
    return result


def interleaved(
    golden: Callable[..., Mapping[str, Any]], codes: Mapping[str, Any], interleave: int
) -> dict[str, Any]:
    """The golden answer of a sequence whose item *t* belongs to sum *t* mod ``interleave``."""
    count = len(next(iter(codes.values())))
    turns = -(-count // interleave)

    def split(values: Any) -> Any:
        values = np.asarray(values)
        padding = np.zeros((turns * interleave - count, *values.shape[1:]), values.dtype)
        whole = np.concatenate([values, padding])
        return whole.reshape(turns, interleave, *values.shape[1:])

    results = golden(**{name: split(values) for name, values in codes.items()})
    return {
        name: np.asarray(v).reshape(-1, *np.shape(v)[2:])[:count] for name, v in results.items()
    }


def sample_values(parameter: Any) -> tuple[Any, ...]:
    """Values that a parameter is tried with: its samples, its choices, or both truth values."""
    if parameter.samples:
        return parameter.samples
    if "." in parameter.name:
        # What a part does with its parameters is seen where it is tested alone.
        return ()
    if parameter.choices:
        return parameter.choices
    if parameter.type is bool:
        return (False, True)
    return ()
