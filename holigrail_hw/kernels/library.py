"""The compiled kernels: built at first use with the instructions that this machine has."""

import ctypes
import functools
import platform
import warnings
from pathlib import Path
from typing import Any

from holigrail_hw.core.run import compiled_library

__all__ = ["called", "instructions", "is_compiled", "library", "usual_arithmetic"]

_FOLDER = Path(__file__).parent / "native"
# Contraction would turn c + round(a*b) into one rounding less. Exponents of infinities wrap.
_FLAGS = ("-ffp-contract=off", "-fwrapv", "-pthread")
_AVX512 = {"avx512f", "avx512dq", "avx512bw", "avx512vl", "fma"}
_AVX512_FLAGS = (*sorted(f"-m{name}" for name in _AVX512), "-mprefer-vector-width=512")
_SETS: tuple[tuple[str, set[str], tuple[str, ...]], ...] = (
    ("AVX-512 FP16", {*_AVX512, "avx512_fp16"}, (*_AVX512_FLAGS, "-mavx512fp16")),
    ("AVX-512", _AVX512, _AVX512_FLAGS),
    ("AVX2", {"avx2", "fma"}, ("-mavx2", "-mfma")),
)


@functools.cache
def instructions() -> str:
    """``AVX-512 FP16``, ``AVX-512``, ``AVX2`` or ``portable``; the results are the same."""
    return next((name for name, needed, _ in _SETS if needed <= _features()), "portable")


def library(name: str) -> ctypes.CDLL | None:
    """The kernels of ``native/NAME.cc``; None without a compiler, with one warning a process."""
    found = _load(name)
    if found is None:
        _warn(compiled_library.why_not(name) or "")
    return found


def called(function: Any, request: ctypes.Structure) -> None:
    """Calls a kernel.

    Raises
    ------
    MemoryError
        If there is no room for what it lays out.
    """
    if not function(ctypes.byref(request)):
        raise MemoryError("kernels: there must be room for a part of the operands in each thread")


def is_compiled() -> bool:
    """Whether there is a compiler for the kernels; nothing is said if not."""
    return _load("gemm32") is not None


class usual_arithmetic:
    """Rounding to nearest even and subnormal numbers as they are, for NumPy in this thread too.

    What another library may have set is there again after ``with``.
    """

    def __enter__(self) -> None:
        self.library = library("convert")
        if self.library is not None:
            self.library.begin_arithmetic.restype = ctypes.c_void_p
            self.state = ctypes.c_void_p(self.library.begin_arithmetic())

    def __exit__(self, *_: object) -> None:
        if self.library is not None:
            self.library.end_arithmetic(self.state)


def _load(name: str) -> ctypes.CDLL | None:
    """With all instructions, or with fewer: the compiler may be older than the processor."""
    for flags in _flags(instructions()):
        found = compiled_library.load(name, _FOLDER, flags)
        if found is not None:
            return found
    return None


@functools.cache
def _flags(instructions: str) -> tuple[tuple[str, ...], ...]:
    kinds = [kind for kind, _, _ in _SETS]
    fewer = _SETS[kinds.index(instructions) :] if instructions in kinds else ()
    return (*((*_FLAGS, *flags) for _, _, flags in fewer), _FLAGS)


@functools.cache
def _features() -> set[str]:
    if platform.machine() not in ("x86_64", "AMD64"):
        return set()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return set(flags.partition(":")[2].split())


@functools.cache
def _warn(reason: str) -> None:
    warnings.warn(
        f"kernels: loops in NumPy compute the same, but slowly: {reason}", RuntimeWarning, 2
    )
