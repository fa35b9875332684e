"""One self-contained HTML page of a sweep, to sort, filter and hover; no network, no time stamp.

The page holds the points as JSON and a script of ours that draws them: a table and a scatter plot
of any two figures. Nothing of what a value says is ever taken for HTML.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from holigrail_hw import __version__

from .objectives import Objective, names
from .point import Point

__all__ = ["heading", "html"]

_HERE = Path(__file__).parent
_UNITS = {
    "mhz": "MHz",
    "ns": "ns",
    "pj": "pJ",
    "fj": "fJ",
    "um2": "um2",
    "ulp": "ulp",
    "cycles": "cycles",
}


def heading(figure: str) -> str:
    """A figure as people read it: ``promised_fmax_mhz`` is ``promised fmax (MHz)``."""
    if figure == "latency":
        return "latency (cycles)"
    bare, _, unit = figure.rpartition("_")
    return (
        f"{bare.replace('_', ' ')} ({_UNITS[unit]})" if unit in _UNITS else figure.replace("_", " ")
    )


def html(
    operator: str,
    command: str,
    swept: Sequence[str],
    points: Sequence[Point],
    front: Sequence[bool],
    objectives: Sequence[Objective],
) -> str:
    """The page, as text.

    Parameters
    ----------
    command : str
        The command line that made it.
    swept : sequence of str
        Names of the values that differ.
    front : sequence of bool
        Which points are in the Pareto front.
    """
    from jinja2 import Environment, StrictUndefined

    figures = names(points)
    data: dict[str, Any] = {
        "columns": [
            *({"name": name, "title": name, "figure": False} for name in swept),
            *({"name": name, "title": heading(name), "figure": True} for name in figures),
        ],
        "objectives": [{"figure": one.figure, "large": bool(one.large)} for one in objectives],
        "points": [
            {
                "cells": [
                    *(point.values.get(name) for name in swept),
                    *(point.figures.get(name) for name in figures),
                ],
                "front": inside,
                "error": point.error,
            }
            for point, inside in zip(points, front, strict=True)
        ],
    }
    templates = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    text = json.dumps(data, separators=(",", ":"))
    return templates.from_string((_HERE / "page.html.jinja").read_text(encoding="utf-8")).render(
        operator=operator,
        command=command,
        # Within a script element only its end and a comment mean something to HTML.
        data=text.replace("<", "\\u003c"),
        script=(_HERE / "page.js").read_text(encoding="utf-8"),
        objectives=[
            f"{'largest' if one.large else 'least'} {heading(one.figure)}" for one in objectives
        ],
        count=len(points),
        best=sum(front),
        version=__version__,
    )
