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

    def several(self, text: str) -> list[str]:
        """The single values, as texts, that a list for an exploration stands for, in order.

        An item may be a range, ``FIRST..LAST``, where the kind knows ranges. Raises ValueError, as
        :meth:`parse` does, for a range that stands for nothing; items are not judged.
        """
        found = [one for item in text.split(self.separator) for one in self.between(item)]
        return list(dict.fromkeys(found))

    def between(self, item: str) -> list[str]:
        """What a range stands for; any other item, and every one of a kind without, itself."""
        return [item]

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
