"""Layers as one operation forward and one backward, where nobody looks at what is between.

Bits are those of the roundings and products that the layer is made of, which compute whatever is
not computed here: traced and other tensors, random words, gradients of gradients, infinities.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from holigrail_hw.formats import Rounding
from holigrail_hw.kernels.layers import Geometry, Layer, LayerSums, run_backward, run_forward

from ..arithmetic import Arithmetic, Conversion, Gemm, holds
from ..computing import array, observers, threads_for
from ..operators import is_eager

__all__ = ["layer"]

Parts = Callable[[Tensor, Tensor, Tensor | None], Tensor]
_MOST_KEPT = 1024
_known: dict[int, "_Plan"] = {}


def layer(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    how: Arithmetic,
    sizes: tuple[Any, ...],
    parts: Parts,
) -> Tensor | None:
    """Images (images, outputs, rows, columns) of a layer; None if its parts have to compute it.

    Parameters
    ----------
    sizes : tuple
        Those of a :class:`.Geometry`, to which input and weights must fit.
    parts : callable
        Makes the same of input, weights and bias by single operators.
    """
    if not is_eager(x, weight, bias) or x.dtype != torch.float32 or weight.dtype != torch.float32:
        return None
    if bias is not None and (bias.dtype != torch.float32 or bias.shape != weight.shape[:1]):
        return None
    known = _plan(how).of((*sizes, bias is not None))
    if known is None:
        return None
    found: Any = _Layer.apply(x, weight, bias, *known, parts)
    if observers:
        wanted = parts(x, weight, bias)
        for observer in observers:
            observer(how, {"wanted": array(wanted)}, array(found))
    return found


class _Plan:
    """What is computed together of an arithmetic, and how for the sizes that were met."""

    def __init__(self, how: Arithmetic):
        self.how, self.sums = how, _sums(how)
        self.known: dict[Any, tuple[Layer, Geometry] | None] = {}

    def of(self, key: tuple[Any, ...]) -> tuple[Layer, Geometry] | None:
        """Of sizes, and whether there is a bias."""
        if key not in self.known:
            if len(self.known) >= _MOST_KEPT:
                self.known.clear()
            self.known[key] = self._described(Geometry(*key[:-1]), key[-1])
        return self.known[key]

    def _described(self, geometry: Geometry, has_bias: bool) -> tuple[Layer, Geometry] | None:
        if self.sums is None or (has_bias and self.how.bias != "initial"):
            return None
        found = self.sums.described(geometry, has_bias)
        return None if found is None else (found, geometry)


def _plan(how: Arithmetic) -> _Plan:
    """Kept by identity: comparing all that an arithmetic says takes longer than many layers."""
    found = _known.get(id(how))
    if found is None:
        if len(_known) >= _MOST_KEPT:
            _known.clear()
        found = _known[id(how)] = _Plan(how)
    return found


def _sums(how: Arithmetic) -> LayerSums | None:
    """None if some rounding is not to nearest even, or output gradients have several formats."""
    inputs, weights, products = how.of_inputs, how.of_weights, (how.grad_input, how.grad_weight)
    if how.output is not None or not all(map(_is_plain, (inputs, weights, how.grad))):
        return None
    if products[0] is None or products[1] is None:
        return None
    grad = products[0].a if how.grad is None else how.grad.format
    if how.grad is None and products[1].a != grad:
        return None
    others = how.forward.b, how.forward.a
    for product, other in zip(products, others, strict=True):
        assert isinstance(product, Gemm)
        if not holds(product.a, grad) or not holds(product.b, other):
            return None
    return LayerSums(how.forward, *products, inputs.format, weights.format, grad)  # type: ignore


def _is_plain(given: Conversion | None) -> bool:
    return given is None or (
        given.rounding is Rounding.NEAREST_EVEN
        and given.via == "exact"
        and given.ste == "identity"
        and given.overflow is None
    )


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *given: Any) -> Tensor:
        template, geometry, parts = given
        ctx.given, ctx.kept = given, None
        ctx.save_for_backward(x, weight, bias)
        ctx.threads = threads_for(template.images * template.outputs * geometry.depth)
        y = x.new_empty((geometry.images, geometry.outputs, *geometry.places))
        tops, weights, inputs = geometry.kept
        kept = torch.empty(tops + weights + inputs, dtype=torch.uint8)
        source, matrix = _laid_out(x), _laid_out(weight)
        begin = None if bias is None else _laid_out(bias)
        first = kept.data_ptr()
        pointers = (
            *(source.data_ptr(), matrix.data_ptr(), begin if begin is None else begin.data_ptr()),
            *(y.data_ptr(), first + tops + weights, first + tops, first),
        )
        if not run_forward(template, ctx.threads, pointers):
            # No view, which nobody might change in place.
            return parts(x, weight, bias).clone()
        ctx.kept = kept
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        found = None
        if ctx.kept is not None and not torch.is_grad_enabled():
            found = _gradients(ctx, grads[0])
        return (*(_by_parts(ctx, grads[0]) if found is None else found), None, None, None)


def _laid_out(tensor: Tensor) -> Tensor:
    """With its numbers in memory, one after the other: no mark says that they are 0 or negated."""
    if tensor._is_zerotensor():
        tensor = tensor.clone()
    return tensor.resolve_neg().contiguous()


def _gradients(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...] | None:
    """Gradients of inputs, weights and bias; None if its parts have to compute them."""
    template, geometry, _ = ctx.given
    x, weight, bias = ctx.saved_tensors
    if grad.dtype != torch.float32 or not is_eager(grad):
        return None
    found = tuple(
        tensor.new_empty(tensor.shape) if needed else None
        for tensor, needed in zip((x, weight, bias), ctx.needs_input_grad[:3], strict=True)
    )
    tops, weights, _ = geometry.kept
    given, first = _laid_out(grad), ctx.kept.data_ptr()
    pointers = (
        *(first + tops + weights, first + tops, first, given.data_ptr()),
        *(None if tensor is None else tensor.data_ptr() for tensor in found),
    )
    return found if run_backward(template, ctx.threads, pointers) else None


def _by_parts(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """The same by the layer's parts, which can be differentiated again."""
    parts, needed = ctx.given[2], ctx.needs_input_grad[:3]
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        given = ctx.saved_tensors
        if not again:
            given = [
                None if tensor is None else tensor.detach().requires_grad_(wanted)
                for tensor, wanted in zip(given, needed, strict=True)
            ]
        wanted: Any = [tensor for tensor, want in zip(given, needed, strict=True) if want]
        found = torch.autograd.grad(parts(*given), wanted, grad, create_graph=again)
    each = iter(found)
    return tuple(next(each) if want else None for want in needed)
