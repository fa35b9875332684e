"""``holigrail generate``: write the Verilog of a design with everything that belongs to it."""

import argparse

from holigrail_hw.flow.emit import emit
from holigrail_hw.ui.tables import pairs

from .arguments import read_design
from .options import one_of
from .session import Session, shown

__all__ = ["configure", "main"]


def main(words: list[str], session: Session) -> int:
    """Write a folder with Verilog, manifest, self-checking bench with vectors, and core file."""
    options, design = read_design(words, session, configure)
    folder = session.folder(design.top)
    with session.progress() as progress:
        progress(f"writing {design.top}")
        generated = emit.generate(
            design.spec, design.timing, folder, seed=session.seed, bench=options.bench
        )
    manifest = generated.manifest
    files = [str(path) for path in generated.files]
    result = {"folder": str(folder), "files": files, "manifest": manifest}
    rows = [
        ("top", manifest["top"]),
        ("latency (cycles)", manifest["latency"]),
        ("interval (cycles)", manifest["initiation_interval"]),
        *(("written", shown(name)) for name in files),
    ]
    return session.show(result, lambda console: pairs(console, rows))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "--bench",
        type=one_of(emit.BENCHES),
        default=emit.BENCHES[0],
        metavar="KIND",
        help="verilog (default); cocotb adds test_TOP.py, which needs no holigrail",
    )
