"""What a network is trained on: a data set, or what a model does over a box of inputs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holigrail_hw.models import FloatGraph

__all__ = ["DataSet", "Imitation"]

_AT_ONCE = 1 << 14
Batch = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Imitation:
    """Samples drawn from a box, and a model's outputs for them."""

    model: FloatGraph
    box: tuple[tuple[float, float], ...]

    def ends(self) -> np.ndarray:
        """The two corners of the box with all its least and all its greatest values."""
        return np.array(self.box, np.float64).T.reshape(2, *self.model.inputs[0].shape)

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """Inputs in the file's shape, and outputs (samples, outputs)."""
        low, high = (np.array(ends, np.float64) for ends in zip(*self.box, strict=True))
        shape = self.model.inputs[0].shape
        x = rng.uniform(low, high, (count, len(low))).reshape(count, *shape)
        return x, np.asarray(self.model.evaluate(x)).reshape(count, -1)

    def batches(self, rng: np.random.Generator, size: int) -> Iterator[Batch]:
        """Batches for ever; none comes twice."""
        turns = max(1, _AT_ONCE // size)
        while True:
            x, y = self.draw(rng, turns * size)
            for at in range(0, len(x), size):
                yield x[at : at + size], y[at : at + size]


@dataclass(frozen=True, eq=False)
class DataSet:
    """Samples in the file's shape, with classes (samples,) or outputs (samples, outputs)."""

    x: np.ndarray
    y: np.ndarray

    @property
    def classes(self) -> bool:
        """Whether ``y`` are classes."""
        return self.y.ndim == 1

    def batches(self, rng: np.random.Generator, size: int) -> Iterator[Batch]:
        """Batches for ever, in a new order in every turn; the last of a turn is as large, too."""
        size = min(size, len(self.x))
        while True:
            order = rng.permutation(len(self.x))
            for at in range(0, len(order) - size + 1, size):
                chosen = order[at : at + size]
                yield self.x[chosen], self.y[chosen]
