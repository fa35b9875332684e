"""Products and sums with constants, sums of two tensors, ReLU and other growing functions."""

from fractions import Fraction
from math import gcd
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.graph.nodes import Add
from holigrail_hw.models.source.nodes import SourceNode
from holigrail_hw.models.source.operands import padded

from .builder import Builder
from .views import Coded, Tail, View, close, inner, uniform

__all__ = ["ELEMENTWISE_RULES", "against", "increased"]

_WIDEST_FACTOR = 1 << 32


def against(builder: Builder, node: SourceNode, view: View, constant: Any) -> np.ndarray:
    """A constant as Fractions that broadcast against the frames of a view.

    Raises
    ------
    ModelError
        If broadcasting would make the tensor larger.
    """
    values = constant.real() if isinstance(constant, Coded) else fractions(constant)
    shape, rank = view.shape, len(view.shape)
    lead = values.ndim - rank
    if lead > 0 and values.shape[:lead] == (1,) * lead:
        values = values.reshape(values.shape[lead:])
    try:
        fits = np.broadcast_shapes(values.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits or "axis" in node.attributes:
        raise ModelError(
            f"{node.label(builder.who)}: a constant of {[*values.shape]} must be spread over "
            f"{[*shape]} from the right"
        )
    values = values.reshape([1] * (rank - values.ndim) + [*values.shape])
    return uniform(values.reshape(inner(values.shape)) if rank > 1 else values)


def _open(builder: Builder, node: SourceNode, view: View) -> View:
    """The view without functions, after which neither products nor sums can follow."""
    if view.functions:
        name = view.functions[-1][0]
        raise ModelError(f"{node.label(builder.who)}: a quantiser must stand between it and {name}")
    return view


def scaled(builder: Builder, node: SourceNode, view: View, factor: np.ndarray) -> View:
    """All numbers of a view multiplied."""
    view = _open(builder, node, view)
    if (factor == 0).any():
        raise ModelError(f"{node.label(builder.who)}: factors must not be 0")
    if not view.bare and not ((factor > 0).all() or (factor < 0).all()):
        raise ModelError(f"{node.label(builder.who)}: factors must have one sign after limits")
    return view.times(factor)


def increased(builder: Builder, node: SourceNode, view: View, constant: Any) -> View:
    """A constant added; one in integers whose scale is a rounded product counts in exact units."""
    view = _open(builder, node, view)
    offset = against(builder, node, view, constant)
    if isinstance(constant, Coded) and (constant.offset == 0).all():
        unit = against(builder, node, view, constant.factor)
        if (unit != view.factor).any() and close(unit, view.factor):
            units = np.abs(against(builder, node, view, constant.codes) * (unit / view.factor - 1))
            builder.approximations.append(
                f"{node.label(builder.who)}: the bias counts in units of the sums, where the file "
                f"rounds a product of scales to float32: at most {float(units.max()):.2g} units off"
            )
            offset = against(builder, node, view, constant.codes) * view.factor
    return view.plus(offset)


def _sum(builder: Builder, node: SourceNode, views: list[View], signs: tuple[int, int]) -> View:
    """Two tensors: integers in a common unit, which must exist."""
    label = node.label(builder.who)
    views = [builder.bare(node, _open(builder, node, view)) for view in views]
    if views[0].shape != views[1].shape:
        shapes = " and ".join(str([*view.shape]) for view in views)
        raise ModelError(f"{label}: tensors must have one shape, not {shapes}")
    units = [{*view.factor.reshape(-1)} for view in views]
    if any(len(unit) != 1 for unit in units):
        raise ModelError(f"{label}: tensors must have one scale for all channels")
    first, second = (unit.pop() * sign for unit, sign in zip(units, signs, strict=True))
    common = Fraction(
        gcd(first.numerator * second.denominator, second.numerator * first.denominator),
        first.denominator * second.denominator,
    )
    factors = (int(first / common), int(second / common))
    if max(map(abs, factors)) > _WIDEST_FACTOR:
        raise ModelError(f"{label}: scales must have a ratio of small integers, not any one")
    tensors = tuple(builder.tensor(view) for view in views)
    name = builder.add(Add, node, tensors, factors=factors)
    offset = views[0].offset * signs[0] + views[1].offset * signs[1]
    return View.plain(name, views[0].shape, common).plus(offset)


def _add(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    left, right = operands[:2]
    if isinstance(left, View) and isinstance(right, View):
        return _sum(builder, node, [left, right], (1, 1))
    if isinstance(right, View):
        left, right = right, left
    return increased(builder, node, left, right)


def _subtract(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    left, right = operands[:2]
    if isinstance(left, View) and isinstance(right, View):
        return _sum(builder, node, [left, right], (1, -1))
    if isinstance(right, View):
        minus = scaled(builder, node, right, -fractions(1).reshape([1] * right.factor.ndim))
        return increased(builder, node, minus, left)
    return increased(
        builder,
        node,
        left,
        -np.asarray(right)
        if not isinstance(right, Coded)
        else Coded(right.codes, -right.factor, -right.offset),
    )


def _multiply(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    left, right = operands[:2]
    if isinstance(left, View) and isinstance(right, View):
        label = node.label(builder.who)
        raise ModelError(f"{label}: one factor must be a constant, not both be tensors")
    if isinstance(right, View):
        left, right = right, left
    return scaled(builder, node, left, against(builder, node, left, right))


def _divide(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    left, right = operands[:2]
    if isinstance(right, View):
        raise ModelError(f"{node.label(builder.who)}: the divisor must be a constant")
    divisor = against(builder, node, left, right)
    if (divisor == 0).any():
        raise ModelError(f"{node.label(builder.who)}: the divisor must not be 0")
    return scaled(builder, node, left, np.asarray(1 / divisor, object))


def _relu(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    return _open(builder, node, operands[0]).limited(0, None)


def _clip(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    low, high = padded(operands[1:], 2)
    limits = []
    for bound, name, sign in ((low, "min", -1), (high, "max", 1)):
        value = node.attributes.get(name) if bound is None else float(np.reshape(bound, -1)[0])
        infinite = value is not None and abs(value) > 3.4e38 and value * sign > 0
        limits.append(None if value is None or infinite else Fraction(value))
    return _open(builder, node, operands[0]).limited(*limits)


def _function(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    """A function that grows, which the next quantiser makes a staircase of."""
    view = operands[0]
    falling = [name for name in ("alpha", "gamma") if node.attributes.get(name, 0) < 0]
    if falling:
        label = node.label(builder.who)
        raise ModelError(f"{label}: {falling[0]} must not be negative, so that the function grows")
    if view.low is not None or view.high is not None:
        view = builder.bare(node, view)
    step = (node.operator, dict(node.attributes))
    return view.changed(functions=(*view.functions, step))


def _hard_sigmoid(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    """A product, a sum and limits."""
    view = _open(builder, node, operands[0])
    ones = fractions(1).reshape([1] * view.factor.ndim)
    slope, middle = (
        Fraction(node.attributes.get(name, value))
        for name, value in (("alpha", 0.2), ("beta", 0.5))
    )
    if slope <= 0:
        label = node.label(builder.who)
        raise ModelError(f"{label}: alpha must be positive, so that the function grows")
    return scaled(builder, node, view, ones * slope).plus(ones * middle).limited(0, 1)


def _softmax(builder: Builder, node: SourceNode, operands: list[Any]) -> Tail:
    view = operands[0]
    axis = node.attributes["axis"]
    axis += len(view.shape) if axis < 0 else 0
    wide = node.attributes.get("flatten") and int(np.prod(view.shape[axis + 1 :])) != 1
    if wide:
        raise ModelError(f"{node.label(builder.who)}: softmax must be over the last axis")
    builder.remarks.append(
        f"{node.label(builder.who)}: outputs are the values before softmax; the host computes it"
    )
    return Tail(view, (("softmax", (float(axis - len(view.shape)),)),))


ELEMENTWISE_RULES: dict[str, Any] = {
    "Add": _add,
    "Sub": _subtract,
    "Mul": _multiply,
    "Div": _divide,
    "Relu": _relu,
    "Clip": _clip,
    "Softmax": _softmax,
    "Neg": lambda b, n, x: scaled(b, n, x[0], -fractions(1).reshape([1] * x[0].factor.ndim)),
    "Identity": lambda b, n, x: x[0],
    "Dropout": lambda b, n, x: x[0],
    **dict.fromkeys(("Tanh", "Sigmoid", "Selu", "Elu", "LeakyRelu"), _function),
    "HardSigmoid": _hard_sigmoid,
}
