"""The GPU's kernel without a GPU: interpreted on tensors of the processor, and compiled to PTX."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("triton")

pytestmark = pytest.mark.xdist_group("torch")

BITS = """
import numpy as np
import torch
from holigrail_hw.kernels import quantise
from holigrail_hw.torch import Gemm
from holigrail_hw.torch.triton_gemm import gemm, settings

rng = np.random.default_rng(0)
CASES = (
    ({}, 8, False), ({}, 1000, False), ({"chunk": 8}, 8, False),
    ({"accumulation": "cascade"}, 8, False),
    ({"a": "fp16", "b": "fp16"}, 8, True), ({"a": "fp16", "b": "fp16", "chunk": 3}, 1e4, True),
    ({"a": "fp16", "b": "fp16", "accumulation": "cascade", "accumulator": "e4m9"}, 8, None),
    ({"accumulator": "fp8_e4m3"}, 8, None), ({"accumulator": "e4m3_sat"}, 8, None),
    ({"b": "fp8_e5m2", "accumulator": "e5m3"}, 2.0**-12, None),
)
seen = set()
for options, size, odd in CASES:
    how = Gemm(**{"a": "fp8_e4m3", "b": "fp8_e4m3", "accumulator": "fp16", **options})
    assert odd is None or settings(how)["ODD"] == odd
    x, y = (
        np.asarray(quantise(f, np.clip(rng.normal(size=s) * size, -440, 440)), np.float32)
        for f, s in ((how.a, (19, 21)), (how.b, (21, 18)))
    )
    found = gemm(how, torch.tensor(x), torch.tensor(y), block=(32, 32)).numpy()
    wanted = how.numbers(x, y)
    assert np.array_equal(found, wanted, equal_nan=True), options
    assert np.array_equal(np.signbit(found), np.signbit(wanted)), options
    seen |= {kind for kind in ("nan", "inf") if getattr(np, "is" + kind)(wanted).any()}
assert seen == {"nan", "inf"}
empty = gemm(how, torch.zeros(2, 0), torch.zeros(0, 3))
assert empty.shape == (2, 3) and not empty.any()
for wrong in (
    lambda: settings(Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16", rounding="up")),
    lambda: settings(Gemm(a="fp32", b="fp32", accumulator="fp16")),
    lambda: gemm(how, torch.zeros(2, 1), torch.zeros(2, 3)),
    lambda: gemm(how, torch.zeros(2, 1).double(), torch.zeros(1, 3)),
):
    try:
        wrong()
    except ValueError as error:
        assert str(error).startswith("triton: ")
    else:
        raise AssertionError("it must be refused")
print("equal")
"""

PTX = """
import re
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from holigrail_hw.torch import Gemm
from holigrail_hw.torch.triton_gemm import OPTIONS, gemm_kernel, settings

INTEGERS = "rows columns depth chunk sum_least sum_magic product_least product_magic".split()
for accumulation in ("fused", "cascade"):
    how = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16", accumulation=accumulation)
    constants = {name: v for name, v in settings(how).items() if name.isupper()}
    constants |= {"BLOCK_M": 16, "BLOCK_N": 16}
    types = dict.fromkeys("abc", "*fp32") | dict.fromkeys(INTEGERS, "i32")
    types |= dict.fromkeys(("sum_largest", "product_largest"), "fp32")
    types |= dict.fromkeys(constants, "constexpr")
    # In the order of the kernel's parameters.
    types = {name: types[name] for name in gemm_kernel.arg_names}
    for options in (OPTIONS, {}):
        source = ASTSource(gemm_kernel, types, constants)
        made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
        found = re.findall(r"\\b(fma|mul|add|sub)(\\.rn)?\\.f32", made.asm["ptx"])
        counts = (sum(n == k for n, _ in found) for k in ("fma", "mul", "add", "sub"))
        print(accumulation, bool(options), *counts)
"""


def run(program, **settings):
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **settings},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_interpreted_kernels_give_the_processors_bits():
    assert run(BITS, TRITON_INTERPRET="1").endswith("equal\n")


def test_compiled_kernels_contract_nothing():
    """Two sums a thread, each with an addition and a subtraction to round, and those of chunks."""
    lines = [line.split() for line in run(PTX, TRITON_INTERPRET="0").splitlines()]
    counts = {(name, bool(options == "True")): [*map(int, c)] for name, options, *c in lines}
    fused, cascade = counts["fused", True], counts["cascade", True]
    assert fused[0] == 2 and fused[1] == 0
    assert cascade[0] == 0 and cascade[1] == 2
    # A product's rounding more, and the sum that is no part of a multiplication.
    assert cascade[2] == fused[2] + 4 and cascade[3] == fused[3] + 2
    # By default the compiler would make another arithmetic of it.
    assert counts["cascade", False][0] > 0
