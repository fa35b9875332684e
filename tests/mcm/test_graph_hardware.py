"""Adder graphs as hardware: every form of a node, on devices of both kinds, against the graph."""

import itertools
import subprocess
from dataclasses import replace

import pytest
from hardware import check
from hypothesis import given, settings
from hypothesis import strategies as st
from mcm_strategies import graphs, truncated_graphs

from holigrail_hw.core import Timing
from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit import emit
from holigrail_hw.flow.prove import prove
from holigrail_hw.flow.top import Top
from holigrail_hw.formats import parse
from holigrail_hw.mcm.build import adder_step, node_signs
from holigrail_hw.mcm.build.graph_nodes import nodes_of, results_of, sums_of
from holigrail_hw.mcm.build.node_signs import NEGATIVE, TRUE, assign
from holigrail_hw.mcm.graph.adder_graph import Operand
from holigrail_hw.mcm.mcm import ConstantMultiplication

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

DEVICES = ("ecp5", "ice40hx8k")
INPUTS = ("int8", "uint8", "int1", "uint1", "int2", "uint3", "int5", "int16", "uint13")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def mcm(*constants, input="int8", **options):
    return ConstantMultiplication(constants=constants, input=parse(input), **options)


def operator_of(graph, input="int8"):
    """The operator with a graph that is given instead of searched."""

    class GivenGraph(ConstantMultiplication):
        pass

    GivenGraph.graph = property(lambda self: graph)
    GivenGraph.bound = property(lambda self: int(not graph.is_exact))
    return GivenGraph(constants=graph.constants, input=parse(input), metric="one-bit-adders")


@settings(max_examples=10, deadline=None)
@given(st.one_of(graphs(), truncated_graphs()), st.sampled_from(INPUTS), st.sampled_from(DEVICES))
def test_random_graphs(graph, input, device):
    check([operator_of(graph, input)], Timing(device=device), count=1000)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("input", ["int8", "uint8", "uint1"])
def test_signs_zeros_duplicates(input, device):
    constants = (-45, 90, 0, 1, -1, 45, 45, -(1 << 20), 94741925, -94741925, 7, -7, 127)
    check([mcm(*constants, input=input)], Timing(device=device))


@settings(max_examples=30, deadline=None)
@given(graphs(most=3), st.booleans(), st.booleans())
def test_the_assignment_is_the_cheapest(graph, signed, subtracts):
    nodes, sums = nodes_of(graph, 6, signed), sums_of(graph, signed)
    results = results_of(graph)
    options = [node_signs._options(node, index == 0, subtracts) for index, node in enumerate(nodes)]
    least = None
    for choice in itertools.product(*options):
        total = 0
        for index, (node, option) in enumerate(zip(nodes, choice, strict=True)):
            wanted = list({r.negative for r in results if r.node == index})
            total += node_signs._base_cost(node, option, wanted, subtracts)
        for offset, sum in enumerate(sums):
            three = nodes[sum.left], nodes[sum.right], nodes[offset + 1]
            recipe = node_signs._best_recipe(
                sum, three, choice[sum.left], choice[sum.right], choice[offset + 1][0], subtracts
            )
            if recipe is None:
                break
            total += recipe.cells + recipe.inverters
        else:
            least = total if least is None else min(least, total)
    assert assign(nodes, 1, sums, results, subtracts).cells == least


def test_a_negative_constant_needs_no_negation():
    assert mcm(-7).cost()["adders"] == 1
    assert mcm(-7, -19, -31).cost()["adders"] == 3
    assert set(_forms(mcm(-7, -19, -31)).values()) == {TRUE, NEGATIVE}
    # Both signs of one product do need one.
    assert mcm(-7, 7).cost()["adders"] == 2
    check([mcm(7, -19, 31), mcm(-7, -19, -31), mcm(-7, 7)])


def _forms(spec):
    width, signed = spec.input.width, spec.input.signed
    found = assign(
        nodes_of(spec.graph, width, signed), 1, sums_of(spec.graph, signed),
        results_of(spec.graph), True,
    )  # fmt: skip
    return dict(zip(spec.graph.fundamentals, found.forms, strict=True))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("input", ["int8", "uint8"])
