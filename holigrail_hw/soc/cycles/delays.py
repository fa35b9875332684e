"""Numbers of cycles between the parts of an accelerator, which depend on its pipelines."""

from dataclasses import dataclass

from .depthwise import UnitDelays

__all__ = ["Delays"]


@dataclass(frozen=True)
class Delays:
    """What an accelerator's hardware says of itself.

    Attributes
    ----------
    step : int
        Of the engine's array, from one row to the next.
    spacing : int
        At least, between the first vectors of two tiles.
    swap : int
        From a vector taken to the exchange of parameters for it.
    whole : int
        From a vector taken to its results.
    turn : int
        At least, between two vectors whose results leave the engine.
    statuses : int
        Commands whose results may be on their way at once.
    lane : int
        Of the adder, from two codes taken to their sum in its queue.
    sizes, spans : int
        Steps in which the sizes of a product are checked, and spans of addresses.
    depthwise : UnitDelays or None
        Of the unit for depthwise layers, if there is one.
    one_port : bool
        Whether nothing is read in a cycle in which results are written.
    """

    step: int
    spacing: int
    swap: int
    whole: int
    turn: int
    statuses: int
    lane: int
    sizes: int
    spans: int
    depthwise: UnitDelays | None = None
    one_port: bool = False
