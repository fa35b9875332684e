"""Emitted designs in one simulation, driven by bus masters that are not ours.

A test makes a :class:`Design` for each request, whose module and work are plain data; one Verilog
module holds all of them, and one run of Icarus with cocotb drives all of them, since starting a
simulator and Python takes longer than the simulation.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core import OperatorSpec, Timing
from holigrail_hw.flow.emit import emit, packed_items
from holigrail_hw.flow.top import CLOCK, RESET, Handshake, Port, Top
from holigrail_hw.flow.verify import workloads
from holigrail_hw.flow.verify.workloads import Workload
from holigrail_hw.shells.axi_stream.wrapper import name_of, wrapper
from holigrail_hw.shells.wishbone.shell import Wishbone

__all__ = ["Design", "simulate"]


@dataclass
class Design:
    """One emitted design, and a workload with the golden answers.

    With ``wrapped`` an AXI4-Stream design is driven through ``aclk`` and ``aresetn``; with
    ``pipelined`` a slave on a bus is driven by a pipelined master. ``plant`` is a port of an
    AXI4-Stream out of the design, a bit of it, and the item at which that bit is inverted.
    """

    spec: OperatorSpec
    timing: Timing
    count: int
    largest: int = 24
    corners: bool = True
    wrapped: bool = False
    pipelined: bool = False
    plant: tuple[str, int, int] | None = None

    def __post_init__(self) -> None:
        self.top = Top(self.spec, self.timing)
        self.workload: Workload = workloads.choose(
            self.top.spec, self.count, seed=5, corners=self.corners, largest=self.largest
        )

    @property
    def streams(self) -> list[Handshake]:
        return (self.top.master() or self.top).handshakes()

    def text(self) -> str:
        """The Verilog."""
        text = emit.verilog(self.top)
        return text + wrapper(self.top.name, self.top.spec.streams()) if self.wrapped else text

    def ports(self) -> list[Port]:
        if not self.wrapped:
            return self.top.ports()
        ports = [port for port in self.top.ports() if port.name not in (CLOCK, RESET)]
        return [Port("aclk", "in", 1), Port("aresetn", "in", 1), *ports]

    def work(self, prefix: str) -> dict[str, Any]:
        """What the bench needs: items as numbers, results as (low, high, mask)."""
        rows, streams = packed_items.pack(self.streams, self.workload), {}
        for stream in self.streams:
            width = sum(port.width for port in stream.payload)
            streams[stream.name] = {
                "direction": stream.direction,
                "fields": [(port.operand, port.width) for port in stream.payload],
                "items": [
                    [row >> k * width & (1 << width) - 1 for k in range(3)]
                    if stream.direction == "out"
                    else row
                    for row in rows[stream.name]
                ],
            }
        registers = []
        if isinstance(self.top.spec, Wishbone):
            registers = [
                {"address": one.address, "stream": one.stream, "word": one.word}
                | {"needed": one.needed}
                | {"pieces": [(p.field, p.field_low, p.low, p.width) for p in one.pieces]}
                for one in self.top.spec.registers()
            ]
        name = f"{self.spec.name} {self.top.name}"
        return {"name": name, "prefix": prefix, "streams": streams, "registers": registers}


def simulate(designs: list[Design], bench: str, folder: Path) -> dict[str, Any]:
    """The report of ``bench`` about all designs."""
    texts, instances, work = {}, [], []
    for index, design in enumerate(designs):
        prefix = f"d{index}"
        texts[design.top.name] = design.text()
        instances += _instance(design, prefix)
        work.append(design.work(prefix))
    assert len(texts) == len(designs), "every design must have a name of its own"
    lines = ["`timescale 1ns/1ps", "module all;", f"  reg {CLOCK} = 0, {RESET} = 1;", *instances]
    (folder / "all.v").write_text("\n".join([*lines, "endmodule", *texts.values()]) + "\n")
    job = folder / "job.json"
    report = folder / "report.json"
    pipelined = [f"d{index}" for index, design in enumerate(designs) if design.pipelined]
    more = {"report": str(report), "pipelined": pipelined}
    job.write_text(json.dumps({"designs": work, **more}))
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "HOLIGRAIL_BENCH": str(job),
    }
    done = subprocess.run(
        [sys.executable, __file__, bench, folder],
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert report.is_file(), (done.stdout + done.stderr)[-4000:]
    return json.loads(report.read_text())


def _instance(design: Design, prefix: str) -> list[str]:
    links, declarations = [], []
    for port in design.ports():
        if port.name in (CLOCK, "aclk"):
            links.append((port.name, CLOCK))
        elif port.name in (RESET, "aresetn"):
            links.append((port.name, RESET if port.name == RESET else f"~{RESET}"))
        else:
            bits = f" [{port.width - 1}:0]" if port.width > 1 else ""
            kind = "reg" if port.direction == "in" else "wire"
            start = " = 0" if port.direction == "in" else ""
            declarations.append(f"  {kind}{bits} {prefix}_{port.name}{start};")
            links.append((port.name, f"{prefix}_{port.name}"))
    if design.plant:
        port, bit, item = design.plant
        whole, stream = f"{prefix}_{port}", f"{prefix}_{port.rpartition('_')[0]}"
        (width,) = [one.width for one in design.ports() if one.name == port]
        links = [(a, f"{whole}_right" if a == port else b) for a, b in links]
        declarations += [
            f"  wire [{width - 1}:0] {whole}_right;",
            f"  reg [31:0] {whole}_seen = 0;",
            f"  assign {whole} = {whole}_right ^ (({whole}_seen == {item}) << {bit});",
            f"  always @(posedge {CLOCK}) {whole}_seen <= {RESET} ? 0 :"
            f" {whole}_seen + ({stream}_tvalid && {stream}_tready);",
        ]
    if design.pipelined:
        # A pipelined master in front of a classic slave: Wishbone B4, 5.2.1.
        stall = f"{prefix}_wb_cyc & ~({prefix}_wb_ack | {prefix}_wb_err)"
        declarations.append(f"  wire {prefix}_wb_stall = {stall};")
    name = name_of(design.top.name) if design.wrapped else design.top.name
    joined = ", ".join(f".{inner}({outer})" for inner, outer in links)
    return [*declarations, f"  {name} {prefix} ({joined});"]


def _run(bench: str, folder: str) -> None:
    from cocotb_tools.runner import get_runner

    runner = get_runner("icarus")
    build = Path(folder) / "build"
    runner.build(
        sources=[Path(folder) / "all.v"],
        hdl_toplevel="all",
        build_dir=build,
        build_args=["-g2005"],
        timescale=("1ns", "1ps"),
        always=True,
    )
    runner.test(
        test_module=bench,
        hdl_toplevel="all",
        hdl_toplevel_lang="verilog",
        build_dir=build,
        test_dir=folder,
        results_xml=str(Path(folder) / "results.xml"),
        timescale=("1ns", "1ps"),
    )


if __name__ == "__main__":
    _run(*sys.argv[1:])
