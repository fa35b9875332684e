"""The ways one adder can make an odd factor w from two odd factors u and v.

Three odd numbers are *related* if a signed sum of them, one of them shifted, is zero. The relation
is symmetric: if w can be made from u and v, then v can be made from u and w. One relation may allow
several forms, such as 3 = 2 + 1 = 4 - 1, that differ in cost.
"""

from typing import NamedTuple

from ..graph.adder_graph import Adder, Operand
from ..graph.counting import AdderShape, counting_rule
from ..graph.error_bounds import NodeState, width_of

__all__ = ["Costs", "Form", "forms"]


class Form(NamedTuple):
    """w * 2^right_shift = ±(left << shift) ± right."""

    left: int
    right: int
    shift: int
    right_shift: int
    negative_left: bool
    negative_right: bool

    def adder(self, fundamental: int, nodes: dict[int, int]) -> Adder:
        """The adder, given the node of every factor."""
        return Adder(
            fundamental,
            Operand(nodes[self.left], self.shift, self.negative_left),
            Operand(nodes[self.right], 0, self.negative_right),
            self.right_shift,
        )


def forms(u: int, v: int, w: int) -> list[Form]:
    """Every normal form of w made from u and v; empty if there is none."""
    found = []
    for left, right in {(u, v), (v, u)}:
        for total, negative_left, negative_right in (
            (w - right, False, False),
            (right - w, True, False),
            (w + right, False, True),
        ):
            quotient, remainder = divmod(total, left)
            if quotient > 1 and not remainder and not quotient & (quotient - 1):
                shift = quotient.bit_length() - 1
                found.append(Form(left, right, shift, 0, negative_left, negative_right))
    if _is_shifted(u + v, w):
        found.append(Form(u, v, 0, _shift(u + v, w), False, False))
    if u != v and _is_shifted(abs(u - v), w):
        larger, smaller = max(u, v), min(u, v)
        found.append(Form(larger, smaller, 0, _shift(larger - smaller, w), False, True))
    return sorted(found)


class Costs:
    """One-bit adders of single adders for one input format and counting rule; memoised."""

    def __init__(self, input_width: int, signed: bool = True, rule: str = "ours"):
        self.input_width = input_width
        self.signed = signed
        self.rule = rule
        self._count = counting_rule(rule)
        self._widths: dict[int, int] = {}
        self._cheapest: dict[tuple[int, int, int], tuple[int, Form]] = {}

    def width(self, fundamental: int) -> int:
        """Bits of a node without truncation."""
        width = self._widths.get(fundamental)
        if width is None:
            exact = NodeState(0, 0, 0, self.signed)
            width = width_of(fundamental, exact, self.input_width, self.signed)
            self._widths[fundamental] = width
        return width

    def of(self, fundamental: int, form: Form) -> int:
        """One-bit adders of one adder without truncation."""
        passed = form.shift if form.shift and not form.negative_right else 0
        return self._count(
            AdderShape(
                fundamental,
                self.input_width,
                self.width(fundamental),
                self.width(form.left),
                self.width(form.right),
                form.shift,
                form.right_shift,
                passed,
            )
        )

    def cheapest(self, u: int, v: int, w: int) -> tuple[int, Form]:
        """The cheapest form of w from the related factors u and v, with its cost."""
        key = (u, v, w) if u <= v else (v, u, w)
        found = self._cheapest.get(key)
        if found is None:
            found = min((self.of(w, form), form) for form in forms(*key))
            self._cheapest[key] = found
        return found


def _is_shifted(total: int, w: int) -> bool:
    return total > w and total % w == 0 and not (total // w) & (total // w - 1)


def _shift(total: int, w: int) -> int:
    return (total // w).bit_length() - 1
