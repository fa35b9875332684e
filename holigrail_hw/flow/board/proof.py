"""The proof that a board design works: its netlist answers as the golden model does.

For an iCE40 the netlist is decoded from the finished bitstream. For an ECP5 no tool can do that, so
it is the synthesised netlist that was placed. Either runs the very exchange a host has with the
board over the serial line: the command and the signature of a self-test, or whole jobs through the
link of an engine.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.run.process import run as run_tool
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.work_folder import plain, scratch

from .. import tools
from ..synth.devices import target
from ..synth.ice40.bitstream import decode, mac16_model
from .bitstream import TOP
from .board import board
from .choice import board_design
from .design import SerialNetlist
from .netlist import serial_ports
from .result import BuildResult

__all__ = ["BoardProof", "decode_and_check"]

_ECP5 = Path(__file__).parents[1] / "synth" / "ecp5"
_ECP5_CELLS = [_ECP5 / name for name in ("cells.v", "memories.v")]
_ECP5_PADS = _ECP5 / "pads.v"


@dataclass(frozen=True)
class BoardProof:
    """What was simulated: ``source`` is ``bitstream`` or ``netlist``; cells are those found.

    ``answer`` is the signature of a self-test, empty for an engine.
    """

    source: str
    items: int
    seed: int
    answer: str
    luts: int | None
    flip_flops: int | None
    dsps: int | None
    memories: int | None
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        return asdict(self)


def decode_and_check(
    spec: OperatorSpec,
    result: BuildResult,
    *,
    seed: int = 1,
    count: int | None = None,
    progress: Progress | None = None,
) -> BoardProof:
    """Simulate the built design and compare its answer with the golden model.

    Parameters
    ----------
    result : BuildResult
        Of the same ``spec``.
    seed : int
        First state of the generator, or seed of the jobs.
    count : int or None
        Number of items, of results at least for an engine.

    Raises
    ------
    DesignError
        The answer differs.
    RequestError
        The board's family is not covered, or nothing was built.
    ToolError
        A tool is missing or died.
    """
    goal = board(result.board, "proof")
    family = target(goal.target).family if goal.target else ""
    if family not in ("ice40", "ecp5") or result.bitstream is None:
        raise RequestError(
            f"proof: the board must be one with an iCE40 or ECP5 bitstream, not {goal.name}"
        )
    design = board_design(spec)
    logs = Path(result.logs[0]).parent
    with scratch() as folder:
        source = folder / "design.v"
        if family == "ice40":
            assert result.constraints is not None
            decoded = decode(
                Path(result.bitstream),
                Path(result.constraints),
                package=goal.placer[goal.placer.index("--package") + 1],
                log=logs / "iceunpack.log",
                progress=progress,
            )
            source.write_text(decoded.verilog)
            cells = (decoded.luts, decoded.flip_flops, decoded.dsps, decoded.memories)
            top, models, defines = "chip", mac16_model(), ["NO_ICE40_DEFAULT_ASSIGNMENTS"]
        else:
            _netlist_verilog(Path(result.netlist or ""), source, logs)
            cells, top, models, defines = (None,) * 4, TOP, _ECP5_CELLS, []
        # A loop's clock has its own divisor.
        divisor = round(1e6 * result.clock_mhz / goal.baud)
        done = design.simulated(
            SerialNetlist([source, *models], top, serial_ports(goal), divisor, defines),
            seed,
            count or design.proof_items,
            interleave=result.interleave,
            log=logs / "serial_line.log",
            progress=progress,
        )
    kind = "bitstream" if family == "ice40" else "netlist"
    return BoardProof(kind, done.items, seed, done.answer, *cells, seconds=done.seconds)


def _netlist_verilog(netlist: Path, verilog: Path, logs: Path) -> None:
    if not netlist.is_file():
        raise RequestError(f"proof: the netlist must exist, not {netlist}")
    commands = (
        f"read_json {plain(netlist)}",
        "delete t:$scopeinfo",
        f"techmap -map {plain(_ECP5_PADS)} t:TRELLIS_IO",
        f"write_verilog -noattr {verilog}",
    )
    run_tool(
        [*tools.require("yosys", who="proof")["yosys"].command, "-p", "; ".join(commands)],
        who="yosys",
        log=logs / "netlist.log",
        environment=tools.environment(),
        time_limit=300,
        failure=DesignError,
    )
