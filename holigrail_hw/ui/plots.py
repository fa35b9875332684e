"""Plots as SVG, and one as PNG; matplotlib is imported only when something is drawn."""

from collections.abc import Sequence
from io import BytesIO, StringIO
from typing import Any

from .svg import inline_svg, new_figure, plain_settings

__all__ = ["curve_svg", "histogram_svg", "lines_svg", "scatter", "scatter_svg"]

_BLUE, _RED, _GREY = "#2f6ea5", "#c0392b", "#8a939c"
_PALE = "#c3c9ce"
_LABELLED = 24
_COLOURS = (_GREY, _BLUE, "#c39a3f", "#4a8f5a", "#8a5aa5", _RED)


def scatter(
    points: Sequence[tuple[float, float]],
    labels: Sequence[str],
    front: Sequence[bool],
    *,
    x_label: str,
    y_label: str,
    title: str,
    large: tuple[bool, bool] = (False, False),
    line: bool = True,
) -> tuple[str, bytes]:
    """Points with their Pareto front, the others greyed, as SVG text and as PNG.

    The same points give the same text.

    Parameters
    ----------
    front : sequence of bool
        Which points are in the front; with more than a few only they have labels.
    large : pair of bool
        Whether large values of x and of y are good.
    line : bool
        Draw the border of the front, which two objectives have.
    """
    with plain_settings():
        figure = new_figure(7, 4.5, layout="constrained")
        axes = figure.add_subplot()
        _dots(axes, points, labels, front, (large[0],) if line else None)
        axes.set(xlabel=x_label, ylabel=y_label, title=title)
        axes.grid(alpha=0.3)
        text, picture = StringIO(), BytesIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        figure.savefig(picture, format="png", dpi=160, metadata={"Software": None})
    return text.getvalue(), picture.getvalue()


def scatter_svg(view: Any) -> str:
    """Draw an object like :class:`.Scatter`."""
    with plain_settings():
        figure = new_figure(6.4, 4.0, layout="constrained")
        axes = figure.add_subplot()
        points, labels = [(d.x, d.y) for d in view.dots], [d.label for d in view.dots]
        _dots(axes, points, labels, [d.marked for d in view.dots], None)
        axes.set_xlabel(view.x_label, fontsize=8.5, parse_math=False)
        axes.set_ylabel(view.y_label, fontsize=8.5, parse_math=False)
        axes.grid(alpha=0.3)
        _plain(axes)
        return inline_svg(figure, view.title)


def _dots(axes: Any, points: Any, labels: Any, front: Any, line: tuple[bool] | None) -> None:
    """Points with labels; ``line`` draws the border of a front, where large x are good or not."""
    rows = [*zip(points, labels, front, strict=True)]
    beaten = [point for point, _, inside in rows if not inside]
    best = sorted(point for point, _, inside in rows if inside)
    axes.scatter([x for x, _ in beaten], [y for _, y in beaten], color=_PALE, s=18)
    if line is not None:
        where = "pre" if line[0] else "post"
        axes.step([x for x, _ in best], [y for _, y in best], where=where, color=_RED, lw=1)
    axes.scatter([x for x, _ in best], [y for _, y in best], color=_BLUE, s=26, zorder=3)
    for (x, y), label, inside in rows:
        if inside or len(rows) <= _LABELLED:
            axes.annotate(
                label,
                (x, y),
                xytext=(4, 4),
                textcoords="offset points",
                fontsize=7,
                color="black" if inside else _GREY,
                parse_math=False,
            )


def histogram_svg(histogram: Any) -> str:
    """Draw an object like :class:`.Histogram`: its panels share the x axis."""
    with plain_settings():
        count = len(histogram.panels)
        figure = new_figure(6.4, 0.7 + 0.95 * count, layout="constrained")
        rows = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
        for axes, panel in zip(rows, histogram.panels, strict=True):
            axes.stairs(panel.counts, panel.edges, fill=True, color=_BLUE)
            for limit in panel.limits or ():
                axes.axvline(limit, color=_RED, linewidth=1.0, linestyle=(0, (4, 2)))
            axes.set_title(panel.name, fontsize=8.5, loc="left", pad=3)
            _plain(axes)
            axes.yaxis.get_major_locator().set_params(nbins=3, integer=True)
        rows[-1].set_xlabel(histogram.x_label, fontsize=8.5)
        figure.supylabel(histogram.y_label, fontsize=8.5)
        return inline_svg(figure, histogram.title)


def curve_svg(curve: Any) -> str:
    """Draw an object like :class:`.Curve`."""
    with plain_settings():
        figure = new_figure(6.4, 2.8, layout="constrained")
        axes = figure.add_subplot()
        axes.plot(curve.x, curve.y, color=_BLUE, linewidth=1.4)
        axes.set_xlim(curve.x[0], curve.x[-1])
        axes.set_xlabel(curve.x_label, fontsize=8.5)
        axes.set_ylabel(curve.y_label, fontsize=8.5)
        axes.grid(alpha=0.3)
        _plain(axes)
        return inline_svg(figure, curve.title)


def lines_svg(view: Any) -> str:
    """Draw an object like :class:`.Lines`, with the legend below."""
    with plain_settings():
        figure = new_figure(6.4, 3.4 + 0.19 * len(view.lines))
        figure.set_layout_engine("constrained")
        axes = figure.add_subplot()
        for index, line in enumerate(view.lines):
            colour, dashed = _COLOURS[index % len(_COLOURS)], (0, (4, 2)) if index % 2 else "-"
            axes.plot(view.x, line.y, color=colour, linestyle=dashed, linewidth=1.6)
            axes.lines[-1].set_label(line.name)
        axes.set_xlim(view.x[0], view.x[-1])
        if view.logarithmic:
            axes.set_yscale("log")
            for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
                axis(lambda value, _: f"{value:g}" if str(f"{value:.0e}")[0] in "125" else "")
        axes.set_xlabel(view.x_label, fontsize=8.5)
        axes.set_ylabel(view.y_label, fontsize=8.5)
        axes.grid(alpha=0.3, which="both")
        _plain(axes)
        figure.legend(loc="outside lower left", fontsize=8, frameon=False)
        return inline_svg(figure, view.title)


def _plain(axes: Any) -> None:
    axes.tick_params(labelsize=8, color=_GREY)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
