"""Files of numbers (.npy, .npz, .csv, .txt) from anybody: what is wrong is a message, no surprise.

The binary formats are those of NumPy's own documentation (numpy.lib.format). Sizes are compared
with the bytes that are really there before anything is allocated, and nothing in a file is
executed. Text files hold one row a line, of numbers between commas, semicolons or spaces; what
follows ``#`` is a remark. Their numbers are read exactly, never by way of binary floating point.
"""

import lzma
import math
import re
import tokenize
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from holigrail_hw.formats.exact_numbers import exact_number

__all__ = ["ArrayFileError", "read_array", "read_arrays", "read_named_arrays", "read_table"]

LARGEST = 1 << 30
"""Bytes of one array, or of all arrays of an archive, that are read at most."""

LARGEST_TEXT = 1 << 26
"""Bytes of a text file that are read at most."""

# All that NumPy's header parser and the standard library's readers may raise for damaged bytes.
_DAMAGE = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, OverflowError, SyntaxError),
    *(tokenize.TokenError, RecursionError, MemoryError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)

Header = tuple[tuple[int, ...], bool, np.dtype]  # Shape, whether columns come first, type.


class ArrayFileError(ValueError):
    """Why a file cannot be used, in words that go after "not"."""


def read_array(path: Path) -> np.ndarray:
    """The array of numbers in a .npy file.

    Raises
    ------
    ArrayFileError
        The file cannot be read, is damaged, too large, or holds anything but numbers.
    """
    try:
        with path.open("rb") as file:
            return _body(file, _header(file), path.stat().st_size, LARGEST)
    except _DAMAGE as error:
        raise ArrayFileError(f"{path} ({_reason(error)})") from None


def read_arrays(path: Path) -> list[np.ndarray]:
    """The arrays of numbers in a .npz archive, by name; see :func:`read_named_arrays`."""
    return [*read_named_arrays(path).values()]


def read_named_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of numbers in a .npz archive by name, in order: W9 comes before W10.

    Arrays of text, such as labels and remarks, are passed over.

    Raises
    ------
    ArrayFileError
        As :func:`read_array` does; the message names the member.
    """
    name, found, left = "", {}, LARGEST
    try:
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.infolist(), key=lambda member: _natural(member.filename)):
                name = f"{member.filename}: "
                with archive.open(member) as file:
                    header = _header(file)
                    if header[2].kind in "US":
                        continue
                    array = _body(file, header, member.file_size, left)
                found[member.filename.removesuffix(".npy")] = array
                left -= array.nbytes
    except _DAMAGE as error:
        raise ArrayFileError(f"{path} ({name}{_reason(error)})") from None
    return found


def read_table(path: Path) -> list[list[int | Fraction]]:
    """The rows of numbers in a text file; lines without numbers count nothing.

    Raises
    ------
    ArrayFileError
        The file cannot be read, is too large, or holds anything but numbers; the message says
        where.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_TEXT + 1)
        if len(data) > LARGEST_TEXT:
            raise ValueError(f"it has more than {LARGEST_TEXT} bytes")
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ArrayFileError(f"{path} (it is no text)") from None
    except _DAMAGE as error:
        raise ArrayFileError(f"{path} ({_reason(error)})") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            row = _numbers_of(line.partition("#")[0].strip())
        except ValueError as error:
            raise ArrayFileError(f"{path} (line {number}: {error})") from None
        rows += [row] if row else []
    return rows


def _numbers_of(line: str) -> list[int | Fraction]:
    """The numbers of a line; a comma beside semicolons might be a decimal one."""
    if "," in line and ";" in line:
        raise ValueError("numbers must be between commas or between semicolons, not both")
    parts = re.split(r"\s*[,;]\s*", line) if re.search("[,;]", line) else line.split()
    return [exact_number(part) for part in parts]


def _header(file: IO[bytes]) -> Header:
    """What stands before the numbers of an array."""
    try:
        version = npy_format.read_magic(file)
    except ValueError:
        raise ValueError("it does not begin as a NumPy array does") from None
    readers = {
        (1, 0): npy_format.read_array_header_1_0,
        (2, 0): npy_format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"its version {version[0]}.{version[1]} is none of 1.0 and 2.0")
    return readers[version](file)


def _body(file: IO[bytes], header: Header, size: int, most: int) -> np.ndarray:
    """The array behind this header, in a stream of ``size`` bytes."""
    shape, is_fortran, dtype = header
    if dtype.kind not in "iufb":
        raise ValueError("it must hold integers or real numbers")
    count = math.prod(shape)
    wanted, there = count * dtype.itemsize, size - file.tell()
    if min(shape, default=0) < 0 or wanted > there:
        raise ValueError(f"its shape {shape} needs {wanted} bytes, and there are {max(there, 0)}")
    if wanted > most:
        raise ValueError(f"its shape {shape} needs {wanted} bytes, and {most} are read at most")
    data = file.read(wanted)
    if len(data) != wanted:
        raise ValueError(f"its shape {shape} needs {wanted} bytes, and there are {len(data)}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")


def _reason(error: BaseException) -> str:
    match error:
        case OSError():
            return error.strerror or str(error)
        case RecursionError() | MemoryError() | SyntaxError() | tokenize.TokenError():
            return "its header is no description of an array"
        case zipfile.BadZipFile() | zlib.error() | lzma.LZMAError() | EOFError():
            return f"damaged: {error}"
    return str(error)


def _natural(name: str) -> list[tuple[str, int]]:
    """Sorting key by which W10 comes behind W9."""
    return [(text, int(part or 0)) for text, part in re.findall(r"(\D*)(\d*)", name)]
