"""A lower bound on one-bit adders that needs no search over sets of fundamentals.

Every odd target t is made by its own adder. With W(c) bits in a node and fundamentals below 2^B,
the adder of t costs at least W(1), except for t = v - (u << s): there s < B low bits may pass
through, which leaves W(t) - s. So the targets cost at least the sum of

    m(t) = max(0, min(W(1), W(t) - (B - 1))).

The first adder of a graph is made from the input alone and costs W(1) or more. If no target can be
made that way, its cost is added; otherwise it replaces the largest m(t) at best. The rule da4ml
counts no bit as passed there, so m(t) = W(1). Under the rule sat_mcm an adder may have a negative
cost, so there is no bound.
"""

from collections.abc import Sequence

from .forms import Costs
from .relations import neighbours

__all__ = ["one_bit_bound"]


def one_bit_bound(targets: Sequence[int], costs: Costs) -> int:
    """A lower bound on the one-bit adders of any exact graph of the odd ``targets``.

    Fundamentals have at most as many bits as the largest target; their number is not limited.
    """
    if not targets or costs.rule == "sat_mcm":
        return 0
    bits = max(t.bit_length() for t in targets)
    adder = costs.width(1)
    least = [
        adder if costs.rule == "da4ml" else max(0, min(adder, costs.width(t) - (bits - 1)))
        for t in targets
    ]
    from_input = neighbours(1, 1, bits)
    first = [cost for t, cost in zip(targets, least, strict=True) if t in from_input]
    return sum(least) + adder - max(first, default=0)
