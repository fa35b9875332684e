"""A heat map as SVG: one path per shade, equal neighbours joined, so that the file stays small."""

from typing import Any

from .svg import inline_svg, new_figure, plain_settings

__all__ = ["heat_map_svg"]

_SHADES = 20
_LIGHT, _DARK = (0xF1, 0xF4, 0xF7), (0x1D, 0x5A, 0x93)
_QUIET = "#8a939c"


def heat_map_svg(view: Any) -> str:
    """Draw an object like :class:`.HeatMap`; equal objects give equal text."""
    with plain_settings():
        rows = len(view.values)
        figure = new_figure(6.8, 1.3 + min(max(0.09 * rows, 0.9), 3.2), layout="constrained")
        axes, scale = figure.subplots(1, 2, gridspec_kw={"width_ratios": (40, 1)})
        for shade, boxes in sorted(_boxes(view).items()):
            _fill(axes, boxes, _colour(shade))
        axes.set_xlim(view.x_edges[0], view.x_edges[-1])
        axes.set_ylim(view.y_edges[-1], view.y_edges[0])
        axes.set_xlabel(view.x_label, fontsize=8.5)
        axes.set_ylabel(view.y_label, fontsize=8.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.yaxis.get_major_locator().set_params(integer=True, nbins=6)
        for shade in range(_SHADES + 1):
            _fill(scale, [(0.0, 1.0, shade - 0.5, shade + 0.5)], _colour(shade))
        scale.set(xlim=(0, 1), ylim=(-0.5, _SHADES + 0.5), xticks=[])
        ticks = [0, _SHADES // 2, _SHADES]
        scale.set_yticks(ticks, [f"{100 * tick // _SHADES} %" for tick in ticks])
        scale.yaxis.tick_right()
        scale.set_ylabel(view.value_label, fontsize=8.5)
        scale.yaxis.set_label_position("right")
        for part in (axes, scale):
            part.tick_params(labelsize=8, color=_QUIET)
            for spine in part.spines.values():
                spine.set_color("#c5ccd3")
        return inline_svg(figure, view.title)


def _boxes(view: Any) -> dict[int, list[tuple[float, float, float, float]]]:
    """Left, right, top and bottom of the boxes of each shade; neighbours in a row are joined."""
    found: dict[int, list[tuple[float, float, float, float]]] = {}
    for row, values in enumerate(view.values):
        top, bottom = view.y_edges[row], view.y_edges[row + 1]
        start = 0
        for column in range(1, len(values) + 1):
            shade = _shade(values[start])
            if column == len(values) or _shade(values[column]) != shade:
                box = (view.x_edges[start], view.x_edges[column], top, bottom)
                found.setdefault(shade, []).append(box)
                start = column
    return found


def _shade(value: float) -> int:
    """The shade of a value: only exactly 0 is the lightest one, and only 1 the darkest."""
    if value in (0, 1):
        return _SHADES * int(value)
    return min(max(round(_SHADES * value), 1), _SHADES - 1)


def _colour(shade: int) -> str:
    part = shade / _SHADES
    mixed = (round(a + (b - a) * part) for a, b in zip(_LIGHT, _DARK, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _fill(axes: Any, boxes: list[tuple[float, float, float, float]], colour: str) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    points, codes = [], []
    for left, right, top, bottom in boxes:
        points += [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        codes += [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    patch = PathPatch(Path(points, codes), facecolor=colour, linewidth=0, antialiased=False)
    axes.add_patch(patch)
