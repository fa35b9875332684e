"""What an EIE-like engine must answer: a dense product of integers, or an error code.

The matrix is read from the words received, made dense and multiplied; nothing is skipped here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .encoding import EieMatrix, EieSizes
from .shape import EieShape

__all__ = ["CODES", "Command", "commands_of", "eie_golden"]

GOOD, SIZE, SHORT, LONG, POINTER, UNLOADED, RANGE = range(7)

CODES = {
    GOOD: "done",
    SIZE: "the sizes of the matrix are 0 or too large",
    SHORT: "the mark of the last item came early",
    LONG: "the mark of the last item came late",
    POINTER: "a pointer decreases, is beyond the entries, or does not begin with 0",
    UNLOADED: "there is no matrix to multiply with",
    RANGE: "an entry lies beyond the last row of the matrix",
}


@dataclass(frozen=True)
class Command:
    """A command, its status, and how many items came with it.

    ``work`` counts the entries of each non-zero activation, activations x elements, and ``result``
    is the product; both are ``None`` if there is none.
    """

    is_load: bool
    code: int
    arriving: int
    work: Any = None
    result: Any = None


def commands_of(spec: EieShape, items: Mapping[str, Mapping[str, Any]]) -> Iterator[Command]:
    """The commands in order."""
    sizes = zip(*(np.asarray(items["command"][n]).tolist() for n in _FIELDS), strict=True)
    matrices = _frames(items["matrix"], "word")
    vectors = _frames(items["activation"], "a")
    loaded: tuple[EieMatrix, Any, Any] | None = None
    for is_load, columns, rows in sizes:
        if is_load:
            words = next(matrices).astype(np.int64)
            code, matrix = _read(spec.sizes, words, columns, rows)
            loaded = None if matrix is None else (matrix, *_dense(matrix))
            yield Command(True, code, len(words))
            continue
        vector = _values(next(vectors), spec.activation)
        if loaded is None:
            yield Command(False, UNLOADED, len(vector))
            continue
        matrix, dense, beyond = loaded
        if len(vector) != matrix.columns:
            code = SHORT if len(vector) < matrix.columns else LONG
            yield Command(False, code, len(vector))
            continue
        used = vector != 0
        code = RANGE if beyond[used].any() else GOOD
        yield Command(False, code, len(vector), matrix.work[used], dense @ vector)


def eie_golden(
    spec: EieShape, items: Mapping[str, Mapping[str, Any]], cycles: Any
) -> dict[str, dict[str, Any]]:
    """Results and statuses of all commands; ``cycles`` gives the cycles of a command."""
    assert spec.accumulator is not None
    codes, spent = [], []
    values = [np.zeros(0, np.uint64)]
    lasts = [np.zeros(0, np.uint64)]
    mask, top = (1 << spec.accumulator.width) - 1, 1 << (spec.accumulator.width - 1)
    for command in commands_of(spec, items):
        codes.append(command.code)
        spent.append(cycles(command))
        if command.result is None:
            continue
        sums = command.result & mask
        if spec.relu and spec.accumulator.signed:
            sums = np.where(sums & top, 0, sums)
        values.append(sums.astype(np.uint64))
        last = np.zeros(len(sums), np.uint64)
        last[-1] = 1
        lasts.append(last)
    return {
        "result": {"y": np.concatenate(values), "last": np.concatenate(lasts)},
        "status": {"code": np.array(codes, np.uint64), "cycles": np.array(spent, np.uint64)},
    }


_FIELDS = ("load", "columns", "rows")


def _frames(stream: Mapping[str, Any], field: str) -> Iterator[Any]:
    """The items up to each mark."""
    start = 0
    for end in np.flatnonzero(np.asarray(stream["last"])) + 1:
        yield np.asarray(stream[field])[start:end]
        start = end


def _values(codes: Any, format: Any) -> Any:
    numbers = codes.astype(np.int64)
    if format.signed:
        numbers -= (numbers >> (format.width - 1) & 1) << format.width
    return numbers


def _read(sizes: EieSizes, words: Any, columns: int, rows: int) -> tuple[int, EieMatrix | None]:
    """The status of the words of a load, and the matrix in them if they are right."""
    if not 1 <= columns <= sizes.columns or not 1 <= rows <= sizes.pes * sizes.rows:
        return SIZE, None
    codebook = _values(words[: sizes.codes] & ((1 << sizes.weight.width) - 1), sizes.weight)
    place, pointers, codes, indices = sizes.codes, [], [], []
    for _ in range(sizes.pes):
        found = words[place : place + columns + 1]
        wrong = (np.diff(found, prepend=0) < 0) | (found > sizes.entries)
        if wrong.any() or found[:1].any():
            return POINTER, None
        place += columns + 1
        if len(words) < place or len(words) < place + found[-1]:
            return SHORT, None
        entries = words[place : place + found[-1]]
        place += len(entries)
        pointers.append(found)
        codes.append(entries & (sizes.codes - 1))
        indices.append(entries >> sizes.code_width & sizes.largest_index)
    if len(words) > place:
        return LONG, None
    matrix = EieMatrix(sizes, rows, codebook, np.stack(pointers), tuple(codes), tuple(indices))
    return GOOD, matrix


def _dense(matrix: EieMatrix) -> tuple[Any, Any]:
    """The matrix without entries beyond its last row, and which columns have such entries."""
    pes, columns = matrix.sizes.pes, matrix.columns
    dense = np.zeros((matrix.rows, columns), np.int64)
    beyond = np.zeros(columns, bool)
    for element in range(pes):
        bounds = matrix.pointers[element]
        column = np.repeat(np.arange(columns), np.diff(bounds))
        steps = np.cumsum(matrix.indices[element] + 1)
        # The running sum of the indices before each column began.
        start = np.concatenate([[0], steps])[bounds[column]]
        row = (steps - start - 1) * pes + element
        inside = row < matrix.rows
        beyond[column[~inside]] = True
        dense[row[inside], column[inside]] = matrix.codebook[matrix.codes[element][inside]]
    return dense, beyond
