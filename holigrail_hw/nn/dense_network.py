"""A whole network of fully connected layers, in parallel: one result in every clock cycle.

Every layer is a constant matrix times a vector, made of adders only (see the operator ``cmvm``),
whose sums travel as unsigned numbers with a known offset. All offsets of a sum, its bias and the
half of the rounding are one constant.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from holigrail_hw.core import OperatorSpec, Timing, operator, parameter
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.plan import Plan, Wire
from holigrail_hw.mcm.matrix_counting import width_of_range
from holigrail_hw.mcm.matrix_search import MatrixSolution, solve_matrix

from .layer_datapath import layer_outputs
from .layers import Layer, layers_of

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
    stage_levels: int | None = parameter(
        None, "most adders between two registers; none: registers where the clock asks", low=1, high=64, samples=(3,)
    )
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

    @property
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
        first, last = 0, len(layers) - 1
        for index, (layer, found) in enumerate(zip(layers, self.solutions, strict=True)):
            activation = self.activation if index < last else None
            name = f"layer{index}"
            values = layer_outputs(
                plan, name, layer, found.graph, values, activation, self.stage_levels
            )
            if self.stage_levels is not None and index < last:
                first = max(value.cycle for value in values) + 1
                values = [plan.later(value, first) for value in values]
        return {name: value for name, value in zip(self.outputs(), values, strict=True)}


@lru_cache(maxsize=256)
def _solved(matrix, iterations, time_limit, seed) -> MatrixSolution:
    return solve_matrix(matrix, iterations=iterations, time_limit=time_limit, seed=seed)
