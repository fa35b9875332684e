"""Work that an operator's family does before there is hardware, such as training a network.

A task has parameters as an operator has: the command line makes options of them, and what is wrong
is said at once. It needs no hardware, and imports none.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .parameters import settle
from .views import Table, View

__all__ = ["Outcome", "Task"]


@dataclass(frozen=True)
class Outcome:
    """What a task found.

    Parameters
    ----------
    facts : mapping
        What is printed, by name.
    tables : tuple of Table
        What is printed below them.
    files : mapping
        Texts to be written into the folder, by the names of the files.
    views : mapping
        Pictures to be written there, by names without an ending.
    remarks : tuple of str
        What readers must know besides.
    """

    facts: Mapping[str, Any]
    tables: tuple[Table, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    views: Mapping[str, View] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """A frozen dataclass of parameters, made by :func:`.parameters.parameter`.

    Raises
    ------
    RequestError
        On construction, with every parameter that breaks a rule.
    """

    name: ClassVar[str]
    """That of the operator, for messages."""

    def __post_init__(self) -> None:
        settle(self)

    def derive(self) -> dict[str, Any]:
        """Values for parameters that were left ``None``."""
        return {}

    def check(self) -> list[str]:
        """Everything wrong with the parameters taken together, one line each."""
        return []

    @property
    @abstractmethod
    def title(self) -> str:
        """What the folder of its files is called, unless one is asked for."""

    @abstractmethod
    def run(self, seed: int, progress: Callable[[str], None]) -> Outcome:
        """Do the work; the same seed and parameters give the same outcome.

        Raises
        ------
        RequestError
            If the work cannot be done with these parameters.
        """
