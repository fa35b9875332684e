"""Classes, confusion matrices, files with samples, and statistics of tensors."""

import io
import zipfile

import numpy as np
import pytest
from model_files import model_bytes, node, written

from holigrail_hw.models import ModelError, read, read_source, shipped
from holigrail_hw.models.accuracy import Accuracy, classes_of, compared, judged
from holigrail_hw.models.labelled import labelled, samples
from holigrail_hw.models.statistics import statistics_of


def test_the_accuracy_of_the_digits():
    x, y = labelled(shipped.data("digits"))
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
    ],
)
def test_labels_that_do_not_fit(classes, labels, text):
    with pytest.raises(ModelError, match=text):
        compared("n", classes, labels, 3)


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


def archive(tmp_path, **arrays):
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    return path


def test_files_with_samples(tmp_path):
    x = np.arange(12.0).reshape(3, 4)
    path = archive(tmp_path, x=x, y=np.array([[1.0], [0.0], [2.0]]))
    assert (samples(path) == x).all()
    assert labelled(path)[1].tolist() == [1, 0, 2] and labelled(path)[1].dtype == np.int64
    assert (samples(archive(tmp_path, x=x.T.copy().T)) == x).all()  # in Fortran's order, too


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"x": np.ones(3)}, "there must be an array y, not ['x']"),
        ({"y": np.ones(3)}, "there must be an array x, not ['y']"),
        ({"x": np.ones((0, 4)), "y": np.ones(0)}, "x: there must be one sample or more"),
        ({"x": np.float64(1), "y": np.ones(1)}, "x: there must be one sample or more"),
        ({"x": np.ones((3, 2)), "y": np.ones(2)}, "one class for each of the 3 samples, not have"),
        ({"x": np.ones((3, 2)), "y": np.ones((3, 2))}, "each of the 3 samples, not have the shape"),
        (
            {"x": np.ones(2), "y": np.array([0.5, 1])},
            "y must hold integers, the numbers of classes",
        ),
        ({"x": np.array([1, np.nan]), "y": np.ones(2)}, "x: must hold finite numbers, not NaN"),
        ({"x": np.array(["a", "b"]), "y": np.ones(2)}, "x: must hold numbers, not <U1"),
        ({"x": np.array([{}, []], object), "y": np.ones(2)}, "x: must hold numbers, not object"),
    ],
)
def test_files_with_other_arrays_are_refused(tmp_path, arrays, text):
    with pytest.raises(ModelError) as caught:
        labelled(archive(tmp_path, **arrays))
    assert str(caught.value).startswith("data.npz: ") and text in str(caught.value)


def test_files_that_are_broken_are_refused(tmp_path):
    path = archive(tmp_path, x=np.ones((3, 4)), y=np.ones(3))
    data = path.read_bytes()
    with pytest.raises(ModelError, match=r"absent\.npz: must be a file that can be read: No such"):
        samples(tmp_path / "absent.npz")
    for broken in (b"", b"text", data[:-30], data[:100] + b"\0" * 60 + data[160:]):
        path.write_bytes(broken)
        with pytest.raises(ModelError, match=r"data\.npz: (x: )?must be a"):
            samples(path)


def test_a_header_that_states_a_huge_array_is_refused(tmp_path):
    header = io.BytesIO()
    fields = {"descr": "<f8", "fortran_order": False, "shape": (1 << 20, 60)}
    np.lib.format.write_array_header_1_0(header, fields)
    path = tmp_path / "data.npz"
    for shape, text in (
        (b"(1048576, 60)", r"x: \[1048576, 60\] must have as many bytes, not"),
        (b"(1048576, 90)", r"x: a tensor must have at most 2\^26 elements"),
    ):
        with zipfile.ZipFile(path, "w") as made:
            made.writestr("x.npy", header.getvalue().replace(b"(1048576, 60)", shape) + b"0" * 64)
        with pytest.raises(ModelError, match=text):
            samples(path)


def test_statistics_of_every_tensor():
    graph = read(shipped.path("digits"))
    x, _ = labelled(shipped.data("digits"))
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
