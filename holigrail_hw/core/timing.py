"""How a core is clocked and wrapped: what ``--period``, ``--latency`` and ``--shell`` ask for."""

import math
import numbers
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from holigrail_hw.estimate.primitives import device_models

from .errors import RequestError
from .identifiers import check_name
from .parameters.integer import integer_of
from .parameters.kind import shown
from .shell_registry import find_shell, shell_names

__all__ = ["Timing"]

_LONGEST_WAIT = (1 << 20) - 1


@dataclass(frozen=True, kw_only=True)
class Timing:
    """A timing request.

    Parameters
    ----------
    period_ns : float or None
        Clock period the schedule aims at, in ns; ``None`` places no register for speed.
    latency : int or None
        Wanted latency in cycles instead of a period; the schedule balances the steps over it.
    device : str
        Name of the device model that predicts delays.
    shell : str
        ``plain`` (ports with fixed latency), ``stream`` (valid and ready on both sides),
        ``axi-stream`` (every stream as AXI4-Stream) or ``wishbone`` (streams as registers of a
        Wishbone slave). An engine has streams in any case.
    wait_cycles : int or None
        The most cycles for which a Wishbone slave keeps a master waiting before it answers with
        ``err``; ``None`` for its default, 0 for no wait at all. Only with that shell.
    name : str or None
        What the module is called; ``None`` for a name that says what was asked for.

    As with parameters of operators, NumPy's numbers and texts are taken, and what a request holds
    is of the declared type.

    Raises
    ------
    RequestError
        If a value is of another kind or out of range, both a period and a latency are given, or
        the name is none for a module.
    """

    period_ns: float | None = None
    latency: int | None = None
    device: str = "generic"
    shell: str = "plain"
    wait_cycles: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        self._settle()
        wrong = []
        if self.period_ns is not None and not 0 < self.period_ns < math.inf:
            wrong.append(f"timing: period must be a positive number of ns, not {self.period_ns:g}")
        if self.latency is not None and not 0 <= self.latency <= 64:
            wrong.append(f"timing: latency must be between 0 and 64 cycles, not {self.latency}")
        if self.period_ns is not None and self.latency is not None:
            wrong.append("timing: period and latency must not be given together")
        hint = None
        if self.device not in device_models():
            wrong.append(f"timing: no device model named {self.device!r}")
            hint = f"there are {', '.join(device_models())}"
        if self.shell not in shell_names():
            names = ", ".join(shell_names())
            wrong.append(f"timing: shell must be one of {names}, not {self.shell!r}")
        if self.wait_cycles is not None:
            if self.shell not in shell_names() or not find_shell(self.shell).may_wait:
                wrong.append(
                    f"timing: wait cycles must be given with the shell wishbone, not {self.shell}"
                )
            if not 0 <= self.wait_cycles <= _LONGEST_WAIT:
                wrong.append(
                    f"timing: wait cycles must be between 0 and {_LONGEST_WAIT},"
                    f" not {self.wait_cycles}"
                )
        try:
            check_name("timing", self.name)
        except RequestError as error:
            wrong += error.violations
        if wrong:
            raise RequestError(wrong, hint=hint)

    def _settle(self) -> None:
        """Bring every field to its declared type; raises RequestError with all that cannot be."""
        wrong = []
        for field in fields(self):
            given = getattr(self, field.name)
            if given is None and field.default is None:
                continue
            try:
                object.__setattr__(self, field.name, _PARSERS[field.type](given))
            except ValueError as error:
                wrong.append(f"timing: {field.name} {error}")
        if wrong:
            raise RequestError(wrong)


def _number(given: Any) -> float:
    is_number = isinstance(given, str | numbers.Real) and not isinstance(given, bool | np.bool_)
    try:
        if is_number:
            return float(given)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"must be a number of ns, not {shown(given)}")


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError(f"must be a name, not {shown(given)}")
    return str(given)


_PARSERS: dict[Any, Any] = {
    float | None: _number,
    int | None: integer_of,
    str: _text,
    str | None: _text,
}
