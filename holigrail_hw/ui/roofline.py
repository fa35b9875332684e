"""A roofline as SVG, both axes logarithmic, with the legend below."""

from typing import Any

from .svg import inline_svg, new_figure, plain_settings

__all__ = ["roofline_svg"]

_ROOF, _QUIET = "#3a4654", "#8a939c"
_LINES = ("#2f6ea5", "#c39a3f", "#4a8f5a", "#8a5aa5")
_MARKS = "osD^vP"


def roofline_svg(view: Any) -> str:
    """Draw an object like :class:`.Roofline`; equal objects give equal text."""
    with plain_settings():
        figure = new_figure(6.8, 3.5 + 0.19 * (len(view.bandwidths) + len(view.points)))
        figure.set_layout_engine("constrained")
        axes = figure.add_subplot()
        ridges = [view.peak / bandwidth.rate for bandwidth in view.bandwidths]
        places = [*ridges, *(point.intensity for point in view.points)]
        low, high = min(places) / 8, max(places) * 8
        unit = f"{view.work}/{view.time}"
        axes.plot([low, high], [view.peak] * 2, color=_ROOF, linewidth=1.6)
        axes.lines[-1].set_label(f"peak of the multipliers: {_short(view.peak)}{unit}")
        for index, bandwidth in enumerate(view.bandwidths):
            ends = [low, view.peak / bandwidth.rate]
            heights = [view.attainable(x, bandwidth) for x in ends]
            label = f"{bandwidth.name}: {_short(bandwidth.rate)}B/{view.time}"
            axes.plot(ends, heights, color=_LINES[index % len(_LINES)], linewidth=1.4, label=label)
        for index, point in enumerate(view.points):
            label = (
                f"{point.name}: {_short(point.rate)}{unit},"
                f" {100 * point.rate / view.peak:.3g} % of the peak"
            )
            style = {"marker": _MARKS[index % len(_MARKS)], "linestyle": "none", "markersize": 6}
            colour = "#c0392b" if index == 0 else _LINES[(index - 1) % len(_LINES)]
            axes.plot([point.intensity], [point.rate], color=colour, label=label, **style)
        axes.set(xscale="log", yscale="log", xlim=(low, high))
        axes.set_ylim(top=view.peak * 3)
        axes.set_xlabel(f"{view.work} per byte moved", fontsize=8.5)
        axes.set_ylabel(unit, fontsize=8.5)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: _short(value).strip())
            axis.set_minor_formatter(lambda *_: "")
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=8, color=_QUIET)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        figure.legend(loc="outside lower left", fontsize=8, frameon=False)
        return inline_svg(figure, view.title)


def _short(value: float) -> str:
    """A number with three digits and a unit prefix: 1.15 M, 20 k, 0.5."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:.3g} "
