"""Bad input: one clear line each, nothing executed, nothing large allocated."""

import resource

import numpy as np
import pytest
from model_files import QONNX, model_bytes, node, quant, shared_model, written

from holigrail_hw.models import ModelError, read, shipped
from holigrail_hw.models import errors as model_errors

RNG = np.random.default_rng(3)
ONE = {"w": np.ones((3, 2), np.float32)}
LINEAR = node("MatMul", ["x", "w"], ["y"], name="fc")


def refused(tmp_path, nodes, inputs, outputs, constants, **more):
    path = written(tmp_path, model_bytes(nodes, inputs, outputs, constants, **more))
    with pytest.raises(ModelError) as caught:
        read(path)
    return caught.value


def test_everything_unknown_is_named_at_once(tmp_path):
    nodes = [
        node("Einsum", ["x"], ["a"], name="first", equation="ij->ji"),
        node("LayerNormalization", ["a", "w"], ["b"], name="second"),
        node("Relu", ["b"], ["c"], name="fine"),
        node("Mystery", ["c"], ["y"], name="third", domain="com.example"),
    ]
    error = refused(tmp_path, nodes, {"x": [1, 3]}, ["y"], ONE)
    assert error.violations == (
        "model.onnx: node first, Einsum: the operator must be supported, but it is not known",
        "model.onnx: node second, LayerNormalization: the operator must be supported, but "
        "normalisation of a vector is not supported",
        "model.onnx: node third, Mystery: the operator must be supported, but of domain "
        "com.example it is not known",
    )


def test_everything_that_cannot_be_an_integer_is_named_at_once(tmp_path):
    scales = {"s": np.float32(0.5), "zero": np.float32(0), "b": np.float32(4)}
    scales |= {name: np.float32(v) for name, v in (("e", 4), ("m", 3), ("o", 7), ("t", 448))}
    nodes = [
        quant("x", "q", "s", "b"),
        node("Mul", ["q", "q"], ["square"], name="product"),
        node("FloatQuant", ["q", "s", "e", "m", "o", "t"], ["f"], name="floats", domain=QONNX),
        node("Add", ["square", "f"], ["y"]),
    ]
    error = refused(tmp_path, nodes, {"x": [1, 3]}, ["y"], scales)
    assert error.violations == (
        "model.onnx: node product, Mul: one factor must be a constant, not both be tensors",
        "model.onnx: node floats, FloatQuant: the operator must be one that can be quantised, "
        "but its numbers are floats, which have no integer form",
    )


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ([1, "n"], "input x: sizes must be known except for the batch, not (1, n)"),
        ([1, 0], "input x: sizes must be known except for the batch, not (1, 0)"),
        (["n"], "input x: sizes must be known except for the batch, not (n)"),
        (None, "input x: the shape must be stated, not missing"),
    ],
)
def test_dynamic_shapes(tmp_path, shape, text):
    assert str(refused(tmp_path, [LINEAR], {"x": shape}, ["y"], ONE)) == f"model.onnx: {text}"


def test_loops_missing_and_doubled_tensors(tmp_path):
    loop = [node("Add", ["x", "b"], ["a"], name="in"), node("Relu", ["a"], ["b"], name="out")]
    error = refused(tmp_path, loop, {"x": [1, 3]}, ["b"], {})
    assert "node in, Add: operands must not depend on their own result" in str(error)
    error = refused(tmp_path, [node("Relu", ["gone"], ["y"])], {"x": [1, 3]}, ["y"], {})
    assert "operand gone must be an input, a constant or computed, not missing" in str(error)
    twice = [node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])]
    assert "y must be computed once" in str(refused(tmp_path, twice, {"x": [1, 3]}, ["y"], {}))
    error = refused(tmp_path, [LINEAR], {"x": [1, 3]}, ["z"], ONE)
    assert "outputs must be computed by nodes, not be z" in str(error)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers(tmp_path, bad):
    weights = {"w": np.array([[1, bad], [0, 0], [0, 0]], np.float32)}
    error = refused(tmp_path, [LINEAR], {"x": [1, 3]}, ["y"], weights)
    assert str(error) == "model.onnx: constant w must hold finite numbers, not NaN or infinity"


