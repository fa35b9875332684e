"""Place and route with nextpnr, and what its report says: clock frequency, use, critical path.

nextpnr's first router may turn in a circle for ever: it rips one arc up to route another and the
reverse. It is watched by the arcs that it routes, not by time, and stopped when they are many times
those of the design; the second router then starts, with the same seed. The second router may also
get further and further from an end: it is stopped when many rounds leave more wires in conflict
than an earlier one did.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import DesignError, HoligrailError
from holigrail_hw.core.run.process import Finished, Progress, run

from .. import tools
from .ice40.mac16_timing import mac16_period_ns

__all__ = ["Placed", "Segment", "place_and_route", "place_until_met"]

_PROCESSOR_LIMIT_S = 1800

# A design that is nearly full routes each arc some ten times; one that turns in a circle, for ever.
_ROUTED_PER_ARC = 50
_ROUTED_AT_LEAST = 100_000
_OTHER_ROUTER = ("--router", "router2")
# Rounds of the second router since its best one, and how many more conflicts than that had.
_ROUNDS, _CONFLICTS = 25, 100


@dataclass(frozen=True)
class Segment:
    """One hop of the critical path: ``kind`` is clk-to-q, logic, routing or setup."""

    kind: str
    delay_ns: float
    source: str
    target: str


@dataclass(frozen=True)
class Placed:
    """A routed design.

    ``fmax_mhz`` is the slowest clock's frequency, ``None`` if no path runs from register to
    register; paths through an SB_MAC16 are added, which nextpnr leaves out. ``used`` maps a kind of
    cell to (used, available). ``note`` says what the frequency leaves out.
    """

    fmax_mhz: float | None
    used: dict[str, tuple[int, int]]
    critical_path: tuple[Segment, ...]
    seconds: float
    log: Path
    note: str = ""


class _Watch:
    """Passes the lines of a router on, and ends it when it turns in a circle."""

    def __init__(self, who: str, progress: Progress | None):
        self._who, self._progress, self._most = who, progress, _ROUTED_AT_LEAST
        self._best: tuple[int, int] | None = None

    def __call__(self, line: str) -> None:
        if self._progress is not None:
            self._progress(line)
        if found := re.search(r"Routing (\d+) arcs", line):
            self._most = _ROUTED_AT_LEAST + _ROUTED_PER_ARC * int(found.group(1))
        found = re.search(r"Info:\s+(\d+) \|\s+\d+\s+\d+ \|", line)
        if found and int(found.group(1)) > self._most:
            raise _Circling(self._who, f"route {found.group(1)} arcs and go on")
        if found := re.search(r"iter=(\d+) .*overused=(\d+)", line):
            self._judge(*map(int, found.groups()))

    def _judge(self, number: int, conflicts: int) -> None:
        """A round of the second router, which numbers them from 1 on whenever it begins."""
        if number == 1 or self._best is None or conflicts < self._best[1]:
            self._best = number, conflicts
        best, least = self._best
        if number - best > _ROUNDS and conflicts > 2 * least + _CONFLICTS:
            raise _Circling(
                self._who,
                f"have {conflicts} wires in conflict in round {number} and {least} in round {best}",
            )


class _Circling(DesignError):
    """A router that makes no progress."""

    def __init__(self, who: str, instead: str):
        super().__init__(
            f"{who}: the router must come to an end, not {instead}",
            hint="try another --seed or more --seeds, a longer --period or a larger device",
        )


def place_and_route(
    arguments: tuple[str, ...],
    *,
    who: str,
    what: str,
    frequency: float,
    seed: int,
    folder: Path,
    log: Path,
    progress: Progress | None = None,
) -> Placed:
    """Run nextpnr: ``arguments`` are its name and options, all but frequency, seed and report.

    ``what`` names the device or board in the message when the design does not fit.

    Raises
    ------
    DesignError
        The design does not fit or cannot be routed.
    ToolError
        nextpnr is missing or died.
    """
    name = arguments[0]
    tool = tools.require(name, who=who)[name]
    report = folder / f"{log.stem}.json"

    def placed(*more: str) -> Finished:
        return run(
            [
                *tool.command,
                *arguments[1:],
                *("--freq", f"{frequency:g}", "--seed", str(seed), *more),
                *("--report", report.name, "--detailed-timing-report", "--timing-allow-fail"),
            ],
            who=name,
            log=log,
            cwd=folder,
            environment=tools.environment(),
            time_limit=4 * _PROCESSOR_LIMIT_S,
            processor_limit=_PROCESSOR_LIMIT_S,
            progress=_Watch(who, progress),
            failure=DesignError,
            explain=lambda output: _no_room(output, who, what),
            makes=[report],
        )

    try:
        finished = placed()
    except _Circling:
        if _OTHER_ROUTER[1] in arguments:
            raise
        if progress is not None:
            progress(f"{name}: the router turns in a circle, the other one takes over")
        finished = placed(*_OTHER_ROUTER)
    netlist = json.loads((folder / arguments[arguments.index("--json") + 1]).read_text())
    module = netlist["modules"][arguments[arguments.index("--top") + 1]]
    return _read(json.loads(report.read_text()), module, finished)


def place_until_met(
    arguments: tuple[str, ...],
    *,
    seeds: Sequence[int],
    needed: float,
    output: Path,
    log: Path,
    progress: Progress | None = None,
    **others: Any,
) -> Placed:
    """The placement of the first seed that runs at ``needed`` MHz, otherwise the fastest of all.

    ``output`` is the file that nextpnr writes, which is then that placement's; all else is as for
    :func:`place_and_route`, which says what is raised. A router that comes to no end counts as a
    placement that is too slow, unless all do.
    """
    best: Placed | None = None
    kept = output.with_name(f"{output.name}.best")
    for index, seed in enumerate(seeds):
        own_log = log.with_name(f"{log.stem}_seed{seed}{log.suffix}") if index else log
        last = index == len(seeds) - 1
        try:
            placed = place_and_route(arguments, seed=seed, log=own_log, progress=progress, **others)
        except _Circling:
            if last and best is None:
                raise
            placed, told = None, "the router comes to no end"
        else:
            told = f"{placed.fmax_mhz} MHz"
            if best is None or (placed.fmax_mhz or 0) > (best.fmax_mhz or 0):
                best = placed
                output.replace(kept)
            if placed.fmax_mhz is None or placed.fmax_mhz >= needed:
                break
        if progress is not None and not last:
            progress(f"seed {seed}: {told}; {needed:g} MHz are needed, so seed {seeds[index + 1]}")
    assert best is not None
    kept.replace(output)
    return best


def _read(report: dict[str, Any], module: dict[str, Any], finished: Finished) -> Placed:
    clocks = [entry["achieved"] for entry in report.get("fmax", {}).values()]
    if not clocks:
        # The Gowin placer may leave its report empty; its log has the figures, the final ones last.
        found = re.findall(r"Max frequency for clock\s+'(.+?)': ([\d.]+) MHz", finished.output)
        clocks = [float(figure) for figure in dict(found).values()]
    used = {
        kind: (entry["used"], entry["available"])
        for kind, entry in report.get("utilization", {}).items()
        if entry["used"]
    }
    path: tuple[Segment, ...] = ()
    for entry in report.get("critical_paths", []):
        hops = tuple(
            Segment(
                hop["type"],
                round(hop["delay"], 3),
                _signal(hop["from"].get("cell", "")),
                _signal(hop["to"].get("cell", "")),
            )
            for hop in entry["path"]
        )
        within_clock = "async" not in (entry["from"] + entry["to"])
        if within_clock and sum(h.delay_ns for h in hops) > sum(h.delay_ns for h in path):
            path = hops
    period = 1000 / min(clocks) if clocks else 0.0
    through_dsp = mac16_period_ns(module, report.get("detailed_net_timings", []), period)
    if through_dsp is not None and through_dsp > period:
        clocks = [1000 / through_dsp]
        path = (Segment("through SB_MAC16", round(through_dsp, 3), "", ""),)
    # Gowin's products have no delay in nextpnr's database, and no public table tells one.
    untimed = [kind for kind in used if kind in ("MULT9X9", "MULT18X18", "MULT36X36")]
    note = f"paths through {', '.join(untimed)} are not timed" if untimed else ""
    return Placed(min(clocks, default=None), used, path, finished.seconds, finished.log, note)


def _signal(cell: str) -> str:
    """The signal a cell was named after: Yosys appends a chain of cell types and pins to it."""
    return re.split(r"_(?:SB_|LUT|CCU2C|PFUMX|L6MUX|TRELLIS|MULT|DFF|ALU|MUX2|_MAC16)", cell)[0]


def _no_room(output: str, who: str, what: str) -> HoligrailError | None:
    """The message for a design that needs more cells than the device has, read off the log."""
    over = []
    for kind, used, available in re.findall(r"Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", output):
        if int(used) > int(available):
            over.append(f"{used} of {available} {kind}")
    if not over and not re.search(
        r"no BELs remaining|[Uu]nable to (?:place|find legal placement)|No Bels", output
    ):
        return None
    need = "need " + ", ".join(over) if over else "run out of cells"
    return DesignError(
        f"{who}: the design must fit on {what}, not {need}",
        hint="take a larger device, narrower formats, or a longer --period",
    )
