"""Files by Brevitas, ONNX Runtime, Aidge and da4ml: what these compute is what the integers are.

The saved files are read always. The tools themselves, which are no part of the environment, make
new ones where they are installed: ``pip install brevitas onnxoptimizer onnxscript``,
``onnxruntime``, ``da4ml``, or ``aidge-core aidge-backend-cpu aidge-onnx aidge-quantization``.
"""

from dataclasses import replace
from pathlib import Path

import interop_tools
import numpy as np
import pytest

from holigrail_hw.models import IntegerGraph, read, shipped
from holigrail_hw.models.certify.certificate import certify
from holigrail_hw.models.graph.nodes import Requantise
from holigrail_hw.models.passes.forms import with_forms

FILES = Path(__file__).with_name("interop_files")
# File: the package that is needed, what makes it, its arguments, how it is read.
TOOLS = {
    "ort_qdq.onnx": ("onnxruntime", interop_tools.onnxruntime_file, {"qdq": True}, {}),
    "ort_channels.onnx": (
        "onnxruntime",
        interop_tools.onnxruntime_file,
        {"qdq": True, "per_channel": True},
        {},
    ),
    "ort_qlinear.onnx": ("onnxruntime", interop_tools.onnxruntime_file, {"qdq": False}, {}),
    "brevitas.onnx": ("brevitas", interop_tools.brevitas_file, {}, {}),
    "aidge.onnx": (
        "aidge_core",
        interop_tools.aidge_file,
        {"single_shift": False},
        {"input": "int8"},
    ),
    "aidge_shift.onnx": (
        "aidge_core",
        interop_tools.aidge_file,
        {"single_shift": True},
        {"input": "int8"},
    ),
    "da4ml.dais": ("da4ml", interop_tools.da4ml_file, {}, {}),
}


def halves_up(graph):
    """The graph with ties rounded up, as Aidge rounds them behind shifts."""
    nodes = [
        node.changed(formula=replace(node.formula, rounding="nearest_up"))
        if isinstance(node, Requantise)
        else node
        for node in graph.nodes
    ]
    return graph.changed(nodes=tuple(nodes))


def off_the_grid(name, graph, x, y):
    """Outputs that are more than float32's rounding away from ours."""
    meaning = graph.outputs[0].meaning
    step = np.abs(meaning.factor.astype(float)).min()
    if "shift" in name:
        graph = halves_up(graph)
    found, wanted = (a.reshape(len(x), -1) for a in (graph.run(x), y))
    return int((np.abs(found - wanted) > step / 100 + 1e-6 * np.abs(wanted)).sum())


@pytest.mark.parametrize("name", TOOLS)
def test_saved_files_of_other_tools(name):
    path = FILES / name
    graph = read(path, **TOOLS[name][3])
    assert isinstance(graph, IntegerGraph)
    with np.load(path.with_name(f"{name}.npz")) as arrays:
        x, y = arrays["x"], arrays["y"]
    assert len(x) >= 40 and len(np.unique(y)) > 10
    assert off_the_grid(name, graph, x, y) == 0
    assert off_the_grid(name, graph, x, y + 0.5 * np.abs(y).max()) > 0
    formed = with_forms(graph)
    assert not any(entry.deviations for entry in certify(formed).entries)
    assert np.array_equal(formed.run(x), graph.run(x))


def test_ties_behind_a_shift_are_where_aidge_leaves_onnx():
    """QuantizeLinear rounds to even; Aidge itself, in a few sums of this network, up."""
    graph = read(FILES / "aidge_shift.onnx", input="int8")
    with np.load(FILES / "aidge_shift.onnx.npz") as arrays:
        x, y = arrays["x"], arrays["y"].reshape(len(arrays["x"]), -1)
    found = graph.run(x).reshape(y.shape)
    assert 0 < (found != y).sum() < y.size / 50 and np.abs(found - y).max() == 1


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TOOLS)
def test_new_files_of_other_tools(tmp_path, name):
    package, make, options, reading = TOOLS[name]
    pytest.importorskip(package, reason=f"the package {package} is not installed")
    path = tmp_path / name
    x, y = make(path, **options)
    assert off_the_grid(name, read(path, **reading), x, y) == 0


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_the_digits_unrolled_by_da4ml_come_back(tmp_path):
    """7,486 operations; matrices, requantisations and maxima of all positions again."""
    pytest.importorskip("da4ml", reason="the package da4ml is not installed")
    path = tmp_path / "digits.dais"
    x, y = interop_tools.da4ml_digits(path)
    graph = read(path)
    kinds = {node.kind for node in graph.nodes}
    assert kinds == {"linear", "requantise", "move", "pool"}
    assert np.array_equal(graph.run(x)[:, 0], y)
    assert np.array_equal(read(shipped.path("digits")).run(x.reshape(-1, 8, 8))[:, 0], y)
