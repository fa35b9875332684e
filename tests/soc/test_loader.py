"""Loads beside chains of descriptors: the hardware against the executor, and cycles."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from flash_of_blocks import AcceleratorByPins
from hardware import make
from random_networks import Builder, mobile_network

from holigrail_hw.core import Timing
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.verify import workloads
from holigrail_hw.models.reading import read
from holigrail_hw.soc.accelerator.cycles import exact_cycles
from holigrail_hw.soc.accelerator.jobs import chain_job
from holigrail_hw.soc.accelerator.operator import Accelerator
from holigrail_hw.soc.accelerator.shape import START, WRITE
from holigrail_hw.soc.compiler import weights
from holigrail_hw.soc.compiler.compare import answer, executed, loaded
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.descriptors.checks import Error
from holigrail_hw.soc.descriptors.kinds import Matmul
from holigrail_hw.soc.hardware.flash import clock_cycles

SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"
SIZES = {"activation_depth": 256, "accumulator_depth": 32, "scratchpad": 8192}
SIZES |= {"loader": True, "wide_parameters": True}
SMALL, BY_PINS = make(Accelerator, **SIZES), make(AcceleratorByPins, **SIZES)
OTHERS = [
    make(Accelerator, **SIZES | {"rows": rows, "columns": columns})
    for rows, columns in ((8, 8), (16, 8), (2, 4))
]


@cache
def designs() -> list[Compiled]:
    """Blocks over streams, and over the pins of a flash memory."""
    return compile_all([(SMALL, Timing()), (BY_PINS, Timing())], short=True)


@cache
def others() -> list[Compiled]:
    return compile_all([(spec, Timing()) for spec in OTHERS], short=True)


def check(one: Compiled, count: int, seeds: int, pauses: tuple = (0.0, 0.4)) -> set[int]:
    """Random chains with loads, without pauses and with; the errors that they met."""
    spec, rng, met = one.top.spec, np.random.default_rng(5), set()
    for seed in range(seeds):
        chosen = workloads.choose(spec, count, seed, corners=False)
        assert chosen.counts["fetch"] > 2
        for pause in pauses:
            stalls = {stream.name: rng.random(61) < pause for stream in one.top.handshakes()}
            run = one.run_streams(chosen.items, chosen.counts, pauses=stalls, quiet=20_000)
            assert not workloads.differences(chosen, run.results)
        asked = chosen.items["request"]["operation"]
        words = run.results["answer"]["data"][asked[asked != WRITE] == START]
        met |= {int(word) >> 4 & 0xF for word in words}
    return met


def test_chains_with_loads_equal_the_executor():
    faults = check(designs()[0], 6000, 1)
    assert {Error.NONE, Error.FLASH} < faults


def test_loads_through_the_pins_equal_the_executor():
    assert Error.NONE in check(designs()[1], 3000, 1, pauses=(0.0,))


@pytest.mark.heavy
def test_many_chains_with_loads_equal_the_executor():
    found = check(designs()[0], 30_000, 3) | check(designs()[1], 30_000, 2, pauses=(0.0,))
    assert found >= {Error.NONE, Error.RECORD, Error.SIZE, Error.ADDRESS, Error.FLASH}


@pytest.mark.heavy
@pytest.mark.parametrize("place", range(len(OTHERS)))
def test_other_sizes_equal_the_executor(place):
    assert Error.NONE in check(others()[place], 20_000, 2)


def run_frame(one: Compiled, program, frame) -> tuple[np.ndarray, np.ndarray]:
    """The scratchpad, and the cycles of the chain and of its latest descriptors."""
    memory = loaded(program, frame)
    shown = min(len(program.descriptors), 32)
    blocks = program.block_words()
    job = chain_job(memory, program.start, shown, program.loader_start or 0, blocks)
    counts = {"answer": 1 + shown + len(memory) // 4, "fetch": len(program.loads)}
    quiet = one.top.spec.quiet_cycles
    found = one.run_streams(job, counts, quiet=quiet).results["answer"]
    assert int(found["data"][0]) >> 4 & 0xF == Error.NONE
    left = np.asarray(found["data"][1 + shown :], np.uint64).astype("<u4").view(np.uint8)
    executed(program, memory)
    assert np.array_equal(left, memory)
    return left, np.asarray(found["cycles"][: 1 + shown], np.int64)


def predicted(spec, graph, device="generic"):
    cycles = exact_cycles(spec.machine, spec.lane_count, Timing(shell="stream", device=device))
    clock = clock_cycles(device)
    return compiled(graph, spec.machine, cycles=cycles, before=cycles.before, flash_clock=clock)


def test_streamed_weights_give_the_answer_in_the_cycles_that_were_predicted():
    """Words come from the pins at their pace; every descriptor waits as long as was foretold."""
    made = Builder(3, (90,))
    for results in (80, 60, 7):
        made.dense(results, once=results == 7)
    graph, one = made.graph(), designs()[1]
    program = predicted(one.top.spec, graph)
    assert len(program.loads) > 3 and any(load.wait for load in program.loads)
    frames = np.random.default_rng(2).integers(-128, 128, (2, 90))
    for frame in frames:
        left, cycles = run_frame(one, program, frame)
        assert (answer(program, left) == graph.evaluate(frame[None]).reshape(-1)).all()
        assert cycles[0] == program.cycles
        latest = range(max(len(program.descriptors) - 32, 0), len(program.descriptors))
        assert [cycles[1 + at % 32] for at in latest] == [program.predicted[at] for at in latest]


@pytest.mark.heavy
def test_a_memory_of_half_the_clock_is_predicted_to_a_cycle_a_load():
    """Whether a burst waits for the second cycle of a clock is not known before."""
    made = Builder(3, (90,))
    for results in (80, 60, 7):
        made.dense(results, once=results == 7)
    one = compile_all([(BY_PINS, Timing(device="ecp5"))], short=True)[0]
    graph = made.graph()
    program, quick = predicted(BY_PINS, graph, "ecp5"), predicted(BY_PINS, graph)
    _, cycles = run_frame(one, program, np.zeros(90, np.int64))
    assert abs(cycles[0] - program.cycles) <= len(program.loads)
    assert program.cycles - quick.cycles > 4 * sum(load.length // 4 for load in program.loads)


def network_in_hardware(seed: int, monkeypatch) -> None:
    """All parameters of odd networks are wide ones, whether they need it or not."""
    if seed % 2:
        monkeypatch.setattr(weights, "_NARROW_BIAS", 0)
    graph, one = mobile_network(seed), designs()[0]
    program = predicted(one.top.spec, graph)
    products = [one for one in program.descriptors if isinstance(one, Matmul)]
    assert all(bool(product.p_wide) == seed % 2 for product in products)
    shape = graph.inputs[0].shape
    frame = np.random.default_rng(seed).integers(-128, 128, shape)
    left, cycles = run_frame(one, program, frame)
    assert (answer(program, left) == graph.evaluate(frame[None]).reshape(-1)).all()
    if not program.loads:
        assert cycles[0] == program.cycles


@pytest.mark.parametrize("seed", range(2))
def test_networks_like_mobilenet_run_with_both_kinds_of_parameters(seed, monkeypatch):
    network_in_hardware(seed, monkeypatch)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(2, 40))
def test_many_networks_like_mobilenet(seed, monkeypatch):
    network_in_hardware(seed, monkeypatch)


@pytest.mark.slow
def test_the_anomaly_detector_runs_with_streamed_weights():
    """274,616 bytes through the pins into 32 KiB; answers of the reference."""
    path = SHARED / "tiny_ad01_int8.tflite"
    if not path.exists():
        pytest.skip("the model files in ../shared are not there")
    spec = make(AcceleratorByPins, **SIZES | {"rows": 8, "columns": 8, "activation_depth": 256})
    spec = replace(spec, scratchpad=1 << 15)
    (one,) = compile_all([(spec, Timing())])
    program = predicted(spec, read(path))
    stored = np.load(SHARED / "ref" / "tiny_ad01_int8.tflite.npz")
    left, cycles = run_frame(one, program, stored["x"][0])
    assert (answer(program, left) == stored["y"][0].reshape(-1)).all()
    assert cycles[0] == program.cycles
