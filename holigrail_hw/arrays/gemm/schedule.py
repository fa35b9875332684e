"""When a matrix engine does what, if nobody ever waits: its cycles, exactly, tile by tile.

Every event takes place a constant number of cycles after the latest of those that it waits for. So
the schedule is a linear system over (max, +) (Baccelli et al., Synchronization and Linearity,
1992): once the cycles that matter have the same distances as they had before, the schedule repeats,
only later. Equal tiles and equal commands soon come to that, and whole periods are skipped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from holigrail_hw.core.timing import Timing

from .feeders import LONG, SHORT, SIZE
from .shape import GemmShape
from .timing import STATUS_DEPTH, GemmTiming

__all__ = ["Command", "status_times", "tile_spans", "total_cycles"]


@dataclass(frozen=True)
class Command:
    """A command as the engine meets it: its sizes, its status, and the items that come for it.

    One that keeps its sums has no results and no parameters; what it resumes takes no cycle.
    """

    vectors: int
    k_tiles: int
    n_tiles: int
    code: int
    arriving: int
    weights: int
    parameters: int = 0
    resume: bool = False
    keep: bool = False

    @property
    def is_obeyed(self) -> bool:
        """Whether there are results."""
        return self.code not in (SIZE, SHORT, LONG)

    @property
    def tiles(self) -> int:
        """Tiles of weights."""
        return self.k_tiles * self.n_tiles


def total_cycles(spec: GemmShape, timing: Timing, commands: Iterable[Command]) -> int:
    """Cycles from reset to the last item delivered."""
    run = _Run(spec, timing)
    for command, equal in groupby(commands):
        run.repeat(command, sum(1 for _ in equal))
    return run.last + run.cycles.whole + 1 if run.recent else 0


def status_times(spec: GemmShape, timing: Timing, commands: Iterable[Command]) -> list[int]:
    """The clock that the status of every command tells."""
    run = _Run(spec, timing)
    for command in commands:
        run.add(command)
    mask = (1 << spec.cycle_width) - 1
    return [(end + run.cycles.written) & mask for end in run.ends]


def tile_spans(
    spec: GemmShape, timing: Timing, commands: Sequence[Command]
) -> list[tuple[int, int, int]]:
    """First cycle, last cycle and vectors of every tile that enters the array.

    All but the last vector follow each other; it may come after a pause.
    """
    run = _Run(spec, timing, records=True)
    for command in commands:
        run.add(command)
    return run.spans


class _Periods:
    """Finds out that a state has come before, and how many periods of what followed fit."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, ...], tuple[int, int]] = {}

    def skip(self, state: Sequence[int], step: int, remaining: int) -> tuple[int, int]:
        """Steps to skip of those ``remaining`` after ``step``, and the cycles that they take."""
        now = state[0]
        earlier, before = self._seen.setdefault(tuple(t - now for t in state), (step, now))
        if earlier == step:
            return 0, 0
        periods = remaining // (step - earlier)
        return periods * (step - earlier), periods * (now - before)


# Takes that a later cycle may depend on, and the other cycles, by what they belong to.
_RECENT = 5
_ARRAY = ("_written", "_start", "_closed", "_opened")
_CHANNELS = ("_parameter", "_swapped")
_FEEDERS = ("_loader", "_weights", "_sequencer", "_parameters")


