"""Planted faults: every kind is noticed, and the circuit without a fault is right."""

import pytest
from sample_operators import Accumulate, Broken, MultiplyAdd

from holigrail_hw.core import DesignError, Timing
from holigrail_hw.flow import mutants


@pytest.mark.parametrize(
    "spec, timing",
    [
        (MultiplyAdd(), Timing()),
        (MultiplyAdd(), Timing(latency=2)),
        (Accumulate(slow=True), Timing(period_ns=4)),
    ],
    ids=["combinational", "pipelined", "interleaved loop"],
)
def test_every_fault_of_a_lean_circuit_is_noticed(spec, timing):
    result = mutants.run(spec, timing, faults=200)
    assert {fault.kind for fault in result.killed} == set(mutants.KINDS)
    assert [str(fault) for fault in result.survived] == []


def test_a_survivor_is_reported():
    """With few vectors some faults go unnoticed: the report must not hide them."""
    result = mutants.run(MultiplyAdd(a_width=12, b_width=12), faults=40, count=2)
    assert result.survived
    assert len(result.killed) + len(result.survived) == 40
    assert not result.exhaustive


def test_a_circuit_that_is_wrong_already():
    with pytest.raises(DesignError) as caught:
        mutants.run(Broken(), faults=5)
    assert str(caught.value) == (
        "test-broken: the circuit must be right without a fault, not wrong"
    )
