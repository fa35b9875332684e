"""Classes, confusion matrices, and statistics of tensors."""

import numpy as np
import pytest
from model_files import model_bytes, node, written

from holigrail_hw.core.array_files import read_named_arrays
from holigrail_hw.models import ModelError, read, read_source, shipped
from holigrail_hw.models.accuracy import Accuracy, classes_of, compared, judged
from holigrail_hw.models.statistics import statistics_of


def test_the_accuracy_of_the_digits():
    x, y = read_named_arrays(shipped.data("digits")).values()
    found = judged(read(shipped.path("digits")), x, y)
    assert found.text() == "digits: 94.44 %, 340 of 360 samples"
    assert [sum(row) for row in found.confusion] == np.bincount(y).tolist()
    assert found.right == sum(found.confusion[i][i] for i in range(10)) == 340
    header, rows = found.rows()
    assert header == ("label", *map(str, range(10)), "recall (%)")
    assert rows[0] == [0, *found.confusion[0], round(100 * found.confusion[0][0] / 36, 1)]
    real = judged(read_source(shipped.path("digits-float")), x[:, None].astype(float), y)
    assert real.text() == "digits_float.onnx: 98.06 %, 353 of 360 samples"


def test_classes():
    assert classes_of([[1, 3, 3], [0, -1, -2], [5, 5, 5]]).tolist() == [1, 0, 0]
    assert classes_of([[0.0], [1e-9], [-4.0]]).tolist() == [0, 1, 0]
    assert classes_of(np.arange(12).reshape(2, 1, 3, 2)).tolist() == [5, 5]


def test_shares_of_a_confusion_matrix():
    found = compared("n", [0, 0, 1, 2, 2], [0, 1, 1, 0, 0], 4)
    assert found.confusion == ((1, 0, 2, 0), (1, 1, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0))
    assert (found.count, found.right, found.accuracy) == (5, 2, 0.4)
    assert found.recalls == (1 / 3, 0.5, None, None)
    assert found.precisions == (0.5, 1.0, 0.0, None)
    assert found.rows()[1][2][-1] is None
    assert isinstance(found, Accuracy)


@pytest.mark.parametrize(
    ("classes", "labels", "text"),
    [
        ([0, 1], [0], r"there must be a label for every class, not \(1,\) for \(2,\)"),
        ([], [], r"there must be a label for every class, not \(0,\) for \(0,\)"),
        ([0, 1], [0, 3], "labels must be 0 to 2, not 0 to 3"),
        ([0, 1], [-1, 1], "labels must be 0 to 2, not -1 to 1"),
        ([0, 3], [0, 1], "classes must be 0 to 2, not 0 to 3"),
        ([0, 1], [0.5, 1], "labels must be integers, not float64"),
        ([0, 1], [np.nan, 1], "labels must be integers, not float64"),
        ([0, 1], ["0", "1"], "labels must be integers, not <U1"),
    ],
)
def test_labels_that_do_not_fit(classes, labels, text):
    with pytest.raises(ModelError, match=text):
        compared("n", classes, labels, 3)


def test_labels_may_be_floats_that_are_integers():
    assert compared("n", [0, 1], np.array([0.0, 2.0]), 3).confusion[2] == (0, 1, 0)


def test_one_output_has_two_classes_and_two_outputs_have_none(tmp_path):
    weights = {"w": np.array([[1.0], [-1.0]], np.float32)}
    path = written(
        tmp_path, model_bytes([node("MatMul", ["x", "w"], ["y"])], {"x": [1, 2]}, ["y"], weights)
    )
    x = np.array([[2.0, 1], [1, 2], [1, 1]])
    assert judged(read(path), x, [1, 0, 0]).accuracy == 1
    nodes = [node("MatMul", ["x", "w"], ["y"]), node("Relu", ["y"], ["z"])]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 2]}, ["y", "z"], weights))
    with pytest.raises(ModelError, match="there must be one output to classify by, not 2"):
        judged(read(path), x, [1, 0, 0])


def test_statistics_of_every_tensor():
    graph = read(shipped.path("digits"))
    x = read_named_arrays(shipped.data("digits"))["x"]
    codes = graph.codes(x)
    values = graph.evaluate(codes, every=True)
    found = statistics_of(graph, codes)
    assert [item.name for item in found] == ["image", *(node.name for node in graph.nodes)]
    for item in found:
        array = values[item.name]
        assert (item.least, item.greatest) == (array.min(), array.max())
        assert item.low <= item.least <= item.greatest <= item.high
        assert sum(item.counts) == array.size and len(item.edges) == len(item.counts) + 1 <= 65
        wanted = np.histogram(array, np.array(item.edges) - 0.5)[0]
        assert (wanted == item.counts).all()
        assert item.zeros == (array == 0).mean() and abs(item.mean - array.mean()) < 1e-9
        assert 0 <= item.unused < item.width
    kinds = {item.name: item for item in found}
    codes1 = values["codes1"]
    assert kinds["codes1"].limited == ((codes1 == 0) | (codes1 == 15)).mean()
    assert kinds["conv1"].limited is None and kinds["image"].kind == "input"


def test_statistics_of_bits_that_are_not_used():
    graph = read(shipped.path("example"))
    found = {item.name: item for item in statistics_of(graph, np.zeros((1, 4, 4, 1), int))}
    assert found["image"].unused == 2 and found["image"].counts == (16,)
    conv = found["conv1"]  # nothing but the biases 2 and -1
    assert (conv.least, conv.greatest, conv.edges) == (-1, 2, (-1, 0, 1, 2, 3))
    assert conv.width == 8 and conv.unused == 5
