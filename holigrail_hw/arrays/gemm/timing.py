"""How many cycles lie between the parts of an engine."""

from holigrail_hw.core.timing import Timing

from .shape import GemmShape

__all__ = ["STATUS_DEPTH", "GemmTiming"]

STATUS_DEPTH = 4
"""How many statuses wait at the border."""

_QUEUE_CYCLES = 2
# A row of sums is read from memory and added to; its new sum goes through one more register.
_SUM_CYCLES = 3


class GemmTiming:
    """Cycles between the parts of an engine.

    Attributes
    ----------
    array : int
        From a vector taken to its sums.
    swap : int
        From a vector taken to the exchange of parameters for it.
    whole : int
        From a vector taken to its results at the border.
    step : int
        Of the array, from one row to the next.
    late : int
        From a vector taken to the sums that it adds to.
    spacing : int
        At least, between the first vectors of two tiles.
    turn : int
        At least, between two vectors whose results leave: what the lanes take for a row.
    """

    def __init__(self, spec: GemmShape, timing: Timing):
        pace = spec.pace(timing)
        lanes = spec.lane_plan(timing).latency if spec.lanes else 0
        self.step, self.late = pace.step, pace.late
        self.array = pace.late + spec.rows * pace.step + spec.columns - 1 + pace.finish
        add = 0 if spec.sums.continues else _SUM_CYCLES + spec.totals.plan(timing).latency
        self.spacing = add + 1 if add else self.array - self.late + 3
        self.swap = self.array + add - 1
        self.turn = spec.lane_cycles
        self.totals = self.array + add
        self.written = self.totals + lanes + self.turn - 1
        self.whole = self.written + _QUEUE_CYCLES
