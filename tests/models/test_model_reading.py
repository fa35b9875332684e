"""What files say: traps that real files set, and every operator on its own."""

import struct
import zlib

import numpy as np
import pytest
from model_files import QONNX, model_bytes, node, quant, shared_model, written

from holigrail_hw.models import FloatGraph, IntegerGraph, ModelError, read, read_source
from holigrail_hw.models.source.quantisers import rounded

RNG = np.random.default_rng(7)


def source(tmp_path, *args, **kwargs):
    return read_source(written(tmp_path, model_bytes(*args, **kwargs)))


def test_initialisers_among_inputs_and_a_baked_batch(tmp_path):
    weights = RNG.normal(size=(3, 2)).astype(np.float32)
    inputs = {"x": [789444, 3], "w": [3, 2]}
    graph = source(tmp_path, [node("MatMul", ["x", "w"], ["y"])], inputs, ["y"], {"w": weights})
    assert [port.shape for port in graph.inputs] == [(1, 3)]
    assert "a batch of 789444" in graph.remarks[0]
    x = RNG.normal(size=(5, 3))
    assert np.allclose(graph.evaluate(x)[:, 0], x @ weights)


def test_a_gemm_of_opset_6_takes_images(tmp_path):
    weights = RNG.normal(size=(4, 6)).astype(np.float32)
    nodes = [node("Gemm", ["x", "w", "b"], ["y"], transB=1, broadcast=1)]
    constants = {"w": weights, "b": np.ones(4, np.float32)}
    graph = source(tmp_path, nodes, {"x": [1, 1, 2, 3]}, ["y"], constants, opset=6)
    x = RNG.normal(size=(7, 1, 1, 2, 3))
    assert np.allclose(graph.evaluate(x)[:, 0], x.reshape(7, 6) @ weights.T + 1)


def test_a_chain_of_shapes_is_folded(tmp_path):
    """Shape, Gather, Unsqueeze, Concat, Reshape: how PyTorch wrote a flatten."""
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "zero"], ["batch"], axis=0),
        node("Unsqueeze", ["batch"], ["batch1"], axes=[0]),
        node("Concat", ["batch1", "rest"], ["target"], axis=0),
        node("Reshape", ["x", "target"], ["flat"]),
        quant("flat", "y", "scale", "width", zero="nought"),
    ]
    constants = {
        "zero": np.int64(0),
        "rest": np.array([-1], np.int64),
        "scale": np.float32(0.5),
        "nought": np.float32(0),
        "width": np.float32(4),
    }
    path = written(tmp_path, model_bytes(nodes, {"x": [1, 2, 3, 2]}, ["y"], constants, opset=9))
    graph = read(path)
    assert isinstance(graph, IntegerGraph) and graph.nodes == ()
    x = RNG.normal(size=(4, 1, 2, 3, 2)) * 3
    wanted = np.clip(np.rint(x / 0.5), -8, 7).reshape(4, 12)
    assert (graph.codes(x) == wanted).all()


@pytest.mark.parametrize("domain", ["onnx.brevitas", "finn.custom_op.general", QONNX])
@pytest.mark.parametrize("kind", [np.float32, np.int64])
def test_all_names_of_the_domain_and_no_import(tmp_path, domain, kind):
    nodes = [node("Quant", ["x", "s", "z", "b"], ["y"], domain=domain, signed=0, narrow=1)]
    constants = {"s": np.float32(0.25), "z": kind(0), "b": kind(3)}
    graph = source(tmp_path, nodes, {"x": [1, 2]}, ["y"], constants)
    x = np.array([[0.3, 9.0], [-1.0, 0.375]])
    assert (graph.evaluate(x)[:, 0] == [[0.25, 1.5], [0.0, 0.5]]).all()


def test_rounding_modes_of_qonnx():
    values = np.array([-2.5, -1.5, -1.2, -0.5, 0.5, 1.2, 1.5, 2.5])
    expected = {
        "ROUND": [-2, -2, -1, 0, 0, 1, 2, 2],
        "half_even": [-2, -2, -1, 0, 0, 1, 2, 2],
        "CEIL": [-2, -1, -1, 0, 1, 2, 2, 3],
        "FLOOR": [-3, -2, -2, -1, 0, 1, 1, 2],
        "UP": [-3, -2, -2, -1, 1, 2, 2, 3],
        "DOWN": [-2, -1, -1, 0, 0, 1, 1, 2],
        "HALF_UP": [-3, -2, -1, -1, 1, 1, 2, 3],
        "HALF_DOWN": [-2, -1, -1, 0, 0, 1, 1, 2],
    }
    for mode, codes in expected.items():
        assert rounded(values, mode).tolist() == codes, mode


