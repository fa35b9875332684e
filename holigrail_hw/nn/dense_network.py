"""A whole network of fully connected layers, in parallel: one result in every clock cycle.

Every layer is a constant matrix times a vector, made of adders only (see the operator ``cmvm``),
whose sums travel as unsigned numbers with a known offset. All offsets of a sum, its bias and the
half of the rounding are one constant.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from amaranth import Cat, Const, Value, unsigned

from holigrail_hw.core import OperatorSpec, Timing, operator, parameter
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.plan import Plan, Wire
from holigrail_hw.hdl.primitives import Adder, Logic, Wiring
from holigrail_hw.mcm.matrix_counting import width_of_range
from holigrail_hw.mcm.matrix_graph import MatrixGraph, RowTarget
from holigrail_hw.mcm.matrix_search import MatrixSolution, solve_matrix

from .layers import Layer, layers_of
from .offset_sums import OffsetNode, offset_nodes, sum_bits

__all__ = ["DenseNetwork"]

_EXAMPLE_WEIGHTS = (((3, -5, 0), (7, 1, -6)), ((2, -1), (-3, 6), (5, 5)))
_EXAMPLE_BIASES = ((1, 0, -2), (4, -7))


@operator(
    "dense-network",
    summary="fully connected layers with ReLU or saturation, all in parallel, adders only",
    references=(
        "Duarte et al., Fast inference of deep neural networks in FPGAs for particle physics, 2018",
        "Sun et al., da4ml: Distributed Arithmetic for Real-time Neural Networks on FPGAs, 2025",
    ),
    maturity="preview",
)
@dataclass(frozen=True, kw_only=True)
class DenseNetwork(OperatorSpec):
    """y = W_n a_n + b_n, with a_1 = x and a_(i+1) = saturate(round(W_i a_i + b_i)).

    Weights and biases are integers in units of 2^-weight_fraction. Hidden sums are rounded half up
    to the activation format and saturate; an unsigned format makes this a ReLU. The outputs are
    exact, in as many bits as they need. The search for adders depends on its seed and its
    iterations only, unless the time limit comes first.
    """

    weights: tuple[tuple[tuple[int, ...], ...], ...] = parameter(
        _EXAMPLE_WEIGHTS, "a matrix for each layer, with a row for each of its inputs"
    )
    biases: tuple[tuple[int, ...], ...] = parameter(_EXAMPLE_BIASES, "a row for each layer")
    input: Format = parameter(parse("int6"), "format of every input")
    activation: Format = parameter(parse("ufix4_en2"), "format of the values between layers")
    weight_fraction: int = parameter(3, "fraction bits of weights and biases", low=0, high=64)
    iterations: int = parameter(20, "repetitions of the search", low=0, high=1 << 30)
    search_time: int = parameter(60, "seconds for each layer", low=1, high=1 << 20)
    search_seed: int = parameter(0, "random numbers of the search", low=0, high=1 << 30)

    @property
    def layers(self) -> list[Layer]:
        return layers_of(
            self.weights,
            self.biases,
            weight_fraction=self.weight_fraction,
            input=self.input,
            activation=self.activation,
        )

    def solutions(self) -> list[MatrixSolution]:
        return [
            _solved(layer.matrix, self.iterations, self.search_time, self.search_seed)
            for layer in self.layers
        ]

    def inputs(self) -> dict[str, Format]:
        return {f"x{index}": self.input for index in range(len(self.weights[0]))}

    def outputs(self) -> dict[str, Format]:
        last = self.layers[-1]
        return {
            f"y{index}": FixedFormat(width_of_range(low, high), low < 0, last.fraction_width)
            for index, (low, high) in enumerate(last.results)
        }

    def top_name(self, timing: Timing | None = None) -> str:
        name = super().top_name(timing)
        sizes = [len(self.weights[0]), *(len(row) for row in self.biases)]
        digest = hashlib.sha256(f"{name} {self.weights} {self.biases}".encode()).hexdigest()[:12]
        return f"dense_network_{'_'.join(map(str, sizes))}_{digest}"

    def golden(self, **codes: Any) -> dict[str, Any]:
        fraction, signed = self.input.fraction_width, self.input.signed
        columns = []
        for index in range(len(self.weights[0])):
            code = np.asarray(codes[f"x{index}"]).astype(object)
            if signed:
                code = code - ((code >> (self.input.width - 1)) << self.input.width)
            columns.append(code)
        values = np.stack(columns)
        fast = np.int64
        values = values.astype(fast)
        for index, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            matrix = np.array(weights).T
            shape = (-1, *[1] * (values.ndim - 1))
            values = np.tensordot(matrix, values, 1) + (np.array(biases) << fraction).reshape(shape)
            if index == len(self.weights) - 1:
                break
            drop = fraction + self.weight_fraction - self.activation.fraction_width
            values = (values + (1 << drop >> 1)) >> drop if drop > 0 else values << -drop
            values = np.clip(values, self.activation.minimum, self.activation.maximum)
            fraction = self.activation.fraction_width
        return {
            name: (row & ((1 << format.width) - 1)).astype(np.uint64)
            for row, (name, format) in zip(values, self.outputs().items(), strict=True)
        }

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        values = [wires[name] for name in self.inputs()]
        layers = self.layers
        for index, (layer, found) in enumerate(zip(layers, self.solutions(), strict=True)):
            values = _sums(plan, f"layer{index}", layer, found.graph, values, self.activation if index < len(layers) - 1 else None)
        return {name: value for name, value in zip(self.outputs(), values, strict=True)}


def _sums(plan: Plan, name: str, layer: Layer, graph: MatrixGraph, values: Sequence[Wire], activation) -> list[Wire]:
    nodes = offset_nodes(graph, layer.ranges)
    wires = [
        plan.step(
            f"{name}_input{index}", unsigned(node.width), _unsigned(node), value, wrap=True
        )
        for index, (value, node) in enumerate(zip(values, nodes, strict=False))
    ]
    uses = [0] * len(nodes)
    for node in nodes[graph.inputs :]:
        uses[node.sum.left] += 1
        uses[node.sum.right] += 1
    for target in graph.targets:
        if target.node is not None:
            uses[target.node] += 1
    for index, node in enumerate(nodes[graph.inputs :]):
        operands = wires[node.sum.left], wires[node.sum.right]
        label = f"{name}_sum{index}"
        chain = sum_bits(node, nodes)[1]
        if not chain:
            wires.append(plan.step(label, unsigned(node.width), _side_by_side(node, nodes), *operands))
            continue
        alone = uses[graph.inputs + index] == 1
        total = plan.step(
            f"{label}_chain",
            unsigned(chain),
            _chain(node, nodes),
            *operands,
            using=Adder(chain),
            wrap=True,
        )
        wires.append(plan.step(label, unsigned(node.width), _whole(node, alone), total, operands[1]))
    results = []
    for index, target in enumerate(graph.targets):
        results.append(_row(plan, f"{name}_row{index}", layer, index, target, nodes, wires, activation))
    return results


def _unsigned(node: OffsetNode):
    def function(value):
        value = Value.cast(value)
        if not node.offset:
            return value.as_unsigned()[: node.width]
        return _joined(value[: node.width - 1], ~value[node.width - 1])

    return function


def _side_by_side(node, nodes):
    made = node.sum
    gap = made.shift - nodes[made.right].width

    def function(left, right):
        return _joined(
            ~right if made.form == "r" else right,
            Const(0, gap),
            ~left if made.form == "-" else left,
        )

    return function


def _whole(node, alone):
    def function(total, right):
        if alone and len(total) > 1:
            total = _joined(total[0] | (total[0] & total[1]), total[1:])
        low = right[: node.sum.shift]
        return _joined(~low if node.sum.form == "r" else low, total)

    return function


def _chain(node, nodes):
    made = node.sum
    chain = node.width - made.shift

    def function(left, right):
        high = right[made.shift :]
        if made.form == "+":
            return left + high
        one, other = (high, left) if made.form == "-" else (left, high)
        return one - _joined(other, _ones(chain - len(other)))

    return function


def _joined(*parts):
    """Concatenation without empty parts, of which the Verilog would speak."""
    parts = [Value.cast(part) for part in parts]
    return Cat(*(part for part in parts if len(part)))


def _ones(width):
    width = max(0, width)
    return Const((1 << width) - 1, width)


def _row(plan, name, layer, index, target, nodes, wires, activation):
    low, high = layer.results[index]
    drop = 0 if activation is None else layer.fraction_width - activation.fraction_width
    half = 1 << drop >> 1 if drop > 0 else 0
    low, high = low + half, high + half
    width = width_of_range(low, high)
    signed = low < 0
    constant = layer.biases[index] + half
    if target.node is None:
        total = plan.constant(constant % (1 << width), unsigned(width))
    else:
        node = nodes[target.node]
        sign = -node.sign if target.negative else node.sign
        constant -= sign * (node.offset << target.shift)
        if sign < 0:
            constant += 1 << target.shift
        constant %= 1 << width
        low_zeros = (constant & -constant).bit_length() - 1 if constant else width

        def function(value):
            value = _joined(value, Const(0, width))[:width]
            if sign < 0:
                value = ~value
            value = _joined(Const(0, target.shift), value)[:width]
            if not constant:
                return value
            return _joined(value[:low_zeros], (value[low_zeros:] + (constant >> low_zeros))[:width - low_zeros])

        total = plan.step(name, unsigned(width), function, wires[target.node], using=Adder(width - low_zeros) if constant else Wiring(), wrap=True)
    if activation is None:
        return plan.step(f"{name}_result", _signal_shape(width, signed), lambda v: v.as_signed() if signed else v, total)
    return _activated(plan, f"{name}_activation", total, signed, drop, activation)


def _signal_shape(width, signed):
    from amaranth import signed as s
    return s(width) if signed else unsigned(width)


def _activated(plan, name, total, signed, drop, activation):
    magnitude = activation.width - activation.signed

    def function(value):
        value = _joined(value, value[-1] if signed else Const(0, 1)) 
        value = value[drop:] if drop > 0 else _joined(Const(0, -drop), value)
        sign, value = value[-1], value[:-1]
        value = _joined(value, sign.replicate(max(0, magnitude - len(value)))) 
        upper, value = value[magnitude:], value[:magnitude]
        over = ~sign & upper.any() if len(upper) else Const(0, 1)
        if not activation.signed:
            return (value | over.replicate(magnitude)) & ~sign.replicate(magnitude)
        under = sign & ~upper.all() if len(upper) else Const(0, 1)
        return _joined((value | over.replicate(magnitude)) & ~under.replicate(magnitude), sign).as_signed()

    return plan.step(name, _signal_shape(activation.width, activation.signed), function, total, using=Logic(2, magnitude + 1), wrap=True)


@lru_cache(maxsize=256)
def _solved(matrix, iterations, time_limit, seed) -> MatrixSolution:
    return solve_matrix(matrix, iterations=iterations, time_limit=time_limit, seed=seed)
