"""Masters that are not ours drive the shells: emitted designs of many families against golden.

AXI4-Stream sources and sinks of cocotbext-axi, and the Wishbone master of cocotbext-wishbone,
classic and pipelined; both were written from the standards by others. What the benches do is said
in ``foreign_axi_bench`` and ``foreign_wishbone_bench``.
"""

import needs
import numpy as np
import pytest
from foreign import Design, simulate
from sample_engines import Repeat

from holigrail_hw.core import Timing, find
from holigrail_hw.core.parameters import construct

pytestmark = [needs.iverilog, pytest.mark.icarus, pytest.mark.cocotb]

AXI = {"shell": "axi-stream"}
# So short a wait that a host that tries without looking is refused now and then.
BUS = {"shell": "wishbone", "wait_cycles": 24}
DESIGNS = [
    ("multiply", {"a": "int9", "b": "uint7"}, {}),
    ("fma", {"a": "fp8_e4m3", "b": "fp8_e4m3", "c": "fp16"}, {"latency": 3}),
    ("add", {"a": "fp16", "b": "bf16"}, {"latency": 2}),
    ("mac", {"a": "int8", "b": "int5", "accumulator": "int24"}, {}),
    ("compare", {"a": "fp16", "b": "int8"}, {}),
    ("convert", {"source": "fp32", "result": "fp8_e5m2"}, {"latency": 1}),
    ("thresholds", {}, {}),
    ("requantize", {}, {"period_ns": 5}),
    ("mcm", {"constants": "7,19,31"}, {}),
    ("fir", {}, {"period_ns": 5}),
    ("cmvm", {}, {}),
    ("systolic-array", {"rows": "2", "columns": "2"}, {}),
    ("tensor-array", {"rows": "1", "columns": "1"}, {}),
    (
        "gemm",
        {"rows": "1", "columns": "2", "activation_depth": "4", "accumulator_depth": "4"},
        {},
    ),
    ("run-length-decoder", {}, {}),
    ("bitmask-encoder", {}, {}),
    ("csc-decoder", {}, {}),
    ("eie", {"pes": "1"}, {}),
    ("scnn", {"filters": "4"}, {}),
    ("divide", {"a": "fp8_e4m3", "b": "int5", "result": "bf16"}, {"latency": 3}),
    ("dot-product", {"a": "fp8_e4m3", "b": "fp8_e5m2", "terms": "3"}, {"latency": 2}),
    ("softmax", {}, {"latency": 2}),
    ("scalable-mac", {}, {}),
    ("envision-multiplier", {}, {"latency": 1}),
    ("network", {"style": "parallel"}, {}),
]


def designs(shell, count, part=slice(None), **more):
    """A part of the designs, each second of all with another kind of master, or other names."""
    other = "pipelined" if shell is BUS else "wrapped"
    found = []
    for index, (name, parameters, timing) in enumerate(DESIGNS):
        spec = construct(find(name), parameters, who=name)
        turn = {other: index % 2 == 1}
        found.append(Design(spec, Timing(**timing, **shell), count, **more, **turn))
    return found[part]


def judged(designs, bench, folder):
    """The verdicts, which must be about every result of every design."""
    verdicts = simulate(designs, bench, folder)["designs"]
    wrong = [verdict for verdict in verdicts if verdict["wrong"]]
    assert not wrong, wrong
    assert [v["items"] for v in verdicts] == [len(design.workload) for design in designs]
    return verdicts


def test_axi_streams(tmp_path):
    judged(designs(AXI, 30, slice(0, None, 3)), "foreign_axi_bench", tmp_path)


@pytest.mark.heavy
def test_wishbone(tmp_path):
    small = designs(BUS, 12, slice(1, None, 3), largest=8, corners=False)
    verdicts = judged(small, "foreign_wishbone_bench", tmp_path)
    assert sum(verdict["refused"] > 0 for verdict in verdicts) > len(verdicts) // 2


@pytest.mark.heavy
def test_axi_streams_for_longer(tmp_path):
    judged(designs(AXI, 600, largest=200), "foreign_axi_bench", tmp_path)


@pytest.mark.heavy
def test_wishbone_for_longer(tmp_path):
    longer = designs(BUS, 60, largest=16, corners=False)
    judged(longer, "foreign_wishbone_bench", tmp_path)


def first_wrong(design, stream="count", field="n"):
    """The first result of the seventh pair that an engine takes, or of the fifteenth ..."""
    copies = np.asarray(design.workload.items[stream][field]).astype(int)
    return int(next(copies[:end].sum() for end in range(6, 100, 8) if copies[end]))


def test_a_planted_bit_is_found_at_its_item(tmp_path):
    """One bit of one result, of the mark of a frame, and an engine that is wrong by itself."""
    right = Repeat(width=13)
    timing = Timing(**AXI)
    other = construct(find("mac"), {}, who="mac")
    planted = [
        Design(other, timing, 40),
        Design(other, Timing(**AXI, latency=3), 40, plant=("m_axis_o_tdata", 31, 27)),
        Design(right, timing, 60, plant=("m_axis_result_tlast", 0, 33)),
        Design(Repeat(width=14), timing, 60, plant=("m_axis_result_tdata", 0, 0)),
        Design(Repeat(fault="value"), timing, 90),
        Design(Repeat(fault="memory"), timing, 60),
    ]
    verdicts = simulate(planted, "foreign_axi_bench", tmp_path)["designs"]
    assert [v["wrong"] and (v["wrong"]["stream"], v["wrong"]["index"]) for v in verdicts] == [
        None,
        ("m_axis_o", 27),
        ("m_axis_result", 33),
        ("m_axis_result", 0),
        ("m_axis_result", first_wrong(planted[4], "s_axis_count", "tdata")),
        ("m_axis_result", 0),
    ]
    wrong = verdicts[1]["wrong"]
    assert wrong["found"] ^ wrong["wanted"] == 1 << 31


def test_a_planted_bit_is_found_through_the_bus(tmp_path):
    timing = Timing(**BUS)
    planted = [
        Design(Repeat(width=13), timing, 60),
        Design(Repeat(width=13, fault="value"), timing, 90),
        Design(Repeat(width=40, fault="value"), timing, 90, pipelined=True),
        Design(Repeat(fault="memory"), timing, 60),
        Design(Repeat(fault="extra"), timing, 120),
    ]
    verdicts = simulate(planted, "foreign_wishbone_bench", tmp_path)["designs"]
    places = [v["wrong"] and (v["wrong"]["stream"], v["wrong"]["index"]) for v in verdicts]
    assert places[:4] == [
        None,
        ("result", first_wrong(planted[1])),
        ("result", first_wrong(planted[2])),
        ("result", 0),
    ]
    assert places[4] is not None
