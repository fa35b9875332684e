"""Synthesise Verilog for a device, count its cells, place and route it, and report the clock.

The cells are those of the bare core; the clock frequency is that of the core between registers
(see :mod:`holigrail_hw.flow.synth.harness`), for one seed of the placer or several.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.work_folder import plain

from .. import tools
from ..folders import is_there, output_folder
from .devices import Target, target
from .harness import wrap
from .mapping import map_design
from .place import Placed, place_and_route

__all__ = ["SynthResult", "run", "synthesise"]

# The script of the published cell counts of open cores: the default one can take minutes.
_GATES = (
    "abc -g cmos4 -script +strash;dc2;dc2;dch;map,-B,0.9;topo",
    "opt_clean",
    "tee -o transistors.txt stat -tech cmos",
    "tee -o depth.txt ltp -noff",
)


@dataclass(frozen=True)
class SynthResult:
    """What synthesis, and place and route, found.

    Attributes
    ----------
    luts, carries, flip_flops, dsps, memories : int
        Cells of the bare core as Yosys counts them; a LUT has four inputs.
    cells : dict
        Every cell type and its number.
    transistors, depth : int or None
        Estimated CMOS transistors and longest path in gates, for the device ``generic`` only.
    fmax_mhz : list of float
        One figure for each seed; empty when nothing runs from register to register or for
        ``generic``.
    target_mhz : float or None
        What was asked for.
    met : bool or None
        Whether the best seed reaches the target; ``None`` without a target or a figure.
    used : dict
        Cells of the placed design with its harness: kind to (used, available).
    critical_path : list of dict
        Hops of the slowest path of the best seed: kind, delay_ns, source, target.
    logs : list of str
        Paths of the logs.
    note : str
        What the clock figure leaves out, if anything.
    """

    device: str
    top: str
    luts: int
    carries: int
    flip_flops: int
    dsps: int
    memories: int
    cells: dict[str, int]
    transistors: int | None = None
    depth: int | None = None
    fmax_mhz: list[float] = field(default_factory=list)
    target_mhz: float | None = None
    met: bool | None = None
    used: dict[str, tuple[int, int]] = field(default_factory=dict)
    critical_path: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    logs: list[str] = field(default_factory=list)
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        return asdict(self)


def run(
    verilog_files: Sequence[str | Path],
    top: str,
    device: str,
    *,
    work_dir: str | Path,
    clock_ns: float | None = None,
    dsp: bool = True,
    seeds: int = 1,
    seed: int = 1,
    clock: str = "clk",
    place: bool = True,
    inspect: Callable[[Path, "SynthResult"], None] | None = None,
    progress: Progress | None = None,
) -> SynthResult:
    """Synthesise module ``top``, place and route it ``seeds`` times.

    Parameters
    ----------
    device : str
        A name of :data:`holigrail_hw.flow.synth.devices.TARGETS`.
    clock_ns : float or None
        Wanted clock period; without one nextpnr aims at the device's usual frequency.
    dsp : bool
        Whether multipliers may go into DSP blocks.
    seeds : int
        How many placements to try, 1 or more.
    seed : int
        Seed of the first of them; the others count up.
    clock : str
        Name of the clock port, if the module has it.
    place : bool
        ``False`` stops after synthesis.
    inspect : callable or None
        Gets the netlist and its counts before it is placed; what it raises ends the run.

    Raises
    ------
    RequestError
        Unknown device, no such file, an unwritable folder, a period or a number of seeds that is
        not positive.
    DesignError
        Yosys refuses the Verilog, or the design does not fit.
    ToolError
        A tool is missing or died.
    """
    goal = target(device)
    wrong = []
    if clock_ns is not None and not clock_ns > 0:
        wrong.append(f"synth: the period must be a positive number of ns, not {clock_ns:g}")
    if seeds < 1:
        wrong.append(f"synth: seeds must be 1 or more, not {seeds}")
    if wrong:
        raise RequestError(wrong)
    placing = place and bool(goal.placer)
    tools.require("yosys", *goal.placer[: int(placing)], who="synth")
    with output_folder(Path(work_dir), "synth") as folder:
        netlist, result = synthesise(
            verilog_files, top, goal, dsp=dsp, folder=folder, progress=progress
        )
        if inspect is not None:
            inspect(netlist, result)
        if not placing:
            return result
        wrapped = folder / f"{top}.harness.json"
        wrapped.write_text(
            json.dumps(wrap(json.loads(netlist.read_text()), top, goal.family, clock))
        )
        wanted = None if clock_ns is None else 1000 / clock_ns
        pins = _pin_options(goal, clock, folder)
        runs = []
        last = seed + seeds - 1
        for one in range(seed, last + 1):
            if progress is not None:
                progress(f"place and route, seed {one}, the last is {last}")
            runs.append(
                place_and_route(
                    (*goal.placer, *pins, "--json", wrapped.name, "--top", top),
                    who="synth",
                    what=goal.name,
                    frequency=wanted or goal.frequency,
                    seed=one,
                    folder=folder,
                    log=folder / f"nextpnr_seed{one}.log",
                    progress=progress,
                )
            )
        return _with_placements(result, runs, wanted)


def _with_placements(
    result: SynthResult, runs: Sequence[Placed], wanted: float | None
) -> SynthResult:
    """The counts with the clock of every placement, and what the best one used."""
    figures = [entry.fmax_mhz for entry in runs if entry.fmax_mhz is not None]
    best = max(runs, key=lambda entry: entry.fmax_mhz or 0)
    return replace(
        result,
        fmax_mhz=[round(figure, 2) for figure in figures],
        target_mhz=wanted,
        met=None if wanted is None or not figures else max(figures) >= wanted,
        used=best.used,
        critical_path=[asdict(hop) for hop in best.critical_path],
        seconds=result.seconds + sum(entry.seconds for entry in runs),
        logs=[*result.logs, *(str(entry.log) for entry in runs)],
        note=best.note,
    )


def synthesise(
    verilog_files: Sequence[str | Path],
    top: str,
    goal: Target,
    *,
    dsp: bool,
    folder: Path,
    progress: Progress | None = None,
) -> tuple[Path, SynthResult]:
    """Run Yosys only; returns the JSON netlist and the counts."""
    files = [Path(name).absolute() for name in verilog_files]
    missing = [str(path) for path in files if not is_there(path)]
    if missing:
        raise RequestError(f"synth: the Verilog file must exist, not {', '.join(missing)}")
    # A Yosys script has no way to write a quote.
    files = [plain(path) for path in files]
    mapped = map_design(
        [f"read_verilog -sv -nolatches {path}" for path in files],
        top,
        goal,
        dsp=dsp,
        pads=False,
        netlist=folder / f"{top}.json",
        log=folder / "yosys.log",
        who="synth",
        after=_GATES if goal.family == "gates" else (),
        progress=progress,
    )
    types = (cell["type"] for cell in mapped.module["cells"].values())
    cells = dict(sorted(Counter(kind for kind in types if kind != "$scopeinfo").items()))
    counts: dict[str, Any] = {
        kind: goal.count(cells, kind)
        for kind in ("luts", "carries", "flip_flops", "dsps", "memories")
    }
    transistors = depth = None
    if goal.family == "gates":
        transistors = _number(folder / "transistors.txt", r"transistors:\s+(\d+)")
        depth = _number(folder / "depth.txt", r"length=(\d+)")
    result = SynthResult(
        goal.name,
        top,
        **counts,
        cells=cells,
        transistors=transistors,
        depth=depth,
        seconds=mapped.finished.seconds,
        logs=[str(mapped.finished.log)],
    )
    return mapped.netlist, result


def _pin_options(goal: Target, clock: str, folder: Path) -> tuple[str, ...]:
    """Placer options that leave the harness's pins to it, or put them where it insists on it."""
    if goal.family == "ice40":
        return ("--pcf-allow-unconstrained",)
    if goal.family == "ecp5":
        return ("--lpf-allow-unconstrained",)
    lines = [
        f'IO_LOC "{clock if name == "clk" else name}" {pin};\n' for name, pin in goal.pins.items()
    ]
    (folder / "harness.cst").write_text("".join(lines))
    return ("--vopt", "cst=harness.cst", "--write", "harness.pnr.json")


def _number(path: Path, pattern: str) -> int | None:
    match = re.search(pattern, path.read_text())
    return int(match.group(1)) if match else None
