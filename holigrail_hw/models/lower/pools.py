"""Maxima and means over windows of views."""

from typing import Any

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.graph.nodes import Pool
from holigrail_hw.models.source.nodes import SourceNode
from holigrail_hw.models.source.windows import Window, window_of

from .builder import Builder
from .linear import outside
from .views import View

__all__ = ["POOL_RULES"]


def _pooled(builder: Builder, node: SourceNode, view: View, how: str, window: Window) -> View:
    if len(view.shape) not in (3, 4):
        axes = len(view.shape) - 2
        raise ModelError(f"{node.label(builder.who)}: images must have one or two axes, not {axes}")
    flat = len(view.shape) == 3
    rows, columns = (1, view.shape[2]) if flat else view.shape[2:]
    tensor = builder.move(node, builder.tensor(view), "reshape", view.shape[1], rows, columns)
    tensor = builder.move(node, tensor, "transpose", 1, 2, 0)
    name = builder.add(Pool, node, (tensor,), how=how, window=window)
    image = outside(builder, node, name, flat, fractions(1).reshape(1, 1, 1))
    return view.changed(tensor=image.tensor, shape=image.shape)


def _pool_window(node: SourceNode, view: View) -> Window:
    if node.operator.startswith("Global"):
        return window_of({}, view.shape[2:], view.shape[2:])
    return window_of(node.attributes, view.shape[2:], node.attributes["kernel_shape"])


def _max_pool(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    view = operands[0]
    if view.tensor is None:
        view = builder.entered(view)
    if not (view.factor > 0).all():
        label = node.label(builder.who)
        raise ModelError(f"{label}: scales must be positive under a maximum, or quantised before")
    return _pooled(builder, node, view, "maximum", _pool_window(node, view))


def _average_pool(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    """A sum; the division by the number of pixels moves into the scale."""
    view = builder.bare(node, operands[0])
    window = _pool_window(node, view)
    label = node.label(builder.who)
    if any(window.pads):
        if not node.attributes.get("count_include_pad"):
            raise ModelError(f"{label}: windows must not reach outside the image")
        if (view.offset != 0).any():
            raise ModelError(f"{label}: 0 must be the code 0 of a tensor that is padded")
    count = window.kernel[0] * window.kernel[1]
    result = _pooled(builder, node, view, "sum", window)
    return result.changed(factor=result.factor / count)


POOL_RULES: dict[str, Any] = {
    "MaxPool": _max_pool,
    "GlobalMaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _average_pool,
}
