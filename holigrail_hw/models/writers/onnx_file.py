"""A graph of real numbers as an ONNX file, with QONNX's quantisers where it has some.

Only protobuf messages of the package ``onnx`` are used. The same graph gives the same bytes:
nothing of the machine or of the time is written. Operators of QONNX: Pappalardo et al., QONNX:
Representing arbitrary-precision quantized neural networks, 2022.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError, package
from holigrail_hw.models.source.graph import FloatGraph
from holigrail_hw.models.source.nodes import SourceNode

__all__ = ["onnx_bytes", "write_onnx"]

_OPSET, _IR_VERSION, _QONNX_VERSION = 13, 8, 1
_QONNX = "qonnx.custom_op.general"
_QUANTISERS = ("Quant", "BipolarQuant", "Trunc", "FloatQuant")
# What a reader adds to nodes for its own use.
_READERS_OWN = {"flatten", "kind", "limits", "version"}


def onnx_bytes(graph: FloatGraph, metadata: Mapping[str, str] | None = None) -> bytes:
    """The file's content.

    Parameters
    ----------
    graph : FloatGraph
        Its constants are written as float32 if they are floats, else as int64.
    metadata : mapping
        Texts by name, ``metadata_props`` of the file.

    Raises
    ------
    ModelError
        If the package ``onnx`` is not installed, or for numbers that float32 does not hold.
    """
    onnx = package("onnx", graph.name)
    helper = package("onnx.helper", graph.name)
    kind = onnx.TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info(p.name, kind, [*p.shape]) for p in graph.inputs]
    outputs = [helper.make_tensor_value_info(name, kind, None) for name in graph.outputs]
    constants = [_tensor(name, value, graph.name) for name, value in graph.constants.items()]
    nodes = [_node(helper, node) for node in graph.nodes]
    body = helper.make_graph(nodes, graph.name, inputs, outputs, constants)
    opsets = [helper.make_opsetid("", _OPSET)]
    if any(node.domain == _QONNX for node in nodes):
        opsets.append(helper.make_opsetid(_QONNX, _QONNX_VERSION))
    model = helper.make_model(
        body, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="holigrail_hw"
    )
    if metadata:
        helper.set_model_props(model, dict(metadata))
    return model.SerializeToString(deterministic=True)


def write_onnx(
    graph: FloatGraph, path: str | Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes :func:`onnx_bytes` to a file; nothing half-written stays behind."""
    content = onnx_bytes(graph, metadata)
    place = Path(path)
    part = place.with_name(f".{place.name}.part")
    try:
        part.write_bytes(content)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def _tensor(name: str, value: Any, who: str) -> Any:
    given = np.asarray(value)
    with np.errstate(over="ignore"):
        array = given.astype(np.float32 if given.dtype.kind == "f" else np.int64)
    wrong = given[(array != given) & (given == given)]
    if wrong.size:
        raise ModelError(
            f"{who}: {name}: numbers must be float32 in an ONNX file, not {float(wrong[0])!r}",
            hint="quantise what the model computes in double precision",
        )
    return package("onnx.numpy_helper", who).from_array(array, name)


def _node(helper: Any, node: SourceNode) -> Any:
    domain = _QONNX if node.operator in _QUANTISERS else ""
    attributes = {k: v for k, v in node.attributes.items() if k not in _READERS_OWN}
    return helper.make_node(
        node.operator, [*node.inputs], [*node.outputs], node.where, domain=domain, **attributes
    )
