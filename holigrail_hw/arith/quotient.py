"""What divisions and roots have in common: digits are made one after the other, then rounded once.

The digits down to the last place that rounding looks at are exact, and so is whether anything
remains below them: every result is correctly rounded, in every mode. There are two forms. Unrolled,
every digit has hardware of its own, which a clock request cuts into stages, and there is a result
in every cycle. With ``bits_per_cycle`` the same hardware makes that many digits in every cycle
(:meth:`.Plan.repeat`); operands and results are then behind valid and ready.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from holigrail_hw.core import Timing, parameter
from holigrail_hw.formats import Rounding
from holigrail_hw.hdl.number.digit_places import Carried, Wanted
from holigrail_hw.hdl.number.float_sum import UNBOUNDED, Need
from holigrail_hw.hdl.number.project import project
from holigrail_hw.hdl.number.unpacked import Unpacked
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.shells.stream.shell import Streamed

from .rounded import RuledOperator

__all__ = ["MOST_DIGITS", "QuotientOperator"]

MOST_DIGITS = 1024
"""Digits of a quotient in fixed point; each one has hardware of its own."""

_NO_STICKY = (Rounding.TOWARD_ZERO, Rounding.NEAREST_AWAY)


@dataclass(frozen=True, kw_only=True)
class QuotientOperator(RuledOperator):
    """An operation whose exact result has no end; a class adds ``exact_result``."""

    overflow: str = parameter(
        "saturate", "a fixed-point result out of range", choices=("saturate", "wrap")
    )
    bits_per_cycle: int | None = parameter(
        None,
        "digits made in each cycle, one result after the other; all at once if left out",
        low=1,
        high=64,
    )

    @abstractmethod
    def exact_result(self, plan: Plan, wanted: Wanted, **codes: Wire) -> tuple[Unpacked, Carried]:
        """The exact result as far as it is wanted, and what was carried along."""

    @abstractmethod
    def top_place(self) -> int:
        """A place that no exact result reaches: they are all below 2^place."""

    def check(self) -> list[str]:
        wrong = super().check()
        if not wrong and self.target.is_fixed_like:
            digits = self.top_place() - self.target.least_place
            if digits > MOST_DIGITS:
                wrong.append(
                    f"result must have at most {MOST_DIGITS} places below the largest quotient, not"
                    f" {digits}"
                )
        if not wrong and self.bits_per_cycle is not None and not self.of_binary_fractions:
            wrong.append(
                f"bits_per_cycle must be left out for {self.target.kind} numbers, which have no"
                " digits to make one after the other"
            )
        if self.bits_per_cycle is not None and self.flags:
            wrong.append("flags must be left out with bits_per_cycle")
        return wrong

    @property
    def planned(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.bits_per_cycle is None

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int:
        plan, count = self.planned_figures(timing), len(next(iter(items["i"].values())))
        return plan.latency + (count - 1) * plan.interval + 1

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        cost = super().cost(timing)
        if not self.planned:
            # The handshake: a bit for each stage, and a counter to the next item.
            plan = self.planned_figures(timing)
            counter = (plan.interval - 1).bit_length()
            cost["flip_flops"] += plan.latency + counter
            cost["luts"] += 2 * counter + 2
        return cost

    def remarks(self) -> list[str]:
        if self.planned:
            return []
        cycles = self.planned_figures().interval
        return [f"takes an item {cycles} cycles after the one before, or later"]

    def architecture(self, timing: Timing) -> Any:
        """The datapath behind valid and ready."""
        return Streamed(self, timing)

    def rounded(self, plan: Plan, **given: Any) -> Wire:
        codes = {name: given.pop(name) for name in self.operands()}
        random = given.pop("random", None)
        need = Need.of(self.target, self.rounding, random, wraps=self.overflow == "wrap")
        whole = self.is_fixed and self.target.is_fixed_like
        # Where only the sign counts, whether anything remains tells a small result from zero.
        signs = need.finest <= -UNBOUNDED
        sticky = self.rounding not in _NO_STICKY or self.flags or signs
        if self.flags:
            need = replace(need, guard=need.guard + 1)
        wanted = Wanted(need, sticky, whole, self.bits_per_cycle, [random])
        number, (random,) = self.exact_result(plan, wanted, **codes)
        return project(plan, self.target, number, random=random, **given)
