"""What a rounding unit tells besides the code, for exception flags."""

from dataclasses import dataclass

from ..plan.plan import Wire
from .unpacked import Unpacked

__all__ = ["Status"]


@dataclass
class Status:
    """What a rounding unit is asked to tell, and tells: one-bit wires for finite numbers.

    ``tininess``: ``before`` or ``after``. ``number``: what was rounded.
    """

    tininess: str
    number: Unpacked | None = None
    inexact: Wire | None = None
    underflow: Wire | None = None
    overflow: Wire | None = None
