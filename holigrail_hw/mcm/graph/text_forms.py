"""Adder graphs in the text form of PAGSuite, FloPoCo, jMCM and sat_mcm.

``{{'A',[11],2,[1],1,3,[3],1,0},{'R',..},{'O',[22],2,[11],2,1}}``: an adder ('A') has its factor and
depth, and per operand factor, depth and shift; a negative factor is a subtracted operand, equal
negative shifts are a right shift of the sum. sat_mcm may write that shift as a field of its own,
behind the depth: ``{'A',[3],2,1,[1],0,0,[5],1,0}`` is (1 + 5) / 2. A register ('R') repeats a value
one depth later; an output ('O') has the constant, its depth, the factor, its depth and a shift.
Reading normalises: even or negative factors become odd and positive with a shift and a sign.
Truncation, and several constants per node (``[3;5]``), cannot be read. A text must name its
outputs; sat_mcm leaves them out, so the caller who reads its texts passes the requested constants.
"""

import re
from collections.abc import Sequence

from ..problem.errors import GraphError
from .adder_graph import Adder, AdderGraph, Operand, Target, decompose

__all__ = ["from_flopoco", "to_flopoco"]

_ITEM = re.compile(r"\{\s*'([A-Z])'\s*,([^{}]*)\}")
_FIELDS = {"A": "vdvdsvds", "R": "vdvd", "O": "vdvds"}
_SHIFTED_ADDER = "vdsvdsvds"
_MOST_SHIFT = 1 << 12


def to_flopoco(graph: AdderGraph) -> str:
    """The text; raises GraphError for a truncated graph, which it cannot express."""
    if not graph.is_exact:
        raise GraphError("text form: must be of a graph without truncation")
    items = []
    for index, adder in enumerate(graph.adders, start=1):
        parts = []
        for operand in adder.operands:
            factor = graph.fundamentals[operand.node] * (-1 if operand.negative else 1)
            depth = graph.depths[operand.node]
            parts.append(f"[{factor}],{depth},{operand.shift - adder.right_shift}")
        items.append(f"{{'A',[{adder.fundamental}],{graph.depths[index]},{','.join(parts)}}}")
    for target in graph.targets:
        if target.node is None:
            items.append("{'O',[0],0,[0],0,0}")
            continue
        factor = graph.fundamentals[target.node] * (-1 if target.negative else 1)
        depth = graph.depths[target.node]
        items.append(f"{{'O',[{target.constant}],{depth},[{factor}],{depth},{target.shift}}}")
    return "{" + ",".join(items) + "}"


def from_flopoco(text: str, constants: Sequence[int] | None = None) -> AdderGraph:
    """Read the text.

    Parameters
    ----------
    text : str
    constants : sequence of int or None
        The outputs of a text without items 'O', in this order.

    Raises
    ------
    GraphError
        The text is malformed, its factors do not fit, or outputs are missing or given twice.
    """
    stripped = text.strip()
    items = _ITEM.findall(stripped)
    rest = _ITEM.sub("", stripped)
    if re.sub(r"[\s,]", "", rest) != "{}":
        raise GraphError("text form: must be {{..},{..}} of items 'A', 'R' and 'O'")
    nodes = {1: 0}
    adders: list[Adder] = []
    targets: list[Target] = []
    for kind, body in sorted(
        ((kind, _numbers(kind, body)) for kind, body in items),
        key=lambda item: (item[0] == "O", item[0] != "O" and item[1][1]),
    ):
        if kind == "A":
            _add(body, nodes, adders)
        elif kind == "O":
            value, _, factor, _, shift = body
            if not _is_shifted(factor, shift, value):
                raise GraphError(f"text form: output {value} is not {factor} * 2^{shift}")
            targets.append(_target(value, nodes))
    if bool(targets) == (constants is not None):
        raise GraphError(
            "text form: outputs must be given once, "
            + ("not in the text and beside it" if targets else "as items 'O' or beside the text")
        )
    targets += [_target(constant, nodes) for constant in constants or ()]
    return AdderGraph(tuple(adders), tuple(targets)).check()


def _is_shifted(factor: int, shift: int, value: int) -> bool:
    """Whether the value, or its negative, is the factor times this power of two."""
    left, right = abs(factor) << max(shift, 0), abs(value) << max(-shift, 0)
    return left == right


def _target(value: int, nodes: dict[int, int]) -> Target:
    if value == 0:
        return Target(0, None)
    odd, total, negative = decompose(value)
    if odd not in nodes:
        raise GraphError(f"text form: output {value} has no node of factor {odd}")
    return Target(value, nodes[odd], total, negative)


def _numbers(kind: str, body: str) -> list[int]:
    pattern = _FIELDS.get(kind)
    fields = [field.strip() for field in body.split(",") if field.strip()]
    if pattern is None:
        raise GraphError(f"text form: items must be 'A', 'R' or 'O', not '{kind}'")
    if kind == "O" and len(fields) == 4:
        fields.append("0")
    if kind == "A" and len(fields) == len(_SHIFTED_ADDER):
        pattern = _SHIFTED_ADDER
    numbers = []
    for letter, field in zip(pattern, fields, strict=False):
        form = r"\[(-?\d+)\]" if letter == "v" else r"(-?\d+)"
        match = re.fullmatch(form, field)
        if match is None:
            raise GraphError(f"text form: item '{kind}' has {field!r} where a number must be")
        numbers.append(int(match[1]))
    if len(fields) != len(pattern):
        raise GraphError(f"text form: item '{kind}' must have {len(pattern)} fields: {body}")
    if any(
        abs(n) > _MOST_SHIFT for n, letter in zip(numbers, pattern, strict=True) if letter != "v"
    ):
        raise GraphError(f"text form: depths and shifts must be at most {_MOST_SHIFT}: {body}")
    if pattern == _SHIFTED_ADDER:
        right_shift = numbers.pop(2)
        numbers[4] -= right_shift
        numbers[7] -= right_shift
    return numbers


def _add(numbers: list[int], nodes: dict[int, int], adders: list[Adder]) -> None:
    value, _, first, _, first_shift, second, _, second_shift = numbers
    low = min(first_shift, second_shift, 0)
    total = (first << (first_shift - low)) + (second << (second_shift - low))
    if total != value << -low or value == 0:
        raise GraphError(
            f"text form: node {value} is not "
            f"{first} * 2^{first_shift} + {second} * 2^{second_shift}"
        )
    odd, _, is_negative = decompose(total)
    if odd in nodes:
        return
    sides = []
    for factor, shift in ((first, first_shift - low), (second, second_shift - low)):
        part, more, negative = decompose(factor)
        if part not in nodes:
            raise GraphError(f"text form: node {value} uses {factor} before it is made")
        sides.append((shift + more, nodes[part], negative != is_negative))
    sides.sort(reverse=True)
    (larger, left, negative_left), (smaller, right, negative_right) = sides
    shift = larger - smaller
    rest = abs(total) >> smaller
    adders.append(
        Adder(
            odd,
            Operand(left, shift, negative_left),
            Operand(right, 0, negative_right),
            0 if shift else (rest & -rest).bit_length() - 1,
        )
    )
    nodes[odd] = len(adders)
