"""Matplotlib figures as SVG text that can be embedded in an HTML page.

The same figure gives the same text: no date, no random names. Text stays text. Groups keep a name
only if something refers to it, so that several pictures on one page do not clash.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

__all__ = ["inline_svg", "new_figure", "plain_settings"]

_SETTINGS: Any = {
    "svg.hashsalt": "holigrail",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial"],
    "axes.unicode_minus": False,
}


@contextmanager
def plain_settings() -> Iterator[None]:
    """A context with the settings under which figures are drawn and written."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS):
        yield


def new_figure(width: float, height: float, **options: Any) -> Any:
    """A figure of a size in inches that is drawn as SVG."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), **options)
    FigureCanvasSVG(figure)
    return figure


def inline_svg(figure: Any, label: str) -> str:
    """The figure as one ``svg`` element, never wider than its page, with an accessible label."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = re.sub(r"<metadata>.*?</metadata>", "", text.getvalue(), flags=re.S)
    svg = svg[svg.index("<svg") :]
    used = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(
        r' id="([\w.-]+)"', lambda found: found.group(0) if found.group(1) in used else "", svg
    )
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"| transform="rotate\(-?0 [^"]*"', "", svg)
    svg = re.sub(r"<g>\s*</g>\s*|\s*<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r"\n\s*", "\n", svg).strip()
    svg = re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found.group(0)):.2f}", svg)
    safe = label.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    start = f'<svg role="img" aria-label="{safe}" style="max-width: 100%; height: auto"'
    return svg.replace("<svg", start, 1)
