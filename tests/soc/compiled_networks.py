"""Networks compiled and executed, every layer and the answer compared with the integer graph."""

import random
from pathlib import Path

import numpy as np
import pytest
from random_networks import random_network

from holigrail_hw.core import RequestError
from holigrail_hw.models.reading import read
from holigrail_hw.soc.compiler.compare import answer, first_difference, loaded
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.machine import Machine

SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"
ROOMY = Machine(scratchpad=1 << 17)


def model(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip("the model files in ../shared are not there")
    stored = np.load(SHARED / "ref" / f"{name}.npz")
    return read(path), stored["x"], stored["y"]


def machine_of(seed):
    rng = random.Random(seed)
    rows = rng.choice((2, 4, 8, 16))
    sides = [c for c in (2, 4, 8, 16) if 4 <= max(rows, c) <= 2 * min(rows, c)]
    return Machine(
        rows=rows,
        columns=rng.choice(sides),
        activation_depth=rng.choice((256, 1024)),
        accumulator_depth=rng.choice((8, 100)),
        scratchpad=rng.choice((1 << 13, 1 << 14, 1 << 17)),
    )


def compared(graph, machine, frames=1, seed=0, **options):
    """The program, after every layer and the answer of some frames were found equal."""
    program = compiled(graph, machine, **options)
    numbers = np.random.default_rng(seed)
    for _ in range(frames):
        frame = numbers.integers(-128, 128, graph.inputs[0].shape)
        memory = loaded(program, frame, fill=0x55)
        difference = first_difference(program, graph, frame, memory)
        assert difference is None, difference and difference.text
        expected = graph.evaluate(frame[None])[0].reshape(-1)
        assert answer(program, memory).tolist() == expected.tolist()
    return program


def random_case(seed):
    """What became of a random network: streamed, resident, or refused for a good reason."""
    graph, machine = random_network(seed), machine_of(seed)
    try:
        program = compared(graph, machine, seed=seed)
        compared(graph, machine, seed=seed, constant_channels=False)
    except RequestError as error:
        assert "scratchpad must have" in str(error) or "sums must have at most" in str(error)
        return "refused"
    return "streamed" if program.loads else "resident"


def refusal(graph, machine=ROOMY):
    with pytest.raises(RequestError) as caught:
        compiled(graph, machine)
    return str(caught.value), caught.value.hint
