"""The best truncation of a given adder graph under an error bound per node.

Adders are visited in topological order; each may clear low bits of one operand. A branch is cut
where a node has a larger error than its users tolerate, where the cost so far plus the least
conceivable cost of the rest reaches the best known one, and where another choice with the same past
is no more expensive, no less exact, and has no fewer known zeros. Clearing bits of both operands
saves nothing more.

The error a node may have follows from its users: an error of e becomes e * 2^s / 2^r in the next
node. A node with z known zeros has errors that span 2^z - 1, since odd multiples take every
residue; this bounds the zeros, and with them the savings, of every adder in advance.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..graph.error_bounds import NodeState, width_of
from ..single.forms import Form
from .adder_cost import State, input_state, limits_of, truncated_adder

__all__ = ["GraphTruncation", "conceivable_cost", "tolerances"]


class _Node(NamedTuple):
    fundamental: int
    left: int
    right: int
    form: Form


class _Choice(NamedTuple):
    cost: int
    truncate: tuple[int, int]
    state: State


def conceivable_cost(
    width: int, left_width: int, right_width: int, form: Form, tolerance: int
) -> int:
    """A lower bound on one adder's cost if its result may be off by ``tolerance``.

    Widths are those without truncation, which are the narrowest.
    """
    total = width + form.right_shift
    if not form.shift:
        return max(0, total - 1)
    spread = 2 * tolerance
    passed = 0
    if not form.negative_right:
        passed = ((spread >> form.shift) + 1).bit_length() - 1 + form.shift
    if not form.negative_left:
        passed = max(passed, (spread + 1).bit_length() - 1)
    carry_out = total > max(left_width + form.shift, right_width)
    return max(0, total - passed - carry_out)


def tolerances(nodes: Sequence[_Node], allowed: dict[int, int]) -> list[int]:
    """The largest error each node may have if the rest is exact; node 0 is the input."""
    unlimited = 1 << 200
    found = [unlimited] * (len(nodes) + 1)
    for index in range(len(nodes), 0, -1):
        node = nodes[index - 1]
        own = min(found[index], allowed.get(node.fundamental, unlimited))
        found[index] = own
        here = own << node.form.right_shift
        found[node.left] = min(found[node.left], here >> node.form.shift)
        found[node.right] = min(found[node.right], here)
    return found


class GraphTruncation:
    """Truncations of the graph given by (fundamental, form) in topological order."""

    def __init__(
        self,
        order: Sequence[tuple[int, Form]],
        allowed: dict[int, int],
        input_width: int,
        signed: bool,
    ):
        place = {1: 0}
        self.nodes: list[_Node] = []
        for fundamental, form in order:
            self.nodes.append(_Node(fundamental, place[form.left], place[form.right], form))
            place[fundamental] = len(self.nodes)
        self.tolerance = tolerances(self.nodes, allowed)
        exact = NodeState(0, 0, 0, signed)
        self.start = input_state(input_width, signed)
        self.limits = limits_of(input_width, signed)
        widths = [input_width] + [
            width_of(node.fundamental, exact, input_width, signed) for node in self.nodes
        ]
        self.rest = [0]
        for index in range(len(self.nodes), 0, -1):
            node = self.nodes[index - 1]
            least = conceivable_cost(
                widths[index],
                widths[node.left],
                widths[node.right],
                node.form,
                self.tolerance[index],
            )
            self.rest.append(self.rest[-1] + least)
        self.rest.reverse()
        self.is_used = [False] * (len(self.nodes) + 1)
        for node in self.nodes:
            self.is_used[node.left] = self.is_used[node.right] = True

    def exact_search(
        self, below: int, steps: int
    ) -> tuple[int, list[tuple[int, int]] | None, bool]:
        """Least cost below ``below``, the truncations (left, right), and whether it is proved."""
        self.best, self.answer, self.steps = below, None, steps
        self._visit(0, 0, [self.start], [])
        return self.best, self.answer, self.steps > 0

    def _visit(self, index, cost, states, chosen) -> None:
        if index == len(self.nodes):
            self.best, self.answer = cost, list(chosen)
            return
        self.steps -= 1
        if self.steps <= 0:
            return
        for choice in self._choices(index, states):
            total = cost + choice.cost
            if total + self.rest[index + 1] >= self.best:
                break
            self._visit(
                index + 1,
                total,
                [*states, choice.state],
                [*chosen, choice.truncate],
            )

    def cost_of(self, truncations: Sequence[tuple[int, int]]) -> int | None:
        """Cost with given truncations; None if a node exceeds its tolerance."""
        states, cost = [self.start], 0
        for index, (node, truncate) in enumerate(zip(self.nodes, truncations, strict=True), 1):
            here, state = truncated_adder(
                node.fundamental,
                node.form,
                states[node.left],
                states[node.right],
                truncate,
                self.limits,
            )
            if max(state[:2]) > self.tolerance[index]:
                return None
            cost += here
            states.append(state)
        return cost

    def saving(self, index: int, truncate: tuple[int, int]) -> int:
        """One-bit adders that truncating adder ``index`` (from 1) alone saves."""
        form = self.nodes[index - 1].form
        left = 0 if form.negative_right else max(truncate[0] + form.shift, form.shift)
        right = 0 if form.negative_left else truncate[1]
        plain = 0 if form.negative_right else form.shift
        return max(left, right) - plain

    def _choices(self, index: int, states: list[State]) -> list[_Choice]:
        """Undominated truncations of one adder, cheapest first."""
        fundamental, left_node, right_node, form = self.nodes[index]
        tolerance = self.tolerance[index + 1]
        left, right, limits = states[left_node], states[right_node], self.limits
        candidates = [(0, 0)]
        if form.shift:
            room = (tolerance >> form.shift) + (1 << left[2])
            candidates += [(t, 0) for t in range(left[2] + 1, room.bit_length())]
            room = tolerance + (1 << right[2])
            candidates += [(0, t) for t in range(right[2] + 1, room.bit_length())]
        found = []
        for truncate in candidates:
            cost, state = truncated_adder(fundamental, form, left, right, truncate, limits)
            if state[0] <= tolerance and state[1] <= tolerance:
                found.append((cost, state[0] + state[1], -state[2], truncate, state))
        found.sort()
        if not self.is_used[index + 1]:
            del found[1:]
        kept: list[_Choice] = []
        for cost, _, _, truncate, state in found:
            low, high, zeros, width, signed = state
            for _, _, other in kept:
                if (
                    other[0] <= low
                    and other[1] <= high
                    and other[2] >= zeros
                    and other[3] <= width
                    and other[4] <= signed
                ):
                    break
            else:
                kept.append(_Choice(cost, truncate, state))
        return kept
