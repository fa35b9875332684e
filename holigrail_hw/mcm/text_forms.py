"""Adder graphs in the text form of PAGSuite, FloPoCo, jMCM and sat_mcm.

``{{'A',[11],2,[1],1,3,[3],1,0},{'R',..},{'O',[22],2,[11],2,1}}``: an adder ('A') has its factor and
depth, and per operand factor, depth and shift; a negative factor is a subtracted operand, equal
negative shifts are a right shift of the sum. A register ('R') repeats a value one depth later; an
output ('O') has the constant, its depth, the factor, its depth and a shift. Reading normalises:
even or negative factors become odd and positive with a shift and a sign. Truncation, and several
constants per node (``[3;5]``), have no place in an adder graph read here.
"""

import re

from .adder_graph import Adder, AdderGraph, Operand, Target, decompose
from .errors import GraphError

__all__ = ["from_flopoco", "to_flopoco"]

_ITEM = re.compile(r"\{\s*'([A-Z])'\s*,([^{}]*)\}")
_FIELDS = {"A": "vdvdsvds", "R": "vdvd", "O": "vdvds"}


def to_flopoco(graph: AdderGraph) -> str:
    """The text; raises GraphError for a truncated graph, which it cannot say."""
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


def from_flopoco(text: str) -> AdderGraph:
    """Read the text; raises GraphError if it is malformed or its factors do not fit."""
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
            if value == 0:
                targets.append(Target(0, None))
                continue
            if factor << shift not in (value, -value):
                raise GraphError(f"text form: output {value} is not {factor} << {shift}")
            odd, total, negative = decompose(value)
            if odd not in nodes:
                raise GraphError(f"text form: output {value} has no node of factor {odd}")
            targets.append(Target(value, nodes[odd], total, negative))
    return AdderGraph(tuple(adders), tuple(targets)).check()


def _numbers(kind: str, body: str) -> list[int]:
    pattern = _FIELDS.get(kind)
    fields = [field.strip() for field in body.split(",") if field.strip()]
    if pattern is None:
        raise GraphError(f"text form: items must be 'A', 'R' or 'O', not '{kind}'")
    if kind == "O" and len(fields) == 4:
        fields.append("0")
    numbers = []
    for letter, field in zip(pattern, fields, strict=False):
        form = r"\[(-?\d+)\]" if letter == "v" else r"(-?\d+)"
        match = re.fullmatch(form, field)
        if match is None:
            raise GraphError(f"text form: item '{kind}' has {field!r} where a number must be")
        numbers.append(int(match[1]))
    if len(fields) != len(pattern):
        raise GraphError(f"text form: item '{kind}' must have {len(pattern)} fields: {body}")
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
