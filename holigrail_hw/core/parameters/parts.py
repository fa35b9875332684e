"""Parameters that are an operator themselves: the parts of a larger design.

The design around a part decides some of its parameters, such as the format of what it passes on;
these are *derived*. The others are the user's, under the part's name and their own:
``requantiser.scale_width``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from .kind import Kind, shown
from .ranges import of_words

__all__ = ["AUTO", "Fit", "Part"]

AUTO = "auto"
"""A part of which nothing is asked."""


class Fit(NamedTuple):
    """What a design decides about one of its parts.

    Attributes
    ----------
    operator : type
        Class of the part, one of those its annotation names.
    derived : mapping
        Values of the part's parameters that follow from the design, by name.
    """

    operator: Any
    derived: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Part(Kind):
    """One of several operators.

    Given as a specification, as a mapping of its parameters, or by the operator's name.

    Attributes
    ----------
    operators : tuple of types
    derived : names of parameters that nobody gives, because the design decides them
    defaults : values that differ from those the operators have alone
    words : parameters by other names in the names of modules
    samples : values of parameters worth a test; a part's other values have its own tests
    """

    operators: tuple[Any, ...]
    derived: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)
    words: Mapping[str, str] = field(default_factory=dict, hash=False)
    samples: Mapping[str, tuple[Any, ...]] = field(default_factory=dict, hash=False)

    nothing: ClassVar[tuple[str, ...]] = ("none",)

    @property
    def type(self) -> Any:  # type: ignore[override]
        return self.operators[0]

    @property
    def choices(self) -> tuple[str, ...]:
        """Names of the operators."""
        return tuple(operator.name for operator in self.operators)

    @property
    def legal(self) -> str:
        return ", ".join(self.choices)

    def between(self, item: str) -> list[str]:
        return of_words(item, self.choices)

    def parse(self, given: Any) -> Any:
        """A specification, or what was given of one as a new dict, not judged yet."""
        if isinstance(given, self.operators):
            return given
        if isinstance(given, str) and given in ("", AUTO):
            return {}
        if isinstance(given, str) and given in self.choices:
            return {"operator": str(given)}
        if isinstance(given, Mapping):
            return {str(name).replace("-", "_"): value for name, value in given.items()}
        raise ValueError(f"must be {' or '.join(self.choices)}, not {_name(given)}")


def _name(given: Any) -> str:
    if isinstance(given, str):
        return given
    name = getattr(type(given), "name", None)
    return name if isinstance(name, str) else shown(given)
