"""Post-training quantisation: quantisers are put into a graph of real numbers, then it is lowered.

Activations get one scale per tensor from samples; weights one per tensor or per result, symmetric.
Bias correction takes the mean error of every result, layer by layer with operands that are already
quantised, out of its bias (Nagel et al., 2019). Codes are rounded half up where no sample is
negative, else half to even.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.reading import integers
from holigrail_hw.models.source.evaluate import evaluate_node
from holigrail_hw.models.source.graph import FloatGraph
from holigrail_hw.models.source.nodes import SourceNode

from .equalise import equalised
from .prepare import prepared
from .scales import METHODS, scale_of

__all__ = ["Choices", "quantise"]

_LAYERS = ("Conv", "Gemm", "MatMul")
_ROUNDED = {"Relu", "Tanh", "Sigmoid", "Selu", "Elu", "LeakyRelu", "HardSigmoid", "Clip"}


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How a model is quantised.

    Parameters
    ----------
    weight_bits, activation_bits : int
        Bits of all layers; ``layers`` names others, (weights, activations) by the node's name.
    input_bits : int
        Bits of inputs.
    method : str
        ``maximum``, ``percentile`` (99.9) or ``error``, the least mean square error.
    per_channel : bool
        One scale of weights for every result.
    correct_biases, equalise, powers_of_two : bool
        Bias correction; cross-layer equalisation before; only scales that are powers of two.
    """

    weight_bits: int = 8
    activation_bits: int = 8
    input_bits: int = 8
    method: str = "error"
    per_channel: bool = True
    correct_biases: bool = True
    equalise: bool = False
    powers_of_two: bool = False
    layers: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def quantise(graph: FloatGraph, samples: Any, choices: Choices = Choices()) -> IntegerGraph:  # noqa: B008
    """The integer graph of a model of real numbers with one input.

    Parameters
    ----------
    graph : FloatGraph
        A model, as :func:`.read_source` gives it.
    samples : array
        Inputs for calibration, (samples, *shape of the input).
    choices : Choices
        Bits and methods.

    Raises
    ------
    ModelError
        If the samples have another shape, or a node cannot be quantised.
    """
    who = graph.name
    violations = _violations(graph, choices)
    if violations:
        raise ModelError(violations)
    samples = np.asarray(samples)
    if samples.ndim == 0 or samples.dtype.kind not in "fiu":
        raise ModelError(
            f"{who}: calibration data must be an array of numbers, not {samples.dtype}"
        )
    if not len(samples):
        raise ModelError(f"{who}: calibration data must have one sample or more, not none")
    if not np.isfinite(samples).all():
        raise ModelError(f"{who}: calibration data must be finite numbers, not NaN or infinity")
    plain = prepared(graph)
    if choices.equalise:
        plain = equalised(plain)
    found = integers(_Quantiser(plain, samples, choices).graph())
    wanted = graph.evaluate(samples).reshape(len(samples), -1)
    error = float(np.abs(found.run(samples).reshape(len(samples), -1) - wanted).max())
    text = f"{who}: {len(samples)} samples: outputs are at most {error:.3g} from the real ones"
    return found.changed(measured=(text,))


def _violations(graph: FloatGraph, choices: Choices) -> list[str]:
    who = graph.name
    found = []
    if len(graph.inputs) != 1:
        found.append(f"{who}: there must be one input, not {len(graph.inputs)}")
    pairs = [(choices.weight_bits, choices.activation_bits), *choices.layers.values()]
    bits = [b for pair in pairs for b in pair] + [choices.input_bits]
    if any(not 1 <= b <= 16 for b in bits) or any(pair[0] < 2 for pair in pairs):
        found.append(f"{who}: bits must be 2 to 16 for weights and 1 to 16 for activations")
    if choices.method not in METHODS:
        methods = ", ".join(METHODS)
        found.append(f"{who}: the method must be one of {methods}, not {choices.method}")
    names = {node.where for node in graph.nodes}
    lost = [name for name in choices.layers if name not in names]
    found += [f"{who}: layers must name nodes of the file, not {name}" for name in lost]
    return found


