"""Sums by a graph of adders whose operands may lose low bits: the node *adders*, in integers.

Nodes 0 to features - 1 are the operands. A row of ``adders`` is one more node,

    s (clear(u, t) 2^p + c) + s' (clear(v, t') + c') + k

where clear(u, t) is u with its t lowest bits set to 0. Its columns are u, p, s, t, c, then v, s',
t', c', then k; signs are 1 or -1, not both -1. A row of ``targets`` is u, p, s and c: s u 2^p + c,
where u = -1 stands for 0. (Truncation: Garcia and Volkova, Toward the Multiple Constant
Multiplication at Minimal Hardware Cost, 2023.)
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError

from .nodes import Adders

__all__ = ["adder_sums", "adder_violations", "exact_part", "sum_ends"]

_WIDEST = 62


def adder_violations(node: Adders) -> Iterator[str]:
    """What no graph of adders may have; arrays are known to be integers."""
    if node.adders.ndim != 2 or node.adders.shape[1] != 10:
        yield f"adders must be rows of 10 integers, not {[*node.adders.shape]}"
        return
    if node.targets.ndim != 2 or node.targets.shape[1] != 4:
        yield f"targets must be rows of 4 integers, not {[*node.targets.shape]}"
        return
    for index, (u, p, s, t, _, v, other, cut, _, _) in enumerate(node.adders.tolist()):
        if not (0 <= u < node.features + index and 0 <= v < node.features + index):
            yield f"adder {index}: operands must come before it, not {u} and {v}"
        if not all(0 <= places < _WIDEST for places in (p, t, cut)):
            yield f"adder {index}: shifts and lost bits must be 0 to 61, not {p}, {t} and {cut}"
        if (s, other) not in ((1, 1), (1, -1), (-1, 1)):
            yield f"adder {index}: signs must be 1 or -1, not both -1, not {s} and {other}"
    nodes = node.features + len(node.adders)
    for index, (u, p, s, _) in enumerate(node.targets.tolist()):
        if not -1 <= u < nodes or not 0 <= p < _WIDEST or s not in (1, -1):
            yield f"target {index}: it must be a node with a shift and a sign, not {u}, {p}, {s}"


def adder_sums(node: Adders, x: np.ndarray) -> np.ndarray:
    """The result for operands (frames, features), all of which are known to fit."""
    values = [*x.T]
    for u, p, s, t, c, v, other, cut, d, k in node.adders.tolist():
        left = ((values[u] >> t << t) << p) + c
        right = (values[v] >> cut << cut) + d
        values.append(s * left + other * right + k)
    zeros = np.zeros(len(x), np.int64)
    found = [s * ((zeros if u < 0 else values[u]) << p) + c for u, p, s, c in node.targets.tolist()]
    return np.stack(found, axis=-1)


def exact_part(node: Adders) -> tuple[np.ndarray, np.ndarray]:
    """Weights (features, results) and constants (results,) of the sums if no bit were lost."""
    unit = np.eye(node.features + 1, dtype=object)
    # The last column is the constant.
    rows = [*unit[:-1]]
    one = unit[-1]
    for u, p, s, _, c, v, other, _, d, k in node.adders.tolist():
        rows.append(s * ((rows[u] << p) + c * one) + other * (rows[v] + d * one) + k * one)
    found = np.array(
        [
            s * ((rows[u] if u >= 0 else 0 * one) << p) + c * one
            for u, p, s, c in node.targets.tolist()
        ],
        object,
    )
    return found[:, :-1].T, found[:, -1]


def sum_ends(node: Adders, low: np.ndarray, high: np.ndarray, who: str) -> tuple[Any, Any]:
    """Least and greatest results for operands between two ends (features,).

    Adder by adder, and by the exact sums with all that may be lost; the narrower of both.

    Raises
    ------
    ModelError
        If a sum does not fit into 62 bits.
    """
    ends = [*zip(map(int, low), map(int, high), strict=True)]
    lost = [(0, 0)] * node.features
    whole = _whole(node, ends)
    for index, (u, p, s, t, c, v, other, cut, d, k) in enumerate(node.adders.tolist()):
        sides, gone = [], []
        for n, places, sign, bits, constant in ((u, p, s, t, c), (v, 0, other, cut, d)):
            pair = [(end >> bits << bits << places) + constant for end in ends[n]]
            sides.append(sorted(sign * end for end in pair))
            off = (lost[n][0] + 1 - (1 << bits)) << places, lost[n][1] << places
            gone.append(sorted(sign * end for end in off))
        lost.append((gone[0][0] + gone[1][0], gone[0][1] + gone[1][1]))
        exact = whole[index]
        least = max(sides[0][0] + sides[1][0] + k, exact[0] + lost[-1][0])
        most = min(sides[0][1] + sides[1][1] + k, exact[1] + lost[-1][1])
        if max(-least, most) >= 1 << _WIDEST:
            raise ModelError(f"{who}: sums must fit into {_WIDEST} bits")
        ends.append((least, most))
    ends.append((0, 0))
    found = [sorted(s * (end << p) + c for end in ends[u]) for u, p, s, c in node.targets.tolist()]
    if any(max(-pair[0], pair[1]) >= 1 << _WIDEST for pair in found):
        raise ModelError(f"{who}: sums must fit into {_WIDEST} bits")
    return np.array([p[0] for p in found], np.int64), np.array([p[1] for p in found], np.int64)


def _whole(node: Adders, ends: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ends of every adder's sum if no bit were lost."""
    targets = [[index + node.features, 0, 1, 0] for index in range(len(node.adders))]
    weights, constants = exact_part(node.changed(targets=np.array(targets, np.int64)))
    least = np.array([pair[0] for pair in ends], object)
    most = np.array([pair[1] for pair in ends], object)
    plus, minus = np.maximum(weights, 0), np.minimum(weights, 0)
    low, high = least @ plus + most @ minus + constants, most @ plus + least @ minus + constants
    return [*zip(low.tolist(), high.tolist(), strict=True)]
