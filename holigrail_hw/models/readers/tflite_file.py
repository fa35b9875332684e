"""TFLite files as plain data: tensors, operators and their options, checked against their size.

A FlatBuffer is read in place; nothing in it is trusted. The package ``tflite`` knows the schema.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError, package
from holigrail_hw.models.source.limits import bounded

from .files import contents

__all__ = ["TfliteFile", "TfliteOperator", "TfliteTensor", "read_tflite_file"]

_TYPES = {0: "float32", 2: "int32", 3: "uint8", 4: "int64", 7: "int16", 9: "int8"}
# Builtin operator: its name, and the class of its options.
_OPERATORS = {
    0: ("ADD", "AddOptions"),
    1: ("AVERAGE_POOL_2D", "Pool2DOptions"),
    2: ("CONCATENATION", "ConcatenationOptions"),
    3: ("CONV_2D", "Conv2DOptions"),
    4: ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"),
    9: ("FULLY_CONNECTED", "FullyConnectedOptions"),
    14: ("LOGISTIC", ""),
    17: ("MAX_POOL_2D", "Pool2DOptions"),
    19: ("RELU", ""),
    22: ("RESHAPE", ""),
    25: ("SOFTMAX", "SoftmaxOptions"),
    28: ("TANH", ""),
    34: ("PAD", ""),
    40: ("MEAN", "ReducerOptions"),
}
_FIELDS = (
    "Padding",
    "StrideH",
    "StrideW",
    "DilationHFactor",
    "DilationWFactor",
    "FilterHeight",
    "FilterWidth",
    "FusedActivationFunction",
    "DepthMultiplier",
    "Beta",
    "Axis",
    "KeepDims",
)


@dataclass(frozen=True, eq=False)
class TfliteTensor:
    """``data`` is None for what is computed; ``scales`` is empty for real numbers."""

    name: str
    kind: str
    shape: tuple[int, ...]
    scales: np.ndarray
    zeros: np.ndarray
    axis: int
    data: np.ndarray | None


@dataclass(frozen=True)
class TfliteOperator:
    """Indices of tensors; -1 is an operand that is left out."""

    name: str
    where: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]


@dataclass(frozen=True, eq=False)
class TfliteFile:
    """The only sub-graph of a file."""

    tensors: tuple[TfliteTensor, ...]
    operators: tuple[TfliteOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite_file(path: Path, who: str) -> TfliteFile:
    """What the file holds.

    Raises
    ------
    ModelError
        If it is broken, or an operator or a type is not supported.
    """
    tflite = package("tflite", who)
    data = contents(path, who)
    if data[4:8] != b"TFL3":
        raise ModelError(f"{who}: must be a TFLite file of version 3, not begin with other bytes")
    try:
        return _Reader(tflite, data, who).read()
    except ModelError:
        raise
    except Exception as error:  # struct, numpy and index errors of a broken FlatBuffer
        # "error" alone, as struct has it, says nothing.
        name = "it ends early" if isinstance(error, struct.error) else type(error).__name__
        raise ModelError(f"{who}: must be a whole TFLite file, not broken ({name})") from None


class _Reader:
    def __init__(self, tflite: Any, data: bytes, who: str):
        self.tflite, self.size, self.who = tflite, len(data), who
        self.model = tflite.Model.GetRootAs(data, 0)
        self.violations: list[str] = []

    def _count(self, count: int, what: str) -> int:
        """A count of things that take four bytes each at least."""
        if not 0 <= count <= self.size // 4:
            raise ModelError(f"{self.who}: {what} must fit into the file, not be {count}")
        return count

    def read(self) -> TfliteFile:
        if self.model.SubgraphsLength() != 1:
            count = self.model.SubgraphsLength()
            raise ModelError(f"{self.who}: there must be one sub-graph, not {count}")
        graph = self.model.Subgraphs(0)
        places = range(self._count(graph.TensorsLength(), "tensors"))
        tensors = tuple(self._tensor(graph.Tensors(i), i) for i in places)
        places = range(self._count(graph.OperatorsLength(), "operators"))
        operators = tuple(self._operator(graph.Operators(i), i, len(tensors)) for i in places)
        inputs = self._indices(graph, "Inputs", len(tensors))
        outputs = self._indices(graph, "Outputs", len(tensors))
        if self.violations:
            raise ModelError(self.violations)
        if not operators or not inputs or not outputs:
            raise ModelError(f"{self.who}: there must be operators, inputs and outputs, not none")
        return TfliteFile(tensors, operators, inputs, outputs)

    def _indices(self, table: Any, name: str, most: int) -> tuple[int, ...]:
        count = self._count(getattr(table, f"{name}Length")(), name.lower())
        found = tuple(int(getattr(table, name)(i)) for i in range(count))
        if any(not -1 <= index < most for index in found):
            raise ModelError(f"{self.who}: {name.lower()} must name tensors of the file")
        return found

    def _tensor(self, tensor: Any, place: int) -> TfliteTensor:
        name = (tensor.Name() or b"").decode("utf-8", "replace") or f"#{place}"
        label = f"{self.who}: tensor {name}"
        kind = _TYPES.get(tensor.Type())
        if kind is None:
            raise ModelError(f"{label}: the type must be supported, not number {tensor.Type()}")
        rank = self._count(tensor.ShapeLength(), "axes")
        shape = bounded([int(tensor.Shape(i)) for i in range(rank)], label)
        quantisation = tensor.Quantization()
        scales, zeros, axis = np.zeros(0), np.zeros(0, np.int64), 0
        if quantisation is not None and quantisation.ScaleLength():
            count = self._count(quantisation.ScaleLength(), "scales")
            scales = np.array([quantisation.Scale(i) for i in range(count)], np.float64)
            zeros = np.zeros(count, np.int64)
            if quantisation.ZeroPointLength() == count:
                zeros = np.array([quantisation.ZeroPoint(i) for i in range(count)], np.int64)
            axis = int(quantisation.QuantizedDimension())
            if not (np.isfinite(scales).all() and (scales > 0).all()):
                raise ModelError(f"{label}: scales must be positive and finite")
        if not 0 <= tensor.Buffer() < self._count(self.model.BuffersLength(), "buffers"):
            raise ModelError(f"{label}: the buffer must be one of the file")
        buffer = self.model.Buffers(tensor.Buffer())
        data = None
        if buffer.DataLength():
            dtype = np.dtype(kind).newbyteorder("<")
            raw = buffer.DataAsNumpy().tobytes()
            if len(raw) != int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
                raise ModelError(f"{label}: {[*shape]} must have as many bytes, not {len(raw)}")
            data = np.frombuffer(raw, dtype).reshape(shape).astype(kind)
            if data.dtype.kind == "f" and not np.isfinite(data).all():
                raise ModelError(f"{label}: must hold finite numbers, not NaN or infinity")
        return TfliteTensor(name, kind, shape, scales, zeros, axis, data)

    def _operator(self, operator: Any, place: int, tensors: int) -> TfliteOperator:
        if not 0 <= operator.OpcodeIndex() < self.model.OperatorCodesLength():
            raise ModelError(f"{self.who}: node #{place}: the operator code must be in the file")
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        where = f"#{place}"
        name, options = _OPERATORS.get(number, ("", ""))
        if not name:
            custom = (code.CustomCode() or b"").decode("utf-8", "replace")
            names = {v: k for k, v in vars(self.tflite.BuiltinOperator).items() if type(v) is int}
            said = custom or names.get(number, f"number {number}")
            self.violations.append(
                f"{self.who}: node {where}, {said}: the operator must be supported, but it is not "
                "known"
            )
        inputs = self._indices(operator, "Inputs", tensors)
        outputs = self._indices(operator, "Outputs", tensors)
        if name and (not inputs or not outputs or inputs[0] < 0 or outputs[0] < 0):
            raise ModelError(f"{self.who}: node {where}, {name}: operands must not be missing")
        return TfliteOperator(name, where, inputs, outputs, self._options(operator, options))

    def _options(self, operator: Any, cls: str) -> dict[str, Any]:
        table = operator.BuiltinOptions()
        if not cls or table is None:
            return {}
        options = getattr(self.tflite, cls)()
        options.Init(table.Bytes, table.Pos)
        return {name: getattr(options, name)() for name in _FIELDS if hasattr(options, name)}