@pytest.mark.parametrize(("version", "operands"), [(1, 5), (2, 6)])
def test_both_truncations(tmp_path, version, operands):
    names = ["x", "s", "z", "b", "c"] if version == 1 else ["x", "s", "z", "b", "t", "c"]
    constants = {
        "s": np.float32(0.25),
        "z": np.float32(0),
        "b": np.float32(8),
        "c": np.float32(4),
        "t": np.float32(4.0),
    }
    nodes = [node("Trunc", names, ["y"], domain=QONNX, rounding_mode="FLOOR", signed=1, narrow=0)]
    kept = {name: constants[name] for name in names[1:]}
    graph = source(tmp_path, nodes, {"x": [1, 3]}, ["y"], kept, domains=[(QONNX, version)])
    x = np.array([[10.0, -0.25, 31.75]])
    # Codes 40, -1, 127; shifted by 4: 2, -1, 7. Version 1 keeps the scale of its operand.
    wanted = np.array([2, -1, 7]) * (0.25 if version == 1 else 4.0)
    assert (graph.evaluate(x)[0, 0] == wanted).all()
    assert operands == len(names)


def test_float_quant_of_every_code(tmp_path):
    """e4m3 without infinities, scaled: all its values are fixed points, halves go to even."""
    nodes = [node("FloatQuant", ["x", "s", "e", "m", "b", "max"], ["y"], domain=QONNX)]
    numbers = {"s": 0.5, "e": 4, "m": 3, "b": 7, "max": 448}
    constants = {name: np.float32(value) for name, value in numbers.items()}
    graph = source(tmp_path, nodes, {"x": [1, 1]}, ["y"], constants)
    values = np.array([m * 2.0 ** (e - 3) for e in range(-6, 9) for m in range(8, 16)])
    values = np.concatenate([values, np.arange(8) * 2.0**-9])
    values = values[values <= 448]
    assert (graph.evaluate(values.reshape(-1, 1) * 0.5).reshape(-1) == values * 0.5).all()
    assert graph.evaluate(np.array([[500.0 * 0.5]]))[0, 0, 0] == 224
    assert graph.evaluate(np.array([[1.0625 * 0.5]]))[0, 0, 0] == 0.5


@pytest.mark.parametrize(
    ("attributes", "beyond"),
    [
        ({}, 448.0),
        ({"saturation": 0, "has_nan": 1}, np.nan),
        ({"saturation": 0, "has_inf": 1, "has_nan": 1}, np.inf),
        ({"saturation": 0, "has_infinity": 1}, np.inf),
        ({"saturation": 1, "has_inf": 1, "has_nan": 1}, 448.0),
    ],
)
def test_floats_beyond_the_largest(tmp_path, attributes, beyond):
    """They saturate, or become infinities or NaN where the node says so."""
    nodes = [
        node("FloatQuant", ["x", "s", "e", "m", "b", "max"], ["y"], domain=QONNX, **attributes)
    ]
    numbers = {"s": 1, "e": 4, "m": 3, "b": 7, "max": 448}
    constants = {name: np.float32(value) for name, value in numbers.items()}
    graph = source(tmp_path, nodes, {"x": [1, 1]}, ["y"], constants)
    x = np.array([448.0, 464.0, np.nextafter(464, 500), 1e9, np.inf])
    found = graph.evaluate(np.concatenate([x, -x]).reshape(-1, 1)).reshape(2, 5)
    wanted = [448.0, 448.0, beyond, beyond, beyond]
    assert np.array_equal(found[0], wanted, equal_nan=True)
    assert np.array_equal(found[1], [-value for value in wanted], equal_nan=True)


def test_floats_that_neither_saturate_nor_have_special_values_are_refused(tmp_path):
    nodes = [node("FloatQuant", ["x", *"sembt"], ["y"], name="q", domain=QONNX, saturation=0)]
    constants = {name: np.float32(1) for name in "sembt"}
    with pytest.raises(ModelError, match="node q, FloatQuant: floats must saturate, or have"):
        source(tmp_path, nodes, {"x": [1, 1]}, ["y"], constants)


