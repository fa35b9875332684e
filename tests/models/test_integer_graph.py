"""From a file's operators to integers: both must compute the same, for random small networks."""

import json

import numpy as np
import pytest
from model_files import QONNX, model_bytes, node, quant, written

from holigrail_hw.models import IntegerGraph, ModelError, read, read_source
from holigrail_hw.models.graph.nodes import Linear, Move, Requantise
from holigrail_hw.models.lower.lowering import lowered
from holigrail_hw.models.passes.batch_norm import folded_batch_norms
from holigrail_hw.models.passes.constants import folded_constants
from holigrail_hw.models.picture import drawing, to_dot, to_svg

SCALES = {
    "zero": np.float32(0),
    "s1": np.float32(0.125),
    "s2": np.float32(0.3),
    "s3": np.float32(0.5),
    "b2": np.float32(2),
    "b4": np.float32(4),
    "b8": np.float32(8),
}


def both(path, x, **options):
    """The numbers of the integer graph and those of the file's own operators."""
    graph = read(path, **options)
    assert isinstance(graph, IntegerGraph)
    source = read_source(path)
    found, wanted = graph.run(x), source.evaluate(x)
    assert found.shape == wanted.shape
    return graph, found, wanted


def checked(path, x, **options):
    graph, found, wanted = both(path, x, **options)
    assert np.allclose(found, wanted, rtol=1e-9, atol=1e-9)
    return graph


@pytest.mark.parametrize("seed", range(24))
def test_random_convolutions(tmp_path, seed):
    rng = np.random.default_rng(seed)
    inputs, group = int(rng.integers(1, 4)), 1
    if seed % 3 == 0:
        group = inputs
    outputs = group * int(rng.integers(1, 4))
    height, width = rng.integers(1, 8, 2)
    kernel = [int(rng.integers(1, min(n, 4) + 1)) for n in (height, width)]
    fields = {
        "kernel_shape": kernel,
        "strides": [int(v) for v in rng.integers(1, 4, 2)],
        "group": group,
        "pads": [int(v) for v in rng.integers(0, 2, 4)],
    }
    if seed % 4 == 1:
        sizes = [*zip(kernel, (height, width), strict=True)]
        fields["dilations"] = [1 if k * 2 > n else 2 for k, n in sizes]
    # Channel 0 has a negative factor of batch normalisation.
    normal = [rng.normal(size=outputs), rng.normal(size=outputs), rng.normal(size=outputs)]
    normal[0][0] = -abs(normal[0][0])
    constants = {**SCALES, "w": rng.normal(size=(outputs, inputs // group, *kernel)) * 0.5}
    constants |= dict(zip(("g", "bb", "m"), normal, strict=True))
    constants |= {"v": rng.uniform(0.5, 2, outputs), "bias": rng.normal(size=outputs)}
    constants = {k: np.asarray(v, np.float32) for k, v in constants.items()}
    nodes = [
        quant("x", "q", "s1", "b8", signed=seed % 2),
        quant("w", "wq", "s2" if seed % 5 else "s1", "b4", narrow=1),
        node("Conv", ["q", "wq", "bias"], ["a"], **fields),
        node("BatchNormalization", ["a", "g", "bb", "m", "v"], ["n"]),
        *([node("Relu", ["n"], ["r"])] if seed % 2 else [node("Identity", ["n"], ["r"])]),
        quant("r", "y", "s3", "b4", signed=1 - seed % 2),
    ]
    path = written(
        tmp_path, model_bytes(nodes, {"x": [1, inputs, int(height), int(width)]}, ["y"], constants)
    )
    x = rng.normal(size=(5, 1, inputs, height, width)) * 4
    graph = checked(path, x)
    assert not any(isinstance(n, Move) and n.how == "transpose" for n in graph.nodes)
    for n in graph.nodes:
        if isinstance(n, Requantise):
            assert (n.formula.direction > 0).all()


@pytest.mark.parametrize("relu", [True, False])
def test_flatten_after_an_image_permutes_the_matrix(tmp_path, relu):
    """3 x 3 x 2 pixels, channels first in the file, last in the graph: no memory is needed."""
    rng = np.random.default_rng(2)
    constants = {
        **SCALES,
        "k": rng.integers(-3, 4, (2, 1, 2, 2)).astype(np.float32),
        "w": rng.integers(-3, 4, (18, 4)).astype(np.float32),
    }
    nodes = [
        quant("x", "q", "s3", "b4"),
        node("Conv", ["q", "k"], ["a"], kernel_shape=[2, 2]),
        node("Relu" if relu else "Identity", ["a"], ["r"]),
        quant("r", "c", "s3", "b8"),
        node("Flatten", ["c"], ["f"]),
        quant("f", "d", "s3", "b4"),
        node("MatMul", ["d", "w"], ["y"]),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 1, 4, 4]}, ["y"], constants))
    graph = checked(path, rng.normal(size=(6, 1, 1, 4, 4)) * 3)
    kinds = [n.how for n in graph.nodes if isinstance(n, Move)]
    assert kinds == ["reshape"]
    assert graph.remarks == ()


