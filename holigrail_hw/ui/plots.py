"""Plots as SVG; matplotlib is imported only when something is drawn."""

from collections.abc import Sequence
from io import StringIO
from typing import Any

__all__ = ["pareto_front", "scatter_svg"]


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other point beats in both coordinates (less is better)."""
    front = []
    for index, (x, y) in enumerate(points):
        beaten = any(
            (other_x <= x and other_y <= y) and (other_x < x or other_y < y)
            for other_x, other_y in points
        )
        if not beaten:
            front.append(index)
    return front


def scatter_svg(
    points: Sequence[tuple[float, float]],
    labels: Sequence[str],
    *,
    x_label: str,
    y_label: str,
    title: str,
) -> str:
    """A scatter plot with its Pareto front, as SVG text; the same points give the same text."""
    import matplotlib

    settings: Any = {"svg.hashsalt": "holigrail", "svg.fonttype": "none"}
    with matplotlib.rc_context(settings):
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4.5), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.scatter([x for x, _ in points], [y for _, y in points], color="#4878a8")
        front = sorted(points[index] for index in pareto_front(points))
        axes.step([x for x, _ in front], [y for _, y in front], where="post", color="#c05020", lw=1)
        for (x, y), label in zip(points, labels, strict=True):
            axes.annotate(label, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=7)
        axes.set(xlabel=x_label, ylabel=y_label, title=title)
        axes.grid(alpha=0.3)
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
