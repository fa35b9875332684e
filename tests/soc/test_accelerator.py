"""The accelerator's hardware against the executor: chains, faults, cycles; its parts alone."""

from functools import cache

import numpy as np
import pytest
from amaranth.sim import Simulator
from hardware import make
from scratchpad_accesses import accesses

from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.streams import joined
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.verify import workloads
from holigrail_hw.models import ModelError
from holigrail_hw.soc.accelerator import network
from holigrail_hw.soc.accelerator.cycles import exact_cycles
from holigrail_hw.soc.accelerator.jobs import chain_job, random_job, requests
from holigrail_hw.soc.accelerator.operator import Accelerator
from holigrail_hw.soc.accelerator.shape import PROFILE, READ, START, WRITE
from holigrail_hw.soc.descriptors.checks import Error, descriptor_of, error_of
from holigrail_hw.soc.descriptors.kinds import End, Fill
from holigrail_hw.soc.executor.addresses import addresses
from holigrail_hw.soc.hardware.loops import Loops
from holigrail_hw.soc.hardware.scratchpad import Scratchpad

SMALL = make(Accelerator, line_buffer=16, activation_depth=32, accumulator_depth=8, scratchpad=4032)
WIDE = make(Accelerator, line_buffer=5, rows=16, columns=8, activation_depth=16, scratchpad=8192)
SHARED = make(Accelerator, columns=8, lane_count=2, activation_depth=64)
TALL = make(Accelerator, rows=2, columns=4, scratchpad=4096, maximum=False)


@cache
def design() -> Compiled:
    return compile_all([(SMALL, Timing())], short=True)[0]


@cache
def others() -> list[Compiled]:
    clocked = Timing(period_ns=8.0, device="ecp5")
    wanted = [(WIDE, Timing()), (TALL, Timing()), (SMALL, clocked), (SHARED, Timing())]
    return compile_all(wanted, short=True)


def check(one: Compiled, count: int, seeds: int) -> set[int]:
    """Corner chains and random ones, without pauses and with; the errors that they met."""
    spec, rng, met = one.top.spec, np.random.default_rng(5), set()
    for seed in range(seeds):
        chosen = workloads.choose(spec, count, seed)
        for pause in (0.0, 0.4):
            pauses = {stream.name: rng.random(61) < pause for stream in one.top.handshakes()}
            quiet = spec.quiet_cycles
            run = one.run_streams(chosen.items, chosen.counts, pauses=pauses, quiet=quiet)
            assert not workloads.differences(chosen, run.results)
        asked = chosen.items["request"]["operation"]
        words = run.results["answer"]["data"][asked[asked != WRITE] == START]
        met |= {int(word) >> 4 & 0xF for word in words}
    return met


def test_chains_equal_the_executor_and_every_fault_is_met():
    faults = {Error.NONE, Error.RECORD, Error.SIZE, Error.ADDRESS, Error.DEADLOCK}
    assert check(design(), 300, 1) == faults


@pytest.mark.heavy
def test_many_random_chains_equal_the_executor():
    assert Error.NONE in check(design(), 4000, 3)


@pytest.mark.heavy
@pytest.mark.parametrize("place", range(4))
def test_other_sizes_equal_the_executor(place):
    assert Error.NONE in check(others()[place], 6000, 4)


def run(one: Compiled, job: dict) -> dict:
    asked = job["request"]["operation"]
    counts = {"answer": int(np.sum(asked != WRITE))}
    return one.run_streams(job, counts, quiet=one.top.spec.quiet_cycles).results["answer"]


def test_cycles_of_a_chain_are_those_of_its_descriptors():
    """A fill writes a byte a cycle, or a vector, wherever it stands in a chain."""
    memory = np.zeros(1024, np.uint8)
    chain = [Fill(nx=n, y_base=512) for n in (1, 101, 1, 100)] + [End()]
    memory[: 64 * len(chain)] = np.frombuffer(b"".join(d.encode() for d in chain), np.uint8)
    found = run(design(), chain_job(memory, profiles=len(chain)))["cycles"]
    whole, *parts = (int(n) for n in found[: 1 + len(chain)])
    assert whole == sum(parts)
    assert parts[0] == parts[2] == parts[1] - 100 == parts[3] - 24


def chain_in(spec: Accelerator, memory: np.ndarray) -> list:
    """The descriptors from address 0 on; none if the chain ends with an error."""
    chain = [descriptor_of(memory[at : at + 64].tobytes()) for at in range(0, 256, 64)]
    chain = chain[: 1 + next((n for n, d in enumerate(chain) if d == End()), -1)]
    return [] if any(error_of(spec.machine, d) or d.wait for d in chain) else chain


