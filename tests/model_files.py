"""Small ONNX files, built for tests; and where the files of others lie."""

from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "models"
QONNX = "qonnx.custom_op.general"


def shared_model(name):
    """A file of others that is no part of the project."""
    path = SHARED / name
    if not path.exists():
        pytest.skip("the model files in ../shared are not there")
    return path


def node(operator, inputs, outputs, name="", domain="", **attributes):
    from onnx import helper

    return helper.make_node(
        operator, inputs, outputs, name or f"{operator}_{outputs[0]}", domain=domain, **attributes
    )


def model_bytes(nodes, inputs, outputs, constants, opset=13, domains=()):
    """An ONNX file: shapes of inputs by name, names of outputs, arrays by name."""
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        "test",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in inputs.items()
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(*pair) for pair in domains)]
    return helper.make_model(graph, opset_imports=opsets).SerializeToString()


def quant(value, result, scale, width, signed=1, narrow=0, zero="zero", **more):
    """A Quant node; scale and width are names of constants."""
    attributes = {"signed": signed, "narrow": narrow, "rounding_mode": "ROUND", **more}
    return node("Quant", [value, scale, zero, width], [result], domain=QONNX, **attributes)


def written(folder, data, name="model.onnx"):
    path = folder / name
    path.write_bytes(data)
    return path
