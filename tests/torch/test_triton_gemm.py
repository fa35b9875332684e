"""The twin on a GPU without one: in Triton's interpreter, and by looking at what it compiles to."""

import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("torch")
triton = pytest.importorskip("triton")

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

import holigrail_hw.torch as hgt  # noqa: E402 - PyTorch may not be there
from holigrail_hw.torch import triton_gemm  # noqa: E402

pytestmark = pytest.mark.xdist_group("torch")
E4M3 = {"a": "fp8_e4m3", "b": "fp8_e4m3", "accumulator": "fp16"}
CASCADE = {"accumulation": "cascade"}

# The interpreter is chosen when the kernel is defined: in a process of its own.
INTERPRETED = """
import numpy as np, torch
import holigrail_hw.torch as hgt
from holigrail_hw.kernels import decode, encode
from holigrail_hw.torch import triton_gemm

rng, infinite = np.random.default_rng(0), 0
ways = ({}, {"accumulation": "cascade"}, {"accumulation": "cascade", "product": "fp8_e5m2"})
for way in ways:
    for sums, scale in (("fp16", 3), ("fp16", 2.0**-6), ("e5m4", 300)):
        how = hgt.Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator=sums, via="float32", **way)
        a, b, begin = (
            torch.from_numpy(decode(format, encode(format, rng.normal(size=size) * scale)))
            for format, size in (("fp8_e4m3", (33, 12)), ("fp8_e4m3", (12, 35)), (sums, 35))
        )
        found = triton_gemm.multiply(how, a, b, begin)
        wanted = hgt.functional.gemm(a, b, how, initial=begin)
        infinite += int(wanted.isinf().sum())
        same = found.view(torch.int32) == (wanted + 0.0).view(torch.int32)
        assert bool((same | (found.isnan() & wanted.isnan())).all()), (way, sums, scale)
assert infinite > 0
"""


def test_the_interpreter_gives_the_same_bits():
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    subprocess.run([sys.executable, "-c", INTERPRETED], check=True, env=environment)


def operations(how, options):
    """How often operations of float32 stand in the program for a GPU."""
    given = triton_gemm.arguments(how)
    names = dict.fromkeys(("a", "b", "initial", "c"), "*fp32")
    names |= dict.fromkeys(("rows", "depth", "columns"), "i32")
    names |= dict.fromkeys(given, "constexpr")
    source = ASTSource(triton_gemm.kernel, names, given)
    program = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options).asm["ptx"]
    assert ".ftz" not in program
    found = re.findall(r"\b(fma|mul|add|sub)(?:\.rn)?\.f32\b", program)
    return {name: found.count(name) for name in ("fma", "mul", "add", "sub")}


@pytest.mark.filterwarnings("ignore")
def test_multiplications_and_additions_stay_apart(tmp_path, monkeypatch):
    """A sum has one fused step, or two roundings; each adds and subtracts its constant."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    fused = operations(hgt.Gemm(**E4M3), triton_gemm.OPTIONS)
    sums = fused["fma"]
    # One addition lays the sums' beginning out; two multiplications make infinities.
    assert fused == {"fma": sums, "mul": 2 * sums, "add": sums + 1, "sub": sums}
    apart = operations(hgt.Gemm(**E4M3, **CASCADE), triton_gemm.OPTIONS)
    assert apart == {"fma": 0, "mul": 5 * sums, "add": 3 * sums + 1, "sub": 2 * sums}
    # What the default would do is another arithmetic.
    assert operations(hgt.Gemm(**E4M3, **CASCADE), {})["fma"] == 2 * sums


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk": 4}, "sums must be fused or cascade, without chunks"),
        ({"rounding": "down"}, "rounding must be nearest_even, start zero, via exact or float32"),
        ({"accumulator": "bf16"}, "bf16 must be a float with infinities and fewer than 8"),
        ({"accumulator": "e4m3_sat"}, "e4m3_sat must be a float with infinities"),
        ({"a": "fp16", "b": "fp16"}, "sums must be the same through float32"),
        ({"a": "fp32"}, "products must be exact in float32"),
    ],
)
def test_what_the_kernel_does_not_compute(options, message):
    how = hgt.Gemm(**{**E4M3, **options})
    assert any(message in reason for reason in triton_gemm.wrong(how)), triton_gemm.wrong(how)
    with pytest.raises(ValueError, match="^triton: "):
        triton_gemm.multiply(how, None, None)
