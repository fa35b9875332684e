"""Formats of a controller with a proved error: bounds instead of sensitivities.

A controller's loss on samples proves nothing about what it will see. Over a box of inputs the error
of every output, against the model of real numbers, is bounded by interval arithmetic, and the same
integer programme takes bounds for sensitivities (:mod:`holigrail_hw.models.bounds`; Lohar and
others, Sound mixed fixed-point quantization of neural networks, 2023). What is found is proved
again by a checker that shares nothing with the search.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from holigrail_hw.models import FloatGraph, IntegerGraph, read_source
from holigrail_hw.models.bounds import making
from holigrail_hw.models.bounds.request import allowed_errors, boxed
from holigrail_hw.models.boxes import boxes as shipped_boxes
from holigrail_hw.models.checker.check import checked
from holigrail_hw.models.checker.document import read_document
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.layered import layered
from holigrail_hw.models.readers.dense import DenseLayer, dense_graph
from holigrail_hw.models.writers.onnx_file import onnx_bytes

__all__ = ["Certified", "certified"]

_ACTIVATIONS = {nn.ReLU: "Relu", nn.Tanh: "Tanh", nn.Sigmoid: "Sigmoid"}
_PASSED = (nn.Identity, nn.Dropout, nn.Flatten)
_CERTIFICATE = "certificate.json"
_OPERATOR = "network"


@dataclass(frozen=True, eq=False)
class Certified:
    """A network of integers, and what is proved of it.

    Attributes
    ----------
    graph : IntegerGraph
        What the hardware computes.
    facts : mapping
        For people: formats, costs, errors.
    cost, uniform_cost : float
        Of the formats, and of the cheapest with as many fraction bits everywhere (None: there are
        none).
    bound : tuple of Fraction
        The proved error of every output, over the box.
    worst : array
        That of samples.
    files : mapping
        Names to contents: the model, the network and its certificate, which ``holigrail certify
        --check`` takes.
    """

    graph: IntegerGraph
    facts: Mapping[str, Any]
    cost: float
    uniform_cost: float | None
    bound: tuple[Fraction, ...]
    worst: np.ndarray
    files: Mapping[str, bytes]
    _source: FloatGraph = field(repr=False)

    def check(self) -> list[Fraction]:
        """The bounds that the checker proves, from the files alone.

        Raises
        ------
        ModelError
            If the certificate does not hold.
        """
        model, text, certificate = self.files.values()
        document = read_document(certificate.decode(), _CERTIFICATE)
        return checked(document, layered(self._source), model, text, lambda line: None, "certified")

    def write(self, folder: str | Path) -> list[Path]:
        """Write the files; gives their paths."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (place / name).write_bytes(content)
        return [place / name for name in self.files]


def certified(
    model: nn.Module,
    box: str | Sequence[tuple[float, float]],
    error: float | str,
    *,
    cost: str = "bits",
    boxes: int = 128,
    seed: int = 1,
    name: str = "controller",
) -> Certified:
    """The cheapest fixed-point formats found whose error is proved.

    Parameters
    ----------
    model : torch.nn.Module
        Linear layers with ReLU, Tanh or Sigmoid between them, one after the other.
    box : str or sequence of pairs
        The least and the greatest of every input; or a text as ``holigrail certify --box`` takes.
    error : float or str
        How far every output may be off; or a text as ``--error`` takes.
    cost : str
        ``bits``, ``adders`` or ``luts``.
    boxes : int
        Into how many parts the box is cut at most.
    seed : int
        Of samples.
    name : str
        Of the files.

    Raises
    ------
    ModelError
        If the model is another, with all that is wrong with it, the box or the error is none, or no
        formats reach the error.
    """
    if not name.isidentifier():
        raise ModelError(f"certified: name must be letters, digits and _, not {name!r}")
    content, source = _as_file(model, f"{name}.onnx")
    network = layered(source)
    given = box if isinstance(box, str) else ",".join(f"{_exact(a)}:{_exact(b)}" for a, b in box)
    asked = error if isinstance(error, str) else _exact(error)
    ranges, _ = boxed(given, network, shipped_boxes())
    found = making.certified(
        source,
        content,
        ranges,
        allowed_errors(asked, network.outputs, source.name),
        asked=asked,
        operator=_OPERATOR,
        file=f"{name}_certified.json",
        cost=cost,
        boxes=boxes,
        seed=seed,
    )
    files = {
        source.name: content,
        f"{name}_certified.json": found.network_text.encode(),
        _CERTIFICATE: found.certificate_text.encode(),
    }
    return Certified(
        graph=found.graph,
        facts=found.facts,
        cost=found.costs[0],
        uniform_cost=found.costs[2],
        bound=found.bound,
        worst=found.worst,
        files=files,
        _source=source,
    )


def _exact(value: float) -> str:
    return str(Fraction(value))


def _as_file(model: nn.Module, name: str) -> tuple[bytes, FloatGraph]:
    """The model as an ONNX file, and what is read from it again: what a checker will see."""
    layers = _layers(model, name)
    content = onnx_bytes(dense_graph(name, layers[0].weights.shape[1], layers))
    with tempfile.TemporaryDirectory(prefix="holigrail-") as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        return content, read_source(path)


def _layers(model: nn.Module, who: str) -> list[DenseLayer]:
    found: list[DenseLayer] = []
    wrong: list[str] = []
    for path, module in model.named_modules():
        kind = _ACTIVATIONS.get(type(module))
        if isinstance(module, nn.Linear) and not hasattr(module, "arithmetic"):
            bias = np.zeros(len(module.weight)) if module.bias is None else _array(module.bias)
            found.append(DenseLayer(_array(module.weight), bias, "linear"))
        elif kind is not None and found and found[-1].activation == "linear":
            found[-1] = DenseLayer(found[-1].weights, found[-1].biases, kind)
        elif not isinstance(module, (nn.Sequential, *_PASSED)):
            wrong.append(
                f"{who}: {path or '(model)'}: modules must be Linear, one ReLU, Tanh or Sigmoid"
                f" behind each, in a Sequential, not {type(module).__name__}"
            )
    if not found and not wrong:
        wrong.append(f"{who}: there must be a Linear layer")
    if wrong:
        raise ModelError(wrong)
    return found


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