def test_halves_are_halves_and_not_what_is_next_to_them():
    below, above = np.nextafter(0.5, 0), np.nextafter(0.5, 1)
    values = np.array([below, 0.5, above, 2.5, -below, -0.5, -above, -2.5])
    assert rounded(values, "HALF_UP").tolist() == [0, 1, 1, 3, 0, -1, -1, -3]
    assert rounded(values, "HALF_DOWN").tolist() == [0, 0, 1, 2, 0, 0, -1, -2]


@pytest.mark.parametrize("trailing", [",", ""])
@pytest.mark.parametrize("extra", ["", "3"])
def test_nnet_with_and_without_commas_and_an_extra_size(tmp_path, trailing, extra):
    sizes = f"2,3,1{',' + extra if extra else ''}"
    lines = ["// comment", "2,2,1,3", sizes, "0", "-1,-2", "1,2", "0.5,0,3", "2,4,10"]
    lines += ["1,2", "0,1", "-1,0", "0.5", "0", "1", "1,1,2", "0.25"]
    path = tmp_path / "net.nnet"
    path.write_text("\n".join(line + trailing for line in lines) + "\n")
    graph = read(path)
    x = np.array([[0.5, 3.0], [-4.0, 0.0]])
    normal = (np.clip(x, [-1, -2], [1, 2]) - [0.5, 0]) / [2, 4]
    hidden = np.maximum(normal @ np.array([[1, 2], [0, 1], [-1, 0]]).T + [0.5, 0, 1], 0)
    wanted = (hidden @ [1, 1, 2] + 0.25) * 10 + 3
    assert isinstance(graph, FloatGraph)
    assert np.allclose(graph.evaluate(x)[:, 0, 0], wanted)


def test_nnet_with_a_header_of_zeros_does_not_divide(tmp_path):
    path = tmp_path / "net.nnet"
    path.write_text("1,2,1,2\n2,1,1\n0\n0\n0\n0\n0\n3,4\n5\n")
    assert read(path).evaluate(np.array([[1.0, 1.0]])).item() == 12


def mat_array(kind, shape, content, name=""):
    """A matrix element of a Matlab file, with its tag."""

    def element(number, data):
        return struct.pack("<II", number, len(data)) + data + bytes(-len(data) % 8)

    body = element(6, struct.pack("<II", kind, 0))
    body += element(5, struct.pack(f"<{len(shape)}i", *shape)) + element(1, name.encode())
    body += content if kind == 1 else element(9 if kind == 6 else 4, content)
    return element(14, body)


def mat_file(weights, biases, names, key, column, packed):
    def numbers(array):
        return mat_array(6, array.shape, array.astype("<f8").tobytes(order="F"))

    shape = (len(weights), 1) if column else (1, len(weights))
    width = max(map(len, names))
    rows = np.array([[ord(c) for c in name.ljust(width)] for name in names], "<u2")
    variables = [
        mat_array(1, shape, b"".join(map(numbers, weights)), "W"),
        mat_array(1, shape, b"".join(map(numbers, biases)), "b"),
        mat_array(4, rows.shape, rows.tobytes(order="F"), key),
        mat_array(2, (1, 1), b"12345678", "another"),
    ]
    if packed:
        small = [zlib.compress(item) for item in variables]
        variables = [struct.pack("<II", 15, len(item)) + item for item in small]
    return b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + b"".join(variables)


