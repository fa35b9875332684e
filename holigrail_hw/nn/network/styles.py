"""The ways from an integer graph to hardware, by the word that asks for them."""

import importlib
from typing import Any

__all__ = ["STYLES", "style"]

STYLES = ("parallel", "stream", "engine")


def style(name: str) -> Any:
    """The module of a style: refusals, violations, architecture, cost, promise_ns, facts.

    With ``lanes`` and ``cycles`` too, or with a class ``Border`` for streams of its own; with
    ``views``, if there is more to show than the graph.
    """
    return importlib.import_module(f"holigrail_hw.nn.network.{name}.style")
