"""The one exception for a model file that cannot be read, or that means something we cannot do."""

import importlib
from collections.abc import Sequence
from typing import Any

__all__ = ["ModelError", "package"]


class ModelError(ValueError):
    """A model that cannot be taken.

    Every line reads *who, node, operator: what must hold, not what was given*; ``violations`` holds
    all of them, not only the first. ``hint`` is a remedy, or None.
    """

    def __init__(self, message: str | Sequence[str], *, hint: str | None = None):
        self.violations = (message,) if isinstance(message, str) else tuple(message)
        super().__init__("\n".join(self.violations))
        self.hint = hint


def package(name: str, who: str) -> Any:
    """A package of the extra ``models``, imported when a file needs it.

    Raises
    ------
    ModelError
        If it is not installed; the hint says what to type.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ModelError(
            f"{who}: the Python package {name.partition('.')[0]} must be installed, not missing",
            hint="pip install 'holigrail_hw[models]'",
        ) from None