@pytest.mark.parametrize("key", ["act_fcns", "act"])
@pytest.mark.parametrize("column", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_matlab_with_either_key_and_shape(tmp_path, key, column, packed):
    weights = [RNG.normal(size=(3, 2)), RNG.normal(size=(1, 3))]
    biases = [RNG.normal(size=(3, 1)), RNG.normal(size=(1, 1))]
    data = mat_file(weights, biases, ["tansig", "purelin"], key, column, packed)
    graph = read(written(tmp_path, data, "net.mat"))
    x = RNG.normal(size=(4, 2))
    hidden = np.tanh(x @ weights[0].T + biases[0].T)
    wanted = hidden @ weights[1].T + biases[1]
    assert np.allclose(graph.evaluate(x)[:, 0], wanted)


def test_matlab_activations_and_layers_are_checked(tmp_path):
    weights, biases = [np.ones((3, 2)), np.ones((1, 4))], [np.ones((3, 1)), np.ones((1, 1))]
    data = mat_file(weights, biases, ["relu", "softplus"], "act", False, True)
    with pytest.raises(ModelError) as caught:
        read(written(tmp_path, data, "net.mat"))
    first, second = caught.value.violations
    assert "activation of layer 1 must be one of relu, poslin" in first and "'softplus'" in first
    assert second == "net.mat: layer 1 must take 3 values, not (1, 4)"


def test_two_files_of_one_controller_are_two_functions():
    """The ONNX file subtracts ones first, the Matlab file does not; so they are read."""
    onnx = read(shared_model("ctl_acc_5x20.onnx"))
    matlab = read(shared_model("ctl_acc_5x20.mat"))
    x = np.array([[30.0, 1.4, 29.0, 80.0, -2.0]])
    same = onnx.evaluate((x + 1).reshape(1, 1, 1, 1, 5)).item()
    assert abs(same - matlab.evaluate(x).item()) < 1e-5
    assert abs(onnx.evaluate(x.reshape(1, 1, 1, 1, 5)).item() - matlab.evaluate(x).item()) > 0.01


def test_external_data_beside_the_file_only(tmp_path):
    from onnx import TensorProto, load_from_string

    weights = RNG.normal(size=(3, 2)).astype(np.float32)
    data = model_bytes([node("MatMul", ["x", "w"], ["y"])], {"x": [1, 3]}, ["y"], {"w": weights})
    model = load_from_string(data)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "model.onnx.data"
    path = written(tmp_path, model.SerializeToString())
    (tmp_path / "model.onnx.data").write_bytes(weights.tobytes())
    x = RNG.normal(size=(2, 3))
    assert np.allclose(read(path).evaluate(x)[:, 0], x @ weights)
    for wrong in ("../model.onnx.data", "/etc/hostname", "missing.data"):
        entry.value = wrong
        path = written(tmp_path, model.SerializeToString())
        with pytest.raises(ValueError, match="constant w"):
            read(path)


def test_a_stray_data_file_is_not_needed(tmp_path):
    weights = np.ones((3, 2), np.float32)
    data = model_bytes([node("MatMul", ["x", "w"], ["y"])], {"x": [1, 3]}, ["y"], {"w": weights})
    (tmp_path / "model.onnx.data").write_bytes(b"not needed")
    assert read(written(tmp_path, data)).evaluate(np.ones((1, 3))).tolist() == [[[3.0, 3.0]]]


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("auto_pad", ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
def test_pools_against_loops(tmp_path, ceil, auto_pad):
    fields = {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": auto_pad}
    if auto_pad == "NOTSET":
        fields |= {"pads": [1, 0, 0, 1], "ceil_mode": ceil}
    graph = source(
        tmp_path, [node("MaxPool", ["x"], ["y"], **fields)], {"x": [1, 2, 6, 5]}, ["y"], {}
    )
    x = RNG.normal(size=(2, 1, 2, 6, 5))
    tops = {"NOTSET": (1, 0), "VALID": (0, 0), "SAME_UPPER": (0, 0), "SAME_LOWER": (1, 1)}
    counts = {"NOTSET": (3, 3), "VALID": (2, 2), "SAME_UPPER": (3, 3), "SAME_LOWER": (3, 3)}
    rows, columns = counts[auto_pad]
    if ceil and auto_pad == "NOTSET":
        # ceil((6 + 1 - 3) / 2) + 1 rows as before; ceil((5 + 1 - 2) / 2) + 1 columns, too.
        assert (rows, columns) == (3, 3)
    found = graph.evaluate(x)
    assert found.shape == (2, 1, 2, rows, columns)
    top, left = tops[auto_pad]
    for row in range(rows):
        for column in range(columns):
            high, wide = 2 * row - top, 2 * column - left
            part = x[..., max(high, 0) : high + 3, max(wide, 0) : wide + 2]
            assert np.array_equal(found[..., row, column], part.max(axis=(-1, -2)))


def test_unsqueeze_and_squeeze_around_batch_norm(tmp_path):
    path = shared_model("hls4ml_three_layer_bn_pytorch.onnx")
    graph = read(path)
    c = graph.constants
    x = RNG.normal(size=(3, 16))
    value = x
    for index, at in enumerate((1, 8, 15, 22)):
        value = value @ c[str(at)].T.astype(float) + c[str(at + 1)]
        gamma, beta, mean, variance = (c[str(at + 2 + k)].astype(float) for k in range(4))
        epsilon = 1e-5 if index == 3 else 1e-6
        value = gamma * (value - mean) / np.sqrt(variance + epsilon) + beta
        value = np.maximum(value, 0) if index < 3 else value
    wanted = np.exp(value) / np.exp(value).sum(axis=1, keepdims=True)
    assert np.allclose(graph.evaluate(x)[:, 0], wanted, atol=1e-7)