def test_operands_that_do_not_fit(tmp_path):
    path = written(tmp_path, model_bytes([LINEAR], {"x": [1, 4]}, ["y"], ONE))
    with pytest.raises(ModelError, match="node fc, MatMul: operands of shapes"):
        read(path).evaluate(np.ones((1, 4)))
    with pytest.raises(ModelError, match=r"input x must have the shape \(samples, 1, 4\)"):
        read(path).evaluate(np.ones((1, 3)))


@pytest.mark.parametrize("cut", [1, 10, 50, 200])
@pytest.mark.parametrize("kind", ["onnx", "tflite", "mat", "nnet", "txt"])
def test_truncated_and_random_files(tmp_path, cut, kind):
    whole = {
        "onnx": lambda: model_bytes([LINEAR], {"x": [1, 3]}, ["y"], ONE),
        "tflite": lambda: shared_model("tiny_kws_int8.tflite").read_bytes(),
        "mat": lambda: shared_model("ctl_acc_5x20.mat").read_bytes(),
        "nnet": lambda: b"2,2,1,3\n2,3,1\n0\n0\n0\n0\n0\n1,2\n0,1\n-1,0\n0.5\n0\n1\n1,1,2\n0.25\n",
        "txt": lambda: b"2 1 1 2 1 2 3 4 5 6 7 8 9",
    }[kind]()
    options = {"activation": "relu"} if kind == "txt" else {}
    name = f"broken.{kind}"
    count = max(len(whole) * cut // 256, 1)
    noise = np.random.default_rng(cut).bytes(len(whole))
    head = whole[:8]
    for data in (whole[:count], noise, head + noise, b""):
        path = written(tmp_path, data, name)
        with pytest.raises(ModelError) as caught:
            read(path, **options)
        assert str(caught.value).startswith(f"{name}: ")
        assert len(caught.value.violations) == 1


@pytest.mark.parametrize("seed", range(6))
def test_flipped_bytes_end_in_a_graph_or_in_one_clear_line(tmp_path, seed):
    rng = np.random.default_rng(seed)
    files = {
        "broken.tflite": shared_model("tiny_kws_int8.tflite").read_bytes(),
        "broken.onnx": shared_model("ortq_three_layer_qdq_u8s8.onnx").read_bytes(),
        "broken.mat": shared_model("ctl_single_pendulum.mat").read_bytes(),
    }
    for name, whole in files.items():
        for _ in range(6):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 12):
                data[place] = rng.integers(256)
            try:
                read(written(tmp_path, bytes(data), name))
            except ModelError as error:
                assert str(error).startswith(f"{name}: ")


def test_huge_sizes_do_not_allocate(tmp_path):
    from onnx import TensorProto, helper

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    huge = [1 << 20, 1 << 20, 1 << 10]
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "huge",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [TensorProto(name="w", dims=huge, data_type=TensorProto.FLOAT, raw_data=b"1234")],
    )
    path = written(tmp_path, helper.make_model(graph).SerializeToString())
    with pytest.raises(ModelError, match=r"a tensor must have at most 2\^26 elements"):
        read(path)
    constants = {"shape": np.array([1 << 20, 1 << 20], np.int64)}
    nodes = [node("ConstantOfShape", ["shape"], ["c"]), node("Add", ["x", "c"], ["y"])]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 1]}, ["y"], constants))
    with pytest.raises(ModelError, match=r"at most 2\^26 elements"):
        read(path).evaluate(np.ones((1, 1)))
    pads = [node("MaxPool", ["x"], ["y"], kernel_shape=[1, 1], pads=[1 << 20, 1 << 20, 0, 0])]
    path = written(tmp_path, model_bytes(pads, {"x": [1, 1, 2, 2]}, ["y"], {}))
    with pytest.raises(ModelError, match=r"at most 2\^26 elements"):
        read(path).evaluate(np.ones((1, 1, 2, 2)))
    text = tmp_path / "huge.nnet"
    text.write_text("1,65535,65535,65535\n65535,65535\n0\n0\n0\n0\n0\n1\n")
    with pytest.raises(ModelError, match="biases of layer 0|weights of layer 0"):
        read(text)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 300_000  # kilobytes


