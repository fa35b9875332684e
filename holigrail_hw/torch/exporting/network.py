"""What an export gives: a network with its files, its hardware, and the comparison with both."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.core.parameters import GivenFile
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.models import IntegerGraph
from holigrail_hw.models.source.graph import FloatGraph
from holigrail_hw.models.writers.onnx_file import write_onnx
from holigrail_hw.nn.network.operator import TrainedNetwork
from holigrail_hw.nn.number_network import NumberGraph
from holigrail_hw.nn.number_network.engine import engine_of

from .hardware import coded_weights, engine_logits, frame_logits, tensor_array_of, tensor_logits
from .qonnx import float_graph

__all__ = ["IntegerNetwork", "NumberNetwork"]

STYLES = ("parallel", "stream", "engine")


class _Network:
    """Logits of samples as codes; what their order says."""

    def codes(self, x: Any) -> np.ndarray:
        """Codes of the logits, (samples, classes), by the golden twin."""
        raise NotImplementedError

    def numbers(self, codes: np.ndarray) -> np.ndarray:
        """What codes of logits stand for."""
        raise NotImplementedError

    def classes(self, codes: np.ndarray) -> np.ndarray:
        """The first greatest logit of every sample."""
        return self.numbers(codes).argmax(1)

    def accuracy(self, x: Any, y: Any, codes: np.ndarray | None = None) -> float:
        """Share of samples whose class is ``y``; by the twin, or of codes that hardware gave."""
        codes = self.codes(x) if codes is None else codes
        return float((self.classes(codes) == np.asarray(y)).mean())


class IntegerNetwork(_Network):
    """A network of integers.

    Attributes
    ----------
    graph : IntegerGraph
        What the hardware computes.
    source : FloatGraph
        The same as QONNX's operators.
    """

    def __init__(self, graph: IntegerGraph, source: FloatGraph):
        self.graph, self.source, self.name = graph, source, graph.name

    def codes(self, x: Any) -> np.ndarray:
        found = self.graph.evaluate(self.graph.codes(np.asarray(x, np.float64)))
        return found.reshape(len(found), -1)

    def numbers(self, codes: np.ndarray) -> np.ndarray:
        shape = (len(codes), *self.graph.outputs[0].shape)
        return self.graph.real(codes.reshape(shape), tail=False).reshape(len(codes), -1)

    def codes_of(self, logits: np.ndarray) -> np.ndarray:
        """Codes of logits that PyTorch computed; ValueError if they are none."""
        meaning = self.graph.outputs[0].meaning
        assert meaning is not None
        factor, offset = (
            a.astype(np.float64).reshape(-1) for a in (meaning.factor, meaning.offset)
        )
        quotient = (logits - offset) / factor
        codes = np.rint(quotient)
        if not np.array_equal(codes, quotient):
            raise ValueError(f"{self.name}: logits must be whole multiples of their unit")
        return codes.astype(np.int64)

    def to_json(self, path: str | Path) -> None:
        """The file that ``holigrail ... network --model FILE`` takes."""
        Path(path).write_text(self.graph.to_json(), encoding="utf-8")

    def to_qonnx(self, path: str | Path) -> None:
        """An ONNX file with QONNX's quantisers; read again, it gives the same codes."""
        write_onnx(self.source, path)

    def design(self, style: str = "parallel", **options: Any) -> OperatorSpec:
        """The operator that computes this network.

        Parameters
        ----------
        style : str
            ``parallel``, ``stream`` or ``engine``: the operator ``network``. ``tensor-array``: the
            array for its matrices, with structured sparsity if ``group`` and ``kept`` are given.
        **options
            Parameters of the operator.
        """
        if style == "tensor-array":
            return tensor_array_of(self.graph, **options)
        if style not in STYLES:
            known = ", ".join((*STYLES, "tensor-array"))
            raise ValueError(f"design: style must be one of {known}, not {style!r}")
        file = GivenFile(f"{self.name}.json", self.graph.to_json().encode(), f"{self.name}.json")
        return TrainedNetwork(model=file, style=style, **options)

    def simulate(self, x: Any, design: OperatorSpec, *, coded: bool = False) -> np.ndarray:
        """Codes of logits as the simulated hardware gives them.

        Parameters
        ----------
        design : operator
            From :meth:`design`.
        coded : bool
            Weights reach an array as Huffman's code words, through a simulated
            ``huffman-decoder``; only with ``tensor-array``.
        """
        frames = self.graph.codes(np.asarray(x, np.float64))
        if isinstance(design, TrainedNetwork):
            if coded:
                raise ValueError("simulate: coded weights must go to a tensor-array")
            return frame_logits(design, frames)
        weights = coded_weights(self.graph) if coded else None
        return tensor_logits(self.graph, design, frames, weights)


class NumberNetwork(_Network):
    """A network of numbers in stated formats, floats say.

    Attributes
    ----------
    graph : NumberGraph
    """

    def __init__(self, graph: NumberGraph):
        self.graph, self.name = graph, graph.name

    def codes(self, x: Any) -> np.ndarray:
        return self.codes_of(self.graph.evaluate(x))

    def numbers(self, codes: np.ndarray) -> np.ndarray:
        return np.asarray(self.graph.result.decode(codes), np.float64)

    def codes_of(self, logits: np.ndarray) -> np.ndarray:
        """Codes of logits that PyTorch computed."""
        return self.graph.codes(np.asarray(logits, np.float64)).reshape(len(logits), -1)

    def to_json(self, path: str | Path) -> None:
        """The graph as a document."""
        Path(path).write_text(self.graph.to_json(), encoding="utf-8")

    def to_qonnx(self, path: str | Path) -> None:
        """An ONNX file with QONNX's FloatQuant.

        ONNX cannot say how sums are rounded: the file's ``metadata_props`` do, as
        ``holigrail.arithmetic``, and a warning says so.
        """
        source, arithmetic = float_graph(self.graph)
        warnings.warn(
            f"{self.name}: QONNX cannot say how sums are rounded; metadata_props do,"
            " as holigrail.arithmetic",
            stacklevel=2,
        )
        write_onnx(source, path, {"holigrail.arithmetic": json.dumps(arithmetic)})

    def design(self, style: str = "gemm", **options: Any) -> Gemm:
        """The matrix engine ``gemm`` for all products; see :func:`.engine_of` for options."""
        if style != "gemm":
            raise ValueError(f"design: style of a network of floats must be gemm, not {style!r}")
        return engine_of(self.graph, **options)

    def simulate(self, x: Any, design: Gemm) -> np.ndarray:
        """Codes of logits as the simulated engine gives them."""
        return self.codes_of(engine_logits(self.graph, design, x))
