"""Adder graphs: values, rules, costs, error bounds, JSON and text."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcm_strategies import graphs, odd_factors, truncated_graphs

from holigrail_hw.mcm.graph import text_forms
from holigrail_hw.mcm.graph.adder_graph import Adder, AdderGraph, Operand, Target
from holigrail_hw.mcm.graph.counting import adder_costs, adder_shapes, one_bit_adders
from holigrail_hw.mcm.graph.error_bounds import (
    measured_errors,
    node_states,
    output_errors,
    width_of,
)
from holigrail_hw.mcm.problem.errors import GraphError
from holigrail_hw.mcm.single.forms import forms
from holigrail_hw.mcm.single.relations import Relations, members, neighbours
from holigrail_hw.mcm.truncation.adder_cost import input_state, limits_of, truncated_adder

# 13 = 8 + 5 and 33 = 32 + 1 from 5 = 4 + 1.
TOY = AdderGraph(
    (
        Adder(5, Operand(0, 2), Operand(0)),
        Adder(13, Operand(0, 3), Operand(1)),
        Adder(33, Operand(0, 5), Operand(0)),
    ),
    (Target(13, 2), Target(-66, 3, 1, True), Target(0, None)),
)


@given(graphs(), st.integers(-(1 << 20), 1 << 20))
def test_a_graph_evaluates_to_its_constants(graph, x):
    assert graph.evaluate(x) == [constant * x for constant in graph.constants]


@given(truncated_graphs())
def test_json_round_trip(graph):
    assert AdderGraph.from_json(graph.to_json()) == graph


def test_save_and_load(tmp_path):
    TOY.save(tmp_path / "toy.json")
    assert AdderGraph.load(tmp_path / "toy.json") == TOY


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(schema="other"), "schema must be"),
        (lambda d: d.update(version=2), "version must be 1, not 2"),
        (lambda d: d.pop("adders"), "adders must be given"),
        (lambda d: d["adders"][0].update(fundamental=7), "its operands give 5"),
        (lambda d: d["adders"][0].update(fundamental="5"), "of type int, not '5'"),
        (lambda d: d["adders"][0]["left"].update(node=3), "must be an earlier node, not 3"),
        (lambda d: d["adders"][0]["left"].pop("shift"), "operand must have node, shift"),
        (lambda d: d["adders"][0]["left"].update(negative=1), "of type bool, not 1"),
        (lambda d: d["targets"][0].update(constant=14), "the graph gives 13"),
        (lambda d: d["targets"][2].update(constant=1), "without a node must be 0"),
    ],
)
def test_a_wrong_file_is_refused(change, message):
    data = json.loads(TOY.to_json())
    change(data)
    with pytest.raises(GraphError, match=message):
        AdderGraph.from_json(json.dumps(data))


def test_no_json_is_refused():
    with pytest.raises(GraphError, match="must be JSON"):
        AdderGraph.from_json("{")


@pytest.mark.parametrize(
    ("adder", "message"),
    [
        (Adder(4, Operand(0, 1), Operand(0, 1)), "only the left operand may be shifted"),
        (Adder(3, Operand(0, 1, True), Operand(0, 0, True)), "at most one operand"),
        (Adder(2, Operand(0), Operand(0)), "odd and positive"),
        (Adder(3, Operand(0, -1), Operand(0)), "left shift must be 0 to"),
    ],
)
def test_a_wrong_adder_is_refused(adder, message):
    with pytest.raises(GraphError, match=message):
        AdderGraph((adder,), ()).check()


def test_other_constants_are_refused():
    with pytest.raises(GraphError, match=r"targets must be \[13\]"):
        TOY.check([13])


@given(graphs())
def test_text_round_trip(graph):
    again = text_forms.from_flopoco(text_forms.to_flopoco(graph))
    assert sorted(again.constants) == sorted(graph.constants)
    assert set(again.fundamentals) == set(graph.fundamentals)


def test_text_of_other_tools():
    """The notation of FloPoCo's own tests: registers, subtracted operands, negative outputs."""
    text = (
        "{{'R',[1],1,[1],0},{'A',[3],1,[1],0,0,[1],0,1},{'A',[7],1,[1],0,3,[-1],0,0},"
        "{'O',[2],1,[1],1,1},{'O',[3],1,[3],1,0},{'O',[-7],1,[-7],1,0}}"
    )
    graph = text_forms.from_flopoco(text)
    assert graph.constants == (2, 3, -7) and len(graph.adders) == 2


