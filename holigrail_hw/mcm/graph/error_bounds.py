"""How far a truncated adder graph can be off, proved by propagating errors from node to node.

A node with the exact value e holds a value in [e - low, e + high], in units of its own lowest bit,
and its ``zeros`` lowest bits are 0. Clearing t bits of a node takes away at most 2^t - 2^zeros.
Clearing never adds, so positive errors come from subtracted operands only. A right shift rounds
towards minus infinity; the exact sum is a multiple of 2^r, so the bounds are divided and rounded
up. The rules are those of mixed error analysis in Garcia and Volkova (IEEE TCAS-I, 2023), with
zeros inherited through adders.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from .adder_graph import AdderGraph

__all__ = ["NodeState", "join", "measured_errors", "node_states", "output_errors", "width_of"]


class NodeState(NamedTuple):
    """Error bounds below and above, known zeros at the bottom, whether values can be negative."""

    low: int
    high: int
    zeros: int
    signed: bool


def join(
    left: NodeState,
    right: NodeState,
    shift: int,
    right_shift: int,
    negative: tuple[bool, bool],
    truncate: tuple[int, int],
) -> tuple[NodeState, int]:
    """State of an adder, and how many of its low positions need no adder.

    A low position needs none where one operand is known to be zero and the other is not negated.
    A sum that is shifted right has no such position: its lowest bits carry.
    """
    left_low = (left.low + max(0, (1 << truncate[0]) - (1 << left.zeros))) << shift
    right_low = right.low + max(0, (1 << truncate[1]) - (1 << right.zeros))
    left_high, right_high = left.high << shift, right.high
    if negative[0]:
        low, high = left_high + right_low, left_low + right_high
    elif negative[1]:
        low, high = left_low + right_high, left_high + right_low
    else:
        low, high = left_low + right_low, left_high + right_high
    left_zeros = max(truncate[0], left.zeros) + shift
    right_zeros = max(truncate[1], right.zeros)
    signed = left.signed or right.signed or ((negative[0] or negative[1]) and low > 0)
    if right_shift:
        low, high = (-(-bound >> right_shift) for bound in (low, high))
        return NodeState(low, high, 0, signed), 0
    passed = max(0 if negative[1] else left_zeros, 0 if negative[0] else right_zeros)
    return NodeState(low, high, min(left_zeros, right_zeros), signed), passed


def node_states(graph: AdderGraph, signed: bool) -> list[tuple[NodeState, int]]:
    """State of every node, and its low positions without an adder, for an exact input."""
    found = [(NodeState(0, 0, 0, signed), 0)]
    for adder in graph.adders:
        left, right = adder.operands
        found.append(
            join(
                found[left.node][0],
                found[right.node][0],
                left.shift,
                adder.right_shift,
                (left.negative, right.negative),
                (left.truncate, right.truncate),
            )
        )
    return found


def width_of(fundamental: int, state: NodeState, input_width: int, input_signed: bool) -> int:
    """Bits that hold every value of a node, in two's complement if it can be negative."""
    if input_signed:
        largest, smallest = (1 << (input_width - 1)) - 1, 1 << (input_width - 1)
    else:
        largest, smallest = (1 << input_width) - 1, 0
    high = fundamental * largest + state.high
    if not state.signed:
        return high.bit_length()
    return 1 + max(high.bit_length(), max(0, fundamental * smallest + state.low - 1).bit_length())


def output_errors(graph: AdderGraph, signed: bool = True) -> list[tuple[int, int]]:
    """Proved bounds (least, greatest) of output minus exact product, per target."""
    states = node_states(graph, signed)
    bounds = []
    for target in graph.targets:
        if target.node is None:
            bounds.append((0, 0))
            continue
        state = states[target.node][0]
        low, high = -(state.low << target.shift), state.high << target.shift
        bounds.append((-high, -low) if target.negative else (low, high))
    return bounds


def measured_errors(graph: AdderGraph, inputs: Sequence[int] | Any) -> list[tuple[int, int]]:
    """Least and greatest output minus exact product over some inputs, per target."""
    found = []
    columns = [graph.evaluate(x) for x in inputs]
    for index, target in enumerate(graph.targets):
        errors = [row[index] - target.constant * x for row, x in zip(columns, inputs, strict=True)]
        found.append((min(errors), max(errors)))
    return found
