"""The serial form of division and roots: digits in every cycle, behind valid and ready."""

import numpy as np
import pytest
from engine_gates import check_engine
from hardware import make

from holigrail_hw.arith.divide import Divide
from holigrail_hw.arith.quotient import QuotientOperator
from holigrail_hw.arith.reciprocal import Reciprocal
from holigrail_hw.arith.square_root import ReciprocalSquareRoot, SquareRoot
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.emit import emit, manifest
from holigrail_hw.flow.explore.describe import describe
from holigrail_hw.flow.prove import prove
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.verify import workloads

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

PAUSES = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.4, 0.4))
FP8 = "fp8_e4m3"
DESIGNS = [
    (make(Divide, a=FP8, b=FP8, bits_per_cycle=1), Timing()),
    (make(Divide, a="int8", b="uint5", bits_per_cycle=3, rounding="down"), Timing(latency=6)),
    (make(SquareRoot, x="int12", bits_per_cycle=2), Timing(period_ns=6.0, device="ecp5")),
    (
        make(ReciprocalSquareRoot, x=FP8, bits_per_cycle=2, rounding="stochastic", random_width=3),
        Timing(),
    ),
]


@pytest.fixture(scope="module")
def designs() -> list[Compiled]:
    return compile_all(DESIGNS, short=True)


def work(design: Compiled, seed: int, count: int) -> workloads.Workload:
    return workloads.choose(design.top.spec, count, seed, timing=design.top.timing)


def expect(design: Compiled, chosen: workloads.Workload, found: dict) -> None:
    wrong = workloads.differences(chosen, found)
    assert not wrong, f"{design.top.name}: {len(wrong)} wrong, first item {wrong[0].index}"


def test_pauses_on_both_sides(designs):
    """Every result equals golden, and without pauses the cycles are those promised."""
    rng = np.random.default_rng(3)
    for design in designs:
        chosen = work(design, 5, 300)
        for idle, stall in PAUSES:
            pauses = {"i": rng.random(251) < idle, "o": rng.random(247) < stall}
            run = design.run_streams(chosen.items, chosen.counts, pauses=pauses, quiet=1000)
            expect(design, chosen, run.results)
            if not idle and not stall:
                assert run.cycles == design.top.spec.cycles(design.top.timing, **chosen.items)


def test_a_reset_in_the_middle_leaves_no_trace(designs):
    for design in designs:
        first, second = work(design, 5, 60), work(design, 6, 30)
        for cycles in (3, 7, 29):
            design.run_streams(first.items, first.counts, cycles=cycles, quiet=1000)
            run = design.run_streams(second.items, second.counts, quiet=1000)
            expect(design, second, run.results)


SHAPES: list[QuotientOperator] = [
    make(Divide, a="uint1", b="int1", bits_per_cycle=1),
    make(Divide, a="int5", b="uint11", bits_per_cycle=64),
    make(Divide, a="sfix9_en3", b=FP8, result="sfix7_en2", bits_per_cycle=2, overflow="wrap"),
    make(Reciprocal, x="ufix7_en3", bits_per_cycle=4),
    make(SquareRoot, x="int16", result="ufix5_en-3", bits_per_cycle=1),
    make(ReciprocalSquareRoot, x="ufix9_en4", bits_per_cycle=1, rounding="up"),
]


@pytest.mark.parametrize("spec", SHAPES, ids=lambda spec: spec.top_name())
def test_shapes(spec):
    assert check_engine(spec, 1, count=40) >= 40


def test_an_item_every_so_many_cycles():
    """Digits, the guard bit included, and one cycle to take the operands."""
    for bits, interval in ((1, 10), (2, 6), (3, 4), (64, 2)):
        spec = make(Divide, a="int8", b="int8", bits_per_cycle=bits)
        assert spec.plan().interval == interval
        assert f"takes an item {interval} cycles after" in spec.remarks()[0]
    assert make(Divide).plan().interval == 1 and make(Divide).remarks() == []


def test_it_is_smaller_and_has_streams():
    serial, unrolled = (
        make(Divide, a="fp16", b="fp16", bits_per_cycle=1),
        make(Divide, a="fp16", b="fp16"),
    )
    assert serial.cost()["luts"] < 0.9 * unrolled.cost()["luts"]
    about = describe(serial, Timing())
    assert [port["name"] for port in about["ports"]] == ["i_a", "i_b", "o_result"]
    assert about["timing"][0]["initiation_interval"] == serial.plan().interval
    assert about["proof"] == "none: a result takes several cycles"


def test_its_folder_gives_the_design_back(tmp_path):
    spec, timing = DESIGNS[0][0], Timing(shell="axi-stream")
    emit.generate(spec, timing, tmp_path / "a", vectors=8)
    assert manifest.load(tmp_path / "a" / "manifest.json") == (spec, timing)


def test_a_proof_is_refused():
    with pytest.raises(RequestError, match="a proof takes an operator with an item in every cycle"):
        prove.run(DESIGNS[0][0])


def test_a_wrong_interval_is_seen(monkeypatch):
    real = QuotientOperator.plan

    def plan(self, timing=None):
        found = real(self, timing)
        found.interval -= 2
        return found

    monkeypatch.setattr(QuotientOperator, "plan", plan)
    with pytest.raises(AssertionError, match="wrong"):
        check_engine(make(Divide, a="int5", b="int4", bits_per_cycle=1), 1, count=40)
