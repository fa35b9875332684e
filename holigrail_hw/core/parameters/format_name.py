"""Parameters that are a number format."""

from dataclasses import dataclass
from typing import Any

from holigrail_hw.formats import Format, parse

from .kind import Kind, shown
from .ranges import of_names

__all__ = ["FormatName"]


@dataclass(frozen=True)
class FormatName(Kind):
    """A number format, or its name; FormatError, a ValueError with a hint, if there is none."""

    type = Format
    legal = "a format name"  # type: ignore[assignment]

    def between(self, item: str) -> list[str]:
        return of_names(item)

    def parse(self, given: Any) -> Format:
        if not isinstance(given, str | Format):
            raise ValueError(f"must be a number format or the name of one, not {shown(given)}")
        return parse(given)