@pytest.mark.parametrize("constants", [(815, 621, 831, 105), (3, 21, 159), (77, 1001), (-7, 23)])
def test_yosys_sees_every_adder_once(constants, input, device, tmp_path):
    spec = mcm(*constants, input=input)
    timing = Timing(device=device)
    top = Top(spec, timing)
    before, after = _adders_in(emit.verilog(top), tmp_path)
    assert before == spec.cost(timing)["adders"]
    assert after == {"$alu": before}


def _adders_in(verilog, folder):
    """Adders after proc and opt, and all arithmetic cells after Yosys merged what it can."""
    (folder / "design.v").write_text(verilog, encoding="utf-8")
    finished = subprocess.run(
        [
            *tools.require("yosys", who="test")["yosys"].command,
            "-p",
            "read_verilog design.v; hierarchy -auto-top; proc; flatten; opt; "
            "tee -o before.txt select -list t:$add t:$sub t:$neg; "
            "wreduce; peepopt; opt_clean; alumacc; share; opt; "
            "tee -o alu.txt select -list t:$alu; tee -o macc.txt select -list t:$macc t:$macc_v2",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    before, alu, macc = (
        len((folder / f"{name}.txt").read_text().splitlines()) for name in ("before", "alu", "macc")
    )
    return before, {"$alu": alu} | ({"$macc": macc} if macc else {})


@pytest.mark.parametrize("device", DEVICES)
def test_names_say_what_a_signal_is(device):
    text = emit.verilog(Top(mcm(7, -19, 31), Timing(device=device)))
    assert "minus_times19" in text and "times7" in text


def test_a_register_behind_every_adder():
    spec = mcm(815, 621, 831, 105, 1, registers="every-adder")
    depth = spec.graph.depth
    assert spec.plan().latency == depth
    plan = spec.plan()
    cycles = {
        name: cycle for name, primitive, cycle in plan.resources if primitive.luts(plan.device)
    }
    for fundamental, level in zip(spec.graph.fundamentals[1:], spec.graph.depths[1:], strict=True):
        names = [name for name in cycles if name.removeprefix("minus_") == f"times{fundamental}"]
        assert [cycles[name] for name in names] == [level - 1]
    check([spec])
    check([spec], Timing(device="ice40hx8k"))


def test_wide_products_are_proved():
    found = prove.run(mcm(7, -19, 31, input="int24"), Timing(), time_limit_s=60)
    assert (found.status, found.against) == ("proved", "reference circuit")


def test_a_wrong_graph_has_no_reference_circuit():
    spec = mcm(7, 19)
    adder = spec.graph.adders[0]
    wrong = replace(spec.graph, adders=(replace(adder, left=Operand(0, 4)), *spec.graph.adders[1:]))
    with pytest.raises(Exception, match="its operands give"):
        prove.run(operator_of(wrong, "int24"), Timing(), time_limit_s=60)


@pytest.mark.parametrize("fault", ["carry", "start", "sign"])
def test_faults_are_seen(fault, monkeypatch):
    whole = adder_step._sum

    def broken(sum, recipe, shape):
        if fault == "carry":
            recipe = recipe._replace(carry=1 - recipe.carry)
        if fault == "sign" and recipe.sign_from is not None:
            recipe = recipe._replace(sign_from=None, inverted=not recipe.inverted)
        if fault == "start" and recipe.passing is not None:
            sum = sum._replace(zeros=tuple(zeros + 1 for zeros in sum.zeros))
        return whole(sum, recipe, shape)

    monkeypatch.setattr(adder_step, "_sum", broken)
    timing = Timing(device="ice40hx8k")
    with pytest.raises(AssertionError, match="wrong, first at"):
        check([mcm(815, 621, 831, 105)], timing)
    with pytest.raises(DesignError, match="refuted"):
        prove.run(mcm(5, 21, input="int24"), timing, time_limit_s=60)
