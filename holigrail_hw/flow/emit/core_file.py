"""The description of a generated folder for FuseSoC: core file format 2, with flows of Edalize.

``fusesoc run --target=sim`` runs the Verilog bench in Icarus, ``--target=lint`` asks Verilator, and
``--target=synth`` lets Yosys map the design to an architecture. A core that depends on this one has
its Verilog alone. A design that comes beside the operator, like the system around an accelerator,
has a target of its own that asks Verilator, with all files that belong to it.
"""

import json
from collections.abc import Iterable

from holigrail_hw import __version__
from holigrail_hw.core.timing import Timing

from ..synth import devices
from ..top import Top

__all__ = ["core_file"]

# Yosys has one command for each architecture; this one where no device is asked for.
_ARCHITECTURE = "ice40"


def core_file(top: Top, systems: Iterable[str] = (), beside: Iterable[str] = ()) -> str:
    """The text of ``TOP.core``.

    ``systems`` are the endings of designs that have a target each, besides the operator; ``beside``
    are those of files that belong to them.
    """
    designs, others = _systems(top, list(systems), list(beside))
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
{designs}targets:
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
{others}"""


def _systems(top: Top, systems: list[str], beside: list[str]) -> tuple[str, str]:
    """Sets of files and targets; Verilog is read, the rest is copied."""
    verilog = [f"{top.name}{ending}" for ending in beside if ending.endswith(".v")]
    data = [f"{top.name}{ending}" for ending in beside if not ending.endswith(".v")]
    sets = targets = ""
    for ending in systems:
        name = f"{top.name}{ending}"
        target = ending.removeprefix("_")
        sets += f"""  {target}:
    files: [{", ".join([f"{name}.v", *verilog])}]
    file_type: verilogSource
"""
        filesets = ", ".join([target, *(["beside"] if data else [])])
        targets += f"""  {target}:
    filesets: [{filesets}]
    toplevel: {name}
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wno-lint, -Wno-style]
"""
    if data and systems:
        sets += f"""  beside:
    files: [{", ".join(data)}]
    file_type: user
"""
    return sets, targets


def _architecture(model: str) -> str:
    """The one of the device that a delay model is of."""
    if model == Timing.device:
        return _ARCHITECTURE
    return next(goal.family for goal in devices.TARGETS.values() if goal.model == model)