def test_a_transpose_that_stays_is_named(tmp_path):
    nodes = [
        quant("x", "q", "s3", "b4"),
        node("Transpose", ["q"], ["t"], perm=[0, 2, 1]),
        node("Add", ["q", "t"], ["y"]),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 3, 3]}, ["y"], SCALES))
    graph = checked(path, np.random.default_rng(0).normal(size=(4, 1, 3, 3)))
    (remark,) = graph.remarks
    assert "transpose: elements change their order, which takes a memory of one frame" in remark


@pytest.mark.parametrize("scales", [("s1", "s3"), ("s3", "s3"), ("s2", "s1")])
def test_residual_sums(tmp_path, scales):
    """Scales with a ratio of powers of two, equal ones, and any two float32."""
    rng = np.random.default_rng(4)
    constants = {**SCALES, "w": rng.integers(-3, 4, (5, 5)).astype(np.float32)}
    nodes = [
        quant("x", "q", scales[0], "b4"),
        node("MatMul", ["q", "w"], ["m"]),
        quant("m", "c", scales[1], "b8"),
        node("Add", ["q", "c"], ["s"]),
        node("Relu", ["s"], ["r"]),
        quant("r", "y", "s3", "b4", signed=0),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 5]}, ["y"], constants))
    checked(path, rng.normal(size=(50, 1, 5)) * 2)


@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool", "GlobalAveragePool"])
def test_pools_of_codes(tmp_path, operator):
    rng = np.random.default_rng(5)
    fields = {} if operator.startswith("Global") else {"kernel_shape": [2, 3], "strides": [2, 1]}
    if operator == "MaxPool":
        fields["pads"] = [1, 1, 0, 1]
    nodes = [
        quant("x", "q", "s1", "b4"),
        node(operator, ["q"], ["p"], **fields),
        quant("p", "y", "s3", "b4"),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 2, 5, 4]}, ["y"], SCALES))
    checked(path, rng.normal(size=(9, 1, 2, 5, 4)))


@pytest.mark.parametrize(("include", "scale"), [(1, "s1"), (0, "s1")])
def test_means_that_reach_outside(tmp_path, include, scale):
    """Zeros outside count if the file says so; else the number of pixels would change."""
    fields = {"kernel_shape": [2, 2], "pads": [1, 0, 0, 1], "count_include_pad": include}
    nodes = [
        quant("x", "q", scale, "b4"),
        node("AveragePool", ["q"], ["p"], **fields),
        quant("p", "y", "s3", "b4"),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 2, 5, 4]}, ["y"], SCALES))
    x = np.random.default_rng(3).normal(size=(9, 1, 2, 5, 4))
    if include:
        checked(path, x)
    else:
        with pytest.raises(ModelError, match="windows must not reach outside the image"):
            read(path)