def test_names_that_are_no_texts(tmp_path):
    """Bytes that are not UTF-8 are named as well as they can be."""
    data = model_bytes([LINEAR], {"x": [1, 3]}, ["outcome"], ONE)
    assert data.count(b"outcome") == 1
    path = written(tmp_path, data.replace(b"outcome", b"\xff\xfe\xfdcome"))
    with pytest.raises(ModelError, match="outputs must be computed by nodes, not be .+come"):
        read(path)


@pytest.mark.parametrize("size", [0, 4, 23, 25, 4000])
def test_sizes_and_data_that_do_not_fit(tmp_path, size):
    from onnx import TensorProto, load_from_string

    model = load_from_string(model_bytes([LINEAR], {"x": [1, 3]}, ["y"], ONE))
    model.graph.initializer[0].raw_data = bytes(size)
    with pytest.raises(ModelError) as caught:
        read(written(tmp_path, model.SerializeToString()))
    assert str(caught.value) == f"model.onnx: constant w: [3, 2] must have 24 bytes, not {size}"
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].float_data.extend([1.0] * 5)
    with pytest.raises(ModelError, match="must have 6 values, not 5"):
        read(written(tmp_path, model.SerializeToString()))
    model.graph.initializer[0].data_type = TensorProto.STRING
    with pytest.raises(ModelError, match="the data type must be supported, not number 8"):
        read(written(tmp_path, model.SerializeToString()))


def test_a_missing_package_is_one_line_with_what_to_type(tmp_path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(model_errors.importlib, "import_module", missing)
    for name, wanted in (("a.onnx", "onnx"), ("a.tflite", "tflite")):
        with pytest.raises(ModelError) as caught:
            read(written(tmp_path, b"data", name))
        text = f"{name}: the Python package {wanted} must be installed, not missing"
        assert str(caught.value) == text
        assert caught.value.hint == "pip install 'holigrail_hw[models]'"


@pytest.mark.parametrize("ending", [".h5", ".pkl", ".pt", ".pb", ".keras", "", ".zip"])
def test_other_files_are_refused_unopened(tmp_path, ending):
    with pytest.raises(ModelError, match=r"a model file must be \.onnx, \.tflite"):
        read(tmp_path / f"never_written{ending}")


def test_requests_that_make_no_sense(tmp_path):
    with pytest.raises(ModelError, match="the runtime must be one of litert, tflm, not other"):
        read(tmp_path / "a.tflite", runtime="other")
    for model in ("digits", "digits-float"):
        file = shipped.path(model)
        with pytest.raises(ModelError) as caught:
            read(file, runtime="tflm")
        assert str(caught.value) == (
            f"{file.name}: the runtime must be left out unless the model is an int8 TFLite file,"
            " not tflm"
        )
    with pytest.raises(ModelError, match="must be a file that can be read: No such file"):
        read(tmp_path / "a.onnx")
    with pytest.raises(ModelError, match="activation must be one of"):
        read(written(tmp_path, b"1 1 0 1 1", "a.txt"))
    nodes = [quant("x", "q", "s", "b"), node("Relu", ["q"], ["y"])]
    constants = {"s": np.float32(1), "zero": np.float32(0), "b": np.float32(4)}
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 3]}, ["y"], constants))
    with pytest.raises(ModelError, match="the input must be an integer or fixed point, not fp16"):
        read(path, input="fp16")


def test_an_input_without_a_format(tmp_path):
    weights = np.ones((3, 2), np.float32)
    constants = {"s": np.float32(1), "zero": np.float32(0), "b": np.float32(4), "w": weights}
    nodes = [node("MatMul", ["x", "w"], ["a"]), quant("a", "y", "s", "b")]
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 3]}, ["y"], constants))
    with pytest.raises(ModelError) as caught:
        read(path)
    assert str(caught.value) == (
        "model.onnx: input x: a format must be given, as the file does not quantise it"
    )
    assert caught.value.hint == "give it as input, for example sfix16_en10"
    assert read(path, input="int4").evaluate(np.array([[1, 2, 3]])).tolist() == [[6, 6]]
