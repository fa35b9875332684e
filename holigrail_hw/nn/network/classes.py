"""Outputs of a classifier as classes; with the true ones, how many are right, and what is mixed up.

A class is the place of the greatest output; of equal ones the first. A network with one output
tells two classes apart, by its sign.
"""

from typing import Any

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.views import Table

__all__ = ["classified"]


def classified(outputs: np.ndarray, labels: Any) -> tuple[dict[str, Any], list[Table]]:
    """Facts and tables for outputs (samples, classes), and for labels if there are any.

    Raises
    ------
    RequestError
        If the labels are not one integer of a class for every sample.
    """
    count = max(outputs.shape[1], 2)
    single = outputs.shape[1] == 1
    classes = (outputs[:, 0] > 0).astype(int) if single else outputs.argmax(axis=1)
    sizes = np.bincount(classes, minlength=count)
    facts: dict[str, Any] = {"samples": len(outputs)}
    if labels is None:
        rows = tuple((index, int(size)) for index, size in enumerate(sizes) if size)
        return facts, [Table("Classes", ("class", "samples"), rows)]
    labels = np.asarray(labels).reshape(-1)
    if len(labels) != len(outputs) or labels.dtype.kind not in "iub":
        raise RequestError(
            f"network: y must be {len(outputs)} integers, one per sample, not {len(labels)} of"
            f" {labels.dtype}"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < count:
        raise RequestError(
            f"network: y must be classes 0 to {count - 1}, not {labels.min()} to {labels.max()}"
        )
    right = int((classes == labels).sum())
    facts |= {"right": right, "accuracy (%)": round(100 * right / max(len(labels), 1), 2)}
    confusion = np.zeros((count, count), int)
    np.add.at(confusion, (labels.astype(int), classes), 1)
    header = ("class", *(f"as {index}" for index in range(count)))
    rows = tuple((index, *(int(n) for n in row)) for index, row in enumerate(confusion))
    return facts, [Table("Confusion: rows are the true classes", header, rows)]
