"""DAIS programs as files: 32-bit integers, little endian, as da4ml's ``save_binary`` writes them.

In order: version of the instruction set (0 or 1), version of the firmware, inputs, outputs,
operations, tables; shifts of the inputs; places, shifts and signs of the outputs; eight integers
for every operation (code, first, second, data lower and upper half, signed, integer and fraction
bits); sizes of the tables; their entries. Versions from 2 on give codes another meaning.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.readers.files import contents

from .program import DaisOperation, DaisOutput, DaisProgram, DaisType

__all__ = ["dais_bytes", "read_dais"]

_VERSIONS = (0, 1)
# Operands of every code: 1 the first, 2 both.
_OPERANDS = {-1: 0, 0: 2, 1: 2, 2: 1, -2: 1, 3: 1, -3: 1, 4: 1, 5: 0, 6: 2, -6: 2, 7: 2, 8: 1}
_OPERANDS |= {9: 1, -9: 1, 10: 2}
_WIDEST, _FARTHEST = 128, 256


def read_dais(path: str | Path) -> DaisProgram:
    """The program of a file.

    Raises
    ------
    ModelError
        With one line for everything that is wrong.
    """
    path = Path(path)
    who = path.name
    data = contents(path, who)
    if len(data) % 4 or len(data) < 24:
        raise ModelError(f"{who}: must be 32-bit integers, 6 at least, not {len(data)} bytes")
    words = np.frombuffer(data, "<i4")
    version, _, inputs, outputs, operations, tables = (int(v) for v in words[:6])
    if version not in _VERSIONS:
        raise ModelError(f"{who}: the version of DAIS must be 0 or 1, not {version}")
    if min(inputs, outputs, operations) < 1 or tables < 0:
        raise ModelError(f"{who}: there must be inputs, outputs and operations, not none")
    fixed = 6 + inputs + 3 * outputs + 8 * operations
    if fixed + tables > len(words):
        raise ModelError(f"{who}: {fixed + tables} integers must be there, not {len(words)}")
    sizes = words[fixed : fixed + tables].astype(np.int64)
    if (sizes < 1).any() or fixed + tables + sizes.sum() != len(words):
        raise ModelError(f"{who}: tables must fill the rest of the file, not have {sizes.sum()}")
    shifts, rest = words[6 : 6 + inputs], words[6 + inputs : fixed]
    places, out_shifts, signs = rest[: 3 * outputs].reshape(3, outputs)
    rows = rest[3 * outputs :].reshape(operations, 8)
    ends = np.cumsum(sizes) + fixed + tables
    program = DaisProgram(
        name=who,
        input_shifts=tuple(int(v) for v in shifts),
        operations=tuple(_operation(row) for row in rows),
        outputs=tuple(
            DaisOutput(int(p), int(s), bool(n))
            for p, s, n in zip(places, out_shifts, signs, strict=True)
        ),
        tables=tuple(
            tuple(int(v) for v in words[end - size : end])
            for end, size in zip(ends, sizes, strict=True)
        ),
    )
    violations = [f"{who}: {text}" for text in _violations(program)]
    if violations:
        raise ModelError(violations)
    return program


def _operation(row: np.ndarray) -> DaisOperation:
    code, first, second, low, high, signed, integer, fraction = (int(v) for v in row)
    kind = DaisType(signed != 0, integer, fraction)
    return DaisOperation(code, first, second, (high << 32) | (low & 0xFFFFFFFF), kind)


def _violations(program: DaisProgram) -> Iterator[str]:
    inputs = len(program.input_shifts)
    for place, operation in enumerate(program.operations):
        label = f"operation {place}, code {operation.code}"
        if operation.code not in _OPERANDS:
            yield f"{label}: the code must be known"
            continue
        yield from (f"{label}: {text}" for text in _shape(operation))
        limits = inputs if operation.code == -1 else place
        wanted = max(_OPERANDS[operation.code], operation.code == -1)
        for number, operand in enumerate((operation.first, operation.second)):
            if number < wanted and not 0 <= operand < limits:
                yield f"{label}: operands must come before it, not be {operand}"
            elif number >= wanted and operand >= 0:
                yield f"{label}: operand {number} must be left out, not be {operand}"
        if abs(operation.code) == 6 and not 0 <= operation.low < place:
            yield f"{label}: its condition must come before it, not be {operation.low}"
        if operation.code == 8 and not 0 <= operation.low < len(program.tables):
            yield f"{label}: the table must be in the file, not be {operation.low}"
        if abs(operation.code) == 9 and operation.low not in (0, 1, 2):
            yield f"{label}: the function of bits must be 0 to 2, not {operation.low}"
        if operation.code == 10 and operation.high >> 24 & 0xFF not in (0, 1, 2):
            yield f"{label}: the function of bits must be 0 to 2, not {operation.high >> 24 & 0xFF}"
    for number, output in enumerate(program.outputs):
        if not -1 <= output.place < len(program.operations):
            yield f"output {number}: it must be an operation, not {output.place}"
    shifts = [*program.input_shifts, *(output.shift for output in program.outputs)]
    if any(abs(shift) > _FARTHEST for shift in shifts):
        yield f"shifts must be at most {_FARTHEST} places"


def _shape(operation: DaisOperation) -> Iterator[str]:
    kind = operation.type
    fits = 0 <= kind.width <= _WIDEST and kind.integer + kind.fraction >= 0
    if not fits or max(abs(kind.integer), abs(kind.fraction)) > _FARTHEST:
        yield f"types must have 0 to {_WIDEST} bits, not {kind.integer} and {kind.fraction}"
    shift = operation.low if operation.code in (0, 1, 10) else 0
    shift = operation.high if abs(operation.code) == 6 else shift
    if abs(shift) > _FARTHEST:
        yield f"shifts must be at most {_FARTHEST} places, not {shift}"


def dais_bytes(program: DaisProgram, version: int = 1) -> bytes:
    """The file of a program; :func:`read_dais` gives the same program back."""
    words = [version, 0, len(program.input_shifts), len(program.outputs)]
    words += [len(program.operations), len(program.tables), *program.input_shifts]
    words += [output.place for output in program.outputs]
    words += [output.shift for output in program.outputs]
    words += [int(output.negative) for output in program.outputs]
    for operation in program.operations:
        kind = operation.type
        words += [operation.code, operation.first, operation.second, operation.low, operation.high]
        words += [int(kind.signed), kind.integer, kind.fraction]
    words += [len(table) for table in program.tables]
    words += [entry for table in program.tables for entry in table]
    return np.array(words, "<i4").tobytes()
