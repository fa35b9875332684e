"""From the netlist of a board's platform to a bitstream, with open tools."""

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.run.process import Finished, Progress
from holigrail_hw.core.run.process import run as run_tool

from .. import tools
from ..synth.devices import target
from ..synth.mapping import Mapped, map_design
from ..synth.netlist_top import NoModel
from ..synth.place import Placed, place_until_met
from . import netlist as board_netlist
from .board import Board
from .design import BoardDesign
from .result import BuildResult

__all__ = ["PACKERS", "PLACERS", "TOP", "OpenBuild"]

TOP = "top"
_TIME_LIMIT_S = 1800
# The file that is written comes last.
PLACERS = {
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
PACKERS = {
    "ice40": ("icepack", "{options}", "{top}.asc", "{bitstream}"),
    "ecp5": ("ecppack", "{options}", "--input", "{top}.config", "--bit", "{bitstream}"),
    "gowin": ("gowin_pack", "{options}", "-o", "{bitstream}", "{top}.pnr.json"),
}
_CONSTRAINTS = {"ice40": ".pcf", "ecp5": ".lpf", "gowin": ".cst"}


@dataclass(frozen=True)
class OpenBuild:
    """One build with open tools: its board, name and shell, where it works, where its logs go."""

    goal: Board
    name: str
    shell: Any
    work: Path
    logs: Path
    seeds: range
    progress: Progress | None

    @property
    def family(self) -> str:
        """Of the device on the board."""
        return target(self.goal.target or "").family

    @property
    def bits(self) -> str:
        """Name of the bitstream's file."""
        return f"{self.name}{self.goal.suffix}"

    def mapped(self, dsp: bool, others: Iterable[str]) -> Mapped:
        """The design of the board's platform, with ``others`` in Verilog, as cells."""
        return map_design(
            [f"read_rtlil {TOP}.il", *(f"read_verilog -sv {file}" for file in others)],
            TOP,
            target(self.goal.target or ""),
            dsp=dsp,
            pads=True,
            netlist=self.work / f"{TOP}.json",
            log=self.logs / "yosys.log",
            who="build",
            progress=self.progress,
        )

    def bitstream(
        self, mapped: Mapped, mhz: tuple[float, float], examine: BoardDesign | None
    ) -> BuildResult:
        """Place and pack; ``mhz`` are the clock that is aimed at and the one that is needed.

        The netlist is checked before, if it needs to be and ``examine`` is its design.
        """
        name, goal, shell = self.name, self.goal, self.shell
        pins = _without_frequencies(self.work / f"{TOP}{_CONSTRAINTS[self.family]}")
        checked, unchecked = self._checked(mapped, examine)
        placed = self._placed(pins, *mhz)
        packed = self._packed()
        constraints = f"{name}{_CONSTRAINTS[self.family]}"
        keep = {
            f"{TOP}.json": f"{name}.json",
            f"{TOP}{_CONSTRAINTS[self.family]}": constraints,
            self.bits: self.bits,
        }
        _keep_only(self.work, keep)
        clock, steps = goal.clock_hz / 1e6, (mapped.finished, placed, packed)
        return BuildResult(
            board=goal.name,
            top=name,
            latency=shell.latency,
            interleave=shell.interleave,
            bitstream=self.bits,
            netlist=f"{name}.json",
            constraints=constraints,
            clock_mhz=clock,
            fmax_mhz=None if placed.fmax_mhz is None else round(placed.fmax_mhz, 2),
            met=placed.fmax_mhz is None or placed.fmax_mhz >= clock,
            used=placed.used,
            logs=[str(step.log) for step in steps],
            seconds=sum(step.seconds for step in steps),
            note="; ".join(text for text in (placed.note, unchecked) if text),
            checked=checked,
        )

    def _checked(self, mapped: Mapped, examine: BoardDesign | None) -> tuple[int | None, str]:
        """How many results of the netlist were compared, or why none."""
        device = target(self.goal.target or "")
        kinds = Counter(cell["type"] for cell in mapped.module["cells"].values())
        risky = any(device.count(kinds, kind) for kind in ("dsps", "memories"))
        if examine is None or not risky:
            return None, ""
        try:
            checked = board_netlist.check(
                *(examine, self.goal, device.family, mapped.netlist, TOP),
                interleave=self.shell.interleave,
                log=self.logs / "netlist.log",
                seed=self.seeds[0],
                progress=self.progress,
            )
        except NoModel as error:
            return None, f"the netlist was not simulated ({error})"
        return checked, ""

    def _placed(self, pins: Path, asked_mhz: float, needed_mhz: float) -> Placed:
        names = {"top": TOP, "pins": pins.name}
        placer, *options = (word.format(**names) for word in PLACERS[self.family])
        return place_until_met(
            (placer, *self.goal.placer, *options, "--json", f"{TOP}.json", "--top", TOP),
            who="build",
            what=self.goal.name,
            frequency=asked_mhz,
            needed=needed_mhz,
            seeds=self.seeds,
            output=self.work / options[-1],
            folder=self.work,
            log=self.logs / "nextpnr.log",
            progress=self.progress,
        )

    def _packed(self) -> Finished:
        names = {"top": TOP, "bitstream": self.bits}
        packer, *words = PACKERS[self.family]
        options = []
        for word in words:
            options += self.goal.packer if word == "{options}" else (word.format(**names),)
        return run_tool(
            [*tools.require(packer, who="build")[packer].command, *options],
            who=packer,
            log=self.logs / f"{packer}.log",
            cwd=self.work,
            environment=tools.environment(),
            time_limit=_TIME_LIMIT_S,
            failure=DesignError,
            progress=self.progress,
            makes=[self.work / self.bits],
        )


def _without_frequencies(constraints: Path) -> Path:
    """A copy that leaves the clock open: a frequency in the file goes before what is asked."""
    lines = constraints.read_text().splitlines(keepends=True)
    pins = constraints.with_stem(f"{constraints.stem}_pins")
    kept = (line for line in lines if not line.startswith(("FREQUENCY ", "set_frequency ")))
    pins.write_text("".join(kept))
    return pins


def _keep_only(work: Path, keep: dict[str, str]) -> None:
    """Delete all but the named files, and give those their final names."""
    for item in list(work.iterdir()):
        if item.name in keep:
            item.replace(work / keep[item.name])
        elif item.is_dir():
            shutil.rmtree(item)
        else:
            item.unlink()
