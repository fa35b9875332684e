"""JSON and TOML texts from anybody: whatever is wrong with one is a ValueError."""

import json
import tomllib
from typing import Any

__all__ = ["parse_json", "parse_toml"]


def parse_json(text: str) -> Any:
    """The value of a JSON text; raises ValueError, also where it is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text; raises ValueError, also where it is nested too deeply."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
