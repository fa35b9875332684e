"""Whether a design has room on a device, by its estimated cost, before anything is written.

Blocks of products and bits of memory are counted, so one too many is refused. Look-up tables and
flip-flops are estimated, for single operators up to half too high: a design is refused where even
two thirds of the estimate do not fit, and a smaller excess is only said.
"""

from dataclasses import dataclass

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from .devices import Target

__all__ = ["Excess", "excesses", "remarks", "require_room"]

_LOGIC_TOLERANCE = 1.5


@dataclass(frozen=True)
class Excess:
    """What an estimate has more of than a device.

    Attributes
    ----------
    what : str
        Kind of resource, in words.
    needed, available : int
    tolerance : float
        How many times too high the estimate may be.
    """

    what: str
    needed: int
    available: int
    tolerance: float = 1.0

    @property
    def is_certain(self) -> bool:
        """Whether it does not fit even if the estimate is as wrong as it may be."""
        return self.needed > self.tolerance * self.available

    def __str__(self) -> str:
        return f"{self.needed} of {self.available} {self.what}"


def excesses(spec: OperatorSpec, timing: Timing, goal: Target, *, dsp: bool = True) -> list[Excess]:
    """Everything that a design is estimated to need more of than the device has.

    ``dsp`` says whether products may go into DSP blocks; of a device that is not known in numbers
    nothing is said. What a board's link or self-test needs comes on top and is not counted.
    """
    room = goal.room
    if not room:
        return []
    cost = spec.cost(timing)
    memory = room["memory_bits"] + room["large_memory_bits"]
    found = [
        Excess("LUTs", cost["luts"], room["luts"], _LOGIC_TOLERANCE),
        Excess("flip-flops", cost["flip_flops"], room["flip_flops"], _LOGIC_TOLERANCE),
        Excess("memory bits", cost["memory_bits"], memory),
    ]
    if dsp and goal.has_dsp:
        # A block of an iCE40 takes two narrow products, which the estimate counts one by one.
        each = 2.0 if goal.family == "ice40" else 1.0
        found.append(Excess("DSP blocks", cost["dsps"], room["dsps"], each))
    return [one for one in found if one.needed > one.available]


def remarks(spec: OperatorSpec, timing: Timing, goal: Target) -> list[str]:
    """A line if the design is estimated to be larger than the device."""
    found = excesses(spec, timing, goal)
    if not found:
        return []
    verb = "does not" if any(one.is_certain for one in found) else "may not"
    return [f"{spec.name}: {verb} fit on {goal.name}, estimated {_listed(found)}"]


def require_room(
    spec: OperatorSpec,
    timing: Timing,
    goal: Target,
    *,
    who: str,
    where: str,
    dsp: bool = True,
) -> None:
    """Refuse a design that is larger than ``goal``, which messages call ``where``.

    Raises
    ------
    DesignError
        With everything that there is too little of.
    """
    found = excesses(spec, timing, goal, dsp=dsp)
    if any(one.is_certain for one in found):
        raise DesignError(
            f"{who}: the design must fit on {where}, not need an estimated {_listed(found)}",
            hint="take a larger device, narrower formats, or a form that takes more cycles;"
            " --best-effort tries it all the same",
        )


def _listed(found: list[Excess]) -> str:
    return ", ".join(map(str, found))
