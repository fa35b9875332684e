"""A descriptor of products, cycle by cycle: three readers, the engine's buffers and its array.

What is followed is control only: which queue holds how many items, which counter stands where. Each
part has the registers that it has in hardware, and all change together at the end of a cycle.
Behind the array nothing waits, so there every event has a constant distance.
"""

from collections import deque
from dataclasses import dataclass

from .delays import Delays
from .readers import GIVEN, Reader, granted

__all__ = ["Sizes", "engine_cycles"]

_IDLE, _LOAD, _OFFER = range(3)
_LONG_AGO = -(1 << 30)
# Vectors that may wait for the array in registers of their own.
_ENTRY = 2


@dataclass(frozen=True)
class Sizes:
    """What of a descriptor of products its cycles depend on.

    ``parts`` are the items that make a record of parameters.
    """

    rows: int
    columns: int
    vectors: int
    k_tiles: int
    n_tiles: int
    groups: int
    diagonal: bool
    parts: int


class _Channels:
    """Parameters on their way to the lanes: records of parts, a tile's records in turn."""

    def __init__(self, sizes: Sizes, delays: Delays):
        self._parts, self._columns, self._swap = sizes.parts, sizes.columns, delays.swap
        self._items = sizes.n_tiles * sizes.columns
        self.busy, self.left, self.part, self.count = False, 0, 0, 0
        self.claimed, self.swap_at, self.verdicts = False, _LONG_AGO, 0

    @property
    def there(self) -> bool:
        """Whether a tile may begin to leave."""
        return self.count == self._columns and not self.claimed

    def take(self) -> None:
        """A job has come."""
        self.busy, self.left = True, self._items

    def cycle(self, now: int, has_item: bool, opens: bool, ends: bool) -> bool:
        """One cycle; whether an item leaves the reader."""
        ready = self.busy and self.count != self._columns
        is_whole = self.part == self._parts - 1
        gives = has_item and is_whole and ready
        taken = has_item and (ready or not is_whole)
        self.verdicts -= ends
        if taken:
            self.part = 0 if is_whole else self.part + 1
        if gives:
            self.count += 1
            self.left -= 1
            if not self.left:
                self.busy = False
                self.verdicts += 1
        if opens:
            self.claimed, self.swap_at = True, now + self._swap
        elif now == self.swap_at:
            self.claimed, self.count = False, 0
        return taken


class _Tiles:
    """Weights on their way into the array, and the token that makes a tile current."""

    def __init__(self, sizes: Sizes, delays: Delays):
        self._rows, self._step, self._diagonal = sizes.rows, delays.step, sizes.diagonal
        self._items = sizes.rows * sizes.k_tiles * sizes.n_tiles
        self.busy, self.left, self.row, self.free = False, 0, 0, sizes.rows
        self.loaded, self.open, self.token_at, self.verdicts = False, False, _LONG_AGO, 0

    def take(self) -> None:
        """A job has come."""
        self.busy, self.left = True, self._items

    def cycle(self, now: int, has_item: bool, closes: bool, ends: bool) -> bool:
        """One cycle; whether an item leaves the reader."""
        wrote = has_item and self.busy and self.free > 0
        is_last_row = self.row == self._rows - 1
        filled = wrote and is_last_row
        token = (self.loaded or filled) and (closes or not self.open)
        if token:
            self.token_at = now
        age = now - self.token_at
        self.free += (not age % self._step and age < self._rows * self._step) - wrote
        self.verdicts -= ends
        if wrote:
            self.row = 0 if is_last_row else self.row + 1
            self.left -= 1
            if not self.left:
                self.busy = False
                self.verdicts += 1
        self.loaded = (self.loaded or filled) and not token
        self.open = token or (self.open and not closes)
        return filled if self._diagonal else wrote


class _Order:
    """The order of vectors: a job, and the registers between buffer and array.

    ``held`` and ``out`` move on together; two more vectors are in a buffer in front of the array.
    """

    def __init__(self, sizes: Sizes):
        self._sizes = sizes
        self.busy, self.vector, self.k, self.n, self.opens = False, 0, 0, 0, False
        self.held: tuple[bool, bool, bool, bool] | None = None
        self.out: tuple[bool, bool, bool, bool] | None = None
        self.entry: deque[tuple[bool, bool, bool, bool]] = deque()

    def take(self) -> None:
        """A job has come."""
        sizes = self._sizes
        self.busy, self.opens = True, True
        self.vector, self.k, self.n = sizes.vectors, sizes.k_tiles, sizes.n_tiles

    def cycle(self, taken: bool) -> None:
        """One cycle, in which the vector ahead did or did not enter the array."""
        takes = len(self.entry) < _ENTRY
        if taken:
            self.entry.popleft()
        if takes and self.out is not None:
            self.entry.append(self.out)
        moves = takes or self.out is None
        reads = self.busy and (moves or self.held is None)
        if moves:
            self.out = self.held
        if reads:
            self.held = self._read()
        elif moves:
            self.held = None

    def _read(self) -> tuple[bool, bool, bool, bool]:
        """The next vector: whether it opens or closes a tile, completes sums, ends the job."""
        opens, closes, final = self.opens, self.vector == 1, self.k == 1
        ends = closes and final and self.n == 1
        self.opens = closes
        self.vector -= 1
        if closes:
            self.vector = self._sizes.vectors
            self.k -= 1
            if final:
                self.k = self._sizes.k_tiles
                self.n -= 1
        if ends:
            self.busy = False
        return opens, closes, final, ends


