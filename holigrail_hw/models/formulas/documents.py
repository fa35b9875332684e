"""Formulas as documents, and back."""

from dataclasses import fields
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError

from .affine import Affine
from .arrays import decoded, encoded
from .functions import GROWING, Function
from .rounded_floats import DoubleAway, Float32
from .twice_rounded import TwiceRounded

__all__ = ["Formula", "formula_document", "formula_of"]

Formula = Affine | Float32 | DoubleAway | TwiceRounded | Function
_CLASSES: dict[str, Any] = {
    cls.kind: cls for cls in (Affine, Float32, DoubleAway, TwiceRounded, Function)
}


def formula_document(formula: Formula) -> dict[str, Any]:
    """The class by its kind, and its fields."""
    document: dict[str, Any] = {"kind": formula.kind}
    for item in fields(formula):
        value = getattr(formula, item.name)
        if item.name == "steps":
            value = [[name, dict(attributes)] for name, attributes in value]
        document[item.name] = encoded(value) if isinstance(value, np.ndarray) else value
    return document


def formula_of(document: Any, who: str) -> Formula:
    """The formula of such a document.

    Raises
    ------
    ModelError
        If it is none.
    """
    cls = _CLASSES.get(str(document.get("kind"))) if isinstance(document, dict) else None
    if cls is None:
        raise ModelError(f"{who}: the kind of formula must be one of {', '.join(_CLASSES)}")
    values = {}
    for item in fields(cls):
        if item.name not in document:
            raise ModelError(f"{who}: the formula must have {item.name}")
        value = document[item.name]
        if isinstance(value, dict):
            value = decoded(value, who)
        elif item.name == "steps":
            if any(name not in GROWING for name, _ in value):
                raise ModelError(f"{who}: functions must be some of {', '.join(GROWING)}")
            value = tuple((name, attributes) for name, attributes in value)
        elif type(value) not in (int, float, str):
            raise ModelError(f"{who}: {item.name} must be a number or a text")
        values[item.name] = value
    return cls(**values)