def compare_cycles(one: Compiled, count: int, seed: int) -> set[str]:
    """Predicted and counted cycles of the descriptors of random chains; kinds that there were."""
    spec, rng, jobs, chains = one.top.spec, np.random.default_rng(seed), [], []
    predicted = exact_cycles(spec.machine, spec.lane_count, one.top.timing, spec.style)
    for _ in range(count):
        asked = random_job(spec, rng, int(rng.integers(20, 200)))["request"]
        place = int(np.argmax(asked["operation"] == START))
        memory = np.asarray(asked["data"][:place], "<u4").view(np.uint8)
        if chain := chain_in(spec, memory):
            chains.append(chain)
            shown = ((PROFILE, index, 0) for index in range(len(chain)))
            writes = ((WRITE, 4 * n, word) for n, word in enumerate(memory.view("<u4").tolist()))
            jobs.append(requests(*writes, (START, 0, 0), *shown))
    found = iter(run(one, joined(jobs))["cycles"].tolist())
    for chain in chains:
        whole, wanted = next(found), [predicted(spec.machine, one) for one in chain]
        assert [next(found) for _ in chain] == wanted, chain
        assert whole == sum(wanted)
    return {type(one).__name__ for chain in chains for one in chain}


def test_cycles_are_predicted_exactly():
    assert compare_cycles(design(), 60, 1) == {"Matmul", "Add", "Maximum", "Copy", "Fill", "End"}


@pytest.mark.heavy
@pytest.mark.parametrize("place", range(4))
def test_cycles_of_other_sizes_are_predicted_exactly(place):
    assert "Matmul" in compare_cycles(others()[place], 400, place)


def test_words_beyond_the_scratchpad_are_zero():
    size = SMALL.scratchpad
    job = requests((WRITE, size, 7), (READ, size, 0), (READ, 0xFFFFFC, 0), (PROFILE, 0, 0))
    assert run(design(), job)["data"].tolist()[:2] == [0, 0]


def simulated(component, process) -> None:
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()


def test_loops_give_the_addresses_of_nested_loops():
    """Random counts, steps and pauses; chained outermost loops as one with those inside."""
    loops, rng = Loops((5, 5, 5), 12, chained=True), np.random.default_rng(3)

    async def bench(ctx):
        for case in range(40):
            counts = rng.integers(1, 6, 3).tolist()
            steps = rng.integers(-40, 41, 3).tolist()
            chain = case % 2
            base = int(rng.integers(1 << 12))
            for level in range(3):
                ctx.set(loops.counts[f"n{level}"], counts[level])
                ctx.set(loops.steps[level], steps[level] % (1 << 12))
            ctx.set(loops.base, base)
            ctx.set(loops.chain, chain)
            await ctx.tick()
            ctx.set(loops.start, 1)
            await ctx.tick()
            ctx.set(loops.start, 0)
            if chain:
                nest = [(counts[0], steps[0]), (counts[1] * counts[2], steps[1])]
            else:
                nest = list(zip(counts, steps, strict=True))
            for place, wanted in enumerate(addresses(base, nest).tolist()):
                while rng.random() < 0.3:
                    await ctx.tick()
                assert ctx.get(loops.busy) and ctx.get(loops.address) == wanted % (1 << 12)
                inner, turn = place % (counts[0] * counts[1]), counts[0] * counts[1]
                ends = (inner % counts[0] == counts[0] - 1) + 2 * (inner >= turn - counts[0])
                assert ctx.get(loops.ends) & 3 == ends
                ctx.set(loops.step, 1)
                await ctx.tick()
                ctx.set(loops.step, 0)
            assert not ctx.get(loops.busy)

    simulated(loops, bench)


@pytest.mark.parametrize("grain", [2, 4, 8])
def test_the_scratchpad_is_an_array_of_bytes(grain):
    """Vectors at any grain, words at multiples of 4, single bytes; writes of any bytes."""
    size = 16 * grain + 2 * grain
    pad = Scratchpad(size, grain)
    simulated(pad, accesses(pad, size, grain, 300))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rows": 3}, "accelerator: rows must be one of"),
        ({"rows": 16, "columns": 4}, "accelerator: rows and columns must differ by a factor of 2"),
        ({"scratchpad": 100}, "accelerator: scratchpad must be a multiple of 64"),
        ({"scratchpad": 32}, "accelerator: scratchpad must be between"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(RequestError) as caught:
        make(Accelerator, **given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("model", "message", "hint"),
    [
        ("digits-float", "model must be quantised to int8, not hold real numbers", "int8 TFLite"),
        ("digits", "node dense: sums must be requantised", "the operators that there are"),
        ("broken.tflite", "accelerator: broken.tflite: must be a TFLite file", None),
    ],
)
def test_a_model_that_is_not_for_it_is_refused(model, message, hint, tmp_path):
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"no model")
    spec = make(Accelerator, model=str(path) if model == path.name else model)
    for ask in (spec.facts, spec.companions, spec.views):
        with pytest.raises(RequestError) as caught:
            ask()
        assert message in str(caught.value) and "samples" not in str(caught.value)
        assert hint in caught.value.hint if hint else caught.value.hint is None


def test_a_file_that_leaves_its_formats_open_is_refused(monkeypatch):
    """Other operators have a parameter for what the file does not say; this one has none."""

    def open_input(source):
        raise ModelError("input x: a format must be given", hint="give it as input")

    monkeypatch.setattr(network, "integer_graph", open_input)
    with pytest.raises(RequestError) as caught:
        make(Accelerator, model="digits", patience=9).facts()
    assert str(caught.value) == "accelerator: input x: a format must be given"
    assert caught.value.hint == "the accelerator takes int8 TFLite files"