def test_a_mean_over_codes_whose_zero_is_not_0(tmp_path):
    """A pixel outside is the number 0, not the code 0."""
    constants = {**SCALES, "three": np.float32(3)}
    fields = {"kernel_shape": [2, 2], "pads": [1, 0, 0, 1], "count_include_pad": 1}
    nodes = [
        quant("x", "q", "s1", "b4", signed=0, zero="three"),
        node("AveragePool", ["q"], ["p"], **fields),
        quant("p", "y", "s3", "b4"),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 2, 5, 4]}, ["y"], constants))
    with pytest.raises(ModelError, match="0 must be the code 0 of a tensor that is padded"):
        read(path)


@pytest.mark.parametrize("factor", [-1.5, 2.0])
def test_a_factor_behind_a_relu(tmp_path, factor):
    """A negative one turns the lower limit into an upper one."""
    constants = {**SCALES, "w": np.ones((3, 2), np.float32), "f": np.float32(factor)}
    nodes = [
        quant("x", "q", "s1", "b4"),
        node("MatMul", ["q", "w"], ["m"]),
        node("Relu", ["m"], ["r"]),
        node("Mul", ["r", "f"], ["s"]),
        quant("s", "y", "s1", "b4"),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 3]}, ["y"], constants))
    checked(path, np.random.default_rng(3).normal(size=(40, 1, 3)))


def test_concat_slice_pad_and_gather(tmp_path):
    rng = np.random.default_rng(6)
    constants = {
        **SCALES,
        "starts": np.array([1], np.int64),
        "ends": np.array([3], np.int64),
        "axes": np.array([2], np.int64),
        "pads": np.array([0, 0, 1, 0, 0, 0, 0, 2], np.int64),
        "places": np.array([1, 0, 1], np.int64),
    }
    nodes = [
        quant("x", "q", "s1", "b4"),
        quant("q", "c", "s3", "b4"),
        node("Concat", ["q", "c"], ["j"], axis=1),
        node("Slice", ["j", "starts", "ends", "axes"], ["s"]),
        node("Gather", ["s", "places"], ["g"], axis=2),
        quant("g", "h", "s1", "b8"),
        node("Pad", ["h", "pads"], ["y"]),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 2, 4, 3]}, ["y"], constants))
    checked(path, rng.normal(size=(7, 1, 2, 4, 3)))


@pytest.mark.parametrize("mode", ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"])
def test_every_rounding_on_ties(tmp_path, mode):
    constants = {**SCALES, "w": np.array([[1.0]], np.float32)}
    nodes = [
        quant("x", "q", "s1", "b8"),
        node("MatMul", ["q", "w"], ["m"]),
        quant("m", "y", "s3", "b4", rounding_mode=mode),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 1]}, ["y"], constants))
    checked(path, np.arange(-128, 128).reshape(-1, 1, 1) * 0.125)


@pytest.mark.parametrize(("signed", "bits", "codes"), [(1, 1, {-1, 1}), (0, 1, {0, 1})])
def test_one_bit(tmp_path, signed, bits, codes):
    """A signed bit is -1 or 1, and 0 becomes 1."""
    constants = {**SCALES, "b1": np.float32(bits)}
    path = written(
        tmp_path,
        model_bytes([quant("x", "y", "s3", "b1", signed=signed)], {"x": [1, 4]}, ["y"], constants),
    )
    x = np.array([[0.0, -0.1, 0.6, -3.0]]).reshape(1, 1, 4)
    graph = checked(path, x)
    assert {*graph.codes(x).reshape(-1).tolist()} == codes


