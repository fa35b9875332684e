"""What a host needs of an engine somewhere else: in a simulation, or on a board."""

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Link"]


class Link(Protocol):
    """Carries items to the engine of ``spec``, and results back."""

    spec: Any

    def exchange(
        self, items: Mapping[str, Mapping[str, Any]], counts: Mapping[str, int]
    ) -> dict[str, dict[str, Any]]:
        """Give all items; return ``counts`` results of every output stream."""
        ...
