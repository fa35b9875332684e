"""scripts/check_models over every file of others: imported and equal, or refused with a reason."""

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
from model_files import SHARED

ROOT = Path(__file__).resolve().parents[2]


def script():
    loader = SourceFileLoader("check_models", str(ROOT / "scripts" / "check_models"))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("check_models", loader)
    )
    loader.exec_module(module)
    return module


def test_every_file_is_equal_to_its_reference_or_refused():
    if not SHARED.is_dir():
        pytest.skip("the model files in ../shared are not there")
    module = script()
    assert module.MODELS == SHARED
    paths = [
        p for p in sorted(SHARED.iterdir()) if p.is_file() and not p.name.endswith(module.DATA)
    ]
    rows = [module.checked(path, False) for path in paths]
    assert [row for row in rows if not row["fine"]] == []
    assert sum(row["read as"] is not None for row in rows) >= 38
    integers = {row["file"]: row["result"] for row in rows if row["read as"] == "integers"}
    bits = ("tiny_ad01_int8.tflite", "tiny_kws_int8.tflite", "deeploy_cnn1_network.onnx")
    bits += ("deeploy_kws_network.onnx", "aidge_lenet_shift.onnx")
    assert all(integers[name] == "bit for bit" for name in bits)
    assert all(text.startswith(("bit for bit", "on the grid")) for text in integers.values())
    refused = {row["file"] for row in rows if row["read as"] is None}
    assert refused == {
        "keras_hgq_jet_classifier.h5",
        "keras_qkeras_3layer.json",
        "keras_qkeras_3layer_weights.h5",
    }


def test_a_difference_is_seen():
    """A reference that is one code off is not taken for equal."""
    if not SHARED.is_dir():
        pytest.skip("the model files in ../shared are not there")
    module = script()
    path = SHARED / "deeploy_kws_network.onnx"
    graph = module.read(path, input="uint8")
    x, y = module.reference(path)
    assert module.compared(graph, x, y) == ("bit for bit", True)
    y = y.copy()
    y[0, 0, 3] += 1
    assert module.compared(graph, x, y) == ("1 codes differ", False)
    path = SHARED / "qonnx_TFC_2W2A.onnx"
    graph, (x, y) = module.read(path), module.reference(path)
    y = y.copy()
    y[2, 0, 1] += 1e-3
    assert module.compared(graph, x, y) == ("1 numbers off the grid", False)
