"""TFLite files with int8 tensors, as the named runtime's reference kernels compute them.

Convolutions and sums round twice (gemmlowp; Jacob et al., 2018). FULLY_CONNECTED depends on the
runtime: LiteRT rounds double(sum) times a double, halves away from zero; TensorFlow Lite Micro
rounds twice there, too. Average pools round the mean, halves away from zero; MEAN rounds twice.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.formulas.functions import Function
from holigrail_hw.models.formulas.rounded_floats import DoubleAway
from holigrail_hw.models.formulas.twice_rounded import TwiceRounded, mantissas
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import (
    Add,
    Linear,
    Meaning,
    Move,
    Node,
    Pool,
    Port,
    Requantise,
    Softmax,
)
from holigrail_hw.models.source.windows import Window

from .tflite_file import TfliteFile, TfliteOperator, TfliteTensor
from .tflite_moves import averaged_over_images, joined_axis, paddings
from .tflite_windows import activation, needed, ordered, output_shape, weights_of, window_for

__all__ = ["tflite_integers"]

_INT32 = (-(1 << 31), (1 << 31) - 1)


def tflite_integers(file: TfliteFile, who: str, runtime: str) -> IntegerGraph:
    """The graph of a file whose tensors are int8.

    Raises
    ------
    ModelError
        With one line for everything that is not supported.
    """
    return _Integers(file, who, runtime).graph()


class _Integers:
    def __init__(self, file: TfliteFile, who: str, runtime: str):
        self.file, self.who, self.runtime = file, who, runtime
        self.nodes: list[Node] = []
        self.tensors = {index: f"input_{n}" for n, index in enumerate(file.inputs)}

    def graph(self) -> IntegerGraph:
        violations = self._violations()
        for operator in [] if violations else ordered(self.file, self.who):
            data = [i for i in operator.inputs if i >= 0 and self.file.tensors[i].data is None]
            if any(index not in self.tensors for index in data):
                continue  # an operand was refused already
            try:
                self.tensors[operator.outputs[0]] = self._lowered(operator)
            except ModelError as error:
                violations += error.violations
            except (ValueError, IndexError, KeyError, TypeError) as error:
                label = f"{self.who}: node {operator.where}, {operator.name}"
                violations.append(f"{label}: operands must fit this operator: {error}")
        if violations:
            raise ModelError(violations)
        ports = [self._port(index) for index in self.file.inputs]
        ends = [self._port(index) for index in self.file.outputs]
        return IntegerGraph(
            name=self.who,
            inputs=tuple(ports),
            outputs=tuple(ends),
            nodes=tuple(self.nodes),
            semantics=f"reference kernels of the runtime {self.runtime}",
        )

    def _violations(self) -> list[str]:
        """Operands of int8 with one scale; where weights are per channel is seen later."""
        found = []
        for operator in self.file.operators:
            for index in (operator.inputs[0], operator.outputs[0]):
                tensor = self.file.tensors[index]
                label = f"{self.who}: node {operator.where}, {operator.name}"
                if tensor.kind != "int8" or tensor.scales.size != 1:
                    found.append(f"{label}: tensor {tensor.name} must be int8 with one scale")
                elif not tensor.shape or tensor.shape[0] != 1:
                    found.append(f"{label}: tensor {tensor.name} must have a batch of 1")
        return [*dict.fromkeys(found)]

    def _meaning(self, tensor: TfliteTensor, rank: int) -> Meaning:
        scale = fractions(tensor.scales).reshape([1] * rank)
        return Meaning(scale, -scale * int(tensor.zeros[0]))

    def _port(self, index: int) -> Port:
        tensor = self.file.tensors[index]
        shape = output_shape(tensor)
        meaning = self._meaning(tensor, len(shape))
        return Port(
            name=tensor.name,
            tensor=self.tensors[index],
            file_shape=tensor.shape,
            shape=shape,
            meaning=meaning,
            low=-128,
            high=127,
        )

    def _add(
        self, kind: Any, operator: TfliteOperator, inputs: Any, part: str, **fields: Any
    ) -> str:
        name = f"n{operator.where[1:]}_{part}"
        if "meaning" not in fields and kind is Requantise:
            tensor = self.file.tensors[operator.outputs[0]]
            fields["meaning"] = self._meaning(tensor, len(tensor.shape) - 1)
        source = f"{operator.name} {operator.where}"
        self.nodes.append(kind(name=name, inputs=tuple(inputs), source=source, **fields))
        return name

    def _lowered(self, operator: TfliteOperator) -> str:
        x = self.file.tensors[operator.inputs[0]]
        y = self.file.tensors[operator.outputs[0]]
        value = self.tensors[operator.inputs[0]]
        match operator.name:
            case "CONV_2D" | "DEPTHWISE_CONV_2D":
                return self._convolution(operator, x, y, value)
            case "FULLY_CONNECTED":
                return self._fully_connected(operator, x, y, value)
            case "AVERAGE_POOL_2D" | "MAX_POOL_2D":
                return self._pool(operator, x, y, value)
            case "ADD":
                return self._sum(operator, x, y)
            case "RESHAPE":
                numbers = output_shape(y)
                self._same_scale(operator, x, y)
                return self._add(Move, operator, [value], "reshape", how="reshape", numbers=numbers)
            case "SOFTMAX":
                return self._softmax(operator, x, y, value)
            case "PAD":
                pairs = paddings(operator, self.file, self.who)
                self._same_scale(operator, x, y)
                numbers = (*(n for pair in pairs for n in pair), int(y.zeros[0]))
                return self._add(Move, operator, [value], "pad", how="pad", numbers=numbers)
            case "CONCATENATION":
                return self._joined(operator, y)
            case "MEAN":
                return self._mean(operator, x, y, value)
            case _:
                return self._function(operator, x, y, value)

    def _same_scale(self, operator: TfliteOperator, x: TfliteTensor, y: TfliteTensor) -> None:
        if x.scales[0] != y.scales[0] or x.zeros[0] != y.zeros[0]:
            label = f"{self.who}: node {operator.where}, {operator.name}"
            raise ModelError(f"{label}: operand and result must have one scale, not two")

    def _limits(self, operator: TfliteOperator, y: TfliteTensor) -> tuple[int, int]:
        """Codes within the fused activation."""
        low, high = activation(operator, self.who)
        scale, zero = float(y.scales[0]), int(y.zeros[0])
        ends = [-128, 127]
        for place, bound in enumerate((low, high)):
            if bound is not None:
                quotient = abs(bound) / scale
                code = zero + int(np.sign(bound)) * int(np.floor(quotient + 0.5))
                ends[place] = max(ends[0], code) if place == 0 else min(ends[1], code)
        return ends[0], max(ends)

    def _bias(self, operator: TfliteOperator, count: int) -> np.ndarray:
        if len(operator.inputs) < 3 or operator.inputs[2] < 0:
            return np.zeros(count, np.int64)
        tensor = needed(operator, 2, self.file, self.who)
        if tensor.kind != "int32" or tensor.shape != (count,):
            label = f"{self.who}: node {operator.where}, {operator.name}"
            raise ModelError(f"{label}: the bias must be {count} numbers int32, not {tensor.kind}")
        assert tensor.data is not None
        return tensor.data.astype(np.int64)

    def _weights(self, operator: TfliteOperator, rank: int) -> TfliteTensor:
        tensor = needed(operator, 1, self.file, self.who)
        label = f"{self.who}: node {operator.where}, {operator.name}"
        if tensor.kind != "int8" or not tensor.scales.size or tensor.zeros.any():
            raise ModelError(f"{label}: weights must be int8 with zero points of 0")
        if len(tensor.shape) != rank:
            raise ModelError(f"{label}: weights must have {rank} axes, not {len(tensor.shape)}")
        return tensor

    def _convolution(
        self, operator: TfliteOperator, x: TfliteTensor, y: TfliteTensor, value: str
    ) -> str:
        label = f"{self.who}: node {operator.where}, {operator.name}"
        tensor = self._weights(operator, 4)
        assert tensor.data is not None
        weights, group = weights_of(operator, tensor, tensor.data.astype(np.int64))
        if len(x.shape) != 4 or weights.shape[2] * group != x.shape[3]:
            raise ModelError(f"{label}: channels of weights and operand must be the same")
        count = weights.shape[3]
        if tensor.scales.size not in (1, count):
            raise ModelError(f"{label}: there must be 1 or {count} scales")
        name = self._add(
            Linear,
            operator,
            [value],
            "sums",
            weights=np.ascontiguousarray(weights),
            bias=self._bias(operator, count),
            zero=int(x.zeros[0]),
            window=window_for(operator, weights.shape[:2], x.shape[1:3], self.who),
            group=group,
            meaning=self._product(x, tensor, 3),
        )
        factors = x.scales[0] * tensor.scales / y.scales[0]
        return self._twice(operator, y, name, factors.reshape(1, 1, -1))

    def _product(self, x: TfliteTensor, weights: TfliteTensor, rank: int) -> Meaning:
        scale = fractions(x.scales) * fractions(weights.scales)
        scale = scale.reshape([1] * (rank - 1) + [-1])
        return Meaning(scale, np.asarray(scale * 0, object))

    def _twice(self, operator: TfliteOperator, y: TfliteTensor, name: str, factors: Any) -> str:
        mantissa, shift = mantissas(factors)
        formula = TwiceRounded(mantissa, shift, int(y.zeros[0]), *self._limits(operator, y))
        return self._add(Requantise, operator, [name], "codes", formula=formula)

    def _fully_connected(
        self, operator: TfliteOperator, x: TfliteTensor, y: TfliteTensor, value: str
    ) -> str:
        label = f"{self.who}: node {operator.where}, {operator.name}"
        tensor = self._weights(operator, 2)
        assert tensor.data is not None
        matrix = tensor.data.astype(np.int64).T
        count = int(np.prod(x.shape))
        if matrix.shape[0] != count or tensor.scales.size != 1:
            raise ModelError(f"{label}: one vector and one scale of the weights must be given")
        if len(x.shape) != 2:
            numbers = (count,)
            value = self._add(Move, operator, [value], "flat", how="reshape", numbers=numbers)
        name = self._add(
            Linear,
            operator,
            [value],
            "sums",
            weights=np.ascontiguousarray(matrix),
            bias=self._bias(operator, matrix.shape[1]),
            zero=int(x.zeros[0]),
            meaning=self._product(x, tensor, 1),
        )
        factor = x.scales * tensor.scales / y.scales
        if self.runtime == "tflm":
            return self._twice(operator, y, name, factor)
        formula = DoubleAway(factor, int(y.zeros[0]), *self._limits(operator, y))
        return self._add(Requantise, operator, [name], "codes", formula=formula)

    def _pool(self, operator: TfliteOperator, x: TfliteTensor, y: TfliteTensor, value: str) -> str:
        label = f"{self.who}: node {operator.where}, {operator.name}"
        self._same_scale(operator, x, y)
        kernel = (operator.options["FilterHeight"], operator.options["FilterWidth"])
        window = window_for(operator, kernel, x.shape[1:3], self.who)
        low, high = self._limits(operator, y)
        one = fractions(1).reshape(1, 1, 1)
        if operator.name == "MAX_POOL_2D":
            name = self._add(Pool, operator, [value], "maximum", how="maximum", window=window)
            if (low, high) == (-128, 127):
                return name
            formula = Affine(one, one * 0, low, high)
            return self._add(Requantise, operator, [name], "codes", formula=formula)
        if any(window.pads):
            raise ModelError(f"{label}: windows of a mean must not reach outside the image")
        name = self._add(Pool, operator, [value], "sum", how="sum", window=window)
        count = window.kernel[0] * window.kernel[1]
        formula = Affine(one * Fraction(1, count), one * 0, low, high, "nearest_away")
        return self._add(Requantise, operator, [name], "codes", formula=formula)

    def _joined(self, operator: TfliteOperator, y: TfliteTensor) -> str:
        numbers = (joined_axis(operator, self.file, self.who) - 1,)
        for index in operator.inputs:
            self._same_scale(operator, self.file.tensors[index], y)
        values = [self.tensors[index] for index in operator.inputs]
        return self._add(Move, operator, values, "joined", how="concat", numbers=numbers)

    def _mean(self, operator: TfliteOperator, x: TfliteTensor, y: TfliteTensor, value: str) -> str:
        """A sum whose multiplier is divided by the number of pixels, in integers, beforehand."""
        count, frame = averaged_over_images(operator, self.file, self.who)
        window = Window((x.shape[1], x.shape[2]))
        name = self._add(Pool, operator, [value], "sum", how="sum", window=window)
        name = self._add(Move, operator, [name], "frame", how="reshape", numbers=tuple(frame))
        mantissa, shift = mantissas(np.reshape(x.scales[0] / y.scales[0], [1] * len(frame)))
        places = min(count.bit_length() - 1, 32, 31 + int(shift.reshape(-1)[0]))
        mantissa = (mantissa << places) // count
        zero, centre = int(y.zeros[0]), int(x.zeros[0]) * count
        formula = TwiceRounded(mantissa, shift - places, zero, -128, 127, 0, centre)
        return self._add(Requantise, operator, [name], "codes", formula=formula)

    def _sum(self, operator: TfliteOperator, x: TfliteTensor, y: TfliteTensor) -> str:
        """Both operands at a common scale with 20 more bits, then the scale of the result."""
        other = self.file.tensors[operator.inputs[1]]
        if other.data is not None or other.shape != x.shape or other.scales.size != 1:
            label = f"{self.who}: node {operator.where}, {operator.name}"
            raise ModelError(f"{label}: both operands must be tensors of one shape")
        rank = len(x.shape) - 1
        twice = 2 * max(x.scales[0], other.scales[0])
        names = []
        for place, tensor in enumerate((x, other)):
            mantissa, shift = mantissas(np.reshape(tensor.scales / twice, [1] * rank))
            formula = TwiceRounded(mantissa, shift, 0, *_INT32, 20, int(tensor.zeros[0]))
            value = self.tensors[operator.inputs[place]]
            part = f"operand{place}"
            meaning = self._meaning(tensor, rank)
            scaled = Meaning(
                fractions(float(twice) / (1 << 20)).reshape([1] * rank), meaning.factor * 0
            )
            names.append(
                self._add(Requantise, operator, [value], part, formula=formula, meaning=scaled)
            )
        name = self._add(Add, operator, names, "sum", factors=(1, 1))
        factors = np.reshape(twice / ((1 << 20) * y.scales), [1] * rank)
        return self._twice(operator, y, name, factors)

    def _softmax(
        self, operator: TfliteOperator, x: TfliteTensor, y: TfliteTensor, value: str
    ) -> str:
        label = f"{self.who}: node {operator.where}, {operator.name}"
        if y.scales[0] != 1 / 256 or y.zeros[0] != -128:
            raise ModelError(f"{label}: its result must have scale 1/256 and zero point -128")
        factor = float(operator.options.get("Beta", 1.0)) * x.scales[0] * (1 << 26)
        mantissa, shift = mantissas(min(factor, 2.0**31 - 1))
        if not 0 < int(shift) <= 31:
            raise ModelError(f"{label}: beta times the scale must be 2^-26 to 2^5, not {factor}")
        meaning = self._meaning(y, len(y.shape) - 1)
        return self._add(
            Softmax,
            operator,
            [value],
            "softmax",
            mantissa=int(mantissa),
            shift=int(shift),
            meaning=meaning,
        )

    def _function(
        self, operator: TfliteOperator, x: TfliteTensor, y: TfliteTensor, value: str
    ) -> str:
        label = f"{self.who}: node {operator.where}, {operator.name}"
        fixed = {"LOGISTIC": ("Sigmoid", 256, -128), "TANH": ("Tanh", 128, 0)}
        if operator.name not in fixed:
            raise ModelError(f"{label}: a ReLU must be part of the operator before it")
        name, unit, zero = fixed[operator.name]
        if y.scales[0] != 1 / unit or y.zeros[0] != zero:
            raise ModelError(f"{label}: its result must have scale 1/{unit} and zero point {zero}")
        rank = len(x.shape) - 1
        factor = np.reshape(x.scales, [1] * rank)
        formula = Function(
            ((name, {}),), factor, -factor * float(x.zeros[0]), 1 / unit, zero, -128, 127
        )
        return self._add(Requantise, operator, [value], "codes", formula=formula)
