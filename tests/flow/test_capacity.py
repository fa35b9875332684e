"""Designs that are larger than a device are refused before anything is written."""

from dataclasses import replace

import pytest

from holigrail_hw.core import Timing, find
from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow.board import build
from holigrail_hw.flow.synth import capacity, measure
from holigrail_hw.flow.synth.devices import TARGETS, target

MULTIPLY = find("multiply")(a="int8", b="int8", multiplier="dsp")


def small(name="ecp5-25k", **room):
    """A device with little room."""
    return replace(target(name), room=target(name).room | room)


def shown(**room):
    return [str(one) for one in capacity.excesses(MULTIPLY, Timing(device="ecp5"), small(**room))]


def test_every_device_says_what_it_has():
    kinds = {"luts", "flip_flops", "memory_bits", "large_memory_bits", "dsps"}
    for one in TARGETS.values():
        assert set(one.room) == (kinds if one.family != "gates" else set())


@pytest.mark.parametrize("kind", ["luts", "flip_flops", "memory_bits", "dsps"])
def test_what_just_fits_is_no_excess(monkeypatch, kind):
    """One less of anything is too little, of each kind by itself."""
    cost = {"luts": 30, "flip_flops": 30, "memory_bits": 30, "dsps": 30}
    monkeypatch.setattr(type(MULTIPLY), "cost", lambda *_: cost)
    room = {**cost, "large_memory_bits": 0}
    assert shown(**room) == []
    word = {"luts": "LUTs", "flip_flops": "flip-flops", "dsps": "DSP blocks"}
    assert shown(**room | {kind: 29}) == [f"30 of 29 {word.get(kind, 'memory bits')}"]
    (one,) = capacity.excesses(MULTIPLY, Timing(), small(**room | {kind: 20}))
    assert one.is_certain is (kind in ("memory_bits", "dsps"))
    (one,) = capacity.excesses(MULTIPLY, Timing(), small(**room | {kind: 19}))
    assert one.is_certain


def test_what_is_no_excess(monkeypatch):
    """Products without blocks for them, pairs of products in one, memories of another kind."""
    cost = {"luts": 0, "flip_flops": 0, "memory_bits": 5, "dsps": 2}
    monkeypatch.setattr(type(MULTIPLY), "cost", lambda *_: cost)
    goal = small(dsps=1, memory_bits=2, large_memory_bits=3)
    assert len(capacity.excesses(MULTIPLY, Timing(), goal)) == 1
    assert capacity.excesses(MULTIPLY, Timing(), goal, dsp=False) == []
    assert capacity.excesses(MULTIPLY, Timing(), replace(goal, has_dsp=False)) == []
    (pair,) = capacity.excesses(MULTIPLY, Timing(), replace(goal, family="ice40"))
    assert not pair.is_certain
    assert capacity.excesses(MULTIPLY, Timing(), target("generic")) == []


def test_a_design_that_is_too_large_is_not_begun(monkeypatch, tmp_path):
    monkeypatch.setitem(TARGETS, "ecp5-85k", small("ecp5-85k", dsps=0, luts=20))
    timing = Timing(device="ecp5")
    for where, begin in (
        ("ulx3s", lambda **more: build.run(MULTIPLY, timing, "ulx3s", tmp_path / "new", **more)),
        (
            "ecp5-85k",
            lambda **more: measure.measure(MULTIPLY, timing, "ecp5-85k", tmp_path / "new"),
        ),
    ):
        who = "build" if where == "ulx3s" else "synth"
        with pytest.raises(DesignError) as caught:
            begin()
        assert str(caught.value) == (
            f"{who}: the design must fit on {where}, not need an estimated 1 of 0 DSP blocks"
        )
        assert caught.value.hint.endswith("--best-effort tries it all the same")
        assert [*tmp_path.iterdir()] == []
