"""Files that other tools make of small networks, and what they compute for them.

Every function needs its tool, writes a file, and returns inputs and the tool's own outputs.
"""

import numpy as np

from holigrail_hw.core.array_files import read_named_arrays
from holigrail_hw.models import read, shipped


def digit_images(count):
    """Images with a channel, as the real network takes them."""
    return read_named_arrays(shipped.data("digits-calibration"))["x"][:count, None].astype(
        np.float32
    )


def onnxruntime_file(path, *, qdq, per_channel=False):
    """``digits-float`` by ONNX Runtime's static quantiser, as QDQ or with QLinear operators."""
    import onnxruntime
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Images(CalibrationDataReader):
        def __init__(self):
            self.images = iter(digit_images(100))

        def get_next(self):
            image = next(self.images, None)
            return None if image is None else {"image": image[None]}

    quantize_static(
        shipped.path("digits-float"),
        path,
        Images(),
        quant_format=QuantFormat.QDQ if qdq else QuantFormat.QOperator,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=per_channel,
        reduce_range=not qdq,  # else sums of products saturate at 16 bits on some processors
        nodes_to_exclude=["unit"],
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x = digit_images(200)[:, None]
    return x, np.stack([session.run(None, {"image": image})[0] for image in x])


def brevitas_file(path):
    """A network of 4 bits by Brevitas, exported as QONNX."""
    import torch
    from brevitas.export import export_qonnx
    from brevitas.nn import QuantIdentity, QuantLinear, QuantReLU

    torch.manual_seed(5)
    model = torch.nn.Sequential(
        QuantIdentity(bit_width=6, return_quant_tensor=True),
        QuantLinear(12, 10, bias=True, weight_bit_width=4, return_quant_tensor=False),
        QuantReLU(bit_width=4, return_quant_tensor=True),
        QuantLinear(10, 3, bias=True, weight_bit_width=3, return_quant_tensor=False),
    )
    with torch.no_grad():
        for _ in range(20):  # scales of activations are learned from samples
            model(torch.randn(64, 12))
        model.eval()
        export_qonnx(model, args=torch.randn(1, 12), export_path=str(path))
        x = torch.randn(200, 12)
        y = model(x)
    return x.numpy(), np.asarray(y.detach())


def _da4ml_convolution(layer, value, places, bits):
    """Windows with zeros outside; a division by a power of two, ties up, and few bits."""
    from da4ml.trace.ops import quantize, relu

    weights, bias = layer.weights.astype(float), layer.bias.astype(float)
    size, pad = value.shape[0], layer.window.pads[0]
    rows = []
    for y, x in np.ndindex(size, size):
        taps, columns = [], []
        for i, j in np.ndindex(*weights.shape[:2]):
            row, column = y + i - pad, x + j - pad
            if 0 <= row < size and 0 <= column < size:
                taps.append(value[row, column])
                columns.append(weights[i, j])
        sums = np.concatenate(taps) @ np.concatenate(columns) + bias
        rows.append(quantize(relu(sums * 2.0**-places), 0, bits, 0, "SAT", "RND"))
    return np.stack(rows).reshape(size, size, -1)


def _da4ml_maxima(value):
    """Over windows 2x2."""
    half = value.shape[0] // 2
    parts = value.reshape(half, 2, half, 2, -1)
    above, below = (np.maximum(parts[:, i, :, 0], parts[:, i, :, 1]) for i in (0, 1))
    return np.maximum(above, below)


def _da4ml_saved(path, inputs, value, dense, x):
    from da4ml.trace import comb_trace

    outputs = value.reshape(-1) @ dense.weights.astype(float) + dense.bias.astype(float)
    program = comb_trace(inputs, outputs)
    program.save_binary(path)
    return x, program.predict(x)


def da4ml_file(path):
    """``example``, unrolled by da4ml, as a DAIS program."""
    from da4ml.trace import FixedVariableArrayInput, HWConfig
    from da4ml.trace.ops import quantize

    layers = {node.name: node for node in read(shipped.path("example")).nodes}
    inputs = FixedVariableArrayInput((4, 4, 1), HWConfig(1, -1, -1))
    first = _da4ml_convolution(layers["conv1"], quantize(inputs, 0, 3, 0), 4, 2)
    second = _da4ml_convolution(layers["conv2"], first, 2, 2)
    x = np.random.default_rng(3).integers(0, 8, (200, 16)).astype(float)
    return _da4ml_saved(path, inputs, _da4ml_maxima(first + second * 2.0), layers["dense"], x)


def da4ml_digits(path):
    """``digits``, unrolled by da4ml, as a DAIS program; test images and logits."""
    from da4ml.trace import FixedVariableArrayInput, HWConfig
    from da4ml.trace.ops import quantize

    layers = {node.name: node for node in read(shipped.path("digits")).nodes}
    inputs = FixedVariableArrayInput((8, 8, 1), HWConfig(1, -1, -1))
    first = _da4ml_convolution(layers["conv1"], quantize(inputs, 0, 5, 0), 4, 4)
    second = _da4ml_convolution(layers["conv2"], _da4ml_maxima(first), 5, 4)
    x = read_named_arrays(shipped.data("digits"))["x"].reshape(360, 64).astype(float)
    return _da4ml_saved(path, inputs, _da4ml_maxima(second), layers["dense"], x)


def aidge_file(path, *, single_shift):
    """``digits-float`` by Aidge, in integers; outputs are those of its own rounded numbers."""
    import aidge_core
    import aidge_backend_cpu  # noqa: F401, isort: skip
    import aidge_onnx
    import aidge_quantization
    import onnx

    # Aidge has images of 0 to 1, and codes of them of 0 to 127.
    model = onnx.load(shipped.path("digits-float"))
    scaling = next(node for node in model.graph.node if node.op_type == "Mul")
    for node in model.graph.node:
        names = [model.graph.input[0].name if n == scaling.output[0] else n for n in node.input]
        node.input[:] = names
    model.graph.node.remove(scaling)
    plain = path.with_name("plain.onnx")
    onnx.save(model, plain)
    images = digit_images(200)[:, None]

    def quantised(real):
        graph = aidge_onnx.load_onnx(str(plain))
        graph.set_backend("cpu")
        graph.set_datatype(aidge_core.dtype.float32)
        graph.forward_dims([[1, 1, 8, 8]])
        kinds = (aidge_core.dtype.int8, aidge_core.dtype.int8, aidge_core.dtype.int32)
        aidge_quantization.auto_assign_node_precision(graph, *kinds)
        calibration = [aidge_core.Tensor(image / np.float32(16)) for image in images[:60]]
        aidge_quantization.quantize_network(
            graph, calibration, single_shift=single_shift, fake_quantize=real
        )
        return graph

    aidge_onnx.export_onnx(quantised(False), str(path))
    graph = quantised(True)
    scheduler = aidge_core.SequentialScheduler(graph)
    x = np.rint(images * 127 / 16)
    (last,) = graph.get_output_nodes()
    outputs = []
    for image in x:
        scheduler.forward(data=[aidge_core.Tensor(image.astype(np.float32))])
        outputs.append(np.array(last.get_operator().get_output(0)).copy())
    return x, np.stack(outputs)
