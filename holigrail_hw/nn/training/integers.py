"""The integer graph of what was trained: shifts are all that rescaling takes."""

from fractions import Fraction

import numpy as np

from holigrail_hw.models import IntegerGraph
from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.formulas.functions import Function
from holigrail_hw.models.graph.nodes import Linear, Meaning, Move, Node, Pool, Port, Requantise

from .chain import Layer
from .number_formats import LayerFormat
from .trainable import Trainable

__all__ = ["input_codes", "integer_graph"]


def _scalar(value: Fraction, rank: int) -> np.ndarray:
    return fractions(value).reshape([1] * rank)


def _two(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


def _meaning(fraction: int, rank: int) -> Meaning:
    return Meaning(_scalar(_two(-fraction), rank), _scalar(Fraction(0), rank))


def _input(network: Trainable) -> Port:
    chain, first = network.chain, network.first
    rank = len(chain.shape)
    scale, zero = _scalar(_two(first.fraction), rank), _scalar(Fraction(0), rank)
    return Port(
        name="x",
        tensor="x",
        file_shape=chain.file_shape,
        shape=chain.shape,
        order=chain.order,
        meaning=_meaning(first.fraction, rank),
        low=first.low,
        high=first.high,
        formula=Affine(scale, zero, first.low, first.high, "nearest_up"),
    )


def _formula(layer: Layer, format: LayerFormat, rank: int) -> Affine | Function:
    if layer.activation == "Relu":
        scale = _scalar(_two(format.result - format.sums), rank)
        zero = _scalar(Fraction(0), rank)
        return Affine(scale, zero, format.low, format.high, "nearest_up")
    factor = np.full([1] * rank, 2.0**-format.sums)
    return Function(
        steps=((layer.activation, {}),),
        factor=factor,
        offset=np.zeros_like(factor),
        scale=2.0**-format.result,
        zero=0,
        low=format.low,
        high=format.high,
    )


def integer_graph(network: Trainable) -> IntegerGraph:
    """The graph that computes what :meth:`.Trainable.forward` does, in integers."""
    chain = network.chain
    nodes: list[Node] = []
    value, is_image = "x", len(chain.shape) == 3
    for index, layer in enumerate(chain.layers):
        format = network.formats[index]
        words = network.of_layer(network.words, index).astype(np.int64)
        bias = network.bias_codes(index).astype(np.int64)
        rank = 1
        if layer.window is not None and layer.image is not None:
            words = words.reshape(*layer.window.kernel, layer.image[2], -1)
            rank = 3
        elif is_image:
            name = f"flat{index}"
            nodes.append(Move(name=name, inputs=(value,), how="reshape", numbers=(len(words),)))
            value = name
        is_image = rank == 3
        name = f"sums{index}"
        meaning = _meaning(format.sums, rank)
        nodes.append(
            Linear(
                name=name,
                inputs=(value,),
                source=layer.name,
                meaning=meaning,
                weights=words,
                bias=bias,
                window=layer.window,
            )
        )
        value = name
        if layer.activation:
            formula, meaning = _formula(layer, format, rank), _meaning(format.result, rank)
            value = f"codes{index}"
            nodes.append(Requantise(name=value, inputs=(name,), meaning=meaning, formula=formula))
        if layer.pool is not None:
            before, value = value, f"pool{index}"
            nodes.append(
                Pool(
                    name=value, inputs=(before,), meaning=meaning, how="maximum", window=layer.pool
                )
            )
    return _finished(network, tuple(nodes), value)


def _finished(network: Trainable, nodes: tuple[Node, ...], value: str) -> IntegerGraph:
    chain = network.chain
    fraction, rank = network.formats[-1].result, len(_result_shape(network))
    shape = _result_shape(network)
    port = Port(
        name="y",
        tensor=value,
        file_shape=(1, int(np.prod(shape))),
        shape=shape,
        meaning=_meaning(fraction, rank),
        tail=(("softmax", (-1.0,)),) if chain.softmax else (),
    )
    return IntegerGraph(
        name=chain.name,
        inputs=(_input(network),),
        outputs=(port,),
        nodes=nodes,
        semantics="integers",
        remarks=(f"{chain.name}: trained with coefficients {network.allowed.name}",),
    )


def _result_shape(network: Trainable) -> tuple[int, ...]:
    last = network.chain.layers[-1]
    if last.window is None or last.image is None:
        return (last.weights.shape[1],)
    rows, columns = last.window.outputs(*last.image[:2])
    if last.pool is not None:
        rows, columns = last.pool.outputs(rows, columns)
    return rows, columns, last.weights.shape[1]


def input_codes(network: Trainable, samples: np.ndarray) -> np.ndarray:
    """Values of the codes of samples in the file's shape, in that of the first layer.

    They are those of the graph's input. Its formula serves any factor; where that is a power of
    two, products and distances to the integer below are exact in float64.
    """
    chain, first = network.chain, network.first
    if chain.order:
        inner = samples.reshape(len(samples), *chain.file_shape[1:])
        samples = inner.transpose(0, *(axis + 1 for axis in chain.order))
    scaled = samples.reshape(len(samples), *chain.shape) * 2.0**first.fraction
    below = np.floor(scaled)
    codes = below + (scaled - below >= 0.5)
    return np.clip(codes, first.low, first.high) * 2.0**-first.fraction
