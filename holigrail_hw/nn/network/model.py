"""From the parameters of a network to its integer graph, with a form in every requantisation."""

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from holigrail_hw.core.array_files import ArrayFileError, read_array, read_arrays
from holigrail_hw.core.parameters import FileContent, GivenFile
from holigrail_hw.models import FloatGraph, IntegerGraph, ModelError, read, shipped
from holigrail_hw.models.passes.forms import with_forms
from holigrail_hw.models.quantise.quantise import Choices, quantise

__all__ = ["MODEL_FILE", "SAMPLES_FILE", "Source", "Unquantised", "in_shape", "integer_graph"]


MODEL_FILE = FileContent(
    (".onnx", ".tflite", ".nnet", ".mat", ".json", ".dais"),
    lambda: {name: shipped.path(name) for name in shipped.MODELS},
)
_BITS = 8
SAMPLES_FILE = FileContent(
    (".npy", ".npz"), lambda: {name: shipped.data(name) for name in shipped.DATA}
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """What decides about the integers of a network: the file, and how it is to be understood."""

    model: GivenFile
    input: str | None
    runtime: str
    samples: GivenFile | None
    weight_bits: int | None
    activation_bits: int | None
    requantiser: str


class Unquantised(ModelError):
    """A model of real numbers, and no samples to quantise it with."""


@lru_cache(maxsize=16)
def integer_graph(source: Source) -> IntegerGraph:
    """The graph of a source; computed once.

    Raises
    ------
    ModelError
        With everything that is wrong, if the file means nothing that can be built.
    """
    with tempfile.TemporaryDirectory(prefix="holigrail-") as folder:
        # Readers take a path; what the file is called stands in their messages.
        path = Path(folder, source.model.name)
        path.write_bytes(source.model.content)
        graph = read(path, input=source.input, runtime=source.runtime)
    if isinstance(graph, FloatGraph):
        graph = _quantised(graph, source)
    else:
        names = ("samples", "weight_bits", "activation_bits")
        given = [name for name in names if getattr(source, name) is not None]
        if given:
            raise ModelError(
                f"{source.model.name}: {', '.join(given)} must be left out, for the model is"
                " quantised already"
            )
    return with_forms(graph, prefer=source.requantiser)


def _quantised(graph: FloatGraph, source: Source) -> IntegerGraph:
    if source.samples is None:
        raise Unquantised(
            f"{source.model.name}: samples must be given, for the model has real numbers",
            hint="--samples FILE.npy, inputs in the shape that the file has, one sample per row",
        )
    weights, activations = source.weight_bits or _BITS, source.activation_bits or _BITS
    choices = Choices(weight_bits=weights, activation_bits=activations)
    samples = _samples(source.samples)
    if len(graph.inputs) == 1:
        samples = in_shape(samples, graph.inputs[0].shape)
    return quantise(graph, samples, choices)


def in_shape(samples: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Samples in the shape of an input, if they differ by axes of length 1 alone."""
    if not samples.ndim:
        return samples
    wanted = [length for length in shape if length > 1]
    if [length for length in samples.shape[1:] if length > 1] == wanted:
        return samples.reshape(len(samples), *shape)
    return samples


def _samples(file: GivenFile) -> np.ndarray:
    """The one array of a file of samples that is no row: labels may lie beside it."""
    with tempfile.TemporaryDirectory(prefix="holigrail-") as folder:
        path = Path(folder, file.name)
        path.write_bytes(file.content)
        try:
            arrays = read_arrays(path) if path.suffix == ".npz" else [read_array(path)]
        except ArrayFileError as error:
            found = str(error).replace(str(path), file.name)
            raise ModelError(
                f"{file.name}: samples must be a readable file of NumPy, not {found}"
            ) from None
    found = [array for array in arrays if array.ndim > 1]
    if len(found) != 1:
        raise ModelError(f"{file.name}: samples must be one array, not {len(found)}")
    return found[0]
