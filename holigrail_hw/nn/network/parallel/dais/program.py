"""The unrolled network as a DAIS program, for tools that read those, such as da4ml.

Inputs and outputs are the integers of the graph. A number of the program is value 2^-exponent of
the value that it stands for: where the instruction set shifts one operand only, the shift of the
other one is put off. Types have the bits that their numbers need, so nothing wraps.

Reference: Sun et al., da4ml: Distributed Arithmetic for Real-time Neural Networks on FPGAs, 2025
(its page DAIS).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from holigrail_hw.mcm.graph.adder_graph import Operand
from holigrail_hw.mcm.matrix.design import MatrixDesign
from holigrail_hw.mcm.matrix.graph import Matrix, MatrixGraph
from holigrail_hw.models.dais.program import DaisOutput, DaisProgram

from ..operations import Code, Largest, Sums, Unrolled
from ..rules import Shift, Steps, Table
from .writer import Number, Range, Writer, floor_scaled

__all__ = ["dais_program"]

_INPUT, _RELU, _TABLE = -1, 2, 8
_MOST_ENTRIES = 1 << 12


def dais_program(
    name: str, network: Unrolled, designs: Mapping[Matrix, MatrixDesign]
) -> DaisProgram:
    """The program, with the adder graphs that hardware has; codes in, codes out."""
    writer = Writer()
    elements = {}
    for index, element in enumerate(network.inputs):
        ends = network.low[element], network.high[element]
        elements[element] = writer.add(_INPUT, index, -1, 0, ends)

    def number(element: int) -> "Number":
        if element not in elements:
            elements[element] = writer.constant(network.low[element])
        return elements[element]

    for one in network.operations:
        operands = [number(element) for element in one.inputs]
        match one:
            case Sums():
                ends = [(network.low[e], network.high[e]) for e in one.inputs]
                graph = designs[one.matrix].circuit.graph
                found = _sums(writer, graph, operands, ends, one.constants)
                elements.update(zip(one.outputs, found, strict=True))
            case Code():
                ends = network.low[one.input], network.high[one.input]
                elements[one.output] = _coded(writer, operands[0], ends, one.rule)
            case Largest():
                elements[one.output] = _largest(writer, operands)
    outputs = [number(element) for element in network.outputs]
    return DaisProgram(
        name,
        (0,) * len(network.inputs),
        tuple(writer.operations),
        tuple(DaisOutput(one.place, one.exponent, False) for one in outputs),
        tuple(writer.tables),
    )


def _sums(
    writer: Writer,
    graph: MatrixGraph,
    inputs: Sequence[Number],
    ranges: Sequence[Range],
    constants: Sequence[int],
) -> list[Number]:
    """The rows of a matrix, with their constants."""
    nodes = [*inputs]
    for adder, vector in zip(graph.adders, graph.vectors[graph.inputs :], strict=True):
        terms = [sorted((c * low, c * high)) for c, (low, high) in zip(vector, ranges, strict=True)]
        ends = sum(low for low, _ in terms), sum(high for _, high in terms)
        # The operand that is subtracted, if any, is the second one.
        x, y = sorted(adder.operands, key=lambda operand: operand.negative)
        first, second = _shifted(nodes, x), _shifted(nodes, y)
        nodes.append(writer.sum(first, second, ends, minus=y.negative))
    found = []
    for target, constant in zip(graph.targets, constants, strict=True):
        if target.node is None:
            found.append(writer.constant(constant))
            continue
        node = _shifted(nodes, Operand(target.node, target.shift))
        found.append(
            writer.minus(node, constant) if target.negative else writer.plus(node, constant)
        )
    return found


def _shifted(nodes: Sequence[Number], operand: Operand) -> Number:
    """The operand without its sign."""
    node, places = nodes[operand.node], operand.shift
    ends = node.ends[0] << places, node.ends[1] << places
    return replace(node, exponent=node.exponent + places, ends=ends)


def _coded(writer: Writer, x: Number, ends: Range, rule: Shift | Steps | Table) -> Number:
    """rule(x)."""
    x = replace(x, ends=ends)
    if isinstance(rule, Shift):
        return _cut_and_limited(writer, x, rule)
    if isinstance(rule, Steps) and ends[1] - ends[0] >= _MOST_ENTRIES:
        return _counted(writer, x, rule)
    # Entries are those of the codes of x, in units of which its values may have a distance.
    places = x.exponent - x.fraction
    low, high = (floor_scaled(end, -places) for end in ends)
    values = tuple(rule.apply(floor_scaled(code, places)) for code in range(low, high + 1))
    if values not in writer.tables:
        writer.tables.append(values)
    first = low - writer.operations[x.place].type.least
    data = (first << 32) | writer.tables.index(values)
    return writer.add(_TABLE, x.place, -1, data, (min(values), max(values)))


def _cut_and_limited(writer: Writer, x: Number, rule: Shift) -> Number:
    """base + 2^scale clip((sign x + constant) >> places, low, high)."""
    total = writer.minus(x, rule.constant) if rule.sign < 0 else writer.plus(x, rule.constant)
    places = rule.places
    if rule.even and places:
        # Half a unit less one, and one if the code is odd, so that a tie goes to the even one.
        parity = writer.cut(total, places, (0, 1 << places))
        half = writer.plus(total, (1 << places >> 1) - 1)
        odd = replace(parity, exponent=parity.exponent - places, ends=(0, 1))
        total = writer.sum(half, odd, (half.ends[0], half.ends[1] + 1))
    low, high = (end >> places << places for end in total.ends)
    if places:
        total = writer.cut(total, places, (low, high))
    code = replace(total, exponent=total.exponent - places, ends=(low >> places, high >> places))
    above = writer.plus(code, -rule.low)
    if above.ends[0] < 0:
        above = writer.cut(above, 0, (0, max(above.ends[1], 0)), _RELU)
    room = rule.high - rule.low
    if above.ends[1] > room:
        beyond = writer.plus(above, -room - 1)
        if beyond.ends[0] >= 0:
            above = writer.constant(room)
        else:
            above = writer.choose(beyond, above, writer.constant(room), (0, room))
    ends = above.ends[0] << rule.scale, above.ends[1] << rule.scale
    scaled = replace(above, exponent=above.exponent + rule.scale, ends=ends)
    return writer.plus(scaled, rule.base + (rule.low << rule.scale))


def _counted(writer: Writer, x: Number, rule: Steps) -> Number:
    """base + the jumps of all places that sign x has reached."""
    total = writer.constant(rule.base)
    signed = writer.minus(x, 0) if rule.sign < 0 else x
    for place, jump in zip(rule.places, rule.jumps, strict=True):
        beyond = writer.plus(signed, -place)
        if beyond.ends[0] >= 0:
            step = writer.constant(jump)
        elif beyond.ends[1] < 0:
            continue
        else:
            ends = min(jump, 0), max(jump, 0)
            step = writer.choose(beyond, writer.constant(0), writer.constant(jump), ends)
        ends = total.ends[0] + step.ends[0], total.ends[1] + step.ends[1]
        total = writer.sum(total, step, ends)
    return total


def _largest(writer: Writer, numbers: Sequence[Number]) -> Number:
    """The maximum, two by two."""
    waiting = [*numbers]
    while len(waiting) > 1:
        x, y, *others = waiting
        ends = max(x.ends[0], y.ends[0]), max(x.ends[1], y.ends[1])
        least, most = x.ends[0] - y.ends[1], x.ends[1] - y.ends[0]
        if least >= 0 or most <= 0:
            larger = x if least >= 0 else y
        else:
            larger = writer.choose(writer.sum(x, y, (least, most), minus=True), y, x, ends)
        waiting = [*others, larger]
    return waiting[0]
