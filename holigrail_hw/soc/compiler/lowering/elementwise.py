"""Maxima, functions of codes, and sums of two tensors."""

from typing import Any

import numpy as np

from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.graph.nodes import Add, Pool, Requantise
from holigrail_hw.models.graph.ranges import Tensor
from holigrail_hw.soc.compiler.layers import Lookup, Maximum, Sum

from .context import CODES, WIDEST_SUM, Context, Refused

__all__ = ["function", "maximum", "total"]


def maximum(context: Context, node: Pool) -> None:
    """A maximum over windows, and limits behind it."""
    low, high, nodes = *CODES, [node]
    code = context.only_user(node)
    result = node.name
    if isinstance(code, Requantise) and _limits_only(code.formula):
        assert isinstance(code.formula, Affine)
        low, high = max(low, code.formula.low), min(high, code.formula.high)
        nodes, result = [node, code], code.name
    layer = Maximum(
        operands=(context.name(node.inputs[0]),),
        result=result,
        source=node.source,
        window=node.window,
        low=low,
        high=high,
    )
    context.add(layer, *nodes)


def function(context: Context, node: Requantise) -> None:
    """A code for every code."""
    if isinstance(context.only_user(node), Add):
        return  # one of the two tables of the sum
    layer = Lookup(
        operands=(context.name(node.inputs[0]),),
        result=node.name,
        source=node.source,
        codes=context.table(node, *CODES),
    )
    context.add(layer, node)


def total(context: Context, added: Add) -> None:
    """The sum of two tensors, each by a table."""
    if len(added.inputs) != 2:
        raise Refused(f"sums must be those of two tensors, not {len(added.inputs)}")
    code = context.code(added)
    tables, operands, nodes = [], [], []
    for name, factor in zip(added.inputs, added.factors, strict=True):
        table, operand = _operand(context, name)
        tables.append(factor * table)
        operands.append(operand)
        nodes += [node for node in (context.nodes.get(name),) if node is not None]
    if max(int(np.abs(t).max()) for t in tables) > WIDEST_SUM // 2:
        raise Refused("rescaled operands of a sum must fit into 31 bits")
    sums = context.graph.tensors[added.name]
    ends = [sum(int(f(t)) for t in tables) for f in (np.min, np.max)]
    shape = (*(1 for _ in sums.shape[1:]), sums.shape[-1])
    rescaling = context.rescaling(code, Tensor(shape, np.array(ends[:1]), np.array(ends[1:])))
    found = {*zip(rescaling.multiplier.tolist(), rescaling.shift.tolist(), strict=True)}
    if len(found) != 1 or rescaling.offset:
        raise Refused("sums must have one multiplier for all channels")
    layer = Sum(
        operands=tuple(operands),
        result=code.name,
        source=added.source,
        tables=(tables[0], tables[1]),
        rescaling=rescaling,
    )
    context.add(layer, *nodes, added, code)


def _operand(context: Context, name: str) -> tuple[np.ndarray, str]:
    """What a sum adds for every code of a tensor, and that tensor."""
    node = context.nodes.get(name)
    if isinstance(node, Requantise) and name not in context.images:
        return context.table(node, -WIDEST_SUM, WIDEST_SUM), context.name(node.inputs[0])
    return np.roll(np.arange(-128, 128), -128), context.name(name)


def _limits_only(formula: Any) -> bool:
    if not isinstance(formula, Affine) or formula.rounding == "sign":
        return False
    return bool((formula.factor == 1).all() and (formula.offset == 0).all())