def test_text_keeps_the_order_of_the_outputs():
    text = (
        "{{'A',[3],1,[1],0,1,[1],0,0},{'O',[3],1,[3],1,0},{'O',[2],0,[1],0,1},{'O',[0],0,[0],0,0}}"
    )
    assert text_forms.from_flopoco(text).constants == (3, 2, 0)


def test_text_with_even_and_negative_factors():
    text = "{{'A',[6],1,[1],0,1,[1],0,2},{'A',[-5],2,[1],0,0,[-6],1,0},{'O',[-20],2,[-5],2,2}}"
    graph = text_forms.from_flopoco(text)
    assert graph.fundamentals == (1, 3, 5) and graph.constants == (-20,)


def test_text_with_a_right_shift():
    text = "{{'A',[5],1,[1],0,2,[1],0,0},{'A',[3],2,[1],0,-1,[5],1,-1},{'O',[3],2,[3],2,0}}"
    graph = text_forms.from_flopoco(text)
    assert graph.adders[1].right_shift == 1


def test_text_with_an_output_shift():
    """As sat_mcm writes it: a field behind the depth, and no outputs."""
    text = "{{'A',[5],1,0,[1],0,2,[1],0,0},{'A',[3],2,1,[1],0,0,[5],1,0},"
    text += "{'A',[-1],3,2,[1],0,0,[-5],1,0}}"
    graph = text_forms.from_flopoco(text, (3, -10, 0, 4))
    assert graph.fundamentals == (1, 5, 3) and graph.constants == (3, -10, 0, 4)
    assert [adder.right_shift for adder in graph.adders] == [0, 1]
    values = [-7, 0, 1, 100]
    assert graph.evaluate(np.array(values))[0].tolist() == [3 * x for x in values]
    shifted = "{{'A',[7],1,0,[1],0,3,[-1],0,0},{'A',[9],2,1,[7],1,1,[1],0,2},{'O',[18],2,[9],2,1}}"
    assert text_forms.from_flopoco(shifted).constants == (18,)


def test_outputs_are_given_once():
    adder, output = "{'A',[3],1,[1],0,0,[1],0,1}", "{'O',[3],1,[3],1,0}"
    with pytest.raises(GraphError, match="as items 'O' or beside the text"):
        text_forms.from_flopoco(f"{{{adder}}}")
    with pytest.raises(GraphError, match="not in the text and beside it"):
        text_forms.from_flopoco(f"{{{adder},{output}}}", [3])
    with pytest.raises(GraphError, match="output 5 has no node"):
        text_forms.from_flopoco(f"{{{adder}}}", [5])
    assert text_forms.from_flopoco(f"{{{adder}}}", [3, 6]).constants == (3, 6)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{{'A',[3],1,[1],0,0,[1],0,2}}",
        "{{'A',[3],1,1,[1],0,0,[1],0,1},{'O',[3],1,[3],1,0}}",
        "{{'A',[3],1,-1,[1],0,0,[1],0,1},{'O',[3],1,[3],1,0}}",
        "{{'A',[3],1,[1],0,0,[1],0,99999999},{'O',[3],1,[3],1,0}}",
        "{{'A',[3],1,[1],0,0,[1],0,1},{'O',[3],1,[3],1,-1}}",
        "{{'A',[3],1,[1],0,0,[1],0}}",
        "{{'A',[3;5],1,[1;1],0,0,[1;1],0,1}}",
        "{{'M',[3],1}}",
        "{{'A',[7],1,[5],0,0,[1],0,1}}",
        "{{'O',[7],1,[7],1,0}}",
        "{{'R',[1],1,[1],0}} and more",
    ],
)
def test_wrong_text_is_refused(text):
    with pytest.raises(GraphError, match="text form"):
        text_forms.from_flopoco(text)


def test_a_truncated_graph_has_no_text():
    adder = replace(TOY.adders[0], left=Operand(0, 2, False, 1))
    with pytest.raises(GraphError, match="without truncation"):
        text_forms.to_flopoco(AdderGraph((adder,), ()))


