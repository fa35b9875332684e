"""TFLite files with one operator, by the builder functions of the package tflite."""

import flatbuffers
import numpy as np
import tflite


def _quantisation(builder, scales, zeros, axis):
    scale = builder.CreateNumpyVector(np.array(scales, np.float32))
    zero = builder.CreateNumpyVector(np.array(zeros, np.int64))
    tflite.QuantizationParametersStart(builder)
    tflite.QuantizationParametersAddScale(builder, scale)
    tflite.QuantizationParametersAddZeroPoint(builder, zero)
    tflite.QuantizationParametersAddQuantizedDimension(builder, axis)
    return tflite.QuantizationParametersEnd(builder)


def one_operator(code, tensors, inputs, outputs, options):
    """The file's bytes.

    ``tensors``: (shape, scales, zero points, axis, data or None); without scales they are real.
    ``options``: name of the table of
    options and its fields. Inputs of the file are the tensors without data that are no outputs.
    """
    builder = flatbuffers.Builder(1024)
    buffers, made = [b""], []
    for place, (shape, scales, zeros, axis, data) in enumerate(tensors):
        if data is not None:
            buffers.append(np.ascontiguousarray(data).tobytes())
        name = builder.CreateString(f"t{place}")
        sizes = builder.CreateNumpyVector(np.array(shape, np.int32))
        quantisation = _quantisation(builder, scales, zeros, axis)
        kind = tflite.TensorType.INT8 if len(scales) else tflite.TensorType.FLOAT32
        if data is not None and data.dtype == np.int32:
            kind = tflite.TensorType.INT32
        tflite.TensorStart(builder)
        tflite.TensorAddShape(builder, sizes)
        tflite.TensorAddType(builder, kind)
        tflite.TensorAddBuffer(builder, len(buffers) - 1 if data is not None else 0)
        tflite.TensorAddName(builder, name)
        tflite.TensorAddQuantization(builder, quantisation)
        made.append(tflite.TensorEnd(builder))
    table, fields = options
    kind = 0
    chosen = None
    if table:
        getattr(tflite, f"{table}Start")(builder)
        for field, value in fields.items():
            getattr(tflite, f"{table}Add{field}")(builder, value)
        chosen = getattr(tflite, f"{table}End")(builder)
        kind = getattr(tflite.BuiltinOptions, table)
    ends = [builder.CreateNumpyVector(np.array(v, np.int32)) for v in (inputs, outputs)]
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, 0)
    tflite.OperatorAddInputs(builder, ends[0])
    tflite.OperatorAddOutputs(builder, ends[1])
    if chosen is not None:
        tflite.OperatorAddBuiltinOptionsType(builder, kind)
        tflite.OperatorAddBuiltinOptions(builder, chosen)
    operators = _vector(builder, [tflite.OperatorEnd(builder)])
    made = _vector(builder, made)
    free = [i for i, t in enumerate(tensors) if t[4] is None and i not in outputs]
    ends = [builder.CreateNumpyVector(np.array(v, np.int32)) for v in (free, outputs)]
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, made)
    tflite.SubGraphAddInputs(builder, ends[0])
    tflite.SubGraphAddOutputs(builder, ends[1])
    tflite.SubGraphAddOperators(builder, operators)
    graphs = _vector(builder, [tflite.SubGraphEnd(builder)])
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, code)
    tflite.OperatorCodeAddBuiltinCode(builder, code)
    tflite.OperatorCodeAddVersion(builder, 2)
    codes = _vector(builder, [tflite.OperatorCodeEnd(builder)])
    data = []
    for content in buffers:
        vector = builder.CreateByteVector(content) if content else None
        tflite.BufferStart(builder)
        if vector is not None:
            tflite.BufferAddData(builder, vector)
        data.append(tflite.BufferEnd(builder))
    data = _vector(builder, data)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, codes)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, data)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def _vector(builder, offsets):
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def cases():
    """Name, file and inputs of every operator that the two real networks do not cover."""
    rng = np.random.default_rng(20)

    def codes(*shape):
        return rng.integers(-128, 128, shape).astype(np.int8)

    image = ((1, 5, 6, 4), [0.05], [3], 0, None)
    small = ((1, 5, 6, 4), [0.11], [-7], 0, None)
    x, y = codes(40, 1, 5, 6, 4), codes(40, 1, 5, 6, 4)
    for activation in (0, 1, 3):
        tensors = [image, small, ((1, 5, 6, 4), [0.07], [-20], 0, None)]
        options = ("AddOptions", {"FusedActivationFunction": activation})
        yield f"add{activation}", one_operator(0, tensors, [0, 1], [2], options), [x, y]
    table = codes(40, 1, 256)
    table[:] = np.arange(-128, 128)
    line = ((1, 256), [0.06], [5], 0, None)
    logistic = [line, ((1, 256), [1 / 256], [-128], 0, None)]
    yield "logistic", one_operator(14, logistic, [0], [1], ("", {})), [table[:1]]
    tanh = [line, ((1, 256), [1 / 128], [0], 0, None)]
    yield "tanh", one_operator(28, tanh, [0], [1], ("", {})), [table[:1]]
    pool = {"Padding": 1, "StrideH": 2, "StrideW": 1, "FilterHeight": 2, "FilterWidth": 3}
    after = ((1, 2, 4, 4), [0.05], [3], 0, None)
    for code, name in ((1, "average"), (17, "maximum")):
        for activation in (0, 1):
            fields = {**pool, "FusedActivationFunction": activation}
            data = one_operator(code, [image, after], [0], [1], ("Pool2DOptions", fields))
            yield f"{name}{activation}", data, [x]
    depth = [
        image,
        ((1, 3, 2, 8), rng.uniform(0.01, 0.03, 8), [0] * 8, 3, codes(1, 3, 2, 8)),
        ((8,), [0.01] * 8, [0] * 8, 0, rng.integers(-999, 999, 8).astype(np.int32)),
        ((1, 3, 3, 8), [0.09], [-11], 0, None),
    ]
    fields = {"Padding": 0, "StrideH": 2, "StrideW": 2, "DepthMultiplier": 2}
    fields |= {"FusedActivationFunction": 3, "DilationHFactor": 1, "DilationWFactor": 1}
    options = ("DepthwiseConv2DOptions", fields)
    yield "depthwise", one_operator(4, depth, [0, 1, 2], [3], options), [x]
    conv = [
        image,
        ((3, 2, 2, 4), rng.uniform(0.01, 0.03, 3), [0] * 3, 0, codes(3, 2, 2, 4)),
        ((3,), [0.01] * 3, [0] * 3, 0, rng.integers(-999, 999, 3).astype(np.int32)),
        ((1, 3, 4, 3), [0.2], [20], 0, None),
    ]
    fields = {"Padding": 1, "StrideH": 1, "StrideW": 1, "FusedActivationFunction": 0}
    fields |= {"DilationHFactor": 2, "DilationWFactor": 2}
    yield "dilated", one_operator(3, conv, [0, 1, 2], [3], ("Conv2DOptions", fields)), [x]
    for place, scale in enumerate((0.02, 0.14469251, 1.1)):
        line = ((1, 12), [scale], [7], 0, None)
        after = ((1, 12), [1 / 256], [-128], 0, None)
        data = one_operator(25, [line, after], [0], [1], ("SoftmaxOptions", {"Beta": 1.0}))
        yield f"softmax{place}", data, [codes(4000, 1, 12)]