class _Engine:
    def __init__(self, sizes: Sizes, delays: Delays):
        self._delays = delays
        self._load = sizes.vectors * sizes.k_tiles
        tiles = sizes.k_tiles * sizes.n_tiles
        self._readers = (
            Reader(sizes.groups * tiles * (1 if sizes.diagonal else sizes.rows)),
            Reader(sizes.groups * sizes.n_tiles * sizes.columns * sizes.parts),
            Reader(sizes.groups * self._load),
        )
        self._tiles, self._channels = _Tiles(sizes, delays), _Channels(sizes, delays)
        self._order = _Order(sizes)
        self._workers = (self._order, self._tiles, self._channels)
        self._state, self._missing, self._commands = _IDLE, 0, sizes.groups
        self._offered: list[_Order | _Tiles | _Channels] = []
        self._opened = self._final = _LONG_AGO
        self._ends: deque[int] = deque(maxlen=delays.statuses)
        self._left = sizes.groups
        # Cycles in which rows of results are written, of a memory with one port.
        self._writes: deque[int] = deque()

    def run(self) -> int:
        """The cycle in which the last vector enters the array."""
        now = 0
        while True:
            self._cycle(now)
            if not self._left:
                return now
            now += 1

    def _cycle(self, now: int) -> None:
        weights, parameters, vectors = self._readers
        port = granted(self._readers) if not self._is_writing(now) else -1
        given = self._order.entry[0] if self._order.entry else None
        taken = given is not None and self._may_enter(now, given)
        opens, closes, final, ends = given if given is not None and taken else (False,) * 4
        takers = [one for one in self._offered if not one.busy]
        moved = self._state == _LOAD and vectors.queue > 0
        row = self._tiles.cycle(now, weights.queue > 0, closes, ends)
        record = self._channels.cycle(now, parameters.queue > 0, opens and final, ends)
        self._order.cycle(taken)
        self._command(takers, moved)
        weights.end_cycle(port == 0, row)
        parameters.end_cycle(port == 1, record)
        vectors.end_cycle(port == 2, moved)
        if opens:
            self._opened = now
        if final:
            self._final = now
            if self._delays.one_port:
                self._writes.append(now + self._delays.whole + GIVEN)
        if ends:
            self._ends.append(now)
            self._left -= 1

    def _is_writing(self, now: int) -> bool:
        """Whether results take the only port in this cycle."""
        if not self._writes or self._writes[0] != now:
            return False
        self._writes.popleft()
        return True

    def _may_enter(self, now: int, tags: tuple[bool, bool, bool, bool]) -> bool:
        """Whether the array takes the vector ahead."""
        opens, _, final, ends = tags
        delays, tiles, channels = self._delays, self._tiles, self._channels
        if not tiles.open:
            return False
        if opens and (now - self._opened < delays.spacing or (final and not channels.there)):
            return False
        if final and now - self._final < delays.turn:
            return False
        if not ends:
            return True
        if not (tiles.verdicts and channels.verdicts):
            return False
        is_full = len(self._ends) == delays.statuses
        return not (is_full and now <= self._ends[0] + delays.whole)

    def _command(self, takers: list[_Order | _Tiles | _Channels], moved: bool) -> None:
        """The loader of vectors; who is free takes the job that it offers."""
        if self._state == _IDLE:
            if self._commands:
                self._commands -= 1
                self._missing, self._state = self._load, _LOAD
        elif self._state == _LOAD:
            self._missing -= moved
            if not self._missing:
                self._state, self._offered = _OFFER, list(self._workers)
        else:
            for one in takers:
                one.take()
            self._offered = [one for one in self._offered if one not in takers]
            if not self._offered:
                self._state = _IDLE


def engine_cycles(sizes: Sizes, delays: Delays) -> int:
    """Cycles from the first in which a reader asks to the one in which all results are written."""
    return _Engine(sizes, delays).run() + delays.whole + 3
