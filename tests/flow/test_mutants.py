"""Planted faults: noticed, or proved by SAT to change nothing, or reported."""

import re

import numpy as np
import pytest
from sample_engines import Repeat
from sample_operators import Accumulate, Broken, MultiplyAdd

from holigrail_hw.core import DesignError, RequestError, Timing, find
from holigrail_hw.flow.simulate.gates import Gates, Network
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import mutants, planted, workloads
from holigrail_hw.flow.verify.mutant_proofs import MutantProofs, Verdict

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


@pytest.mark.parametrize(
    "spec, timing",
    [
        (MultiplyAdd(), Timing()),
        (MultiplyAdd(), Timing(latency=2)),
        (Accumulate(), Timing()),
        (Accumulate(), Timing(shell="stream")),
        (Repeat(), Timing()),
    ],
    ids=["combinational", "pipelined", "loop", "stream", "engine"],
)
@pytest.mark.heavy
def test_faults_of_a_lean_circuit_are_noticed_or_change_nothing(spec, timing):
    result = mutants.run(spec, timing, faults=33, solver_s=2)
    assert len(result.killed) >= 5
    assert result.rate >= 0.9, [str(fault) for fault in result.survived]


def test_every_dropped_reset_is_noticed():
    """Registers start as a reset leaves them: only one in mid-stream tells."""
    result = mutants.run(Repeat(), faults=40, kinds=["reset dropped"], solver_s=20)
    # What is held and counted is not read before it is written: that reset changes nothing.
    assert len(result.killed) == 1 and len(result.equivalent) >= 1
    assert not result.survived, [str(fault) for fault in result.survived]


def test_a_survivor_is_reported():
    """With few vectors some faults go unnoticed: SAT must not call them equivalent."""
    result = mutants.run(MultiplyAdd(a_width=12, b_width=12), faults=40, count=2)
    assert result.survived and result.rate < 1
    assert len(result.killed) + len(result.survived) + len(result.equivalent) == 40


def test_equivalent_means_that_no_operand_tells():
    """Against every operand code there is, for every one of many faults."""
    spec = MultiplyAdd(a_width=3, b_width=3)
    top = Top(spec)
    module = planted.netlist(top)
    chosen = planted.sample(planted.possible(module), 60, 5)
    network = Network.read(planted.plant(module, top.name, chosen), "json", top.name)
    every, codes = np.arange(1 << 7), {}
    for name, format in spec.inputs().items():
        codes[name], every = every & ((1 << format.width) - 1), every >> format.width
    right = Gates.of(top, network, fault=0).run(codes)["r"]
    differing = {
        number
        for number in range(1, len(chosen) + 1)
        if (Gates.of(top, network, fault=number).run(codes)["r"] != right).any()
    }
    found = mutants.run(spec, faults=60, seed=5, count=1)
    assert found.survived
    equivalent = {chosen.index(fault) + 1 for fault in found.equivalent}
    assert equivalent == set(range(1, len(chosen) + 1)) - differing


def test_kinds_are_drawn_in_turn_and_again_the_same():
    possible = planted.possible(planted.netlist(Top(find("run-length-encoder")())))
    count = 2 * len(planted.KINDS)
    chosen = planted.sample(possible, count, 7)
    assert chosen == planted.sample(possible, count, 7) != planted.sample(possible, count, 8)
    assert len(set(chosen)) == count
    present = {fault.kind for fault in possible}
    assert {fault.kind for fault in chosen} == present
    assert {"reset dropped", "register held", "select inverted"} <= present


def test_a_circuit_that_is_wrong_already():
    with pytest.raises(DesignError) as caught:
        mutants.run(Broken(), faults=5)
    assert str(caught.value) == (
        "test-broken: the circuit must be right without a fault, not wrong"
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("value", "a result is wrong in turn 1"),
        ("slow", "other cycles than promised"),
        ("stuck", "it stands still before this result"),
    ],
)
def test_an_engine_that_is_wrong_already(fault, said, monkeypatch):
    monkeypatch.setattr(mutants, "_MOST_CYCLES", 3000)
    with pytest.raises(DesignError, match=f"right without a fault, not wrong: {said}"):
        mutants.run(Repeat(width=3, fault=fault), faults=2, count=20)


def test_requests_that_make_no_sense():
    with pytest.raises(RequestError, match="faults and count must be at least 1"):
        mutants.run(MultiplyAdd(), faults=0)
    with pytest.raises(DesignError, match="there must be a cell to break, not none"):
        mutants.run(MultiplyAdd(), kinds=[])


@pytest.mark.parametrize(
    "spec",
    [pytest.param(Accumulate(), id="loop"), pytest.param(Repeat(width=3), id="engine")],
)
def test_what_is_noticed_is_never_said_to_change_nothing(spec, tmp_path):
    """Every fault is judged by SAT, also those that the vectors notice: a run must tell of them."""
    result = mutants.run(spec, faults=24, seed=3, solver_s=5)
    top = Top(spec).driven()
    module = planted.netlist(top)
    chosen = planted.sample(planted.possible(module), 24, 3)
    network = Network.read(planted.plant(module, top.name, chosen), "json", top.name)
    proofs = MutantProofs(top, network, 5, tmp_path)
    verdicts = {fault: proofs.verdict(k) for k, fault in enumerate(chosen, start=1)}
    assert len(result.killed) >= 15 and result.equivalent
    for fault in result.killed:
        assert verdicts[fault].equal is False, (str(fault), verdicts[fault])
        assert re.fullmatch(r"a run of [1-9]\d* cycles tells", verdicts[fault].reason)
    for fault in result.equivalent:
        assert verdicts[fault] == Verdict(True, result.reasons[fault])


def test_registers_may_differ_where_nothing_reads_them():
    """What a reset leaves in them is written before it is read."""
    result = mutants.run(Repeat(width=3), faults=40, kinds=["reset dropped"], solver_s=20)
    said = [result.reasons[fault] for fault in result.equivalent]
    assert any("though registers differ" in reason for reason in said), said


def test_no_stream_rests_for_ever():
    """Six streams, as those of gemm: with these numbers one of them would."""
    rng = np.random.default_rng(18)
    every = [mutants.pauses(rng, share) for share in (0.0, 0.4, 0.5, 0.9, 1.0) for _ in range(6)]
    assert not any(found[:, 1::2].all(axis=0).any() for found in every)
    assert any(found[:, 1::2].any() for found in every)


def test_too_little_time_is_no_proof():
    result = mutants.run(Repeat(width=3), faults=40, kinds=["reset dropped"], solver_s=0)
    assert result.survived
    reasons = {result.reasons[fault] for fault in result.survived}
    assert reasons == {"not decided within 0 s"}


def test_jobs_whose_cycles_are_promised():
    """Wrong frames have no promise: a workload that is timed has none of them."""
    spec = find("csc-decoder")(rows=6, columns=5)
    timed = workloads.choose(spec, 100, 1, timed=True)
    assert spec.cycles(Timing(), **timed.items) is not None and len(timed) >= 100
    assert spec.cycles(Timing(), **workloads.choose(spec, 100, 1).items) is None
    # The last pointer of some frame reaches the highest that there is.
    spec = find("csc-decoder")(rows=6, columns=5, pointer_width=4)
    assert workloads.choose(spec, 300, 1).items["pointer"]["pointer"].max() == 15
