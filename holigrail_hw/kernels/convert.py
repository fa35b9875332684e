"""Numbers rounded to a format, and to its codes, as fast as the machine allows."""

import ctypes
import functools
from typing import Any

import numpy as np

from holigrail_hw.formats import Format, FormatError, Rounding, parse
from holigrail_hw.formats.rounding import Rounder
from holigrail_hw.formats.scalar.binary_float import BinaryFloat

from .library import called, library, usual_arithmetic
from .loops import rounded, thresholds
from .operands import decoded, is_exact_in, significant_bits
from .roundings import Layout, Rounding64, is_described, layout, rounding64
from .shape import VIAS

__all__ = ["decode", "encode", "number_type", "quantise"]


class _Request(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("x", "threshold", "y", "codes")),
        *((name, ctypes.c_int64) for name in ("count", "threads")),
        ("rounding", Rounding64),
        ("layout", Layout),
    )


@functools.cache
def _number_type(format: Format) -> type:
    for dtype in (np.float32, np.float64):
        if format.has_binary_fractions and format.block_size is None and is_exact_in(format, dtype):
            return dtype
    raise FormatError(f"kernels: format must have numbers that float64 holds, not {format}")


def number_type(format: Format | str) -> type:
    """float32 if it holds every number of the format, else float64.

    Raises
    ------
    FormatError
        If float64 does not either.
    """
    return _number_type(parse(format))


def decode(format: Format | str, codes: Any) -> np.ndarray:
    """Numbers of codes, as floats of :func:`number_type`."""
    format = parse(format)
    return decoded(format, np.asarray(codes), number_type(format))


def quantise(
    format: Format | str,
    numbers: Any,
    rounding: str = Rounding.NEAREST_EVEN,
    *,
    random: Any = None,
    random_width: int = 0,
    overflow: str | None = None,
    via: str = "exact",
    threads: int = 1,
) -> np.ndarray:
    """Floats rounded to a format, as floats of :func:`number_type`; the shape stays.

    Parameters
    ----------
    random : integers of ``random_width`` bits, one for each number
        Of stochastic rounding; :meth:`.Philox.numbers` gives some.
    via : str
        ``mptorch``: as its quantiser "nearest", which passes float32.
    """
    if via not in VIAS:
        raise FormatError(f"quantise: via must be {' or '.join(VIAS)}, not {via!r}")
    options = (rounding, random, random_width, overflow, via, threads)
    with usual_arithmetic():
        return _converted(parse(format), numbers, True, *options)


def encode(
    format: Format | str,
    numbers: Any,
    rounding: str = Rounding.NEAREST_EVEN,
    *,
    random: Any = None,
    random_width: int = 0,
    overflow: str | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Codes of floats, each rounded once; equal to ``format.encode``.

    >>> encode("fp8_e4m3", [1.0, -0.3]).tolist()
    [56, 170]
    """
    options = (rounding, random, random_width, overflow, "exact", threads)
    with usual_arithmetic():
        return _converted(parse(format), numbers, False, *options)


def _converted(
    format: Format,
    numbers: Any,
    as_numbers: bool,
    rounding: str,
    random: Any,
    random_width: int,
    overflow: str | None,
    via: str,
    threads: int,
) -> np.ndarray:
    mode, given = Rounding(rounding), np.asarray(numbers)
    wide = given.dtype.kind not in "fiub" or given.dtype.itemsize > 8
    exactly = wide or given.dtype.kind == "f" or (given.size and np.abs(given).max() <= 1 << 53)
    fits = _fits(format, overflow, random_width)
    if wide or not exactly or not fits or (mode.is_stochastic and random is None):
        codes = format.encode(given, mode, random, random_width, overflow)
        return decode(format, codes) if as_numbers else codes
    x = np.ascontiguousarray(given, np.float64).reshape(given.shape)
    threshold = None
    if mode.is_stochastic:
        drawn: Any = Rounder.create(mode, random, random_width).random
        words = np.ascontiguousarray(np.broadcast_to(drawn, x.shape))
        threshold = thresholds(words, mode, random_width).reshape(x.shape)
    how = rounding64(format, mode, overflow, via)
    y, codes = _run(format, x, threshold, how, as_numbers, threads)
    if as_numbers:
        y = without_negative_zero(format, y) if via == "mptorch" else y
        return y.astype(number_type(format), copy=False)
    return codes


@functools.cache
def _fits(format: Format, overflow: str | None, random_width: int) -> bool:
    """Whether float64 holds all that a conversion needs."""
    if overflow not in (None, *format.overflow_modes) or not is_described(format, overflow):
        return False
    return significant_bits(format) + random_width + 2 <= 53


def _run(
    format: Format,
    x: np.ndarray,
    threshold: np.ndarray | None,
    how: Any,
    as_numbers: bool,
    threads: int,
) -> tuple[Any, Any]:
    """Rounded numbers and their codes, one of the two perhaps None."""
    found = library("convert")
    if found is None:
        with np.errstate(all="ignore"):
            # No nearer to 0, and no farther, than any format could tell.
            clipped = np.copysign(np.clip(np.abs(x), 2.0**-480, 2.0**480), x)
            kept = (x == 0) | ~np.isfinite(x)
            y = rounded(np.where(kept, x, clipped), how, threshold)
        return y, None if as_numbers else codes_of(format, y)
    is_float = isinstance(format, BinaryFloat)
    y = np.empty(x.shape) if as_numbers or not is_float else None
    codes = None if y is not None else np.empty(x.shape, np.uint64)
    request = _Request(
        x.ctypes.data,
        None if threshold is None else threshold.ctypes.data,
        None if y is None else y.ctypes.data,
        None if codes is None else codes.ctypes.data,
        x.size,
        threads,
        how,
        layout(format) if is_float else Layout(),
    )
    called(found.convert, request)
    if not as_numbers and codes is None:
        codes = codes_of(format, y)
    return y, codes


def without_negative_zero(format: Format, numbers: Any) -> Any:
    """MPTorch's numbers: zeros are +0 in formats with subnormal numbers."""
    keeps = isinstance(format, BinaryFloat) and not format.subnormals
    return numbers if keeps else numbers + 0.0


def codes_of(format: Format, numbers: Any) -> np.ndarray:
    """Codes of numbers that a described format holds; uint64."""
    if not isinstance(format, BinaryFloat):
        whole = np.ldexp(numbers, -format.least_place).astype(np.int64)
        return whole.view(np.uint64) & np.uint64((1 << format.width) - 1)
    where = layout(format)
    bits, magnitude = numbers.view(np.int64), np.abs(numbers)
    drop = np.int64(52 - where.fraction_width)
    code = (magnitude.view(np.int64) >> drop) - ((1023 - where.bias) << where.fraction_width)
    with np.errstate(invalid="ignore", over="ignore"):
        units = (magnitude * (2.0**where.fraction_width / where.least)).astype(np.int64)
    code = np.where(magnitude < where.least, units, code)
    code = np.where(np.isinf(magnitude), where.infinity, code)
    code |= np.where(bits < 0, where.sign, 0)
    return np.where(np.isnan(numbers), where.nothing, code).astype(np.uint64)
