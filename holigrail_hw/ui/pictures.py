"""The SVG text of a view, whatever kind it is."""

from holigrail_hw.core.views import (
    BlockDiagram,
    Curve,
    HeatMap,
    Histogram,
    LayeredGraph,
    Lines,
    Roofline,
    Scatter,
    View,
)

__all__ = ["svg_of"]


def svg_of(view: View) -> str:
    """Draw a view; the same view gives the same text. A table, text already, gives none."""
    if isinstance(view, BlockDiagram):
        view = view.layered()
    if isinstance(view, LayeredGraph):
        from .graph_drawing import graph_svg

        return graph_svg(view)
    if isinstance(view, Histogram):
        from .plots import histogram_svg

        return histogram_svg(view)
    if isinstance(view, Curve):
        from .plots import curve_svg

        return curve_svg(view)
    if isinstance(view, Lines):
        from .plots import lines_svg

        return lines_svg(view)
    if isinstance(view, HeatMap):
        from .heat_map import heat_map_svg

        return heat_map_svg(view)
    if isinstance(view, Roofline):
        from .roofline import roofline_svg

        return roofline_svg(view)
    if isinstance(view, Scatter):
        from .plots import scatter_svg

        return scatter_svg(view)
    return ""
