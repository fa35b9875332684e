"""ONNX files of every dialect: parsed here into nodes and constants, checked all at once.

Only the protobuf messages of the package ``onnx`` are used; its checker refuses files whose custom
operators have no opset import, although such files are common and usable.
"""

from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError, package
from holigrail_hw.models.source.graph import FloatGraph, SourceInput
from holigrail_hw.models.source.nodes import SourceNode, in_order

from .files import contents
from .onnx_nodes import node_violations, normalised
from .onnx_tensors import tensor_array, text

__all__ = ["read_onnx"]


def read_onnx(path: Path, who: str) -> FloatGraph:
    """A file as the graph that it describes, one frame at a time.

    Raises
    ------
    ModelError
        With one line for everything that is not supported.
    """
    onnx = package("onnx", who)
    model = onnx.ModelProto()
    data = contents(path, who)
    try:
        model.ParseFromString(data)
    except Exception as error:  # protobuf has several classes of its own for this
        name = type(error).__name__
        raise ModelError(f"{who}: must be a whole ONNX file, not fail to parse ({name})") from None
    graph = model.graph
    if not graph.node:
        raise ModelError(f"{who}: must be an ONNX file with nodes, not have none")
    opsets = {text(item.domain): int(item.version) for item in model.opset_import}
    violations: list[str] = []
    remarks: list[str] = []
    constants = _constants(graph, path, who, violations)
    inputs = _inputs(graph, constants, who, violations, remarks)
    nodes = []
    for place, proto in enumerate(graph.node):
        where = text(proto.name) or f"#{place}"
        attributes = _attributes(proto, path, f"{who}: node {where}", violations)
        node = SourceNode(
            where,
            text(proto.op_type),
            tuple(map(text, proto.input)),
            tuple(map(text, proto.output)),
            attributes,
            text(proto.domain),
        )
        if node.operator == "Constant" and node.domain in ("", "ai.onnx"):
            constants[node.outputs[0]] = _constant(node, who, violations)
            continue
        found = node_violations(node, who)
        violations += found
        if not found:
            nodes.append(normalised(node, opsets, constants, who, violations))
    outputs = tuple(text(item.name) for item in graph.output)
    if violations:
        raise ModelError(violations)
    ordered = in_order(nodes, [*constants, *(port.name for port in inputs)], who)
    made = {name for node in ordered for name in node.outputs} | {port.name for port in inputs}
    lost = [name for name in outputs if name not in made]
    if lost or not outputs:
        what = ", ".join(lost) or "none"
        raise ModelError(f"{who}: outputs must be computed by nodes, not be {what}")
    names = {name for node in ordered for name in node.inputs}
    kept = {name: value for name, value in constants.items() if name in names}
    _refuse_infinite(kept, ordered, who)
    return FloatGraph(who, tuple(inputs), outputs, tuple(ordered), kept, tuple(remarks))


def _constants(graph: Any, path: Path, who: str, violations: list[str]) -> dict[str, Any]:
    found = {}
    if graph.sparse_initializer:
        violations.append(f"{who}: initialisers must be dense, not sparse")
    for tensor in graph.initializer:
        name = text(tensor.name)
        try:
            found[name] = tensor_array(tensor, path, f"{who}: constant {name}")
        except ModelError as error:
            violations += error.violations
            found[name] = np.zeros(1)
    return found


def _constant(node: SourceNode, who: str, violations: list[str]) -> np.ndarray:
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if name in node.attributes:
            value = np.asarray(node.attributes[name])
            return value.astype(np.float64) if value.dtype.kind == "f" else value
    violations.append(f"{node.label(who)}: value must be numbers, not {[*node.attributes]}")
    return np.zeros(1)


def _inputs(
    graph: Any, constants: Any, who: str, violations: list[str], remarks: list[str]
) -> list[SourceInput]:
    """Inputs that are no initialisers. The first size of several is the batch, and becomes 1."""
    found = []
    for item in graph.input:
        name = text(item.name)
        if name in constants:
            continue  # IR version 3 lists initialisers here, too
        label = f"{who}: input {name}"
        if not item.type.HasField("tensor_type") or not item.type.tensor_type.HasField("shape"):
            violations.append(f"{label}: the shape must be stated, not missing")
            continue
        sizes = [
            int(d.dim_value) if d.HasField("dim_value") else text(d.dim_param) or "?"
            for d in item.type.tensor_type.shape.dim
        ]
        batch = len(sizes) > 1
        if batch and sizes[0] != 1:
            remarks.append(f"{label}: one frame is computed; the file has a batch of {sizes[0]}")
        fixed = sizes[1:] if batch else sizes
        if any(not isinstance(v, int) or v < 1 for v in fixed):
            said = ", ".join(map(str, sizes))
            violations.append(f"{label}: sizes must be known except for the batch, not ({said})")
            continue
        shape = tuple(v for v in fixed if isinstance(v, int))
        found.append(SourceInput(name, (1, *shape) if batch else shape))
    if not found and not violations:
        violations.append(f"{who}: there must be an input, not none")
    return found


def _attributes(proto: Any, path: Path, who: str, violations: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in proto.attribute:
        name = text(item.name)
        match item.type:
            case 1:
                found[name] = float(item.f)
            case 2:
                found[name] = int(item.i)
            case 3:
                found[name] = item.s.decode("utf-8", "replace")
            case 4:
                try:
                    found[name] = tensor_array(item.t, path, f"{who}: {name}")
                except ModelError as error:
                    violations += error.violations
            case 6:
                found[name] = [float(v) for v in item.floats]
            case 7:
                found[name] = [int(v) for v in item.ints]
            case _:
                violations.append(
                    f"{who}, {text(proto.op_type)}: attribute {name} must be numbers or a text, "
                    f"not of type {item.type}"
                )
    return found


def _refuse_infinite(constants: Any, nodes: list[SourceNode], who: str) -> None:
    bounds = {n for node in nodes if node.operator in ("Clip", "Pad") for n in node.inputs[1:]}
    bad = [
        f"{who}: constant {name} must hold finite numbers, not NaN or infinity"
        for name, value in constants.items()
        if value.dtype.kind == "f" and name not in bounds and not np.isfinite(value).all()
    ]
    if bad:
        raise ModelError(bad)
