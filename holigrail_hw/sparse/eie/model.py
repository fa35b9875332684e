"""How many cycles an EIE-like engine takes for a vector, from the description alone. NumPy only.

In each cycle one non-zero activation is sent to all elements, unless the queue of any of them is
full. An element works on one entry per cycle, and spends one cycle on a column in which it has
none. An activation stays in the queue of an element until the element is done with it.

Reference: Han et al., "EIE: efficient inference engine on compressed deep neural network", ISCA
2016.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["efficiency", "queue_cycles", "random_work", "work_of"]

_CHUNK = 1 << 22


def queue_cycles(work: Any, depth: int) -> int:
    """Cycles for ``work``, entries as activations x elements, with queues of this depth."""
    costs = np.maximum(np.asarray(work, np.int64), 1)
    done = np.zeros(costs.shape[1], np.int64)
    finished: list[int] = []
    sent = -1
    for number, cost in enumerate(costs):
        sent += 1
        if number >= depth:
            sent = max(sent, finished[number - depth])
        done = np.maximum(done, sent) + cost
        finished.append(int(done.max()))
    return finished[-1] if finished else 0


def efficiency(work: Any, cycles: int) -> float:
    """The share of all elements' cycles spent on an entry."""
    work = np.asarray(work)
    return float(work.sum() / (work.shape[1] * cycles)) if cycles else 1.0


def work_of(mask: Any, pes: int, index_width: int) -> tuple[Any, int]:
    """Entries, columns x elements, of a rows x columns mask, and how many are not fillers."""
    mask = np.asarray(mask, bool)
    height = -(-mask.shape[0] // pes)
    padded = np.zeros((height * pes, mask.shape[1]), bool)
    padded[: mask.shape[0]] = mask
    # Axes in the order of the entries: column, element, row of the element.
    lists = padded.reshape(height, pes, -1).transpose(2, 1, 0).reshape(-1, height)
    which, rows = np.nonzero(lists)
    opens = np.diff(which, prepend=-1) != 0
    zeros = np.where(opens, rows, rows - np.roll(rows, 1) - 1)
    counts = np.bincount(which, weights=1 + (zeros >> index_width), minlength=len(lists))
    return counts.astype(np.int64).reshape(-1, pes), len(rows)


def random_work(
    rng: np.random.Generator, inputs: int, outputs: int, densities: tuple[float, float], pes: int
) -> tuple[Any, int]:
    """:func:`work_of` a random mask, restricted to the columns whose activation is non-zero.

    ``densities`` are the non-zero shares of weights and activations, uniform and independent;
    indices have 4 bits. One random number is drawn for every activation, then one for every place
    of each column that is used, rounded up to a multiple of ``pes``.
    """
    weights, activations = densities
    active = int((rng.random(inputs) < activations).sum())
    height = -(-outputs // pes) * pes
    works, real = [np.zeros((0, pes), np.int64)], 0
    for count in _chunks(active, max(1, _CHUNK // height)):
        work, found = work_of((rng.random((count, height)) < weights)[:, :outputs].T, pes, 4)
        works.append(work)
        real += found
    return np.concatenate(works), real


def _chunks(total: int, size: int) -> Iterator[int]:
    for start in range(0, total, size):
        yield min(size, total - start)
