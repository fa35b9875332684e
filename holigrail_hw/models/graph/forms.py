"""What hardware computes in place of a formula: thresholds, or one product and one shift.

Thresholds: Umuroglu et al., FINN, 2017. The product has bias, rounding and zero point in its one
constant: clip((x m + c) >> n).
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.arrays import decoded, encoded

__all__ = ["Form", "Multiplier", "Thresholds", "form_document", "form_of"]


@dataclass(frozen=True, eq=False)
class Thresholds:
    """base + step * count(sign x >= T), with T of shape (thresholds, *shape of the channels).

    ``sign`` is 1, or -1 for channels whose codes fall where x grows.
    """

    kind: ClassVar[str] = "thresholds"
    values: np.ndarray
    base: np.ndarray
    step: int
    sign: np.ndarray

    def apply(self, values: Any) -> np.ndarray:
        """Codes of integers, as int64."""
        signed = np.asarray(values) * self.sign
        count = np.zeros(np.broadcast_shapes(signed.shape, self.base.shape), np.int64)
        for threshold in self.values:
            count += (signed >= threshold).astype(bool)
        return self.base + self.step * count

    def mapped(self, move: Callable[[np.ndarray], np.ndarray]) -> "Thresholds":
        """The form for a tensor whose elements were moved alike."""
        moved = np.stack([move(row) for row in self.values]) if len(self.values) else self.values
        return replace(self, values=moved, base=move(self.base), sign=move(self.sign))


@dataclass(frozen=True, eq=False)
class Multiplier:
    """clip((x factor + constant) >> shift, low, high), all but the limits one per channel.

    With ``even`` 1 the shift rounds to the nearest integer, ties to even, instead of down.
    """

    kind: ClassVar[str] = "multiplier"
    factor: np.ndarray
    constant: np.ndarray
    shift: np.ndarray
    low: int
    high: int
    even: int = 0

    def apply(self, values: Any) -> np.ndarray:
        """Codes of integers, as int64."""
        values = np.asarray(values)
        largest = int(np.abs(values).max()) if values.size else 0
        wide = largest * int(np.abs(self.factor).max()) + int(np.abs(self.constant).max())
        kind = object if wide >= 1 << 62 or values.dtype == object else np.int64
        factor, constant, shift = (a.astype(kind) for a in (self.factor, self.constant, self.shift))
        total = values.astype(kind) * factor + constant
        codes = total >> shift
        if self.even:
            unit = np.asarray(1, kind) << shift
            rest = total - codes * unit
            codes = codes + ((2 * rest > unit) | ((2 * rest == unit) & (codes % 2 == 1)))
        return np.clip(codes, self.low, self.high).astype(np.int64)

    def mapped(self, move: Callable[[np.ndarray], np.ndarray]) -> "Multiplier":
        """The form for a tensor whose elements were moved alike."""
        moved = (move(a) for a in (self.factor, self.constant, self.shift))
        factor, constant, shift = moved
        return replace(self, factor=factor, constant=constant, shift=shift)


Form = Thresholds | Multiplier
_CLASSES: dict[str, Any] = {"thresholds": Thresholds, "multiplier": Multiplier}


def form_document(form: Form | None) -> dict[str, Any] | None:
    """The form as a document."""
    if form is None:
        return None
    values = {item.name: getattr(form, item.name) for item in fields(form)}
    values = {k: encoded(v) if isinstance(v, np.ndarray) else v for k, v in values.items()}
    return {"kind": form.kind, **values}


def form_of(document: Any, who: str) -> Form | None:
    """The form of such a document.

    Raises
    ------
    ModelError
        If it is none.
    """
    if document is None:
        return None
    cls = _CLASSES.get(str(document.get("kind"))) if isinstance(document, dict) else None
    if cls is None or any(item.name not in document for item in fields(cls)):
        raise ModelError(f"{who}: the form must be one of {', '.join(_CLASSES)}, with its fields")
    values = {item.name: document[item.name] for item in fields(cls)}
    values = {k: decoded(v, who) if isinstance(v, dict) else int(v) for k, v in values.items()}
    return cls(**values)
