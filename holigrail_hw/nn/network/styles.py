"""The ways from an integer graph to hardware, by the word that asks for them."""

import importlib
from typing import Any

__all__ = ["STYLES", "style"]

STYLES = ("parallel", "stream")


def style(name: str) -> Any:
    """The module of a style: refusals, lanes, architecture, cost, cycles, promise_ns, facts."""
    return importlib.import_module(f"holigrail_hw.nn.network.{name}.style")
