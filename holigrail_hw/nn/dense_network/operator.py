"""A whole network of fully connected layers, in parallel: one result per clock cycle.

Every layer is a constant matrix times a vector, made of adders only (see the operator ``cmvm``),
whose sums are carried as unsigned numbers with a known offset. All offsets of a sum, its bias and
the half for rounding are combined in one constant.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import floor
from typing import Any

import numpy as np

from holigrail_hw.core import (
    ExactOutputs,
    OperatorSpec,
    RequestError,
    Timing,
    clamped,
    numbers_of,
    operator,
    parameter,
)
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.mcm.matrix.counting import width_of_range
from holigrail_hw.mcm.matrix.design import MatrixDesign, MatrixRequest, design_remarks
from holigrail_hw.mcm.matrix.kept_designs import design_kept
from holigrail_hw.mcm.matrix.search import default_iterations, least_matrix_depth
from holigrail_hw.mcm.native.library import slow_remark
from holigrail_hw.mcm.problem.errors import GraphError

from .layer_datapath import layer_outputs
from .layers import Layer, layers_of
from .offset_sums import offset_nodes, sum_bits

__all__ = ["DenseNetwork"]

_WIDEST = 64
_EXAMPLE_WEIGHTS = (((3, -5, 0), (7, 1, -6)), ((2, -1), (-3, 6), (5, 5)))
_EXAMPLE_BIASES = ((1, 0, -2), (4, -7))
_HALF_DEAD = (((0, -32, 0), (0, 31, 1)), ((0, -32), (31, 0), (-1, 1)))


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
    """y = a_n W_n + b_n, with a_1 = x and a_(i+1) = saturate(round(a_i W_i + b_i)).

    Weights and biases are integers in units of 2^-weight_fraction. Hidden sums are rounded half up
    to the activation format and saturate; an unsigned format makes this a ReLU. The outputs are
    exact, and as wide as they need to be. The graphs depend only on the seed and the number of
    iterations of their two searches, unless a layer's time limit or Ctrl-C comes first; then the
    best result so far is used. They are kept on disk. By default ``iterations`` is, for each layer,
    what the compiled search manages in about two seconds.
    """

    weights: tuple[tuple[tuple[int, ...], ...], ...] = parameter(
        _EXAMPLE_WEIGHTS,
        "one matrix per layer, with a row for each of the layer's inputs",
        samples=(_HALF_DEAD,),
    )
    biases: tuple[tuple[int, ...], ...] = parameter(
        _EXAMPLE_BIASES, "one row per layer", samples=(((-32, 31, 0), (0, 1)),)
    )
    input: Format = parameter(
        parse("int6"), "format of every input", samples=("uint5", "sfix4_en3")
    )
    activation: Format = parameter(
        parse("ufix4_en2"),
        "format of the values between layers",
        samples=("sfix3_en1", "uint1", "ufix6_en7"),
    )
    weight_fraction: int = parameter(
        3, "fraction bits of weights and biases", low=0, high=64, samples=(0, 6)
    )
    depths: tuple[int, ...] | None = parameter(
        None, "most adders on a path, one limit per layer", samples=((3, 3),)
    )
    stage_levels: int | None = parameter(
        None,
        "most adders between two registers; if none, registers only where the clock needs them",
        low=1,
        high=64,
        samples=(4,),
    )
    iterations: int | None = parameter(
        None,
        "repetitions of a layer's search; chosen by the size of its matrix if none",
        low=0,
        high=1 << 30,
        hardware=False,
    )
    search_time: int = parameter(
        60, "time limit of a layer's search in seconds", low=1, high=1 << 20, hardware=False
    )
    search_seed: int = parameter(
        0, "random seed of the search", low=0, high=1 << 30, hardware=False
    )

    def check(self) -> list[str]:
        found = []
        for name in ("input", "activation"):
            format = getattr(self, name)
            if not isinstance(format, FixedFormat):
                found.append(f"{name} must be an integer or fixed point, not {format}")
            elif format.fraction_width < 0:
                found.append(f"{name} must have no negative fraction width, not {format}")
        found += self._shape_violations()
        if found:
            return found
        numbers = [
            item for matrix in (*self.weights, self.biases) for row in matrix for item in row
        ]
        wide = [item for item in numbers if abs(item).bit_length() > _WIDEST]
        if wide:
            return [f"weights and biases must have at most {_WIDEST} bits, not {wide[0]}"]
        if self.depths is not None:
            if len(self.depths) != len(self.weights):
                return [
                    f"depths must be {len(self.weights)}, one per layer, not {len(self.depths)}"
                ]
            for index, (layer, depth) in enumerate(zip(self.layers, self.depths, strict=True)):
                least = least_matrix_depth(layer.matrix)
                if depth < least:
                    found.append(f"depth of layer {index} must be {least} or more, not {depth}")
        return found

    def _shape_violations(self) -> list[str]:
        if not self.weights or not all(matrix and all(matrix) for matrix in self.weights):
            return ["weights must be one matrix or more, each of one row and column or more"]
        if len(self.biases) != len(self.weights):
            return [f"biases must be {len(self.weights)} rows, not {len(self.biases)}"]
        found = []
        rows = len(self.weights[0])
        for index, (matrix, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            lengths = sorted({len(row) for row in matrix})
            if len(lengths) > 1:
                found.append(f"rows of weights {index} must be equally long, not {lengths}")
            if len(matrix) != rows:
                found.append(f"weights {index} must have {rows} rows, not {len(matrix)}")
            if len(biases) != lengths[0]:
                found.append(f"biases {index} must be {lengths[0]}, not {len(biases)}")
            rows = lengths[0]
        return found

    @cached_property
    def layers(self) -> list[Layer]:
        """The layers in integers."""
        assert isinstance(self.input, FixedFormat) and isinstance(self.activation, FixedFormat)
        return layers_of(
            self.weights,
            self.biases,
            weight_fraction=self.weight_fraction,
            input=self.input,
            activation=self.activation,
        )

    @cached_property
    def designs(self) -> list[MatrixDesign]:
        """The adder graph of every layer's matrix, by the search or from the cache."""
        return self._designed()

    def prepare(self, progress: Callable[[str], None]) -> str | None:
        found = self._designed(progress)
        late = [index for index, design in enumerate(found) if design.stopped]
        if not late:
            return slow_remark()
        return slow_remark(
            f"search stopped in layer {late[0]}, going on with the best layers so far"
        )

    def _designed(self, progress: Callable[[str], None] | None = None) -> list[MatrixDesign]:
        """The designs; after Ctrl-C in one layer's search, later layers take their first answer."""
        found: list[MatrixDesign] = []
        depths = self.depths or (None,) * len(self.weights)
        for index, (layer, depth) in enumerate(zip(self.layers, depths, strict=True)):
            nothing = (0,) * len(layer.matrix)
            request = MatrixRequest(
                matrix=layer.matrix,
                ranges=layer.ranges,
                constants=nothing,
                bounds=nothing,
                depth=depth,
                iterations=(
                    default_iterations(layer.matrix) if self.iterations is None else self.iterations
                ),
                seed=self.search_seed,
                searches=2,
            )

            def told(text: str, index: int = index) -> None:
                if progress is not None:
                    progress(f"layer {index} (0 to {len(depths) - 1}): {text}")

            stopped = any(design.stopped for design in found)
            try:
                found.append(
                    design_kept(
                        request,
                        time_limit=self.search_time,
                        progress=told,
                        stop=(lambda: True) if stopped else None,
                    )
                )
            except GraphError as error:
                raise RequestError(f"dense-network: {error}", hint=error.hint) from None
        return found

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        """What is known about the matrices' graphs, for people."""
        overlaps = chains = 0
        for layer, design in zip(self.layers, self.designs, strict=True):
            nodes = offset_nodes(design.circuit.graph, layer.ranges)
            bits = [sum_bits(node, nodes) for node in nodes]
            overlaps += sum(overlap for overlap, _ in bits)
            chains += sum(chain for _, chain in bits)
        graphs = [design.circuit.graph for design in self.designs]
        return {
            "adders of the layers": [len(graph.adders) for graph in graphs],
            "depths of the layers": [graph.depth for graph in graphs],
            "bits added": overlaps,
            "carry chain bits": chains,
            "optimal": "not proved",
            "iterations": sum(design.iterations for design in self.designs),
            "time spent (s)": round(sum(design.seconds for design in self.designs), 3),
        }

    def outcome(self) -> str:
        return "\n".join(design.circuit.to_json() for design in self.designs)

    def remarks(self) -> list[str]:
        return design_remarks(self.designs)

    def inputs(self) -> dict[str, Format]:
        return {f"x{index}": self.input for index in range(len(self.weights[0]))}

    def outputs(self) -> dict[str, Format]:
        last = self.layers[-1]
        return {
            f"result{index}": FixedFormat(width_of_range(low, high), low < 0, last.fraction_width)
            for index, (low, high) in enumerate(last.results)
        }

    def golden(self, **codes: Any) -> dict[str, Any]:
        activation: Any = self.activation
        numbers: Any = self.input
        fraction = numbers.fraction_width
        largest = 1 << numbers.width
        wide = False
        for weights, biases in zip(self.weights, self.biases, strict=True):
            # No partial sum exceeds the sum of all magnitudes.
            magnitude = max(sum(map(abs, column)) for column in zip(*weights, strict=True))
            bias = max(map(abs, biases)) << max(fraction, activation.fraction_width)
            left = max(0, activation.fraction_width - fraction - self.weight_fraction)
            half = 1 << (fraction + self.weight_fraction)
            wide |= ((magnitude * largest + bias + half) << left) >> 62 > 0
            largest, fraction = 1 << activation.width, activation.fraction_width
        fraction = numbers.fraction_width
        columns = []
        for index in range(len(self.weights[0])):
            code = np.asarray(codes[f"x{index}"])
            code = code.astype(object if wide or code.dtype == object else np.int64)
            if numbers.signed:
                code = code - ((code >> (numbers.width - 1)) << numbers.width)
            columns.append(code)
        values = np.stack(columns)
        kind = values.dtype
        for index, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            offsets = np.array(biases, dtype=object) * (1 << fraction)
            shape = (-1, *[1] * (values.ndim - 1))
            matrix = np.array(weights, dtype=object).astype(kind)
            values = np.tensordot(matrix.T, values, 1) + offsets.astype(kind).reshape(shape)
            if index == len(self.weights) - 1:
                break
            drop = fraction + self.weight_fraction - activation.fraction_width
            values = (values + (1 << drop >> 1)) >> drop if drop > 0 else values << -drop
            values = np.clip(values, activation.minimum, activation.maximum)
            fraction = activation.fraction_width
        found = {}
        for row, (name, format) in zip(values, self.outputs().items(), strict=True):
            code = row & ((1 << format.width) - 1) if format.width < 64 else row.astype(object)
            if format.width >= 64:
                code = code & ((1 << format.width) - 1)
            found[name] = code.astype(object if format.width > 64 else np.uint64)
        return found

    def exact(self, **codes: Any) -> ExactOutputs:
        input, activation = self.input, self.activation
        assert isinstance(input, FixedFormat) and isinstance(activation, FixedFormat)
        columns = [numbers_of(codes[name], input) for name in self.inputs()]
        weight, unit = (
            Fraction(2) ** -f for f in (self.weight_fraction, activation.fraction_width)
        )
        outputs = []
        for item in zip(*columns, strict=True):
            values = list(item)
            for index, (rows, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
                values = [
                    weight * (bias + sum(w * v for w, v in zip(column, values, strict=True)))
                    for column, bias in zip(zip(*rows, strict=True), biases, strict=True)
                ]
                if index < len(self.weights) - 1:
                    rounded = [unit * floor(value / unit + Fraction(1, 2)) for value in values]
                    values = clamped(rounded, activation)
            outputs.append(values)
        found = {f"result{n}": list(column) for n, column in enumerate(zip(*outputs, strict=True))}
        return ExactOutputs(found, dict.fromkeys(found, Fraction(0)))

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        values = [wires[name] for name in self.inputs()]
        last = len(self.layers) - 1
        for index, (layer, design) in enumerate(zip(self.layers, self.designs, strict=True)):
            assert isinstance(self.activation, FixedFormat)
            values = layer_outputs(
                plan,
                f"layer{index}",
                layer,
                design.circuit.graph,
                values,
                self.activation if index < last else None,
                self.stage_levels,
            )
            if self.stage_levels is not None and index < last:
                cycle = max(value.cycle for value in values) + 1
                values = [plan.later(value, cycle) for value in values]
        return dict(zip(self.outputs(), values, strict=True))
