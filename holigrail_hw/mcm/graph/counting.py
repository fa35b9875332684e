"""What an adder graph costs: adders, and one-bit adders under three counting rules.

For an adder w * 2^r = ±(u * 2^s) ± v with operands and result of widths W(u), W(v), W(w):

* *ours* (that of Garcia and Volkova): W(w) + r - g - k. Dropped bits of the sum are still computed
  (r); g low bits of one operand pass straight through where the other operand is zero and the
  passing one is not negated; k = 1 if the top bit is the carry out and needs no adder.
* *sat_mcm* (Fiege, Kumm, Zipf, "Bit-Level Optimized Constant Multiplication Using Boolean
  Satisfiability", 2024): products of a positive constant get their sign bit for free:
  w_in + bits(w * 2^r) - 1 - g.
* *da4ml* (version 0.6.0): from the lowest bit of the coarser operand to the highest of both; the
  carry out is never counted, and subtraction counts as addition.
"""

from collections.abc import Callable
from typing import NamedTuple

from ..problem.errors import GraphError
from .adder_graph import AdderGraph
from .error_bounds import node_states, width_of

__all__ = [
    "RULES",
    "AdderShape",
    "adder_costs",
    "adder_shapes",
    "adders",
    "counting_rule",
    "da4ml_rule",
    "one_bit_adders",
    "our_rule",
    "sat_mcm_rule",
]


class AdderShape(NamedTuple):
    """Everything a counting rule looks at; widths in bits, ``passed`` is g."""

    fundamental: int
    input_width: int
    width: int
    left_width: int
    right_width: int
    shift: int
    right_shift: int
    passed: int


Rule = Callable[[AdderShape], int]


def our_rule(a: AdderShape) -> int:
    """One-bit adders of an adder; bits that pass through and the carry out are free."""
    total = a.width + a.right_shift
    carry_out = total > max(a.left_width + a.shift, a.right_width)
    return max(0, total - a.passed - carry_out)


def sat_mcm_rule(a: AdderShape) -> int:
    """Full adders as sat_mcm counts them; for exact graphs."""
    return a.input_width + (a.fundamental << a.right_shift).bit_length() - 1 - a.passed


def da4ml_rule(a: AdderShape) -> int:
    """Full adders as da4ml's ``cost_add`` with ``adder_size = 1`` counts them."""
    return max(a.left_width + a.shift, a.right_width) - a.shift


RULES: dict[str, Rule] = {"ours": our_rule, "sat_mcm": sat_mcm_rule, "da4ml": da4ml_rule}


def counting_rule(name: str) -> Rule:
    """The rule called ``name``; raises GraphError if there is none."""
    if name not in RULES:
        raise GraphError(f"counting rule must be one of {', '.join(RULES)}, not {name!r}")
    return RULES[name]


def adders(graph: AdderGraph) -> int:
    """Number of adders."""
    return len(graph.adders)


def adder_shapes(graph: AdderGraph, input_width: int, signed: bool = True) -> list[AdderShape]:
    """Widths and passed bits of every adder for an input of ``input_width`` bits."""
    states = node_states(graph, signed)
    widths = [
        width_of(fundamental, state, input_width, signed)
        for fundamental, (state, _) in zip(graph.fundamentals, states, strict=True)
    ]
    return [
        AdderShape(
            adder.fundamental,
            input_width,
            widths[index],
            widths[adder.left.node],
            widths[adder.right.node],
            adder.left.shift,
            adder.right_shift,
            states[index][1],
        )
        for index, adder in enumerate(graph.adders, start=1)
    ]


def adder_costs(
    graph: AdderGraph, input_width: int, *, signed: bool = True, rule: str = "ours"
) -> list[int]:
    """One-bit adders of every adder."""
    count = counting_rule(rule)
    return [count(shape) for shape in adder_shapes(graph, input_width, signed)]


def one_bit_adders(
    graph: AdderGraph, input_width: int, *, signed: bool = True, rule: str = "ours"
) -> int:
    """One-bit adders of the whole graph."""
    return sum(adder_costs(graph, input_width, signed=signed, rule=rule))
