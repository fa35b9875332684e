"""``holigrail flash``: load a design into a board, and compare the board with golden."""

import argparse
from pathlib import Path

from holigrail_hw.flow.board import build, flash
from holigrail_hw.ui.tables import pairs

from .arguments import need_board, read_design
from .options import integer
from .session import Session, shown

__all__ = ["configure", "main"]


def main(words: list[str], session: Session) -> int:
    """Build the bitstream unless one is given, load it, and check the board."""
    options, design = read_design(words, session, configure)
    board = need_board(design, session)
    folder = session.folder(f"{design.top}_{board}")
    check = None
    if options.check:
        check = flash.Check(design.spec, design.timing, seed=session.seed, count=options.items)
    timing = build.planned(design.spec, design.timing, board)
    for remark in design.spec.clock(timing).remarks():
        session.note(remark)
    where = {"check": check, "virtual_cable": options.virtual_cable, "serial": options.serial}
    with session.progress() as progress:
        bitstream = options.bitstream
        if bitstream is None:
            flash.ready(board, **where)
            built = build.run(
                *(design.spec, timing, board, folder, progress),
                best_effort=options.best_effort,
                seed=session.seed,
                seeds=options.seeds,
            )
            bitstream = built.bitstream or folder / built.top
        result = flash.run(
            bitstream,
            board,
            **where,
            log_dir=session.output,
            progress=progress,
        )
    rows = [("board", result.board), ("loaded", shown(result.bitstream))]
    rows.append(("log", shown(result.log)))
    if result.items is not None:
        answer = f", answer {result.answer}," if result.answer else ""
        rows.append(("checked", f"{result.items} items{answer} as golden says"))
    return session.show(result.as_dict(), lambda console: pairs(console, rows))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("--board", metavar="NAME", help="board; `holigrail list boards`")
    parser.add_argument(
        "--seeds",
        type=integer(1, 100),
        default=build.SEEDS,
        metavar="N",
        help=f"placements to try until one meets the clock ({build.SEEDS})",
    )
    parser.add_argument(
        "--bitstream", type=Path, metavar="FILE", help="load this file instead of building one"
    )
    parser.add_argument("--check", action="store_true", help="compare the board with golden")
    parser.add_argument(
        "--items", type=integer(1), metavar="N", help="items of the check (4096; 4 frames)"
    )
    parser.add_argument("--serial", metavar="PORT", help="serial port of the board (found by name)")
    parser.add_argument(
        "--virtual-cable",
        metavar="ADDRESS:PORT",
        help="load through a Xilinx Virtual Cable server instead of USB",
    )
