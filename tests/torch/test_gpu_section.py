"""The benchmark's section for GPUs, interpreted on a processor, and what it says without one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("triton")

pytestmark = pytest.mark.xdist_group("torch")

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "bench_training"
IN_PARTS = """
import sys
sys.path.insert(0, "scripts")
import torch
from training_recipes import gpu
from holigrail_hw.torch import Gemm, triton_gemm

where = gpu.device()
assert where == gpu.Device("interpreter", "cpu")
said = []
found = [*gpu.measured(12, None, where, said.append)]
names = [name for name, bar, seconds in found]
assert [*dict.fromkeys(names)] == [*gpu.ROWS] and len(said) == len(gpu.ROWS)
assert all(bar.measured == 0 and bar.is_met for _, bar, _ in found if "differ" in bar.what)
assert all(bar.measured > 0 for _, bar, _ in found if "GMAC/s" in bar.what)
assert len(found) == 3 * len(gpu.ROWS)

# Known sizes of a device: a bound for each row, and its share.
whole = gpu.Device("known", "cpu", 132, 1.98e9)
E4M3 = {"a": "fp8_e4m3", "b": "fp8_e4m3", "accumulator": "fp16"}
fused, cascade, chunks = (
    gpu.bound(Gemm(**E4M3, **more), whole) / 1e12
    for more in ({}, {"accumulation": "cascade"}, {"chunk": 8})
)
assert abs(fused - 4.18) < 0.01 and abs(cascade - fused / 2) < 0.01 and cascade < chunks < fused
shares = [*gpu.measured(4, ["cascade"], whole, said.append)]
assert [bar.what for _, bar, _ in shares][3:] == ["  GMAC/s at most", "  % of that"]
# No interpreter is that fast.
assert not shares[-1][1].is_met

right = triton_gemm.gemm
triton_gemm.gemm = lambda how, a, b: -right(how, a, b)
((name, bar, _), *_) = gpu.measured(6, ["fused"], where, said.append)
assert bar.measured > 0 and not bar.is_met
print("told")
"""


def run(command, **settings):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **settings}
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=SCRIPT.parents[1]
    )


def test_interpreted_rows_compare_bits_and_tell_rates():
    done = run([sys.executable, "-c", IN_PARTS], TRITON_INTERPRET="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "told\n"


def test_without_a_gpu_one_line_says_so():
    done = run([sys.executable, str(SCRIPT), "gpu"], TRITON_INTERPRET="0")
    assert done.returncode == 3
    assert done.stderr == "error: gpu: there must be a GPU that PyTorch can use, not none\n"
