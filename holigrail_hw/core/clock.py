"""What becomes of the clock that was asked for, and what it does to the meaning of a design."""

import math
from dataclasses import dataclass

from .errors import DesignError

__all__ = ["Clock"]


@dataclass(frozen=True)
class Clock:
    """The clock of a design as its device model sees it.

    Parameters
    ----------
    who : str
        Name of the operator.
    device : str
        Name of the device model.
    asked_ns : float or None
        The period asked for, in ns.
    promise_ns : float or None
        The period that the model promises, in ns; ``None`` if the operator has no model.
    interleave : int
        How many independent sums the hardware holds: item *t* belongs to sum *t* modulo that.
    """

    who: str
    device: str
    asked_ns: float | None
    promise_ns: float | None
    interleave: int = 1

    @property
    def met(self) -> bool | None:
        """Whether the clock asked for is promised; ``None`` if none was, or without a model."""
        if self.asked_ns is None or self.promise_ns is None:
            return None
        return self.promise_ns <= self.asked_ns

    @property
    def nearest_ns(self) -> float | None:
        """The promise, rounded up to a thousandth of a ns: a period that can be asked for."""
        return None if self.promise_ns is None else math.ceil(self.promise_ns * 1000) / 1000

    def require(self) -> None:
        """Refuse a clock that the model cannot promise.

        Raises
        ------
        DesignError
            With the nearest clock that it can.
        """
        if self.met is not False:
            return
        raise DesignError(
            f"{self.who}: the clock must be one that the model {self.device} can promise, the"
            f" nearest {_text(self.nearest_ns)}, not {_text(self.asked_ns)}",
            hint=f"--period {self.nearest_ns}, or --best-effort to go on with what there is",
        )

    def remarks(self) -> list[str]:
        """What must not go without saying: other sums, a clock not met or not known."""
        found = []
        if self.interleave > 1:
            found.append(
                f"{self.who}: holds {self.interleave} interleaved sums; item t belongs to sum t mod"
                f" {self.interleave}"
            )
        if self.met is False:
            found.append(
                f"{self.who}: the model {self.device} promises {_text(self.nearest_ns)}, not the"
                f" {_text(self.asked_ns)} asked for"
            )
        if self.asked_ns is not None and self.promise_ns is None:
            found.append(
                f"{self.who}: has no model of its clock; whether {_text(self.asked_ns)} are met,"
                " place and route tells"
            )
        return found


def _text(period_ns: float | None) -> str:
    assert period_ns is not None
    return f"{period_ns:.10g} ns ({1000 / period_ns:.4g} MHz)"