# The table of costs by form, for signed input: an independent count.
def recount(graph, input_width):
    def width(c):
        return input_width + (c - 1).bit_length()

    total = 0
    for adder in graph.adders:
        u, v = (graph.fundamentals[o.node] for o in adder.operands)
        w, s, r = adder.fundamental, adder.left.shift, adder.right_shift
        grows = width(w) + r > max(width(u) + s, width(v))
        if s and adder.left.negative:
            bits = width(w) - s
        elif s and adder.right.negative:
            bits = width(w)
        elif s:
            bits = width(w) - s - grows
        elif adder.left.negative or adder.right.negative:
            bits = width(w) + r
        else:
            bits = width(w) + r - grows
        # Where more bits pass by than the sum has, nothing is left to add.
        total += max(0, bits)
    return total


@given(graphs(), st.integers(1, 16))
def test_costs_equal_an_independent_recount(graph, width):
    assert one_bit_adders(graph, width) == recount(graph, width)


@given(graphs(), st.integers(1, 16))
def test_sat_mcm_rule_differs_by_the_growth_only(graph, width):
    """Both rules agree wherever the carry out is free; sat_mcm always takes the sign for free."""
    ours, theirs = (adder_costs(graph, width, rule=rule) for rule in ("ours", "sat_mcm"))
    for a, b, shape in zip(ours, theirs, adder_shapes(graph, width), strict=True):
        total = shape.width + shape.right_shift
        grows = total > max(shape.left_width + shape.shift, shape.right_width)
        assert a == max(0, b + (not grows))


def test_rules_on_a_toy():
    assert one_bit_adders(TOY, 3) == 9
    assert one_bit_adders(TOY, 3, rule="sat_mcm") == 9
    assert one_bit_adders(TOY, 3, rule="da4ml") == 9
    with pytest.raises(GraphError, match="counting rule must be one of ours, sat_mcm, da4ml"):
        one_bit_adders(TOY, 3, rule="luts")


@given(truncated_graphs(), st.integers(1, 7), st.booleans())
def test_errors_and_widths_hold_for_every_input(graph, width, signed):
    inputs = range(-(1 << width - 1), 1 << width - 1) if signed else range(1 << width)
    proved = output_errors(graph, signed)
    for (low, high), (least, most) in zip(proved, measured_errors(graph, inputs), strict=True):
        assert low <= least and most <= high
    states = node_states(graph, signed)
    rows = [graph.values(x) for x in inputs]
    for index, (state, passed) in enumerate(states):
        bits = width_of(graph.fundamentals[index], state, width, signed)
        for row in rows:
            value = row[index]
            assert value % (1 << state.zeros) == 0
            assert state.signed or value >= 0
            least = -(1 << bits - 1) if state.signed else 0
            assert least <= value < least + (1 << bits)
        assert passed >= 0


@given(truncated_graphs(), st.integers(1, 12), st.booleans())
def test_the_fast_count_is_the_readable_one(graph, width, signed):
    limits = limits_of(width, signed)
    states = [input_state(width, signed)]
    costs = []
    for adder in graph.adders:
        left, right = adder.operands
        form = next(
            f
            for f in forms(
                graph.fundamentals[left.node], graph.fundamentals[right.node], adder.fundamental
            )
            if f
            == (
                graph.fundamentals[left.node],
                graph.fundamentals[right.node],
                left.shift,
                adder.right_shift,
                left.negative,
                right.negative,
            )
        )
        cost, state = truncated_adder(
            adder.fundamental,
            form,
            states[left.node],
            states[right.node],
            (left.truncate, right.truncate),
            limits,
        )
        costs.append(cost)
        states.append(state)
    assert costs == adder_costs(graph, width, signed=signed)
    for fast, (state, _) in zip(states, node_states(graph, signed), strict=True):
        assert fast[:3] == state[:3] and fast[4] == state.signed


@given(odd_factors, odd_factors)
def test_bit_sets_and_plain_sets_agree(u, v):
    assert set(members(Relations(10).of(u, v))) == neighbours(u, v, 10)
    for w in sorted(neighbours(u, v, 10))[:20]:
        assert forms(u, v, w)
        assert u in neighbours(v, w, 10) and v in neighbours(u, w, 10)


@given(st.lists(odd_factors, min_size=1, max_size=5, unique=True))
def test_growing_a_set_is_the_union_of_pairs(factors):
    relations = Relations(10)
    reached, chosen = relations.of(1, 1), [1]
    for factor in factors:
        reached = relations.grown(reached, chosen, factor)
        chosen.append(factor)
    expected = 0
    for i, u in enumerate(chosen):
        for v in chosen[: i + 1]:
            expected |= relations.of(u, v)
    assert reached == expected
