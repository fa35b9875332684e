"""The unit for depthwise layers, cycle by cycle: pixels in order, weights and parameters beside."""

from dataclasses import dataclass

from holigrail_hw.soc.descriptors.matmul import SIDE

from .readers import Reader, granted

__all__ = ["Lines", "UnitDelays", "depthwise_cycles"]

_TAPS = SIDE * SIDE
_LONG_AGO = -(1 << 30)


@dataclass(frozen=True)
class UnitDelays:
    """Cycles from a pixel that completes a window.

    ``swap``: to the exchange of parameters for it; ``whole``: to its results; ``turn``: at least,
    to the next one.
    """

    swap: int
    whole: int
    turn: int


@dataclass(frozen=True)
class Lines:
    """What of a descriptor for the unit its cycles depend on.

    ``parts`` are the items that make a record of parameters; ``strides`` are pixels down and
    across.
    """

    columns: int
    lines: int
    line: int
    strides: tuple[int, int]
    groups: int
    parts: int


class _Unit:
    def __init__(self, sizes: Lines, delays: UnitDelays):
        self._sizes, self._delays = sizes, delays
        self._readers = (
            Reader(_TAPS * sizes.groups),
            Reader(sizes.columns * sizes.parts * sizes.groups),
            Reader(sizes.line * sizes.lines * sizes.groups),
        )
        self._x = self._y = 0
        self._is_open = self._claimed = False
        self._weights = self._records = self._part = 0
        self._given = self._opened = _LONG_AGO
        self._left = sizes.groups

    def run(self) -> int:
        """The cycle in which the last window is completed."""
        now = 0
        while self._left:
            self._cycle(now)
            now += 1
        return self._given

    def _cycle(self, now: int) -> None:
        weights, parameters, pixels = self._readers
        port = granted(self._readers)
        across, down = self._x - SIDE + 1, self._y - SIDE + 1
        rows, columns = self._sizes.strides
        completes = across >= 0 and down >= 0 and not (across % columns or down % rows)
        taken = pixels.queue > 0 and not (completes and self._waits(now))
        row = weights.queue > 0 and self._weights != _TAPS
        record = self._takes_record(parameters.queue > 0)
        gives = taken and completes
        self._weights += row
        self._exchange(now, gives and not self._is_open)
        if gives:
            self._given = now
        if taken:
            self._move(gives)
        weights.end_cycle(port == 0, row)
        parameters.end_cycle(port == 1, record)
        pixels.end_cycle(port == 2, taken)

    def _waits(self, now: int) -> bool:
        """Whether a pixel that completes a window cannot be taken."""
        is_full = self._weights == _TAPS and self._records == self._sizes.columns
        there = self._is_open or (is_full and not self._claimed)
        return not there or now - self._given < self._delays.turn

    def _takes_record(self, has_item: bool) -> bool:
        """Whether an item of parameters leaves its reader."""
        is_whole = self._part == self._sizes.parts - 1
        taken = has_item and (not is_whole or self._records != self._sizes.columns)
        if taken:
            self._part = 0 if is_whole else self._part + 1
            self._records += is_whole
        return taken

    def _exchange(self, now: int, opens: bool) -> None:
        """Weights and parameters come into use."""
        if opens:
            self._opened, self._claimed = now, True
        elif now == self._opened + self._delays.swap:
            self._records, self._claimed = 0, False
        if now == self._opened + 1:
            self._weights = 0

    def _move(self, gives: bool) -> None:
        """On to the next pixel."""
        self._is_open = self._is_open or gives
        self._x += 1
        if self._x == self._sizes.line:
            self._x, self._y = 0, self._y + 1
            if self._y == self._sizes.lines:
                self._y, self._is_open = 0, False
                self._left -= 1


def depthwise_cycles(sizes: Lines, delays: UnitDelays) -> int:
    """Cycles from the first in which a reader asks to the one in which all results are written."""
    return _Unit(sizes, delays).run() + delays.whole + 3