class _Quantiser:
    """Walks the graph once: real values beside those of the quantised graph so far."""

    def __init__(self, graph: FloatGraph, samples: np.ndarray, choices: Choices):
        self.source, self.choices, self.who = graph, choices, graph.name
        self.real = graph.evaluate(samples, every=True)
        self.nodes: list[SourceNode] = []
        self.constants: dict[str, np.ndarray] = dict(graph.constants)
        self.names = {name: name for name in self.real}
        self.values: dict[str, Any] = {"": None}
        for name, value in graph.constants.items():
            self.values[name] = (
                value.astype(np.float64)[None] if value.dtype.kind == "f" else (value[None])
            )
        port = graph.inputs[0]
        self.values[port.name] = self.real[port.name]

    def graph(self) -> FloatGraph:
        port = self.source.inputs[0]
        self._activation(port.name, self.choices.input_bits, "input")
        users = self.source.users()
        ends = self._ends()
        for node in self.source.nodes:
            if node.operator in _LAYERS and any(n in self.source.constants for n in node.inputs):
                self._layer(node)
            else:
                self._add(replace(node, inputs=tuple(self.names.get(n, n) for n in node.inputs)))
            name = node.outputs[0]
            if name in ends:
                continue  # logits stay as exact as their sums
            readers = users.get(name, [])
            alone = len(readers) == 1 and readers[0].operator in _ROUNDED
            makes = node.operator in _ROUNDED or (
                node.operator in (*_LAYERS, "Add", "AveragePool", "GlobalAveragePool") and not alone
            )
            if makes:
                bits = self.choices.layers.get(node.where, (0, self.choices.activation_bits))[1]
                self._activation(name, bits, node.where)
        outputs = tuple(self.names[name] for name in self.source.outputs)
        constants = {
            name: self.constants[name]
            for name in {name for node in self.nodes for name in node.inputs}
            if name in self.constants
        }
        remark = f"{self.who}: quantised after training from samples"
        return self.source.changed(
            nodes=tuple(self.nodes),
            constants=constants,
            outputs=outputs,
            remarks=(*self.source.remarks, remark),
        )

    def _ends(self) -> set[str]:
        """Tensors after which only softmax and moves follow."""
        ends = {*self.source.outputs}
        for node in reversed(self.source.nodes):
            free = ("Softmax", "Identity", "Flatten", "Reshape", "Squeeze")
            if node.operator in free and node.outputs[0] in ends:
                ends.add(node.inputs[0])
        return ends

    def _add(self, node: SourceNode) -> None:
        self.nodes.append(node)
        operands = [self.values[name] for name in node.inputs]
        results = evaluate_node(node, operands, self.who)
        for name, result in zip(node.outputs, results, strict=False):
            self.values[name] = result

    def _constant(self, name: str, value: Any) -> str:
        self.constants[name] = np.asarray(value)
        self.values[name] = self.constants[name][None]
        return name

    def _activation(self, name: str, bits: int, where: str) -> None:
        """A quantiser behind a tensor: unsigned if no sample is negative."""
        values = self.real[name]
        signed = bool(values.min(initial=0) < 0)
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        high = max(high, 1)
        # Few significant bits, so that scales of tensors that are added have small ratios.
        mantissa, exponent = np.frexp(self._scale(values, low, high))
        scale = float(np.ldexp(np.ceil(mantissa * 256) / 256, exponent))
        result = f"{name}_codes"
        numbers = (
            self._constant(f"{name}_scale", scale),
            self._constant(f"{name}_zero", 0.0),
            self._constant(f"{name}_bits", bits),
        )
        rounding = "ROUND" if signed else "HALF_UP"
        attributes = {"signed": int(signed), "narrow": 0, "rounding_mode": rounding}
        self._add(
            SourceNode(f"{where}_quantiser", "Quant", (name, *numbers), (result,), attributes)
        )
        self.names[name] = result

    def _scale(self, values: Any, low: int, high: int) -> float:
        return scale_of(
            values, low, high, self.choices.method, power_of_two=self.choices.powers_of_two
        )

    def _layer(self, node: SourceNode) -> None:
        """Quantised weights, and a bias without the mean error that they bring."""
        place = next(i for i, name in enumerate(node.inputs[:2]) if name in self.source.constants)
        weights = self.source.constants[node.inputs[place]].astype(np.float64)
        bits = self.choices.layers.get(node.where, (self.choices.weight_bits, 0))[0]
        # Where the results are: in front, or last in a matrix on the right.
        right = node.operator != "Conv" and not node.attributes.get("transB") and place == 1
        axis = weights.ndim - 1 if right else 0
        high = (1 << (bits - 1)) - 1
        rows = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)
        if self.choices.per_channel:
            scales = np.array([self._scale(row, -high, high) for row in rows])
        else:
            scales = np.full(len(rows), self._scale(weights, -high, high))
        shape = [-1 if a == axis else 1 for a in range(weights.ndim)]
        stem = node.outputs[0]
        numbers = (
            self._constant(f"{stem}_weights", weights),
            self._constant(f"{stem}_weight_scale", scales.reshape(shape)),
            self._constant(f"{stem}_weight_zero", 0.0),
            self._constant(f"{stem}_weight_bits", bits),
        )
        attributes = {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}
        coded = f"{stem}_weight_codes"
        self._add(SourceNode(f"{node.where}_weights", "Quant", numbers, (coded,), attributes))
        names = [self.names.get(name, name) for name in node.inputs]
        names[place] = coded
        self._add(replace(node, inputs=tuple(names)))
        if self.choices.correct_biases and len(names) > 2 and names[2] in self.constants:
            channel = 2
            error = self.values[stem] - self.real[stem]
            mean = error.mean(axis=tuple(a for a in range(error.ndim) if a != channel))
            bias = self.constants[names[2]].astype(np.float64).reshape(-1) - mean
            names[2] = self._constant(f"{stem}_bias", bias)
            self.nodes.pop()
            self._add(replace(node, inputs=tuple(names)))