def test_bipolar_weights_and_activations(tmp_path):
    rng = np.random.default_rng(8)
    constants = {**SCALES, "w": rng.normal(size=(6, 3)).astype(np.float32)}
    nodes = [
        node("BipolarQuant", ["x", "s3"], ["q"], domain=QONNX),
        node("BipolarQuant", ["w", "s1"], ["wq"], domain=QONNX),
        node("MatMul", ["q", "wq"], ["m"]),
        node("BipolarQuant", ["m", "s3"], ["y"], domain=QONNX),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 6]}, ["y"], constants))
    graph = checked(path, rng.normal(size=(64, 1, 6)))
    assert [graph.tensors[n.name].low.min() for n in graph.nodes] == [-6, -1]


@pytest.mark.parametrize(("version", "names"), [(1, "x s z b c"), (2, "x s z b t c")])
def test_truncations(tmp_path, version, names):
    constants = {
        **SCALES,
        "s": np.float32(0.125),
        "z": np.float32(0),
        "b": np.float32(8),
        "c": np.float32(4),
        "t": np.float32(2.0),
    }
    operands = ["q", *names.split()[1:]]
    nodes = [
        quant("x", "q", "s1", "b8"),
        node("Trunc", operands, ["y"], domain=QONNX, rounding_mode="FLOOR", signed=1, narrow=0),
    ]
    data = model_bytes(nodes, {"x": [1, 1]}, ["y"], constants, domains=[(QONNX, version)])
    checked(written(tmp_path, data), np.arange(-130, 130).reshape(-1, 1, 1) * 0.125)


def test_requant_shift_needs_its_half(tmp_path):
    from onnx import numpy_helper

    def tensor(value):
        return numpy_helper.from_array(np.array(value, np.float32))

    rng = np.random.default_rng(1)
    constants = {
        "w": rng.integers(-9, 10, (4, 3)).astype(np.float32),
        "mul": np.array([5, 7, 300], np.float32),
        "add": np.array([100, -999, 0], np.float32),
    }
    fields = {"div": tensor(256.0), "n_levels_out": tensor([256.0]), "signed": tensor([1.0])}
    nodes = [
        node("MatMul", ["x", "w"], ["m"]),
        node("RequantShift", ["m", "mul", "add"], ["y"], **fields),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 4]}, ["y"], constants))
    x = rng.integers(-128, 128, (200, 1, 4))
    graph = checked(path, x, input="int8")
    sums = x.reshape(-1, 4) @ constants["w"].astype(int)
    wanted = np.clip((sums * [5, 7, 300] + [100, -999, 0] + 128) >> 8, -128, 127)
    assert (graph.run(x)[:, 0] == wanted).all()


def test_passes_keep_what_is_computed(tmp_path):
    """Raw lowering beside the settled graph: fewer nodes, the same numbers."""
    rng = np.random.default_rng(9)
    constants = {**SCALES, "k": rng.integers(-2, 3, (3, 2, 2, 2)).astype(np.float32)}
    constants["k"][:, 1] = 0
    nodes = [
        quant("x", "q", "s3", "b4"),
        node("Conv", ["q", "k"], ["a"], kernel_shape=[2, 2], pads=[1, 0, 0, 0]),
        quant("a", "c", "s3", "b8"),
        node("Relu", ["c"], ["r"]),
        node("MaxPool", ["r"], ["y"], kernel_shape=[2, 2]),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 2, 5, 5]}, ["y"], constants))
    raw = lowered(folded_batch_norms(folded_constants(read_source(path))))
    settled = read(path)
    x = rng.normal(size=(6, 1, 2, 5, 5)) * 2
    assert np.array_equal(raw.run(x), settled.run(x))
    assert len(settled.nodes) < len(raw.nodes)
    assert [n.kind for n in settled.nodes] == ["linear", "requantise", "pool"]
    assert settled.nodes[1].formula.limits()[0] == 0


