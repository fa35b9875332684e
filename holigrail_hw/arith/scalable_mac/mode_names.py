"""Parameters that are modes of a precision-scalable unit, by their names."""

from dataclasses import dataclass
from typing import Any, ClassVar

from holigrail_hw.core.parameters.kind import Kind, shown

from .structures import Mode

__all__ = ["ModeNames"]


@dataclass(frozen=True)
class ModeNames(Kind):
    """``tuple[Mode, ...]``, one or more, in the order of their codes."""

    type = tuple
    separator: ClassVar[str] = ":"  # Lists have commas of their own.

    @property
    def legal(self) -> str:
        return "modes separated by commas, as 8x8,4x4"

    def parse(self, given: Any) -> tuple[Mode, ...]:
        items = given.split(",") if isinstance(given, str) else given
        try:
            if not isinstance(items, list | tuple) or not items:
                raise TypeError
            return tuple(one if isinstance(one, Mode) else Mode.parse(one) for one in items)
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"must be {self.legal}, not {shown(given)}") from None
