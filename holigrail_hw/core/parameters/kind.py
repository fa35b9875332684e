"""What all kinds of parameters have in common."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

__all__ = ["Kind", "shown"]

_LONGEST = 200


class Kind(ABC):
    """A kind of parameter: what is legal, and how it becomes the one type that operators see."""

    type: Any
    """Type of every value that :meth:`parse` returns."""
    separator: ClassVar[str] = ","
    """What stands between several values of an exploration."""
    nothing: ClassVar[tuple[str, ...]] = ("none", "auto", "")
    """Texts that stand for ``None``, where that is legal."""

    @property
    @abstractmethod
    def legal(self) -> str:
        """The legal values in words."""

    @abstractmethod
    def parse(self, given: Any) -> Any:
        """The value that a text, a Python or a NumPy object stands for.

        Values of :attr:`type` come back as they are. Raises ValueError, with what must hold, and
        not the parameter's name, which the caller knows.
        """


def shown(given: Any) -> str:
    """What was given, for a message; the beginning of what is long."""
    text = " ".join(repr(given).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