def test_dead_features_move_into_the_bias(tmp_path):
    """With a great negative offset a channel is always 0, with a great positive one always 15."""
    constants = {
        **SCALES,
        "w": np.ones((2, 3), np.float32),
        "offset": np.array([-1000, 0, 1000], np.float32),
        "v": np.array([[1], [2], [3]], np.float32),
    }
    nodes = [
        quant("x", "q", "s3", "b4"),
        node("MatMul", ["q", "w"], ["m"]),
        node("Add", ["m", "offset"], ["o"]),
        quant("o", "c", "s3", "b4", signed=0),
        node("MatMul", ["c", "v"], ["y"]),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 2]}, ["y"], constants))
    graph = checked(path, np.random.default_rng(0).normal(size=(20, 1, 2)) * 3)
    last = graph.nodes[-1]
    assert isinstance(last, Linear)
    assert last.weights.reshape(-1).tolist() == [0, 2, 0] and last.bias.tolist() == [45]


def test_biases_of_outputs_are_in_their_sums(tmp_path):
    constants = {
        **SCALES,
        "w": np.eye(2, dtype=np.float32),
        "b": np.array([2.0, -0.5], np.float32),
    }
    nodes = [
        quant("x", "q", "s3", "b4"),
        node("Gemm", ["q", "w", "b"], ["y"]),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 2]}, ["y"], constants))
    graph = read(path)
    assert graph.evaluate(np.array([[1, 1]])).tolist() == [[5, 0]]
    assert graph.run(np.array([[0.5, 0.5]])).tolist() == [[[2.5, 0.0]]]


def test_documents_and_pictures(tmp_path):
    rng = np.random.default_rng(3)
    constants = {**SCALES, "k": rng.integers(-2, 3, (3, 2, 2, 2)).astype(np.float32)}
    nodes = [
        quant("x", "q", "s2", "b4"),
        node("Conv", ["q", "k"], ["a"], kernel_shape=[2, 2], pads=[1, 0, 0, 1]),
        quant("a", "y", "s3", "b8"),
    ]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 2, 5, 5]}, ["y"], constants))
    graph = read(path)
    text = graph.to_json()
    again = IntegerGraph.from_json(text)
    assert again.to_json() == text
    x = rng.normal(size=(3, 1, 2, 5, 5))
    assert np.array_equal(again.run(x), graph.run(x))
    document = json.loads(text)
    assert document["schema"] == 1 and {"nodes", "tensors", "inputs"} <= {*document}
    document["tensors"][graph.nodes[0].name]["high"]["values"][0] += 1
    with pytest.raises(ModelError, match="shape and range must follow from the nodes"):
        IntegerGraph.from_json(json.dumps(document))
    for broken in ("", "[]", "{}", '{"schema": 2}', text[:-20], text.replace("linear", "lonely")):
        with pytest.raises(ModelError, match="graph: "):
            IntegerGraph.from_json(broken)
    found = drawing(graph)
    assert [box.label for box in found.nodes] == ["x", "linear", "requantise", "y"]
    assert all(a.row < b.row for a, b in zip(found.nodes, found.nodes[1:], strict=False))
    assert "8 products, window (2, 2)" in to_dot(graph)
    assert to_svg(graph).startswith("<svg") and to_svg(graph) == to_svg(again)


def test_codes_are_checked(tmp_path):
    path = written(
        tmp_path, model_bytes([quant("x", "y", "s3", "b4")], {"x": [1, 2]}, ["y"], SCALES)
    )
    graph = read(path)
    with pytest.raises(ModelError, match="codes must be -8 to 7, not 0 to 8"):
        graph.evaluate(np.array([[0, 8]]))
    with pytest.raises(ModelError, match="codes must be integers, not float64"):
        graph.evaluate(np.array([[0.5, 1]]))
    with pytest.raises(ModelError, match=r"the shape must be \(samples, 2\), not \(1, 3\)"):
        graph.evaluate(np.array([[0, 1, 2]]))
    with pytest.raises(ModelError, match="values must be finite numbers"):
        graph.codes(np.array([[[np.nan, 0.0]]]))
