"""Parameters that are one of several words: members of an enumeration, or texts."""

import enum
from dataclasses import dataclass
from typing import Any

from .kind import Kind, shown
from .ranges import of_words
from .text import to_text

__all__ = ["Choice"]


@dataclass(frozen=True)
class Choice(Kind):
    """One of ``choices``, all of them of ``type``: an enumeration or ``str``.

    Without choices every text is legal. What operators see is a member of the enumeration, so
    that comparing it by identity is right.
    """

    type: Any
    choices: tuple[Any, ...] = ()

    @property
    def legal(self) -> str:
        return ", ".join(to_text(choice) for choice in self.choices) or "text"

    def between(self, item: str) -> list[str]:
        return of_words(item, [to_text(choice) for choice in self.choices])

    def parse(self, given: Any) -> Any:
        value = given
        if issubclass(self.type, enum.Enum) and not isinstance(given, self.type):
            try:
                value = self.type(str(given) if isinstance(given, str) else given)
            except ValueError:
                value = None
        elif not isinstance(given, self.type):
            value = None
        if value is None or (self.choices and value not in self.choices):
            what = f"one of {self.legal}" if self.choices else self.legal
            raise ValueError(f"must be {what}, not {_word(given)}")
        return str(value) if self.type is str else value


def _word(given: Any) -> str:
    return to_text(given) if isinstance(given, str | enum.Enum) else shown(given)
