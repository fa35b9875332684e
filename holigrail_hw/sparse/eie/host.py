"""The host's side of an EIE-like engine: a matrix into its memories, vectors through it.

The same code drives a simulation and a board: all it needs is a link, an object whose
``exchange(items, counts)`` sends items into the engine's streams and returns what comes out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from holigrail_hw.core import RequestError
from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.link import Link
from holigrail_hw.core.streams import joined
from holigrail_hw.core.values import codes_of, integers_of, number_array

from .encoding import EieMatrix, encode
from .golden import CODES, GOOD
from .jobs import load_job, vector_job
from .operator import Eie

__all__ = ["EieHost"]


class EieHost:
    """Products of one matrix and many vectors on the engine behind a link.

    Attributes
    ----------
    cycles : list of int
        The engine's cycles for each of the latest products, without moving data in and out.

    Raises
    ------
    RequestError
        If the link's engine is not an ``eie``.
    """

    def __init__(self, link: Link):
        if not isinstance(link.spec, Eie):
            raise RequestError(f"eie host: the engine must be eie, not {link.spec.name}")
        self._link, self._spec = link, link.spec
        self._matrix: EieMatrix | None = None
        self.cycles: list[int] = []

    def load(self, matrix: Any, codebook: Sequence[int] | None = None) -> EieMatrix:
        """Fill the memories with a matrix of integers, outputs x inputs; returns it encoded.

        Raises
        ------
        ValueError
            As :func:`.encoding.encode`.
        DesignError
            The engine reports an error.
        """
        encoded = encode(self._spec.sizes, matrix, codebook)
        self._matrix = None
        job = load_job(self._spec, encoded.columns, encoded.rows, encoded.words())
        self._judge(self._link.exchange(job, {"status": 1})["status"])
        self._matrix = encoded
        return encoded

    def multiply(self, vectors: Any) -> np.ndarray:
        """The products of the matrix and each row of ``vectors``, as int64, vectors x outputs.

        Raises
        ------
        RequestError
            If no matrix is loaded, shapes do not match, or the format does not hold a number.
        DesignError
            The engine reports an error.
        """
        spec, vectors = self._spec, number_array(vectors, "eie host: vectors")
        if self._matrix is None:
            raise RequestError("eie host: a matrix must be loaded before a product")
        columns, rows = self._matrix.columns, self._matrix.rows
        if vectors.ndim != 2 or vectors.shape[1] != columns:
            raise RequestError(
                f"eie host: vectors must be rows of {columns} numbers, not of shape {vectors.shape}"
            )
        codes = codes_of(vectors, spec.activation, "eie host: activations")
        if not len(vectors):
            return np.zeros((0, rows), np.int64)
        job = joined([vector_job(spec, vector) for vector in codes])
        counts = {"result": rows * len(vectors), "status": len(vectors)}
        found = self._link.exchange(job, counts)
        self._judge(found["status"])
        self.cycles = [int(cycles) for cycles in found["status"]["cycles"]]
        assert spec.accumulator is not None
        return integers_of(found["result"]["y"], spec.accumulator).reshape(-1, rows)

    def _judge(self, status: Mapping[str, Any]) -> None:
        for code in np.asarray(status["code"]).tolist():
            if code != GOOD:
                raise DesignError(
                    f"eie host: the engine must obey the command, not say that {CODES[code]}"
                )
