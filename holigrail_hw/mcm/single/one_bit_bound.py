"""A lower bound of one-bit adders that needs no search over sets of fundamentals.

Every odd target t is made by an adder of its own. With W(c) bits of a node and fundamentals below
2^B, an adder of t costs at least W(1), but for t = v - (u << s): there s < B low bits may pass, and
W(t) - s is left. So the targets cost at least the sum of

    m(t) = max(0, min(W(1), W(t) - (B - 1))).

The first adder of a graph is made from the input alone and costs W(1) or more. If no target can be
made that way, it comes on top; else it replaces the largest m(t) at best. The rule da4ml counts no
bit as passed there, so m(t) = W(1). By the rule sat_mcm adders may cost less than nothing; nothing
is known then.
"""

from collections.abc import Sequence

from .forms import Costs
from .relations import neighbours

__all__ = ["one_bit_bound"]


def one_bit_bound(targets: Sequence[int], costs: Costs) -> int:
    """One-bit adders of any exact graph of the odd ``targets``, at least.

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