class _Run:
    """The cycles in which the parts of the engine are free again; a take is a vector entering."""

    def __init__(self, spec: GemmShape, timing: Timing, *, records: bool = False):
        self.cycles = GemmTiming(spec, timing)
        self._records = records
        self._rows, self._columns = spec.rows, spec.columns
        self._has_parameters = "parameter" in spec.streams()
        # Without parameters per channel their cycles stand still, and nothing depends on them.
        self._running = _ARRAY + (_CHANNELS if self._has_parameters else ())
        self._running += ("_final",) if self.cycles.turn > 1 else ()
        self._loader = self._weights = self._sequencer = self._parameters = 0
        self._written = self._parameter = -1
        # Of the array: when its present tile started, and its last vector entered.
        self._start: int | None = None
        self._closed = -1
        self._opened = -self.cycles.spacing
        self._swapped = -1
        # The latest vector whose results leave.
        self._final = -self.cycles.turn
        self._ends: list[int] = []
        # When the feeders knew their last verdicts.
        self._judged = (-1, -1)
        self.recent: list[int] = []
        self.spans: list[tuple[int, int, int]] = []

    @property
    def ends(self) -> list[int]:
        """The takes that ended commands."""
        return self._ends

    @property
    def last(self) -> int:
        """The latest take."""
        return self.recent[-1]

    def repeat(self, command: Command, count: int) -> None:
        """The same command so many times."""
        periods, done = _Periods(), 0
        # A set, as the parameters' feeder is judged by its cycles with or without parameters.
        names = sorted({*self._running, *_FEEDERS, "_parameter"})
        while done < count:
            self.add(command)
            done += 1
            ends = self._ends[-STATUS_DEPTH:]
            if self._start is None or len(ends) < STATUS_DEPTH or len(self.recent) < _RECENT:
                continue
            state = [*self._times(names), *self._judged, *ends]
            skipped, cycles = periods.skip(state, done, count - done)
            self._move(names, cycles)
            self._judged = (self._judged[0] + cycles, self._judged[1] + cycles)
            self._ends = [end + cycles for end in ends]
            done += skipped

    def _times(self, names: Sequence[str]) -> list[int]:
        """The cycles by which a state is known; the latest take comes first."""
        return [*self.recent[::-1], *(getattr(self, name) for name in names)]

    def _move(self, names: Sequence[str], cycles: int) -> None:
        """Go on as if the state had been reached so much later."""
        self.recent = [take + cycles for take in self.recent]
        for name in names:
            setattr(self, name, getattr(self, name) + cycles)

    def add(self, command: Command) -> None:
        """One command more."""
        verdict = self._loader + command.arriving + 1
        weights, sequencer = max(verdict, self._weights), max(verdict, self._sequencer)
        has_parameters = self._has_parameters and not command.keep
        parameters = max(verdict, self._parameters) if has_parameters else verdict
        self._loader = max(weights, sequencer, parameters) + 1
        previous = self.recent[-1] if self.recent else -1
        first = max(sequencer + 4, previous + 1)
        if command.is_obeyed:
            items = self._obeyed(command, first, weights, parameters)
        else:
            self._take(self._ending(first))
            self._weights = weights + 1 + command.weights
            if has_parameters:
                self._parameters = parameters + 1 + command.parameters
            items = 1
        self._ends.append(self.last)
        # Four vectors are between the buffer and the array; a place is used a cycle later.
        left = self.recent[-_RECENT] + 1 if len(self.recent) >= _RECENT else 0
        fetched = max(sequencer + items, left)
        self._sequencer = fetched + 1

    def _obeyed(self, command: Command, first: int, weights: int, parameters: int) -> int:
        self._written = max(self._written, weights)
        if not command.keep:
            self._parameter = max(self._parameter, parameters)
        periods, done = _Periods(), 0
        while done < command.n_tiles:
            first = self._column(command, first, ends=done == command.n_tiles - 1)
            done += 1
            if self._records or done == command.n_tiles or len(self.recent) < _RECENT:
                continue
            # The last column is never skipped: its end waits for the verdicts.
            state = self._times(self._running)
            skipped, cycles = periods.skip(state, done, command.n_tiles - 1 - done)
            self._move(self._running, cycles)
            first, done = first + cycles, done + skipped
        self._weights = self._judged[0] + 1
        if not command.keep:
            self._parameters = self._judged[1] + 1
        return command.tiles * command.vectors

    def _column(self, command: Command, first: int, *, ends: bool) -> int:
        """The tiles along K for one tile of N; returns the first cycle that is free after them."""
        rows, vectors = self._rows, command.vectors
        for tile in range(command.k_tiles):
            # Rows are written in order, each once the token of the tile before has passed it.
            self._written += rows
            if self._start is not None:
                freed = self._start + (rows - 1) * self.cycles.step + 1
                self._written = max(self._written, freed)
            ready = self._written + (rows == 1)
            self._start = max(ready, self._closed)
            take = max(first, self._start + 1, self._opened + self.cycles.spacing)
            is_last = tile == command.k_tiles - 1
            is_final = is_last and not command.keep
            if is_final:
                take = max(take, self._final + self.cycles.turn)
            if is_final and self._has_parameters:
                self._parameter = max(self._parameter, self._swapped) + self._columns
                take = max(take, self._parameter + 1)
                self._swapped = take + self.cycles.swap
            apart = self.cycles.turn if is_final else 1
            self._opened, close = take, take + (vectors - 1) * apart
            if is_last and ends:
                self._drain(command)
                if vectors == 1:
                    take = close = self._ending(take)
                    self._reopen(take, is_final)
                else:
                    close = self._ending(close)
                if command.keep:
                    self._opened = close
            for early in range(max(vectors - _RECENT, 0), vectors - 1):
                self._take(take + early * apart)
            self._take(close)
            if is_final:
                self._final = close
            self._closed, first = close, close + 1
            if self._records:
                self.spans.append((self._opened, close, vectors))
        return first

    def _drain(self, command: Command) -> None:
        """Items beyond those due are thrown away before their feeder gives its verdict."""
        beyond = max(0, command.weights - command.tiles * self._rows)
        if command.keep:
            self._judged = (self._written + beyond, self._judged[1])
            return
        more = max(0, command.parameters - command.n_tiles * self._columns)
        self._judged = (self._written + beyond, self._parameter + more)

    def _reopen(self, take: int, is_final: bool) -> None:
        """A single vector that both opens and ends waited for its status."""
        self._opened = take
        if is_final and self._has_parameters:
            self._swapped = take + self.cycles.swap

    def _ending(self, take: int) -> int:
        """When an item that ends a command enters: its status must have a place in the queue."""
        take = max(take, *(cycle + 1 for cycle in self._judged))
        if len(self._ends) >= STATUS_DEPTH:
            return max(take, self._ends[-STATUS_DEPTH] + self.cycles.whole + 1)
        return take

    def _take(self, cycle: int) -> None:
        self.recent = [*self.recent[1 - _RECENT :], cycle]
