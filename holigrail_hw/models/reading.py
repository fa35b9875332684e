"""A model file by its name: as real numbers, or as integers."""

from pathlib import Path

from holigrail_hw.formats import FixedFormat, parse

from .errors import ModelError
from .graph.graph import IntegerGraph
from .readers.files import KNOWN
from .source.graph import FloatGraph

__all__ = ["integers", "read", "read_source", "simplified"]

# Names of runtimes; their meaning is in readers/tflite_integer.py.
RUNTIMES = ("litert", "tflm")
_INTEGER = {
    "Quant",
    "BipolarQuant",
    "Trunc",
    "QuantizeLinear",
    "QLinearConv",
    "QLinearMatMul",
    "QGemm",
    "RequantShift",
}
_OTHER = {
    ".h5": "weights of Keras are not read; export the model to ONNX",
    ".keras": "weights of Keras are not read; export the model to ONNX",
    ".pt": "files of PyTorch are programs; export the model to ONNX",
    ".pth": "files of PyTorch are programs; export the model to ONNX",
    ".pkl": "pickled objects are programs; export the model to ONNX",
    ".pb": "a single tensor or a TensorFlow graph is no model here; export it to ONNX or TFLite",
}


def read_source(path: str | Path, *, activation: str | None = None) -> FloatGraph:
    """What a file of real or quantised numbers says, operator by operator.

    Parameters
    ----------
    path : str or Path
        A file .onnx, .nnet, .mat, .txt, or .tflite with real numbers.
    activation : str or None
        The activation of a file .txt, which does not name it.

    Raises
    ------
    ModelError
        If it cannot be read: one line for every reason.
    """
    path = Path(path)
    who, kind = path.name, path.suffix.lower()
    if kind == ".onnx":
        from .readers.onnx_file import read_onnx

        return read_onnx(path, who)
    if kind == ".nnet":
        from .readers.nnet import read_nnet

        return read_nnet(path, who)
    if kind == ".mat":
        from .readers.mat import read_mat

        return read_mat(path, who)
    if kind == ".txt":
        from .readers.weight_text import read_weight_text

        return read_weight_text(path, who, activation)
    if kind == ".tflite":
        from .readers.tflite_file import read_tflite_file
        from .readers.tflite_float import tflite_floats

        return tflite_floats(read_tflite_file(path, who), who)
    if kind in (".json", ".dais"):
        raise ModelError(f"{who}: integers must be read by read(), as they are no real model")
    reason = _OTHER.get(kind, f"not {kind or 'without an ending'}")
    raise ModelError(f"{who}: a model file must be {KNOWN}: {reason}")


def read(
    path: str | Path,
    *,
    input: str | FixedFormat | None = None,
    activation: str | None = None,
    runtime: str = "litert",
) -> IntegerGraph | FloatGraph:
    """A model file: integers if it is quantised, else real numbers.

    Parameters
    ----------
    path : str or Path
        A file .onnx, .tflite, .nnet, .mat or .txt, .dais as da4ml writes it, or .json as
        :meth:`.IntegerGraph.to_json` makes it; :mod:`.shipped` has some.
    input : str, FixedFormat or None
        The format of inputs that the file itself does not quantise.
    activation : str or None
        The activation of a file .txt, which does not name it.
    runtime : str
        Whose kernels an int8 file .tflite means: ``litert`` or ``tflm``.

    Raises
    ------
    ModelError
        If it cannot be read: one line for every reason, before any work is done.
    """
    path = Path(path)
    if runtime not in RUNTIMES:
        raise ModelError(
            f"{path.name}: the runtime must be one of {', '.join(RUNTIMES)}, not {runtime}"
        )
    if runtime != RUNTIMES[0] and path.suffix.lower() != ".tflite":
        raise _without_runtime(path.name, runtime)
    if path.suffix.lower() == ".json":
        from .readers.integer_json import read_integer_json

        return read_integer_json(path, path.name)
    if path.suffix.lower() == ".dais":
        from .dais.binary import read_dais
        from .dais.convert import integer_graph

        return simplified(integer_graph(read_dais(path)))
    if path.suffix.lower() == ".tflite":
        from .readers.tflite_file import read_tflite_file
        from .readers.tflite_integer import tflite_integers

        file = read_tflite_file(path, path.name)
        if any(file.tensors[index].kind == "int8" for index in file.inputs):
            return simplified(tflite_integers(file, path.name, runtime))
        if runtime != RUNTIMES[0]:
            raise _without_runtime(path.name, runtime)
    source = read_source(path, activation=activation)
    if not source.operators() & _INTEGER:
        return source
    return integers(source, input)


def _without_runtime(name: str, runtime: str) -> ModelError:
    """Only int8 TFLite files leave their arithmetic to a runtime."""
    return ModelError(
        f"{name}: the runtime must be left out unless the model is an int8 TFLite file,"
        f" not {runtime}"
    )


def integers(source: FloatGraph, input: str | FixedFormat | None = None) -> IntegerGraph:
    """The integers of a graph whose tensors are quantised, with its layout settled."""
    from .lower.lowering import lowered
    from .passes.batch_norm import folded_batch_norms
    from .passes.constants import folded_constants

    format = parse(input) if isinstance(input, str) else input
    if format is not None and not isinstance(format, FixedFormat):
        raise ModelError(
            f"{source.name}: the input must be an integer or fixed point, not {format}"
        )
    return simplified(lowered(folded_batch_norms(folded_constants(source)), format))


def simplified(graph: IntegerGraph) -> IntegerGraph:
    """Layout, limits, signs, biases and dead channels settled; the graph computes the same."""
    from .passes.biases import folded_biases
    from .passes.dead_channels import without_dead_channels
    from .passes.layout import settled_layout
    from .passes.limits import merged_limits
    from .passes.signs import growing_formulas

    graph = merged_limits(settled_layout(graph))
    return without_dead_channels(folded_biases(growing_formulas(graph)))
