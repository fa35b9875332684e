"""The network of integers: sums and codes of every layer, with limits that no input of the box
reaches, so that nothing saturates there and nothing overflows anywhere."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.functions import Function
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear, Meaning, Node, Port, Requantise
from holigrail_hw.models.graph.ranges import Tensor, result
from holigrail_hw.models.layered import Layered

from .adder_layers import AdderLayers
from .errors import Forward
from .formats import Numbers
from .partition import Box

__all__ = ["integer_network"]

_WIDEST = 1 << 62
_FUNCTIONS = {"tanh": "Tanh", "sigmoid": "Sigmoid"}


def integer_network(
    network: Layered,
    given: Numbers,
    box: Box,
    spread: Forward,
    names: tuple[str, str],
    said: str,
    lossy: AdderLayers | None = None,
) -> IntegerGraph:
    """The graph that hardware is made of.

    Parameters
    ----------
    network, given : Layered, Numbers
        The real layers, and their integers.
    box : Box
        Inputs of the file; codes of others are clipped to those of the box.
    spread : Forward
        Ranges of the integer network.
    names : tuple of str
        The input and the output in the file.
    said : str
        The bound, in words.
    lossy : AdderLayers or None
        What makes layers that may lose bits; all are exact if None.

    Raises
    ------
    ModelError
        If a sum does not fit into 62 bits.
    """
    formats = given.formats
    ends = [*spread.entered[1:], spread.left]
    nodes: list[Node] = []
    port = _entering(network, formats.input, box, names[0])
    tensor = "x"
    operand = Tensor(port.shape, np.array([port.low]), np.array([port.high]))
    columns = np.ones(network.inputs, bool)
    for index, layer in enumerate(network.layers):
        rows, name = given.kept[index], f"layer{index + 1}"
        label = f"{network.name}: {name}"
        weights = _small(given.weights[index][rows][:, columns].T, label)
        bias = _small(np.array(given.biases[index], object)[rows], label)
        plain = Linear(name=name, inputs=(tensor,), weights=weights, bias=bias, source=name)
        bits, of_sums = formats.values[index], formats.sums(index)[rows]
        node: Node = plain
        if lossy is not None:
            halves = [0] * len(of_sums)
            if layer.activation not in _FUNCTIONS:
                halves = [1 << int(p) - bits >> 1 if p > bits else 0 for p in of_sums]
            losses = np.array(formats.losses(index), object)[rows].tolist()
            node = lossy.node(plain, operand, halves, losses)
        nodes.append(node)
        operand = result(node, [operand], label)
        tensor, columns = name, rows
        if layer.activation == "none" and (bits == of_sums).all():
            continue
        low, high = (float(f(end)) for f, end in zip((np.min, np.max), ends[index], strict=True))
        formula = _formula(layer.activation, bits, of_sums, low, high)
        if node is not plain and formula.kind == "affine":
            formula = replace(formula, rounding="down")
        tensor = f"{name}_codes"
        nodes.append(Requantise(name=tensor, inputs=(name,), formula=formula, source=name))
        operand = result(nodes[-1], [operand], label)
    factor, offset = (_array(values) for values in network.leave)
    unit = Fraction(2) ** -formats.values[-1]
    count = (network.outputs,)
    shape = network.out_shape if int(np.prod(network.out_shape)) == count[0] else count
    return IntegerGraph(
        name=network.name,
        inputs=(port,),
        outputs=(
            Port(
                name=names[1],
                tensor=tensor,
                file_shape=shape,
                shape=count,
                meaning=Meaning(factor * unit, offset),
            ),
        ),
        nodes=tuple(nodes),
        semantics="fixed point with proved formats",
        approximations=(said,),
    )


def _small(values: Any, who: str) -> np.ndarray:
    found = [int(v) for v in values.reshape(-1)]
    if any(abs(v) >= _WIDEST for v in found):
        raise ModelError(f"{who}: weights and biases must fit into 62 bits")
    return np.array(found, np.int64).reshape(values.shape)


def _array(values: Any) -> np.ndarray:
    found = np.empty(len(values), object)
    found[:] = [*values]
    return found


def _entering(network: Layered, bits: int, box: Box, name: str) -> Port:
    """The host multiplies and shifts numbers of the file, if the file does, and rounds them."""
    factor, offset = (_array(values) for values in network.enter)
    unit = Fraction(2) ** -bits
    ends = [
        ((a * end + c) / unit + Fraction(1, 2)).__floor__()
        for a, c, pair in zip(factor, offset, box, strict=True)
        for end in pair
    ]
    low, high = min(ends), max(ends)
    formula = Affine(factor / unit, offset / unit, low, high, "nearest_up")
    meaning = Meaning(_array([unit / a for a in factor]), _array([*(-offset / factor)]))
    return Port(
        name=name,
        tensor="x",
        file_shape=network.file_shape,
        shape=(network.inputs,),
        meaning=meaning,
        low=low,
        high=high,
        formula=formula,
    )


def _formula(activation: str, bits: int, of_sums: np.ndarray, low: float, high: float) -> Any:
    if activation in _FUNCTIONS:
        # Codes beyond those of the box are left out: thresholds are as many as codes.
        floor = -(1 << bits) if activation == "tanh" else 0
        least = max(int(np.floor(low * 2.0**bits)) - 1, floor)
        most = min(int(np.ceil(high * 2.0**bits)) + 1, 1 << bits)
        step = (_FUNCTIONS[activation], {})
        scale = np.ldexp(1.0, -of_sums), np.zeros(len(of_sums))
        return Function((step,), *scale, 2.0**-bits, 0, least, most)
    # Limits are full ranges of bits: as cheap as any, and a little wider than what was proved.
    reach = max(abs(low), abs(high)) * 2.0**bits + 2
    most = (1 << int(reach).bit_length()) - 1
    least = 0 if activation == "relu" else -most - 1
    factor = _array([Fraction(2) ** (bits - int(places)) for places in of_sums])
    return Affine(factor, _array([Fraction(0)] * len(factor)), least, most, "nearest_up")
