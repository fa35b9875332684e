"""The description of a generated folder for FuseSoC: core file format 2, with flows of Edalize.

``fusesoc run --target=sim`` runs the Verilog bench in Icarus, ``--target=lint`` asks Verilator, and
``--target=synth`` lets Yosys map the design to an architecture. A core that depends on this one has
its Verilog alone.
"""

import json

from holigrail_hw import __version__
from holigrail_hw.core.timing import Timing

from ..synth import devices
from ..top import Top

__all__ = ["core_file"]

# Yosys has one command for each architecture; this one where no device is asked for.
_ARCHITECTURE = "ice40"


def core_file(top: Top) -> str:
    """The text of ``TOP.core``."""
    files, whole = [f"{top.name}.v"], top.name
    for file in top.shell.sources(top.spec, top.name):
        files.append(file)
        whole = file.removesuffix(".v")
    return f"""CAPI=2:
name: holigrail_hw:{top.spec.name.replace("-", "_")}:{top.name}:{__version__}
description: {json.dumps(top.spec.summary)}
filesets:
  rtl:
    files: [{", ".join(files)}]
    file_type: verilogSource
  bench:
    files: [{top.name}_bench.v]
    file_type: verilogSource
targets:
  default:
    filesets: [rtl]
    toplevel: {top.name}
  sim:
    filesets: [rtl, bench]
    toplevel: {top.name}_bench
    flow: sim
    flow_options:
      tool: icarus
      timescale: 1ns/1ps
  lint:
    filesets: [rtl]
    toplevel: {whole}
    flow: lint
    flow_options:
      tool: verilator
  synth:
    filesets: [rtl]
    toplevel: {whole}
    flow: generic
    flow_options:
      tool: yosys
      arch: {_architecture(top.timing.device)}
      output_format: json
"""


def _architecture(model: str) -> str:
    """The one of the device that a delay model is of."""
    if model == Timing.device:
        return _ARCHITECTURE
    return next(goal.family for goal in devices.TARGETS.values() if goal.model == model)
