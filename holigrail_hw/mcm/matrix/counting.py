"""What a matrix adder graph costs in one-bit adders, under the rules of :mod:`.counting`.

Widths follow from the exact range of every node for inputs of one format. Next to a signed operand,
an unsigned one is extended by a zero sign bit. The top bit of a sum is its carry out, which is free
in our rule, only if both operands always have the same sign: both are unsigned and added, or both
are multiples of the same input. sat_mcm's rule covers one input only.
"""

from ..graph.counting import AdderShape, counting_rule
from ..problem.errors import GraphError
from .graph import MatrixGraph, Row

__all__ = ["matrix_adder_costs", "matrix_one_bit_adders", "range_of", "width_of_range"]


def range_of(vector: Row, input_width: int, signed: bool) -> tuple[int, int]:
    """Least and greatest value of the sum of the inputs times these coefficients."""
    low = -(1 << (input_width - 1)) if signed else 0
    high = (1 << (input_width - signed)) - 1
    ends = [(c * low, c * high) for c in vector]
    return sum(min(e) for e in ends), sum(max(e) for e in ends)


def width_of_range(low: int, high: int) -> int:
    """Bits that hold every value, in two's complement if some are negative; at least 1."""
    return max(1, high.bit_length() + (low < 0), (-low - 1).bit_length() + 1 if low < 0 else 0)


def matrix_adder_costs(
    graph: MatrixGraph, input_width: int, *, signed: bool = True, rule: str = "ours"
) -> list[int]:
    """One-bit adders of every adder."""
    if rule == "sat_mcm":
        raise GraphError("counting rule must be ours or da4ml for a matrix, not 'sat_mcm'")
    count = counting_rule(rule)
    ranges = [range_of(vector, input_width, signed) for vector in graph.vectors]
    costs = []
    for node, adder in enumerate(graph.adders, start=graph.inputs):
        left, right = adder.operands
        mixed = (ranges[left.node][0] < 0) != (ranges[right.node][0] < 0)
        left_width, right_width = (
            width_of_range(*ranges[o.node]) + (mixed and ranges[o.node][0] >= 0)
            for o in (left, right)
        )
        width = width_of_range(*ranges[node])
        passed = 0 if right.negative else left.shift
        shape = AdderShape(0, input_width, width, left_width, right_width, left.shift, 0, passed)
        costs.append(count(shape))
        grows = width > max(left_width + left.shift, right_width)
        costs[-1] += rule == "ours" and grows and not _same_sign(graph, node, ranges)
    return costs


def matrix_one_bit_adders(
    graph: MatrixGraph, input_width: int, *, signed: bool = True, rule: str = "ours"
) -> int:
    """One-bit adders of the whole graph, without negations of outputs."""
    return sum(matrix_adder_costs(graph, input_width, signed=signed, rule=rule))


def _same_sign(graph: MatrixGraph, node: int, ranges: list[tuple[int, int]]) -> bool:
    left, right = graph.adders[node - graph.inputs].operands
    if not (left.negative or right.negative) and min(ranges[left.node] + ranges[right.node]) >= 0:
        return True
    both = zip(graph.vectors[left.node], graph.vectors[right.node], strict=True)
    return sum(any(pair) for pair in both) == 1
