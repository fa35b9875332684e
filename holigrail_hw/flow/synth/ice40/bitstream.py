"""An iCE40 bitstream back into a netlist that a simulator runs.

The proof on the finished bits: what is simulated was read from the bitstream alone, so it contains
every mistake of synthesis, placement, routing and packing. IceStorm's database (module ``icebox``)
says what the bits mean and which wires they join; the netlist is written here: look-up tables,
carries, flip-flops, simple pins, block memories with their first contents (SB_RAM40_4K), and what
IceStorm's own Verilog writer leaves out: DSP blocks (SB_MAC16) and large memories (SB_SPRAM256KA).
PLLs and registered pins are refused, not ignored.
"""

import importlib
import importlib.util
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from holigrail_hw.core.errors import DesignError, RequestError, ToolError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.run.process import run as run_tool
from holigrail_hw.core.work_folder import scratch

from ... import tools
from . import memories as ice40_memories

__all__ = ["Decoded", "decode", "mac16_model"]

# Pin types, lowest bit first: plain input; output always on; output with an enable.
_INPUT, _OUTPUT, _ENABLED_OUTPUT = "100000", "100110", "100101"
_MAC16_BITS = (
    *("C_REG", "A_REG", "B_REG", "D_REG", "TOP_8x8_MULT_REG", "BOT_8x8_MULT_REG"),
    *("PIPELINE_16x16_MULT_REG1", "PIPELINE_16x16_MULT_REG2", "MODE_8x8", "A_SIGNED", "B_SIGNED"),
    *("TOPADDSUB_UPPERINPUT", "BOTADDSUB_UPPERINPUT"),
)
_MAC16_PAIRS = (
    *("TOPOUTPUT_SELECT", "TOPADDSUB_LOWERINPUT", "TOPADDSUB_CARRYSELECT"),
    *("BOTOUTPUT_SELECT", "BOTADDSUB_LOWERINPUT", "BOTADDSUB_CARRYSELECT"),
)
_MAC16_CONTROLS = (
    *("CLK", "CE", "IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT", "AHOLD", "BHOLD", "CHOLD", "DHOLD"),
    *("OHOLDTOP", "OHOLDBOT", "ADDSUBTOP", "ADDSUBBOT", "OLOADTOP", "OLOADBOT", "CI"),
)


@dataclass(frozen=True)
class Decoded:
    """A decoded bitstream: Verilog of the module ``chip`` and the number of its cells."""

    verilog: str
    luts: int
    flip_flops: int
    dsps: int
    memories: int


def decode(
    bitstream: Path,
    constraints: Path,
    *,
    package: str = "sg48",
    log: Path,
    progress: Progress | None = None,
) -> Decoded:
    """Decode an iCE40 bitstream; port names come from the pin constraints (PCF).

    Raises
    ------
    RequestError
        A file is missing.
    DesignError
        The bitstream holds something that is not covered, or is damaged.
    ToolError
        A tool or the database is missing.
    """
    for path in (bitstream, constraints):
        if not path.is_file():
            raise RequestError(f"decode: the file must exist, not {path}")
    found = tools.require("iceunpack", "icebox", who="decode")
    chip = _icebox().iceconfig()
    with scratch() as folder:
        # The tool only sees files below its working folder.
        shutil.copyfile(bitstream, folder / "in.bin")
        run_tool(
            [*found["iceunpack"].command, "in.bin", "out.asc"],
            who="iceunpack",
            log=log,
            cwd=folder,
            environment=tools.environment(),
            time_limit=300,
            progress=progress,
            failure=DesignError,
            hint="the bitstream may be damaged; build it again",
        )
        chip.read_file(str(folder / "out.asc"))
    if progress is not None:
        progress("decode: tracing the wires of the bitstream")
    return _Netlist(chip, package).write(_pins(constraints))


def mac16_model() -> list[Path]:
    """Verilog files with a simulation model of SB_MAC16: Yosys's own cell library."""
    spec = importlib.util.find_spec("pyosys")
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / "share" / "ice40" / "cells_sim.v"
        if path.is_file():
            return [path]
    raise ToolError("decode: Yosys's cell library must be installed", hint="pip install pyosys")


def _pins(constraints: Path) -> dict[str, str]:
    """Package pin to port name."""
    pins = {}
    for line in constraints.read_text().splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["set_io"]:
            pins[words[-1]] = words[-2]
    return pins


def _icebox() -> ModuleType:
    """IceStorm's Python module, which lies outside the Python environment."""
    if "icebox" not in sys.modules:
        folder = tools.icebox_folder()
        if folder is None:
            raise ToolError("decode: icebox must be installed", hint=tools.TOOLS["icebox"].install)
        sys.path.append(str(folder))
        try:
            with warnings.catch_warnings():
                # Written for older versions of Python: its regular expressions draw warnings.
                warnings.simplefilter("ignore")
                importlib.import_module("icebox")
        finally:
            sys.path.remove(str(folder))
    return sys.modules["icebox"]


