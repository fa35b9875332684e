"""Operators with formats nobody would try by hand: hardware equals golden, golden equals Fractions.

What is drawn follows from a seed that the name of every test shows. More of them:

    HOLIGRAIL_FORMAT_SEEDS=100-400 python -m pytest tests/test_odd_formats.py
"""

import os

import numpy as np
import pytest
from engine_gates import check_engine
from fraction_operators import OPERATORS as REFERENCES
from fraction_operators import decode, encode
from hardware import check
from odd_formats import odd_specification, takes_formats

from holigrail_hw.core import Engine, OperatorSpec, Timing, operators

NAMES = [
    name
    for name, cls in operators().items()
    if cls.__module__.startswith("holigrail_hw.") and takes_formats(cls)
]
ENGINES = [name for name in NAMES if issubclass(operators()[name], Engine)]
OPERATORS = [name for name in NAMES if name not in ENGINES]
WANTED = os.environ.get("HOLIGRAIL_FORMAT_SEEDS")
FIRST, _, LAST = (WANTED or "1-10").partition("-")
SEEDS = range(int(FIRST), int(LAST or FIRST) + 1)


def drawn(name: str, seed: int) -> tuple[OperatorSpec, np.random.Generator]:
    rng = np.random.default_rng([seed, *name.encode()])
    spec = odd_specification(operators()[name], rng)
    words = (f"--{key.replace('_', '-')} {text}" for key, text in spec.parameters().items())
    print(f"seed {seed}: {name} {' '.join(words)}")
    return spec, rng


def _seeds(few: int) -> list:
    """All of them, after the first few in the heavy run only."""
    marks = [] if WANTED else [pytest.mark.heavy]
    return [*SEEDS[:few], *(pytest.param(seed, marks=marks) for seed in SEEDS[few:])]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(
    "seed",
    _seeds(1),
)
def test_hardware_equals_golden(name, seed):
    """All codes up to 16 bits, combinational; else, and with registers in between, random ones."""
    spec, rng = drawn(name, seed)
    latency = spec.plan().latency + int(rng.integers(4))
    check([spec], Timing() if rng.random() < 0.7 else Timing(latency=latency), 800)


@pytest.mark.sampled
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("seed", SEEDS if WANTED else SEEDS[:1])
def test_engines_equal_golden(name, seed):
    spec, _ = drawn(name, seed)
    assert isinstance(spec, Engine)
    assert check_engine(spec, seed, count=30) >= 30


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("seed", _seeds(5))
def test_golden_equals_fractions(name, seed):
    spec, rng = drawn(name, seed)
    codes = spec.items(40, rng)
    answers = spec.golden(**codes)
    formats = {port: format for port, format in spec.inputs().items() if port != "random"}
    for index in range(40):
        numbers = [decode(format, int(codes[port][index])) for port, format in formats.items()]
        wanted = REFERENCES[name](spec, *numbers)
        word = int(codes["random"][index]) if "random" in codes else 0
        for port, format in spec.outputs().items():
            if port == "flags":
                continue  # They have tests of their own, in arith/.
            code = wanted[port] if isinstance(wanted, dict) else encode(format, wanted, spec, word)
            assert int(answers[port][index]) == code, (port, numbers, wanted)