def connected(rows):
    """A fully connected layer and some of its inputs.

    Its multiplier is next to 1/2: whether odd sums are ties depends on how scales are multiplied.
    """
    rng = np.random.default_rng(31)
    weights = rng.integers(-3, 4, (200, 24)).astype(np.int8)
    bias = rng.integers(-99, 99, 200).astype(np.int32)
    tensors = [
        ((1, 24), [0.247], [5], 0, None),
        ((200, 24), [0.011], [0], 0, weights),
        ((200,), [0.247 * 0.011], [0], 0, bias),
        ((1, 200), [0.005434], [-3], 0, None),
    ]
    options = ("FullyConnectedOptions", {"FusedActivationFunction": 0})
    inputs = rng.integers(-9, 10, (200, 1, 24)).astype(np.int8)
    return one_operator(9, tensors, [0, 1, 2], [3], options), inputs[rows]


def moves():
    """Name, file and inputs of PAD, CONCATENATION and MEAN."""
    rng = np.random.default_rng(40)

    def codes(*shape):
        return rng.integers(-128, 128, shape).astype(np.int8)

    image = ((1, 4, 5, 3), [0.1], [7], 0, None)
    other = ((1, 4, 5, 2), [0.1], [7], 0, None)
    x = codes(40, 1, 4, 5, 3)
    pads = ((4, 2), [], [], 0, np.array([[0, 0], [1, 2], [0, 3], [1, 0]], np.int32))
    tensors = [image, pads, ((1, 7, 8, 4), [0.1], [7], 0, None)]
    yield "pad", one_operator(34, tensors, [0, 1], [2], ("", {})), [x]
    for axis in (3, -1):
        tensors = [image, other, ((1, 4, 5, 5), [0.1], [7], 0, None)]
        options = ("ConcatenationOptions", {"Axis": axis})
        data = one_operator(2, tensors, [0, 1], [2], options)
        yield f"concatenation{axis}", data, [x, codes(40, 1, 4, 5, 2)]
    axes = ((2,), [], [], 0, np.array([1, 2], np.int32))
    for place, (scale, zero) in enumerate(((0.1, 7), (0.033, -100), (0.4, 3))):
        keep = place % 2 == 1
        after = ((1, 1, 1, 3) if keep else (1, 3), [scale], [zero], 0, None)
        options = ("ReducerOptions", {"KeepDims": keep})
        yield f"mean{place}", one_operator(40, [image, axes, after], [0, 1], [2], options), [x]
