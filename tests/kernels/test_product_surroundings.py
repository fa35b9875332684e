"""Products do not depend on threads, instructions, a compiler, or how the process rounds."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from product_samples import WAYS, codes_of, differences, operands

from holigrail_hw.core.run import compiled_library
from holigrail_hw.kernels import Gemm, Philox, ShiftRegister
from holigrail_hw.kernels import library as native


@pytest.mark.parametrize("threads", [2, 7])
def test_threads_change_nothing(threads):
    rng = np.random.default_rng(13)
    for options, random in (
        ({}, None),
        ({"rounding": "up"}, None),
        ({"rounding": "stochastic"}, Philox(1)),
        ({"rounding": "stochastic", "accumulation": "cascade"}, ShiftRegister(3)),
    ):
        gemm = Gemm(a="fp16", b="fp16", accumulator="fp16", **options)
        a, b = operands(gemm, rng, shape=(33, 20, 150))
        alone = gemm.codes(a, b, random=random)
        assert np.array_equal(gemm.codes(a, b, random=random, threads=threads), alone)
        if random is not None and not isinstance(random, ShiftRegister):
            # Tiles that begin elsewhere, too.
            assert np.array_equal(gemm.codes(a[:, :], b[:, :70], random=random), alone[:, :70])


FLUSHING = """
#include <xmmintrin.h>
extern "C" void set(unsigned value) { _mm_setcsr(value); }
extern "C" unsigned get() { return _mm_getcsr(); }
"""


CRAMPED = """
import resource
from pathlib import Path

import numpy as np

from holigrail_hw.kernels import Gemm


def limit(more):
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


gemm = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")
rng = np.random.default_rng(1)
a, b = rng.integers(0, 127, (3, 50)), rng.integers(0, 127, (50, 20000))
wanted = gemm.codes(a, b)
limit(60 << 20)
assert np.array_equal(gemm.codes(a, b, threads=300), wanted)
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
x, y = np.zeros((1, 2_000_000), np.float32), np.zeros((2_000_000, 2), np.float32)
limit(20 << 20)
try:
    gemm.numbers(x, y, trusted=True)
except MemoryError as error:
    print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the size is read there")
def test_without_threads_or_room_the_process_lives():
    """Stacks of 300 threads are too much, and so is one copy of the second matrix."""
    done = subprocess.run([sys.executable, "-c", CRAMPED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kernels: there must be room")


def test_flushed_subnormal_numbers_do_no_harm(tmp_path):
    """Another library may have told the processor to flush them, or to round otherwise."""
    if native.instructions() == "portable":
        pytest.skip("no register of this kind")
    (tmp_path / "state.cc").write_text(FLUSHING)
    state = compiled_library.load("state", tmp_path)
    assert state is not None
    gemm = Gemm(a="bf16", b="bf16", accumulator="bf16")
    wide = Gemm(a="fp32", b="fp16", accumulator="fp32")
    rng = np.random.default_rng(14)
    a, b = (codes_of("bf16", (8, 8), rng, 2.0**-64) for _ in range(2))
    c, d = codes_of("fp32", (8, 8), rng, 2.0**-130), codes_of("fp16", (8, 8), rng, 2.0**-8)
    wanted, other = gemm.golden(a, b), wide.golden(c, d)
    before = state.get()
    strange = 0x1F80 | 0x8040 | 0x4000
    state.set(strange)
    try:
        found = gemm.codes(a, b), wide.codes(c, d)
        after = state.get()
    finally:
        state.set(before)
    assert after == strange
    assert np.array_equal(found[0], wanted) and np.array_equal(found[1], other)
    assert np.any(gemm.accumulator.decode(wanted) != 0)


def test_without_a_compiler_the_bits_are_the_same(monkeypatch):
    monkeypatch.setattr(compiled_library, "load", lambda *_: None)
    monkeypatch.setattr(compiled_library, "why_not", lambda _: "no C++ compiler found (g++)")
    native._warn.cache_clear()
    rng = np.random.default_rng(15)
    with pytest.warns(RuntimeWarning) as told:
        for way in WAYS:
            for sums, mode in (("fp16", "nearest_even"), ("e5m2_flush", "down")):
                gemm = Gemm(a="fp8_e4m3", b="fp16", accumulator=sums, rounding=mode, **way)
                assert not differences(gemm, *operands(gemm, rng, None))
        for way in WAYS[:2]:
            gemm = Gemm(a="fp16", b="bf16", accumulator="fp16", rounding="stochastic", **way)
            assert not differences(gemm, *operands(gemm, rng, None), random=Philox(9))
        gemm = Gemm(a="fp16", b="fp16", accumulator="e5m2_flush", via="mptorch")
        assert not differences(gemm, *operands(gemm, rng, 2.0**-8))
    assert [str(warning.message) for warning in told] == [
        "kernels: loops in NumPy compute the same, but slowly: no C++ compiler found (g++)"
    ]
    native._warn.cache_clear()


@pytest.mark.heavy
@pytest.mark.parametrize("instructions", ["AVX-512", "AVX2", "portable"])
def test_other_instructions_give_the_same_bits(instructions, monkeypatch):
    monkeypatch.setattr(native, "instructions", lambda: instructions)
    rng = np.random.default_rng(16)
    formats, modes = ("fp16", "fp8_e4m3", "fp32"), ("nearest_even", "up")
    for way, sums, mode in itertools.product(WAYS, formats, modes):
        gemm = Gemm(a="fp8_e4m3", b="fp16", accumulator=sums, rounding=mode, **way)
        for scale in (1.0, None):
            assert not differences(gemm, *operands(gemm, rng, scale))
    for way in WAYS[:2]:
        gemm = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16", rounding="stochastic", **way)
        assert not differences(gemm, *operands(gemm, rng), random=Philox(9))
