"""Packages of others that hold processors."""

import importlib.util
from pathlib import Path

from holigrail_hw.core.errors import ToolError

__all__ = ["folder_of"]


def folder_of(package: str, wheel: str) -> Path:
    """Where a package lies.

    Raises
    ------
    ToolError
        If it is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ToolError(
            f"accelerator: the package {wheel} must be installed",
            hint="pip install 'holigrail-hw[soc]'",
        )
    return Path(found.origin).parent
