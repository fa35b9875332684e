"""Which bits of which port hold what: said everywhere alike, and true of the hardware's packing."""

import json

import numpy as np
import pytest
from sample_engines import Repeat
from sample_operators import Accumulate, MultiplyAdd

from holigrail_hw.core import Engine, Timing, find, operators
from holigrail_hw.core.packing import comments
from holigrail_hw.core.parameters import construct
from holigrail_hw.core.port_layout import framed_streams, layout_of
from holigrail_hw.core.shelled import shelled
from holigrail_hw.flow.emit import emit, manifest
from holigrail_hw.flow.explore import describe
from holigrail_hw.flow.top import Top

AXI, BUS = Timing(shell="axi-stream"), Timing(shell="wishbone")


def rows(spec, timing):
    return [tuple(row.as_dict().values()) for row in layout_of(spec, timing)]


def test_axi_streams():
    spec = construct(find("multiply"), {"a": "int8", "b": "uint5"}, who="multiply")
    assert rows(spec, AXI) == [
        ("s_axis_i_tdata", "7:0", "a", "int8", "sign"),
        ("s_axis_i_tdata", "12:8", "b", "uint5", "zero"),
        ("s_axis_i_tdata", "15:13", "-", "", "not read"),
        ("m_axis_o_tdata", "12:0", "result", "int13", "sign"),
        ("m_axis_o_tdata", "15:13", "-", "", "zeros"),
    ]
    assert rows(Repeat(width=16), AXI)[2:] == [
        ("s_axis_count_tdata", "7:4", "-", "", "not read"),
        ("m_axis_result_tdata", "15:0", "a", "uint16", "zero"),
        ("m_axis_result_tlast", "0", "last", "", "1 with the last item of a frame"),
    ]


def test_a_bus():
    assert rows(Repeat(width=40), BUS)[:3] == [
        ("value data 0", "31:0", "a[31:0]", "uint40", "zero"),
        ("value data 1", "7:0", "a[39:32]", "uint40", "zero"),
        ("value data 1", "31:8", "-", "", "not read"),
    ]


def test_own_ports():
    assert rows(Accumulate(), Timing()) == [
        ("a", "3:0", "a", "int4", "sign"),
        ("clear", "0", "clear", "uint1", "zero"),
        ("s", "7:0", "s", "int8", "sign"),
    ]
    assert [row[0] for row in rows(Accumulate(), Timing(shell="stream"))] == [
        "i_a",
        "i_clear",
        "o_s",
    ]


def test_floats_are_not_extended_by_their_sign():
    spec = construct(find("convert"), {"source": "fp32", "result": "fp8_e5m2"}, who="convert")
    assert rows(spec, Timing()) == [
        ("x", "31:0", "x", "fp32", "zero"),
        ("result", "7:0", "result", "fp8_e5m2", "zero"),
    ]


@pytest.mark.parametrize("name", operators())
def test_every_bit_is_said_once_and_is_true(name):
    """In every shell the bits of a port are covered; what AXI packs lies where the layout says."""
    spec = find(name)()
    for timing in (Timing(), Timing(shell="stream"), AXI, BUS):
        covered = {}
        for row in layout_of(spec, timing):
            span = set(range(row.low, row.high + 1))
            assert not covered.setdefault(row.port, set()) & span
            covered[row.port] |= span
        if timing is BUS:
            assert all(bits == set(range(32)) for bits in covered.values())
    view = shelled(spec, AXI)
    inner, outer = (
        view.inner_job(np.random.default_rng(3), 9),
        view.job(np.random.default_rng(3), 9),
    )
    checked = 0
    for row in layout_of(spec, AXI):
        port, signal = row.port.rsplit("_", 1)
        if port not in outer or not row.format and row.holds == "-":
            continue
        codes = np.asarray(inner[port.removeprefix("s_axis_")][row.holds]).astype(object)
        found = np.asarray(outer[port][signal]).astype(object)
        mask = (1 << row.high - row.low + 1) - 1
        assert [int(word) >> row.low & mask for word in found] == codes.tolist()
        checked += 1
    assert checked == sum(
        len(s.fields) for s in view.inner_streams().values() if s.direction == "in"
    )


def test_only_operators_with_frames_have_marks():
    found = {name: framed_streams(find(name)(), AXI) for name in operators()}
    for name, streams in found.items():
        spec = find(name)()
        kinds = spec.streams().items() if isinstance(spec, Engine) else ()
        assert [one.split("_", 2)[2] for one in streams] == [
            stream for stream, kind in kinds if "last" in kind.fields
        ]
    assert found["huffman-decoder"] == ["s_axis_code", "m_axis_symbol"]
    assert found["multiply"] == []
    assert framed_streams(find("gemm")(), Timing()) is None


@pytest.mark.parametrize("timing", [Timing(), Timing(shell="stream"), AXI, BUS])
def test_said_alike_everywhere(timing):
    spec = Repeat(width=40) if timing is not AXI else MultiplyAdd()
    top = Top(spec, timing)
    layout = describe.describe(spec, timing)["layout"]
    assert manifest.describe(top, [], vectors=1, seed=0)["layout"] == layout
    text = emit.verilog(top)
    for row in layout:
        name = row["port"]
        lines = [line for line in text.splitlines() if line.startswith("// ") and name in line]
        assert any(f"[{row['bits']}]" in line for line in lines), row
    assert json.loads(json.dumps(layout)) == layout


def test_remarks_pass_through_a_shell(monkeypatch):
    monkeypatch.setattr(MultiplyAdd, "remarks", lambda self: ["something to know"])
    for timing in (AXI, BUS):
        assert shelled(MultiplyAdd(), timing).remarks() == ["something to know"]
        assert "\n// something to know\n" in emit.verilog(Top(MultiplyAdd(), timing))


def test_comments():
    matrix = construct(find("cmvm"), {"matrix": "1,2,3,4,5;9,8,7,6,5"}, who="cmvm")
    assert comments(layout_of(matrix, Timing()))[0] == "x0 to x4 [7:0]: int8 (sign extension)"
    assert comments(layout_of(Accumulate(), Timing(shell="stream"))) == [
        "i_a [3:0]: int4 (sign extension)",
        "i_clear [0]: uint1 (zero extension)",
        "o_s [7:0]: int8 (sign extension)",
    ]
    assert comments(layout_of(Repeat(width=13), AXI))[-2:] == [
        "m_axis_result_tdata: [12:0] a uint13 (zero extension); [15:13] zeros",
        "m_axis_result_tlast: [0] last 1 with the last item of a frame",
    ]
    verilog = emit.verilog(Top(Repeat(width=40), BUS))
    assert "\n// 0x8 value data 1: [7:0] a[39:32] uint40 (zero extension); [31:8] not read\n" in (
        verilog
    )
