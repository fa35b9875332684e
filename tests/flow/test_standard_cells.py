"""Operators in standard cells: the reader of Liberty files, and area, path and energy by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from hardware import make

from holigrail_hw.arith.divide import Divide
from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.arith.multiply import Multiply
from holigrail_hw.cli.main import main
from holigrail_hw.core import DesignError, RequestError, Timing, ToolError
from holigrail_hw.flow.synth.asic import library as cells
from holigrail_hw.flow.synth.asic.activity import Activity
from holigrail_hw.flow.synth.asic.calibration import Calibration, Row, calibrate
from holigrail_hw.flow.synth.asic.circuit import Circuit
from holigrail_hw.flow.synth.asic.energy import energy_per_item
from holigrail_hw.flow.synth.asic.functions import read_function
from holigrail_hw.flow.synth.asic.liberty import LibertyError, parse
from holigrail_hw.flow.synth.asic.library import OSU018, open_library
from holigrail_hw.flow.synth.asic.mapping import Netlist, Way
from holigrail_hw.flow.synth.asic.measure import MappedDesign, measure_asic
from holigrail_hw.flow.synth.asic.path import longest_paths

SMALL = Path(__file__).parent / "small_cells.lib"
osu018 = pytest.mark.skipif(
    not OSU018.is_file(), reason="the system package qflow-tech-osu018 is not installed"
)


@pytest.fixture(scope="module")
def small():
    return open_library(SMALL)


@pytest.fixture(scope="module")
def product(small):
    """An unsigned product of 4 bits, mapped once."""
    return MappedDesign(make(Multiply, a="uint4", b="uint4", multiplier="tree"), library=small)


def circuit_of(library, cells_of, ports):
    """A circuit by hand: cells as (type, pins to bits), ports as name to (direction, bits)."""
    module = {
        "ports": {n: {"direction": way, "bits": bits} for n, (way, bits) in ports.items()},
        "cells": {
            f"cell{i}": {"type": kind, "connections": {pin: [bit] for pin, bit in pins.items()}}
            for i, (kind, pins) in enumerate(cells_of)
        },
        "netnames": {},
    }
    return Circuit(Netlist(module, 0.0, Way(False, False)), library, "test")


def test_a_library_is_read(small):
    assert (small.name, small.voltage, small.gate_area, small.leaks) == (
        "small_cells",
        1.0,
        1,
        True,
    )
    assert "LATCH" not in small.cells and not small.cells["NAND2_TINY"].usable
    adder, pins = small.full_adder
    assert adder.name == "FULL_ADDER"
    assert (pins["sum"], pins["carry"]) == ("S", "CO")
    register = small.cells["DFF"]
    assert register.state.clock == "CK" and register.state.rising
    assert register.pins["CK"].rise[0].at(0.3, 0.2) == 0.005


def test_tables_are_bilinear_whatever_the_order_of_their_axes(small):
    delay = small.cells["INV"].pins["Y"].arcs[0].tables["cell_rise"]
    assert delay.at(0.05, 0.5) == pytest.approx(0.65)
    # Beyond its last point a table goes on.
    assert delay.at(0.2, 0.0) == pytest.approx(2.1)
    energy = small.cells["NAND2"].pins["Y"].rise[0]
    assert energy.at(0.1, 0.0) == pytest.approx(0.02)
    assert energy.at(0.0, 1.0) == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("A B + C", "(A & B) | C"),
        ("!A' B", "(A) * B"),
        ("A ^ B & C", "(A ^ B) & C"),
        ("A + B ^ C", "A | (B ^ C)"),
        ("(A B)'", "!(A & B)"),
        ("A 1 + 0", "A"),
    ],
)
def test_functions_bind_as_liberty_says(text, same):
    one, other = read_function(text), read_function(same)
    assert one.inputs == other.inputs and one.table() == other.table()


@pytest.mark.parametrize("text", ["", "A +", "(A", "A) B", "A $ B", "+", "A ? B", "eval()"])
def test_a_broken_function_is_refused(text):
    with pytest.raises(LibertyError, match="a function"):
        read_function(text)


def with_units(text: str) -> str:
    return SMALL.read_text().replace('"1ns"', '"1ps"').replace("(1, pf)", "(1, ff)") + text


def test_units_are_those_of_the_file(tmp_path):
    file = tmp_path / "fast.lib"
    file.write_text(with_units(""))
    inverter = open_library(file).cells["INV"]
    assert inverter.pins["A"].capacitance == pytest.approx(1e-5)
    assert inverter.pins["Y"].rise[0].at(0, 0) == pytest.approx(2e-6)
    assert inverter.pins["Y"].arcs[0].tables["cell_rise"].at(0, 0) == pytest.approx(1e-4)


def test_energy_and_path_of_two_gates_by_hand(small):
    """a, b -> NAND2 -> x -> INV -> y; x loads 0.01 pF, a and b 0.02 pF each; V = 1."""
    gates = [("NAND2", {"A": 2, "B": 3, "Y": 4}), ("INV", {"A": 4, "Y": 5})]
    ports = {"a": ("input", [2]), "b": ("input", [3]), "y": ("output", [5])}
    circuit = circuit_of(small, gates, ports)
    values = circuit.fresh(1)
    rows = [circuit.ports[name][0] for name in "aby"]
    values[rows[0]], values[rows[1]] = 0b1100, 0b1010
    circuit.settle(values)
    assert int(values[rows[2], 0]) & 0b1111 == 0b1000
    loads = circuit.loads()
    paths = longest_paths(circuit, loads)
    # The falling edge of the NAND2, then the rising one of an INV without a load.
    assert paths.longest_ns == pytest.approx(0.3 + 0.1)
    assert [cell for cell, _ in paths.hops] == ["NAND2", "INV"]
    changes = np.zeros(circuit.nets)
    (x,) = set(range(2, circuit.nets)) - {*rows}
    changes[[rows[0], rows[1], x, rows[2]]] = 1.0, 0.5, 0.25, 0.25
    activity = Activity(changes, 2.0, 10, 10)
    parts = energy_per_item(circuit, small, activity, loads, paths.slopes, 3.0)
    assert parts.switching == pytest.approx((1.0 * 0.02 + 0.5 * 0.02 + 0.25 * 0.01) / 2)
    assert parts.internal == pytest.approx(0.25 * (0.01 + 0.1 * 0.01) + 0.25 * 0.003)
    assert parts.clock == 0
    assert parts.leakage == pytest.approx((2 + 1) * 3.0 * 2 * 1e-6)
    assert parts.total == pytest.approx(parts.dynamic + parts.leakage)


def test_clock_and_paths_of_registers_by_hand(small):
    """d -> DFF -> q -> INV -> DFF: clock to output 0.5, inverter 0.1 + 0.1, set-up 0.1."""
    gates = [
        ("DFF", {"CK": 2, "D": 3, "Q": 4}),
        ("INV", {"A": 4, "Y": 5}),
        ("DFF", {"CK": 2, "D": 5, "Q": 6}),
    ]
    ports = {"clk": ("input", [2]), "d": ("input", [3]), "y": ("output", [6])}
    circuit = circuit_of(small, gates, ports)
    paths = longest_paths(circuit, circuit.loads())
    assert paths.longest_ns == pytest.approx(0.5 + (0.1 + 10 * 0.01) + 0.1)
    nothing = Activity(np.zeros(circuit.nets), 1.0, 10, 10)
    parts = energy_per_item(circuit, small, nothing, circuit.loads(), paths.slopes, 1.0)
    # Two changes of the clock on 0.02 pF, and two in each of the registers.
    assert parts.clock == pytest.approx(0.02 + 2 * 2 * 0.005)
    assert parts.dynamic == 0


def test_gates_that_feed_themselves_are_refused(small):
    gates = [("INV", {"A": 3, "Y": 2}), ("INV", {"A": 2, "Y": 3})]
    with pytest.raises(DesignError, match="must not feed themselves"):
        circuit_of(small, gates, {"y": ("output", [3])})
    with pytest.raises(DesignError, match="every net of test must be driven"):
        circuit_of(small, [("INV", {"A": 9, "Y": 2})], {"y": ("output", [2])})
    with pytest.raises(DesignError, match="must all follow the port clk"):
        circuit_of(small, [("DFF", {"CK": 3, "D": 3, "Q": 2})], {"d": ("input", [3])})


DESIGNS = [
    (make(Multiply, a="int5", b="uint3"), Timing()),
    (make(Multiply, a="fp8_e4m3", b="fp8_e5m2"), Timing(period_ns=4.0)),
    (make(Mac, a="int4", b="uint3", accumulator="int12"), Timing(period_ns=3.0)),
    (make(Mac, a="int4", b="uint3", accumulator="int12"), Timing(shell="stream")),
    (make(Divide, a="int6", b="uint4", bits_per_cycle=2), Timing()),
]


@pytest.mark.parametrize("place", range(len(DESIGNS)))
def test_every_result_equals_golden(place, small):
    spec, timing = DESIGNS[place]
    found = measure_asic(spec, timing, library=small, count=700, seed=place)
    assert found.compared >= 690
    assert found.area_um2 == found.gate_equivalents > 20
    assert found.energy.dynamic > 0 and found.energy.leakage > 0
    assert (found.flip_flops > 0) == (found.energy.clock > 0)
    assert found.cycles > 2 if isinstance(spec, Divide) else found.cycles < 1.5
    assert json.dumps(found.as_dict())


def test_a_wrong_cell_is_found(small, product):
    """A NAND2 in place of a NOR2, somewhere."""
    module = json.loads(json.dumps(product.netlist.module))
    kinds = {"NAND2": "NOR2", "NOR2": "NAND2"}
    one = next(cell for cell in module["cells"].values() if cell["type"] in kinds)
    one["type"] = kinds[one["type"]]
    broken = MappedDesign(product.spec, library=small)
    broken.circuit = Circuit(Netlist(module, 0.0, product.netlist.way), small, "multiply")
    with pytest.raises(DesignError, match="multiply in cells must equal the golden model"):
        broken.measured(count=500)


def test_a_constant_stream_costs_nothing_but_clock_and_leakage(product, small):
    held = {"a": np.full(300, 11), "b": np.full(300, 13)}
    parts = product.measured(held).energy
    assert parts.dynamic == 0 and parts.leakage > 0
    pipelined = MappedDesign(product.spec, Timing(latency=2), small)
    parts = pipelined.measured(held).energy
    assert parts.dynamic == 0 and parts.clock > 0
    assert pipelined.measured().energy.dynamic > 0.3


def test_twice_the_changes_cost_twice_as_much(product):
    """Two operands in turn, in every item or in every second one; an even number of changes."""
    pairs = np.array([[3, 5], [12, 10]])
    often, seldom = pairs[np.arange(401) % 2], pairs[np.arange(401) // 2 % 2]
    twice = product.measured({"a": often[:, 0], "b": often[:, 1]})
    once = product.measured({"a": seldom[:, 0], "b": seldom[:, 1]})
    assert twice.items == once.items == 400
    assert twice.energy.dynamic == pytest.approx(2 * once.energy.dynamic, rel=1e-12)
    assert twice.changes == pytest.approx(2 * once.changes, rel=1e-12)


def test_zeros_and_correlation_count(product):
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 16, (2, 2000))
    full = product.measured({"a": a, "b": b}).energy.dynamic
    sparse = product.measured({"a": a * (rng.random(2000) < 0.2), "b": b}).energy.dynamic
    slow = product.measured({"a": np.sort(a), "b": b}).energy.dynamic
    assert sparse < 0.6 * full and slow < 0.95 * full


def test_pieces_side_by_side_count_as_the_whole(small):
    """A stream that ends in the middle of a piece, and one of two items."""
    design = MappedDesign(make(Multiply, a="uint4", b="uint4"), Timing(latency=3), small)
    rng = np.random.default_rng(2)
    codes = {name: rng.integers(0, 16, 1001) for name in "ab"}
    whole = design.measured(codes)
    assert whole.items == 1000 and whole.compared == 1001
    parts = [
        design.measured({n: v[i : i + 251] for n, v in codes.items()}).energy.dynamic
        for i in range(0, 1000, 250)
    ]
    assert whole.energy.dynamic == pytest.approx(np.mean(parts), rel=0.03)
    assert design.measured({"a": [0, 15], "b": [15, 0]}).items == 1


@pytest.mark.parametrize(
    ("stimulus", "message"),
    [
        ({"a": [1, 2]}, "must have every operand of multiply, not lack b"),
        ({"a": [1, 2], "b": [1]}, "must have one length of 2 items or more, not 1 and 2"),
        ({"a": [1], "b": [1]}, "must have one length of 2 items or more, not 1"),
    ],
)
def test_a_stimulus_that_does_not_fit(stimulus, message, product):
    with pytest.raises(RequestError, match=message):
        product.measured(stimulus)


def test_a_sum_without_an_item_to_count_has_no_energy(small):
    spec = make(Mac, a="int2", b="int2", accumulator="int6")
    design = MappedDesign(spec, Timing(latency=2), library=small)
    codes = {name: np.ones(4, np.uint64) for name in spec.inputs()}
    assert design.measured(codes).items == 1
    with pytest.raises(RequestError) as error:
        design.measured({name: values[:3] for name, values in codes.items()})
    assert str(error.value) == (
        "asic: the stimulus must have 4 items or more for mac at a latency of 2, not 3"
    )


BROKEN = {
    "": "a file that ends in line 1",
    "PK\x03\x04": "'PK",
    "module x; endmodule": "'module' where `library (NAME) {` must begin (line 1)",
    "library (x);": "a library without cells",
    "library (x) { nom_voltage : 1; }": "a library without cells that can be used",
    "library (x) { cell (A) {": "a file that ends in line 1",
    "library (x) { nom_voltage : high; }": "'high' as nom_voltage of library (x) (line 1)",
    "library (x) { }": "no supply voltage (nom_voltage)",
    'library (x) { time_unit : "1 hour"; nom_voltage : 1; }': "a unit '1 hour' (line 1)",
    "library (x) { nom_voltage : 1; a ( ": "a file that ends in line 1",
    "library (x) { nom_voltage : 1; " + "g () {" * 100_000: "groups without an end",
}


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_one_line(text, tmp_path):
    file = tmp_path / "broken.lib"
    file.write_text(text)
    with pytest.raises(RequestError) as error:
        open_library(file)
    assert str(error.value).startswith(f"asic: {file} must be a Liberty file, not hold ")
    assert BROKEN[text] in str(error.value)
    assert "\n" not in str(error.value)


CHANGED = [
    ('index_1 ("0.0, 0.1")', 'index_1 ("0.1, 0.1")', "a table whose points do not rise"),
    (
        'values ("0.1, 0.2", "1.1, 1.2")',
        'values ("0.1")',
        "a table of 1 values where there must be 4",
    ),
    ('values ("0.002")', 'values ("")', "a table without values"),
    ('values ("0.002")', 'values ("x")', "'x' as values"),
    ('values ("0.002")', 'values ("nan")', "'nan' as values"),
    ("area : 1;", "area : 1e999;", "'1e999' as area of cell"),
    ('clocked_on : "CK"', 'clocked_on : "CK EN"', "a flip-flop with the clock 'CK EN'"),
    ('function : "A\'"', 'function : "A\'("', "a function"),
    ('"!(A B)"', '"(A B)"', "a library without a two-input NAND"),
]


@pytest.mark.parametrize(("old", "new", "message"), CHANGED)
def test_a_damaged_library_is_one_line(old, new, message, tmp_path):
    file = tmp_path / "damaged.lib"
    assert old in SMALL.read_text()
    file.write_text(SMALL.read_text().replace(old, new))
    with pytest.raises(RequestError) as error:
        open_library(file)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_no_file_no_library_no_flip_flop(tmp_path, monkeypatch, small):
    with pytest.raises(RequestError, match=r"must be readable, not .*none.lib \(No such file"):
        open_library(tmp_path / "none.lib")
    with pytest.raises(RequestError, match=r"must be readable, not .* \(Is a directory\)"):
        open_library(tmp_path)
    monkeypatch.setattr(cells, "OSU018", tmp_path / "osu.lib")
    with pytest.raises(ToolError, match="a Liberty file must be given where") as error:
        open_library()
    assert error.value.hint is not None and "qflow-tech-osu018" in error.value.hint
    text = SMALL.read_text()
    start, end = text.index("  cell (DFF)"), text.index("  /* No cell")
    file = tmp_path / "gates.lib"
    file.write_text(text[:start] + text[end:])
    spec = make(Multiply, a="uint2", b="uint2")
    assert measure_asic(spec, library=file, count=50).flip_flops == 0
    with pytest.raises(RequestError, match="must have a flip-flop for multiply, not only gates"):
        measure_asic(spec, Timing(latency=1), library=file)


def test_a_shell_on_a_bus_is_refused(small):
    with pytest.raises(RequestError, match="must have plain ports or streams, not the shell wish"):
        MappedDesign(make(Multiply, a="uint2", b="uint2"), Timing(shell="wishbone"), small)


def test_the_factor_of_a_calibration():
    rows = (Row("x", 1.0, 8.0, True), Row("y", 4.0, 8.0, True), Row("z", 1.0, 8.0, False))
    scale = Calibration("l", "s", 45, 0.25, rows)
    assert [scale.residual(row) for row in rows] == [100, -50, 100]
    assert scale.worst_ratio == pytest.approx(300)
    assert scale.as_dict()["rows"][1]["scaled"] == 2.0


def run(capsys, *words):
    status = main(["synth", "multiply", "--a", "uint3", "--b", "uint3", *map(str, words)])
    output = capsys.readouterr()
    return status, output.out, output.err


def test_the_command_line(capsys, tmp_path):
    asic = ("--target", "asic", "--liberty", SMALL)
    status, out, _ = run(capsys, *asic)
    assert status == 0
    for words in ("cells of small_cells, 1 V", "glitch-free", "results equal the golden model"):
        assert words in out
    file = tmp_path / "operands.csv"
    file.write_text("1 2\n7 5\n" * 20)
    status, out, _ = run(capsys, *asic, "--operands", file, "--json")
    found = json.loads(out)
    assert status == 0 and found["items"] == 39 and found["stimulus"] == "operands.csv"
    np.savez(tmp_path / "operands.npz", a=[1, 7] * 20, b=[2, 5] * 20)
    _, out, _ = run(capsys, *asic, "--operands", tmp_path / "operands.npz", "--json")
    assert json.loads(out)["energy"] == found["energy"]
    _, out, _ = run(capsys, *asic, "--value", "a=0", "--json")
    assert json.loads(out)["stimulus"] == "random, a as given"
    assert json.loads(out)["energy"]["total"] < found["energy"]["total"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--liberty", "x.lib"], "--liberty must be given with --target asic, not with a device"),
        (
            ["--target", "asic", "--liberty", "x.lib"],
            "the Liberty file must be readable, not x.lib",
        ),
        (["--value", "a=1"], "--value must be given with --target asic"),
        (["--target", "asic", "--operands", "o", "--value", "a=1"], "--operands must be left out"),
        (
            ["--target", "asic", "--operands", "o.npz"],
            "--operands: the file must be one of numbers",
        ),
        (["--target", "asic", "--operands", "one.txt"], "a column for each of a, b in every line"),
        (["--target", "asic", "--operands", "huge.txt"], "must hold codes of 3 bits for a"),
        (["--target", "asic", "--operands", "three.txt"], "not 3 columns"),
        (["--target", "asic", "--operands", "ragged.txt"], "not 1 and 3 columns"),
        (["--target", "asic", "--operands", "empty.txt"], "not no columns"),
        (["--target", "asic", "--operands", ""], "the file must be one of numbers, not ."),
        (["--target", "asic", "--operands", "lack.npz"], "must hold every operand of multiply"),
        (["--target", "asic", "--operands", "odd.npz"], "must hold codes of 3 bits for a"),
        (["--target", "asic", "--liberty", ""], "the Liberty file must be readable, not ."),
        (["--target", "asic", "--activity"], "--activity must be given with a device, not with"),
        (["--target", "asic", "--seeds", "2", "--no-dsp"], "--no-dsp, --seeds must be given with"),
        (["--target", "gpu"], "--target: must be one of fpga, asic, not 'gpu'"),
        (["--target", "asic", "--operands", "wide.txt"], "must hold codes of 3 bits for a"),
    ],
)
def test_what_the_command_line_refuses(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("one.txt").write_text("1\n2\n")
    Path("wide.txt").write_text("9 1\n2 1\n")
    Path("huge.txt").write_text("1e400 1\n0.5e400 1\n")
    Path("three.txt").write_text("1 1 1\n2 1 1\n")
    Path("ragged.txt").write_text("1 1\n2\n1 2 3\n")
    Path("empty.txt").write_text("# nothing\n")
    np.savez("lack.npz", a=[1, 2])
    np.savez("odd.npz", a=[1.0, np.nan, np.inf], b=[1, 2, 3])
    if "asic" in words and "--liberty" not in words:
        words = [*words, "--liberty", str(SMALL)]
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "")
    assert message in err and "Traceback" not in err


@osu018
def test_cells_of_the_osu_library():
    """An 8-bit product takes some 6.7 times the energy of an 8-bit sum, in the published table."""
    library = open_library()
    assert (library.gate_area, library.voltage, library.leaks) == (24.0, 1.8, True)
    product = measure_asic(make(Multiply, a="int8", b="int8", multiplier="tree"), library=library)
    assert 300 < product.gate_equivalents < 420
    assert "full adders" in product.mapped
    assert 1 < product.critical_path_ns < 6


@osu018
@pytest.mark.heavy
def test_integer_ratios_of_the_published_table():
    scale = calibrate(open_library())
    assert sum(row.calibrates for row in scale.rows) == 4
    assert scale.worst_ratio < 25


def test_remarks_and_continued_lines_are_read():
    text = 'library (x) { // remark\n /* two\nlines */ a : 1 \n b : "c \\\n d"; e (1, "f, g") ; }'
    assert parse(text).attributes == {"a": [["1"]], "b": [["c   d"]], "e": [["1", "f, g"]]}
