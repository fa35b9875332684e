"""The fastest plan of a given latency."""

from collections.abc import Callable

from .plan import Plan

__all__ = ["schedule"]


def schedule(make: Callable[[float | None, int], Plan], latency: int) -> Plan:
    """The plan with the shortest promised period among those of exactly ``latency`` cycles.

    ``make(period_ns, latency)`` builds a plan. Bisection on the period; registers are added at the
    outputs when there are fewer steps than cycles. Loops stay as short as they can be: to
    interleave sums changes what the hardware does, so only a period may ask for it.
    """
    plan = make(None, latency)
    if plan.latency > latency:
        raise ValueError(f"latency must be at least {plan.latency} cycles, not {latency}")
    low, high = 0.0, plan.promise_ns
    for _ in range(12):
        middle = (low + high) / 2
        attempt = make(middle, latency)
        if attempt.latency <= latency and attempt.interleave == plan.interleave:
            high = middle
            if attempt.promise_ns < plan.promise_ns:
                plan = attempt
        else:
            low = middle
    return plan
