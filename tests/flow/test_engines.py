"""Engines through the flow: benches on all levels, what they catch, what they say."""

import json
import re

import numpy as np
import pytest
from needs import iverilog
from sample_engines import FAULTS, Repeat

from holigrail_hw.core import DesignError, RequestError, Timing
from holigrail_hw.core.streams import joined
from holigrail_hw.flow.emit import emit, manifest, packed_items
from holigrail_hw.flow.simulate.compiled import compile_all
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import verify, workloads

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


def test_names_and_ports():
    top = Top(Repeat(width=5, question=7))
    assert top.name == "test_repeat_width_5"
    assert top.engine and top.stream and top.clocked
    assert [(p.name, p.direction, p.width) for p in top.ports()] == [
        ("clk", "in", 1),
        ("rst", "in", 1),
        ("value_valid", "in", 1),
        ("value_ready", "out", 1),
        ("value_a", "in", 5),
        ("count_valid", "in", 1),
        ("count_ready", "out", 1),
        ("count_n", "in", 4),
        ("result_valid", "out", 1),
        ("result_ready", "in", 1),
        ("result_a", "out", 5),
        ("result_last", "out", 1),
    ]


def test_a_latency_makes_no_sense():
    with pytest.raises(RequestError, match="takes a period, not a latency"):
        Top(Repeat(), Timing(latency=2))


def test_golden_of_jobs_in_a_row():
    spec, rng = Repeat(), np.random.default_rng(1)
    jobs = [spec.job(rng, size) for size in (1, 7, 30)]
    whole = spec.golden(**joined(jobs))["result"]
    parts = [spec.golden(**job)["result"] for job in jobs]
    for field, values in whole.items():
        assert np.array_equal(values, np.concatenate([part[field] for part in parts]))


@pytest.mark.parametrize("width", [1, 8, 64])
def test_compiled(width):
    result = verify.run(Repeat(width=width), levels=["compiled"], count=300)
    assert result.vectors >= 6 * 2 * 300 / 2


@pytest.mark.cocotb
def test_cocotb():
    result = verify.run(Repeat(), levels=["cocotb"], count=60, seed=3)
    assert result.levels[0].vectors > 5 * 60


@pytest.mark.icarus
@iverilog
def test_verilog_bench():
    assert verify.run(Repeat(width=3), levels=["icarus"], count=50).vectors >= 50
    with pytest.raises(
        DesignError, match=r"at item \d+ of \d+ of stream result .* \(icarus\)"
    ) as bad:
        verify.run(Repeat(width=3, fault="value"), levels=["icarus"], count=50)
    assert re.search(r"  a: expected .* got .* WRONG\n", str(bad.value))
    with pytest.raises(DesignError, match="the Verilog bench must pass"):
        verify.run(Repeat(width=3, fault="stuck"), levels=["icarus"], count=50)


CAUGHT = {
    "extra": "not more",
    "value": "differs from the golden model",
    "drop": "valid must",
    "ready": "must not depend on ready",
    "stuck": "must deliver",
    "slow": "as promised, not",
    "memory": "differs from the golden model",
}


@pytest.fixture(scope="module")
def faulty():
    """Every faulty design, in one compilation."""
    designs = compile_all([(Repeat(fault=fault), Timing()) for fault in CAUGHT])
    return dict(zip(CAUGHT, designs, strict=True))


@pytest.mark.parametrize("fault", CAUGHT)
def test_planted_faults_are_caught(fault, faulty, monkeypatch):
    assert set(CAUGHT) == {*FAULTS} - {"none"}
    monkeypatch.setattr("holigrail_hw.flow.verify.levels.Compiled", lambda *_, **__: faulty[fault])
    with pytest.raises(DesignError, match=CAUGHT[fault]):
        verify.run(Repeat(fault=fault), levels=["compiled"], count=200)


@pytest.mark.cocotb
@pytest.mark.heavy
def test_cocotb_catches_a_fault_and_says_where():
    with pytest.raises(DesignError) as caught:
        verify.run(Repeat(fault="value"), levels=["cocotb"], count=60)
    text = str(caught.value)
    assert re.search(
        r"differs from the golden model at item \d+ of \d+ of stream result \(\d+ jobs\)"
        r" \(cocotb\)",
        text,
    )
    assert "WRONG" in text
    assert "replay: holigrail verify test-repeat --fault value --level cocotb --seed 0" in text


@pytest.mark.cocotb
@pytest.mark.heavy
def test_cocotb_counts_the_cycles_that_are_promised():
    with pytest.raises(DesignError, match=r"items must take \d+ cycles, not \d+ \(cocotb test"):
        verify.run(Repeat(fault="slow"), levels=["cocotb"], count=60)


def test_one_vector_alone_is_refused():
    with pytest.raises(RequestError, match="--only must not be given for test-repeat"):
        verify.run(Repeat(), only=3, levels=["compiled"])


def test_a_level_that_takes_no_streams_is_refused():
    with pytest.raises(RequestError, match="level words must have a netlist of sums"):
        verify.run(Repeat(), levels="words")


def test_generated_folder(tmp_path):
    spec = Repeat(width=70)
    first = emit.generate(spec, Timing(), tmp_path / "a", vectors=20)
    second = emit.generate(spec, Timing(), tmp_path / "b", vectors=20)
    assert [path.name for path in first.files] == [
        "test_repeat_width_70.v",
        "test_repeat_width_70_bench.v",
        "test_repeat_width_70.core",
        "manifest.json",
    ]
    for one, two in zip(first.files, second.files, strict=True):
        assert one.read_bytes() == two.read_bytes()
    content = json.loads(first.files[-1].read_text())
    assert content["latency"] is None
    assert manifest.load(first.files[-1]) == (spec, Timing())


def test_fields_that_are_not_judged():
    """A golden field of ``None`` is not compared, and the mask of the Verilog bench is zero."""
    spec = Repeat()
    items = spec.job(np.random.default_rng(5), 9)
    answer = spec.golden(**items)
    chosen = workloads.given(spec, items)
    blind = {"result": {"a": chosen.expected["result"]["a"], "last": None}}
    chosen = workloads.Workload(1, items, blind, chosen.counts)
    wrong = {"result": {**answer["result"], "last": 1 - answer["result"]["last"]}}
    assert workloads.differences(chosen, wrong) == []
    wrong["result"]["a"] = answer["result"]["a"] ^ np.uint64(1)
    assert len(workloads.differences(chosen, wrong)) == chosen.counts["result"]
    short = {"result": {name: codes[:-1] for name, codes in answer["result"].items()}}
    count = chosen.counts["result"]
    with pytest.raises(
        DesignError, match=f"stream result must have {count} items, not {count - 1}"
    ):
        workloads.differences(chosen, short)
    words = packed_items.pack(Top(spec).handshakes(), chosen)["result"]
    assert {word >> 2 * 9 for word in words} == {0xFF}