def _lookup(table: list[str], inputs: list[str]) -> str:
    """A look-up table as an expression of only those inputs that matter.

    The constant 1 is a table that may be wired back to its own input; a simulator that evaluated
    that input would never leave the unknown state.
    """
    bits = [bit == "1" for bit in table]
    select = list(inputs)
    for place, net in enumerate(inputs):
        step = 1 << place
        if net in ("1'b0", "1'b1"):
            chosen = step if net == "1'b1" else 0
            bits = [bits[index & ~step | chosen] for index in range(16)]
        if all(bits[index] == bits[index ^ step] for index in range(16)):
            select[place] = "1'b0"
    number = sum(1 << index for index, bit in enumerate(bits) if bit)
    return f"16'h{number:04x} >> {{{', '.join(reversed(select))}}}"


class _Netlist:
    """Turns one chip configuration into Verilog."""

    def __init__(self, chip: Any, package: str):
        self.icebox, self.chip, self.package = _icebox(), chip, package
        self.clock_pads = self._clock_pads()
        segments = [(x, y, f"padin_{z}") for x, y, z in self.clock_pads]
        groups = sorted(chip.group_segments(extra_segments=segments))
        self.net_of = {seg: f"n{index}" for index, group in enumerate(groups) for seg in group}
        self.groups = groups
        self.wires = {f"n{index}" for index in range(len(groups))}
        self.registers: set[str] = set()
        self.body: list[str] = []
        self.ports: list[str] = []

    def write(self, pins: dict[str, str]) -> Decoded:
        self._write_pins(pins)
        luts, flip_flops = self._write_logic()
        dsps = self._write_dsps()
        memories = ice40_memories.write(self)
        lines = [f"module chip ({', '.join(self.ports)});"]
        lines += [f"wire {net};" for net in sorted(self.wires - self.registers)]
        lines += [f"reg {net} = 0;" for net in sorted(self.registers)]
        return Decoded(
            "\n".join([*lines, *self.body, "endmodule", ""]), luts, flip_flops, dsps, memories
        )

    def _clock_pads(self) -> set[tuple[int, int, int]]:
        """Pins that drive a global clock network directly."""
        pads = set()
        for bit in self.chip.extra_bits:
            entry = self.chip.lookup_extra_bit(bit)
            if entry[0] == "padin_glb_netwk":
                pads.add(tuple(self.chip.padin_pio_db()[int(entry[1])]))
        return pads

    def option(self, x: int, y: int, kind: str, name: str) -> bool:
        """Whether a named configuration bit of a tile is set."""
        bits = self.icebox.tileconfig(self.chip.tile(x, y))
        for entry in self.chip.tile_db(x, y):
            if entry[1] == kind and entry[2] == name:
                return bool(bits.match(entry[0]))
        raise DesignError(f"decode: tile {x} {y} must have the configuration bit {kind} {name}")

    def net(self, x: int, y: int, name: str, default: str = "1'b0") -> str:
        return self.net_of.get((x, y, name), default)

    def new(self, x: int, y: int, name: str) -> str:
        """The net of a segment; makes a private one for a wire that stays inside its tile."""
        segment = (x, y, name)
        if segment not in self.net_of:
            self.net_of[segment] = re.sub(r"\W", "_", f"t{x}_{y}_{name}")
            self.wires.add(self.net_of[segment])
        return self.net_of[segment]

    def _pad_type(self, x: int, y: int, z: int) -> str:
        bits = [self.option(x, y, f"IOB_{z}", f"PINTYPE_{index}") for index in range(6)]
        return "".join("01"[bit] for bit in bits)

    def _write_pins(self, pins: dict[str, str]) -> None:
        place = {(x, y, z): pin for pin, x, y, z in self.chip.pinloc_db(self.package)}
        for x, y in sorted(self.chip.io_tiles):
            for z in (0, 1):
                inwards = self.net(x, y, f"io_{z}/D_IN_0", "")
                clock = self.net(x, y, f"padin_{z}", "") if (x, y, z) in self.clock_pads else ""
                outwards = self.net(x, y, f"io_{z}/D_OUT_0", "")
                if not (inwards or clock or outwards):
                    continue
                kind = self._pad_type(x, y, z)
                port = pins.get(place.get((x, y, z), ""), f"io_{x}_{y}_{z}")
                if outwards and kind[2:] != "0000":
                    if kind not in (_OUTPUT, _ENABLED_OUTPUT) or inwards or clock:
                        raise DesignError(f"decode: pin {port} must be a plain output")
                    self.ports.append(f"output {port}")
                    enable = self.net(x, y, f"io_{z}/OUT_ENB", "1'b1")
                    value = outwards if kind == _OUTPUT else f"{enable} ? {outwards} : 1'bz"
                    self.body.append(f"assign {port} = {value};")
                elif inwards or clock:
                    if kind != _INPUT:
                        raise DesignError(f"decode: pin {port} must be a plain input")
                    self.ports.append(f"input {port}")
                    self.body += [f"assign {net} = {port};" for net in {inwards, clock} - {""}]
        missing = set(pins.values()) - {port.split()[1] for port in self.ports}
        # A constrained input that the design ignores leaves no trace in the bits.
        self.ports += [f"input {port}" for port in sorted(missing)]

    def _logic_cells(self) -> Iterator[tuple[int, int, int]]:
        cells = set()
        for group in self.groups:
            for x, y, name in group:
                match = re.match(r"lutff_(\d)/", name)
                if match and (x, y) in self.chip.logic_tiles:
                    cells.add((x, y, int(match.group(1))))
        return iter(sorted(cells))

    def _write_logic(self) -> tuple[int, int]:
        luts = flip_flops = 0
        for x, y, z in self._logic_cells():
            tile = self.chip.logic_tiles[x, y]
            table = self.icebox.get_lutff_lut_bits(tile, z)
            carry, register, value, asynchronous = self.icebox.get_lutff_seq_bits(tile, z)
            inputs = [self.net(x, y, f"lutff_{z}/in_{index}") for index in range(4)]
            if carry == "1":
                self._write_carry(x, y, z, inputs)
            out = self.new(x, y, f"lutff_{z}/out")
            direct = self.new(x, y, f"lutff_{z}/lout")
            self.body.append(f"assign {direct} = {_lookup(table, inputs)};")
            luts += 1
            if register == "0":
                self.body.append(f"assign {out} = {direct};")
                continue
            flip_flops += 1
            self._write_register(x, y, tile, out, direct, value, asynchronous == "1")
        return luts, flip_flops

    def _write_carry(self, x: int, y: int, z: int, inputs: list[str]) -> None:
        out = self.new(x, y, f"lutff_{z}/cout")
        tile = self.chip.logic_tiles[x, y]
        if z > 0:
            into = self.new(x, y, f"lutff_{z - 1}/cout")
        else:
            into = self.new(x, y, "carry_in_mux")
            if self.icebox.get_carry_cascade_bit(tile) == "0":
                self.body.append(f"assign {into} = {self.icebox.get_carry_bit(tile)};")
        one, two = inputs[1], inputs[2]
        self.body.append(f"assign {out} = ({one} & {two}) | (({one} | {two}) & {into});")

    def _write_register(
        self, x: int, y: int, tile: Any, out: str, data: str, value: str, asynchronous: bool
    ) -> None:
        enable = self.net(x, y, "lutff_global/cen", "1'b1")
        clock = self.net(x, y, "lutff_global/clk")
        reset = self.net(x, y, "lutff_global/s_r")
        edge = "negedge" if self.icebox.get_negclk_bit(tile) == "1" else "posedge"
        self.registers.add(out)
        if asynchronous:
            self.body.append(
                f"always @({edge} {clock}, posedge {reset}) if ({reset}) {out} <= 1'b{value}; "
                f"else if ({enable}) {out} <= {data};"
            )
        else:
            self.body.append(
                f"always @({edge} {clock}) if ({enable}) {out} <= {reset} ? 1'b{value} : {data};"
            )

    def _write_dsps(self) -> int:
        """DSP blocks that drive any wire; each spreads over four tiles and the one above them."""
        count = 0
        for x, y in sorted(self.chip.dsp_tiles[0]):
            nets = self.chip.get_dsp_nets_db(x, y)
            if any(nets[f"O_{bit}"] in self.net_of for bit in range(32)):
                count += 1
                self._write_dsp(x, y, nets)
        return count

    def _write_dsp(self, x: int, y: int, nets: dict[str, tuple[int, int, str]]) -> None:
        places = self.chip.get_dsp_config_db(x, y)

        def bit(name: str) -> str:
            tile_x, tile_y, option = places[name]
            return "01"[self.option(tile_x, tile_y, "IpConfig", option)]

        parameters = [f".{name}(1'b{bit(name)})" for name in _MAC16_BITS]
        parameters += [f".{n}(2'b{bit(f'{n}_1')}{bit(f'{n}_0')})" for n in _MAC16_PAIRS]
        pins = []
        for name in _MAC16_CONTROLS:
            # An unconnected clock enable is on, every other unconnected control is off.
            idle = "1'b1" if name == "CE" else "1'b0"
            pins.append(f".{name}({self.net(*nets[name], idle)})")
        for name, width in (("A", 16), ("B", 16), ("C", 16), ("D", 16)):
            word = ", ".join(self.net(*nets[f"{name}_{bit}"]) for bit in reversed(range(width)))
            pins.append(f".{name}({{{word}}})")
        outputs = [self.new(*nets[f"O_{bit}"]) for bit in reversed(range(32))]
        pins += [f".O({{{', '.join(outputs)}}})", ".ACCUMCI(1'b0)", ".SIGNEXTIN(1'b0)"]
        if nets["CO"] in self.net_of:
            pins.append(f".CO({self.net_of[nets['CO']]})")
        self.body.append(
            f"SB_MAC16 #({', '.join(parameters)}) dsp_{x}_{y} (\n  " + ",\n  ".join(pins) + ");"
        )
