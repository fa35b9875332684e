"""Layers whose numbers are rounded where products need them: one call forward, one backward.

A layer is a convolution, or a matrix, of float32 images. Nothing but its results is laid out as a
whole: windows, roundings and what overlapping windows add up are made for some columns at a time
(``native/layers.h``). Which steps are needed is known of the formats before; only how large numbers
are is looked at in each call.
"""

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass

from holigrail_hw.formats import Format, Rounding, parse
from holigrail_hw.formats.scalar.binary_float import BinaryFloat

from .certificates import bounds_of_total, can_be_moved, never_overflows
from .convert import quantise
from .library import library
from .operands import largest
from .roundings import Rounding32, rounding32
from .shape import GemmShape
from .sums import Step32, Sums, is_narrow, static_step, sums_of

__all__ = ["Geometry", "Layer", "LayerSums", "run_backward", "run_forward"]

_FLOAT32 = parse("fp32")
_LEAST_PLACE, _BITS, _TOP = -100, 23, 127


class _Quantiser(ctypes.Structure):
    _fields_ = (("rounding", Rounding32), ("most", ctypes.c_float), ("identity", ctypes.c_int32))


class Layer(ctypes.Structure):
    """``Layer`` of ``native/layers.h``."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("images", "channels", "high", "wide", "outputs")),
        *((name, ctypes.c_int64) for name in ("kernel_y", "kernel_x", "step_y", "step_x")),
        *((name, ctypes.c_int64) for name in ("gap_y", "gap_x", "before_y", "before_x")),
        *((name, ctypes.c_int64) for name in ("padded_y", "padded_x", "out_y", "out_x")),
        *((name, ctypes.c_int64) for name in ("is_matrix", "threads")),
        *((name, _Quantiser) for name in ("of_x", "of_weight", "of_bias", "of_grad")),
        *((name, Sums) for name in ("forward", "grad_input", "grad_weight")),
        *((name, ctypes.c_void_p) for name in ("x", "weight", "bias", "y")),
        *((name, ctypes.c_void_p) for name in ("kept_x", "kept_weight", "tops", "grad")),
        *((name, ctypes.c_void_p) for name in ("grad_x", "grad_weights", "grad_bias")),
    )


@dataclass(frozen=True)
class Geometry:
    """Sizes of a layer's input and weights; ``pads``: zeros left, right, above and below."""

    images: int
    channels: int
    high: int
    wide: int
    outputs: int
    kernel: tuple[int, int] = (1, 1)
    step: tuple[int, int] = (1, 1)
    gap: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    is_matrix: bool = False

    @functools.cached_property
    def padded(self) -> tuple[int, int]:
        """Rows and columns of an image with its zeros."""
        left, right, above, below = self.pads
        return self.high + above + below, self.wide + left + right

    @functools.cached_property
    def places(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        rows, columns = (
            (size - gap * (kernel - 1) - 1) // step + 1
            for size, kernel, step, gap in zip(
                self.padded, self.kernel, self.step, self.gap, strict=True
            )
        )
        return rows, columns

    @functools.cached_property
    def depth(self) -> int:
        """Products of a result."""
        return self.channels * self.kernel[0] * self.kernel[1]

    @functools.cached_property
    def kept(self) -> tuple[int, int, int]:
        """Bytes of what a backward pass needs: tops, weights and inputs, each from 64 on."""
        weights = -(-self.outputs * self.depth // 16) * 64
        rows, columns = self.padded
        return 64, weights, 4 * self.images * self.channels * rows * columns

    @functools.cached_property
    def is_usual(self) -> bool:
        """Whether there is something to compute, and 32 bits are enough for all places."""
        counts = (self.images, self.outputs, self.depth, *self.places)
        return min(counts) > 0 and max(*self.kept, self.images * self.outputs) < 1 << 31


@dataclass(frozen=True)
class LayerSums:
    """The three products of a layer and the formats to which numbers are rounded before.

    ``grad_input`` and ``grad_weight`` have output gradients as their first factor. All formats are
    rounded to, to nearest even; ``bias`` is that of the forward sums.
    """

    forward: GemmShape
    grad_input: GemmShape
    grad_weight: GemmShape
    input: Format
    weight: Format
    grad: Format

    def described(self, geometry: Geometry, has_bias: bool) -> Layer | None:
        """A layer for the kernels, without its pointers; None if they do not compute it."""
        if library("gemm32") is None or not geometry.is_usual:
            return None
        shapes = self.forward, self.grad_input, self.grad_weight
        steps = [static_step(shape) for shape in shapes]
        columns = geometry.images * geometry.places[0] * geometry.places[1]
        depths = geometry.depth, geometry.outputs, columns
        formats = self.input, self.weight, self.forward.accumulator, self.grad
        rounded = [_quantiser(format) for format in formats]
        widths = {step.native == 16 for step in steps if step is not None}
        if None in steps or None in rounded or len(widths) != 1:
            return None
        # The bias is summed up with the products of output gradients and ones.
        if has_bias and (self.forward.start != "zero" or not _has_one(self.grad_weight.b)):
            return None
        sums = [_sums(*given) for given in zip(shapes, steps, depths, strict=True)]
        left, _, above, _ = geometry.pads
        return Layer(
            *(geometry.images, geometry.channels, geometry.high, geometry.wide, geometry.outputs),
            *(*geometry.kernel, *geometry.step, *geometry.gap),
            *(above, left, *geometry.padded, *geometry.places),
            *(geometry.is_matrix, 1),
            *rounded,
            *sums,
        )


def _sums(shape: GemmShape, step: Step32 | None, depth: int) -> Sums:
    assert step is not None
    return sums_of(shape, step, -1.0 if step.native else _limit(shape, depth))


@functools.lru_cache(maxsize=1024)
def _limit(shape: GemmShape, depth: int) -> float:
    """What no sum of magnitudes of products may exceed, so that no sum overflows; -1 if it may."""

    def fits(total: float) -> bool:
        found = bounds_of_total(shape, depth, total)
        return never_overflows(found) and can_be_moved(found, (0.0, 0.0))

    if not fits(0.0):
        return -1.0
    low, high = 0.0, 2 * largest(shape.accumulator)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


@functools.cache
def _has_one(format: Format) -> bool:
    return bool(quantise(format, [1.0])[0] == 1)


@functools.cache
def _quantiser(format: Format) -> _Quantiser | None:
    """A rounding of float32 to nearest even; None if it takes more than that of the kernels."""
    if format == _FLOAT32:
        return _Quantiser(identity=1)
    if not is_narrow(format):
        return None
    assert isinstance(format, BinaryFloat)
    top = format.maximum_exponent + 1
    if format.least_place < _LEAST_PLACE or top + _BITS - format.fraction_width > _TOP:
        return None
    return _Quantiser(rounding32(format, Rounding.NEAREST_EVEN), 2.0**top, 0)


def run_forward(template: Layer, threads: int, pointers: Sequence[int | None]) -> bool:
    """Computes; ``pointers``: x, weight, bias, y, and kept inputs, weights and tops.

    False: it did not, as some number is infinite or NaN, float32 may not hold what its rounding
    needs, or there is no compiler any more. Raises MemoryError.
    """
    layer = Layer.from_buffer_copy(template)
    layer.threads = threads
    layer.x, layer.weight, layer.bias, layer.y = pointers[:4]
    layer.kept_x, layer.kept_weight, layer.tops = pointers[4:]
    return _ran("layer_forward", layer)


def run_backward(template: Layer, threads: int, pointers: Sequence[int | None]) -> bool:
    """The same; pointers: kept inputs, weights and tops, grad, gradients of x, weight and bias."""
    layer = Layer.from_buffer_copy(template)
    layer.threads = threads
    layer.kept_x, layer.kept_weight, layer.tops, layer.grad = pointers[:4]
    layer.grad_x, layer.grad_weights, layer.grad_bias = pointers[4:]
    return _ran("layer_backward", layer)


def _ran(name: str, layer: Layer) -> bool:
    kernels = library("gemm32")
    if kernels is None:
        return False
    found = getattr(kernels, name)(ctypes.byref(layer))
    if not found:
        raise MemoryError("kernels: there must be room for a part of the operands in each thread")
    return found == 1
