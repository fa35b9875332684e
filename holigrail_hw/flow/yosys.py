"""A ``yosys`` command on top of the native PyPI library ``pyosys``.

``python -m holigrail_hw.flow.yosys [-V] [-q] [-l LOG] [-p COMMANDS] [SCRIPT.ys ...]`` understands
what Amaranth's platforms and this package ask of Yosys. :func:`prepare_commands` holds the passes
that must come before every ``synth_*``: without ``splitnets`` Yosys stops with an internal error on
some designs (Yosys issue 4349).
"""

import argparse
import re
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

__all__ = ["main", "prepare_commands"]


def prepare_commands(top: str) -> list[str]:
    """Passes between reading a design and ``synth_*``.

    Memories that are called ``large_memory...`` begin with unknown contents, as the single-port
    ones of an iCE40 UltraPlus do: those are not used for a memory that begins with zeros.
    """
    return [
        f"hierarchy -top {top}",
        "proc",
        "flatten",
        "delete t:$meminit* r:MEMID=*large_memory* %i",
        "splitnets",
        "opt_clean",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line ``arguments`` (default: those of the process); returns the status."""
    parser = argparse.ArgumentParser(prog="yosys", description="Yosys from the library pyosys")
    parser.add_argument("-V", "--version", action="store_true", help="print the version and stop")
    parser.add_argument("-q", action="store_true", help="write the log only to the file of -l")
    parser.add_argument("-l", metavar="LOG", help="write the log to this file")
    parser.add_argument("-p", action="append", default=[], metavar="COMMANDS", help="run these")
    parser.add_argument("script", nargs="*", help="run this script first")
    chosen = parser.parse_args(arguments)
    if chosen.version:
        print(f"Yosys {metadata.version('pyosys').split('.post')[0]}")
        return 0
    for script in chosen.script:
        if not Path(script).is_file():
            print(f"yosys: the script must exist, not {script}", file=sys.stderr)
            return 2
    from pyosys import libyosys

    design = libyosys.Design()
    prefix = ("tee -q " if chosen.q else "tee ") if chosen.l or chosen.q else ""
    mode = "-o"
    steps = [f"script {script}" for script in chosen.script]
    # A semicolon ends a command only before white space; one inside a word belongs to the word.
    steps += [part for text in chosen.p for part in re.split(r"\s*;(?:\s+|$)", text) if part]
    for step in steps:
        target = f"{mode} {chosen.l} " if chosen.l else ""
        libyosys.run_pass(f"{prefix}{target}{step}", design)
        mode = "-a"
    return 0


if __name__ == "__main__":
    sys.exit(main())
