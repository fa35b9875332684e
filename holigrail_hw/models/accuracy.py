"""How often a network names the right class, and which classes it takes for which.

The class is the place of the greatest output, the first of several; with one output it is 1 where
the output is positive, else 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import ModelError
from .graph.graph import IntegerGraph
from .source.graph import FloatGraph

__all__ = ["Accuracy", "classes_of", "compared", "judged"]


@dataclass(frozen=True)
class Accuracy:
    """``confusion[label][class]`` counts samples."""

    name: str
    confusion: tuple[tuple[int, ...], ...]

    @property
    def count(self) -> int:
        """All samples."""
        return sum(map(sum, self.confusion))

    @property
    def right(self) -> int:
        """Samples whose class is their label."""
        return sum(row[place] for place, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
        """The share of right ones."""
        return self.right / self.count

    @property
    def recalls(self) -> tuple[float | None, ...]:
        """For every label the share of its samples that are right; None without samples."""
        rows = enumerate(self.confusion)
        return tuple(row[place] / sum(row) if any(row) else None for place, row in rows)

    @property
    def precisions(self) -> tuple[float | None, ...]:
        """For every class the share of right ones among those given it; None if none is."""
        columns = enumerate(zip(*self.confusion, strict=True))
        return tuple(c[place] / sum(c) if any(c) else None for place, c in columns)

    def rows(self) -> tuple[tuple[str, ...], list[list[Any]]]:
        """Header and rows of a table: labels downwards, classes to the right, then the recall."""
        header = ("label", *map(str, range(len(self.confusion))), "recall (%)")
        shares = [None if v is None else round(100 * v, 1) for v in self.recalls]
        lines = zip(self.confusion, shares, strict=True)
        return header, [[label, *row, share] for label, (row, share) in enumerate(lines)]

    def text(self) -> str:
        """One line."""
        return f"{self.name}: {100 * self.accuracy:.2f} %, {self.right} of {self.count} samples"


def classes_of(outputs: Any) -> np.ndarray:
    """Classes of outputs, (samples, ...), as int64."""
    outputs = np.asarray(outputs)
    outputs = outputs.reshape(len(outputs), -1)
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0).astype(np.int64)
    return outputs.argmax(axis=1)


def compared(name: str, classes: Any, labels: Any, count: int) -> Accuracy:
    """The accuracy of ``count`` classes.

    Raises
    ------
    ModelError
        If there are no samples, not as many labels as classes, or a number is no class. Floats that
        are integers are taken for these, as files of numbers often hold them.
    """
    classes, labels = np.asarray(classes), np.asarray(labels)
    if classes.shape != labels.shape or classes.ndim != 1 or not len(classes):
        raise ModelError(
            f"{name}: there must be a label for every class, not {labels.shape} for {classes.shape}"
        )
    if labels.dtype.kind == "f" and (labels == np.rint(labels)).all():
        labels = labels.astype(np.int64)
    for what, values in (("classes", classes), ("labels", labels)):
        if values.dtype.kind not in "iub":
            raise ModelError(f"{name}: {what} must be integers, not {values.dtype}")
        if not 0 <= values.min() <= values.max() < count:
            ends = f"{values.min()} to {values.max()}"
            raise ModelError(f"{name}: {what} must be 0 to {count - 1}, not {ends}")
    matrix = np.zeros((count, count), np.int64)
    np.add.at(matrix, (labels.astype(np.int64), classes.astype(np.int64)), 1)
    return Accuracy(name, tuple(tuple(int(v) for v in row) for row in matrix))


def judged(graph: IntegerGraph | FloatGraph, x: Any, y: Any) -> Accuracy:
    """The accuracy of a network with one output for samples and their classes.

    Raises
    ------
    ModelError
        If the network has several outputs, or samples or classes do not fit it.
    """
    if len(graph.outputs) != 1:
        count = len(graph.outputs)
        raise ModelError(f"{graph.name}: there must be one output to classify by, not {count}")
    if isinstance(graph, IntegerGraph):
        # Softmax would change nothing: the greatest stays the greatest.
        outputs = graph.run(x, tail=False)
    else:
        outputs = graph.evaluate(x)
    size = int(np.prod(np.shape(outputs)[1:]))
    return compared(graph.name, classes_of(outputs), y, max(size, 2))
