"""How deeply the elements of an array are pipelined for a clock period."""

from typing import Any

from amaranth import unsigned

from holigrail_hw.core.timing import Timing
from holigrail_hw.estimate.primitives import Multiplexer, device_model
from holigrail_hw.hdl.plan.plan import Plan
from holigrail_hw.hdl.shapes import shape_of

from .partial_sums import PartialSums

__all__ = ["Pace"]

_LATEST = 16
# A sum from outside is read from a memory, through a register.
_FETCHED = 2


class Pace:
    """The schedule of a chain of elements, each of which adds one product to a partial sum.

    The product is made before the partial sum arrives, so that only the addition lies between one
    element and the next.

    Attributes
    ----------
    late : int
        Cycles from an element's factors to the partial sum it adds to.
    step : int
        Cycles from a partial sum to the next element's, its register included.
    finish : int
        Cycles to round a finished sum.
    promise_ns : float
        Clock period the device model promises, in ns.
    """

    def __init__(self, sums: PartialSums, timing: Timing):
        self._sums, self._period_ns = sums, timing.period_ns
        self._device = device_model(timing.device)
        latest = 1 if timing.period_ns is None else _LATEST
        least = _FETCHED if sums.continues else 0
        lates = range(least, least + latest)
        plans = {late: self._element(sums.products, late, 0, selects=sums.guard) for late in lates}

        def order(late: int) -> tuple[int, int]:
            return plans[late].latency - late, plans[late].latency

        self.late = min(plans, key=order)
        plan, end = plans[self.late], self.end()
        self.step, self.finish = plan.latency - self.late + 1, end.latency
        self.promise_ns = max(plan.promise_ns, end.promise_ns)

    @property
    def key(self) -> tuple[PartialSums, float | None, str]:
        """Equal where everything that is scheduled is equal."""
        return self._sums, self._period_ns, self._device.name

    def element(self, count: int, *, selects: bool = False) -> Plan:
        """The arithmetic of the element that adds the ``count``-th product, a fresh plan.

        Inputs ``a``, ``b`` and, unless it is the first, ``state``, which is ``late`` cycles behind;
        with a guard also ``used``; output ``sum``, to be registered once more. If the element
        ``selects``, its factor ``a`` has gone through a multiplexer in the same cycle.
        """
        return self._element(count, self.late, self.late + self.step - 1, selects=selects)

    def _element(self, count: int, late: int, latency: int, *, selects: bool) -> Plan:
        sums = self._sums
        inputs = {"a": shape_of(sums.a), "b": shape_of(sums.b)}
        if count > 1 or sums.continues:
            inputs["state"] = unsigned(sums.width(count - 1))
        if sums.guard:
            inputs["used"] = unsigned(1)

        def datapath(
            plan: Plan, a: Any, b: Any, state: Any = None, used: Any = None
        ) -> dict[str, Any]:
            if selects:
                chosen = Multiplexer(sums.a.width)
                a = plan.step("selected", a.shape, lambda a: a, a, using=chosen)
            return {"sum": sums.step(plan, a, b, state, count, used)}

        return Plan(
            inputs,
            {"sum": unsigned(sums.width(count))},
            datapath,
            device=self._device,
            period_ns=self._period_ns,
            latency=max(late, latency),
            arrivals={"state": late},
        )

    def end(self) -> Plan:
        """What rounds a finished sum: from ``state`` to ``code``, a fresh plan."""
        sums = self._sums

        def datapath(plan: Plan, state: Any) -> dict[str, Any]:
            return {"code": sums.finish(plan, state)}

        return Plan(
            {"state": unsigned(sums.width(sums.products))},
            {"code": unsigned(sums.final.width)},
            datapath,
            device=self._device,
            period_ns=self._period_ns,
        )
