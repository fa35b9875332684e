"""Graphs written as ONNX files: what is read back computes the same."""

import numpy as np
import pytest

from holigrail_hw.models import IntegerGraph, ModelError, read, read_source
from holigrail_hw.models.reading import integers
from holigrail_hw.models.source.graph import FloatGraph, SourceInput
from holigrail_hw.models.source.nodes import SourceNode
from holigrail_hw.models.writers.onnx_file import onnx_bytes, write_onnx


def small(bits=5):
    rng = np.random.default_rng(bits)
    signed = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
    unsigned = signed | {"signed": 0}
    constants = {
        "scale": np.array(1 / 16),
        "zero": np.array(0.0),
        "bits": np.array(float(bits)),
        "unit": np.array(1 / 64),
        "weights": rng.integers(-15, 16, (6, 3)) / 64,
        "bias": rng.integers(-50, 50, 3) / 1024,
    }
    nodes = (
        SourceNode("input", "Quant", ("x", "scale", "zero", "bits"), ("codes",), unsigned),
        SourceNode("weight", "Quant", ("weights", "unit", "zero", "bits"), ("words",), signed),
        SourceNode("layer", "Gemm", ("codes", "words", "bias"), ("y",), {}),
    )
    return FloatGraph("small", (SourceInput("x", (1, 6)),), ("y",), nodes, constants)


@pytest.mark.parametrize("bits", [5, 8])
def test_a_written_graph_is_read_as_the_same_integers(tmp_path, bits):
    graph, path = small(bits), tmp_path / "small.onnx"
    write_onnx(graph, path, {"holigrail.arithmetic": "{}"})
    assert [file.name for file in tmp_path.iterdir()] == ["small.onnx"]
    x = np.random.default_rng(0).uniform(0, 2, (40, 6))
    found, wanted = read(path), integers(graph)
    assert isinstance(found, IntegerGraph)
    assert np.array_equal(found.evaluate(found.codes(x)), wanted.evaluate(wanted.codes(x)))
    assert np.array_equal(wanted.run(x), graph.evaluate(x))
    assert read_source(path).operators() == {"Quant", "Gemm"}


def test_the_same_graph_gives_the_same_bytes_and_says_its_metadata():
    import onnx

    data = onnx_bytes(small(), {"key": "text"})
    assert data == onnx_bytes(small(), {"key": "text"})
    model = onnx.load_from_string(data)
    assert {prop.key: prop.value for prop in model.metadata_props} == {"key": "text"}
    assert {item.domain for item in model.opset_import} == {"", "qonnx.custom_op.general"}


def test_numbers_of_double_precision_are_refused():
    graph = small()
    graph.constants["bias"] = np.array([0.1, 0.5, 0.25])
    with pytest.raises(ModelError, match=r"^small: bias: numbers must be float32 .*, not 0\.1"):
        onnx_bytes(graph)


def test_nothing_half_written_stays(tmp_path, monkeypatch):
    from pathlib import Path

    def fails(self, target):
        raise OSError("full")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="full"):
        write_onnx(small(), tmp_path / "small.onnx")
    assert [*tmp_path.iterdir()] == []


def test_a_missing_package_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        ModelError, match="small: the Python package onnx must be installed"
    ) as error:
        onnx_bytes(small())
    assert error.value.hint == "pip install 'holigrail_hw[models]'"
