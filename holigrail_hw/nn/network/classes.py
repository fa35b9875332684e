"""Outputs of a network as classes, for tables: how many are right, and what is mixed up."""

from typing import Any

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.views import Table
from holigrail_hw.models import ModelError
from holigrail_hw.models.accuracy import classes_of, compared

__all__ = ["classified"]


def classified(outputs: np.ndarray, labels: Any) -> tuple[dict[str, Any], list[Table]]:
    """Facts and a table for outputs (samples, classes), and for labels if there are any.

    Raises
    ------
    RequestError
        If the labels are not one class for every sample.
    """
    classes, count = classes_of(outputs), max(outputs.shape[1], 2)
    facts: dict[str, Any] = {"samples": len(outputs)}
    if labels is None:
        sizes = np.bincount(classes, minlength=count)
        rows = tuple((index, int(size)) for index, size in enumerate(sizes) if size)
        return facts, [Table("Classes", ("class", "samples"), rows)]
    try:
        found = compared("network", classes, np.asarray(labels).reshape(-1), count)
    except ModelError as error:
        raise RequestError([*error.violations]) from None
    facts |= {"right": found.right, "accuracy (%)": round(100 * found.accuracy, 2)}
    header, rows = found.rows()
    return facts, [Table("Confusion", header, tuple(map(tuple, rows)))]
