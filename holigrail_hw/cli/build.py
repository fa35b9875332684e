"""``holigrail build``: the bitstream of a design on a board, with its self-test or host link."""

import argparse

from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow.board import build
from holigrail_hw.flow.board import proof as board_proof
from holigrail_hw.ui.tables import pairs

from .arguments import need_board, read_design
from .options import integer
from .session import Session, shown

__all__ = ["configure", "main"]


def main(words: list[str], session: Session) -> int:
    """Write the bitstream, its netlist and constraints; exit status 1 if it is too slow."""
    options, design = read_design(words, session, configure)
    board = need_board(design, session)
    timing = build.planned(design.spec, design.timing, board)
    for remark in design.spec.clock(timing).remarks():
        session.note(remark)
    with session.progress() as progress:
        result = build.run(
            design.spec,
            timing,
            board,
            session.folder(f"{design.top}_{board}"),
            progress,
            check=not options.no_check,
            best_effort=options.best_effort,
            seed=session.seed,
            seeds=options.seeds,
        )
        proof = None
        if options.check:
            proof = board_proof.decode_and_check(design.spec, result, progress=progress)
    missed = result.met is False
    used = ", ".join(f"{n} of {total} {kind}" for kind, (n, total) in result.used.items())
    rows = [
        ("board", result.board),
        ("top", result.top),
        ("latency (cycles)", result.latency),
        ("board clock (MHz)", result.clock_mhz),
        ("Fmax (MHz)", result.fmax_mhz),
        ("cells", used or None),
        *(("written", shown(path)) for path in result.files),
    ]
    if result.checked is not None:
        rows.append(("netlist", f"{result.checked} results as golden says"))
    if proof is not None:
        text = f"{proof.items} items on the decoded {proof.source}, as golden says"
        rows.append(("checked", text))
    if result.note:
        rows.append(("note", result.note))
    status = session.show(
        {**result.as_dict(), "proof": proof and proof.as_dict()},
        lambda console: pairs(console, rows),
        status=int(missed),
    )
    if missed and not session.json:
        raise DesignError(
            f"{design.spec.name}: the design must run at the board's {result.clock_mhz:g} MHz,"
            f" not at {result.fmax_mhz} MHz",
            hint="ask for a longer --period, which is its clock, or try more --seeds"
            if design.spec.whole_system() is not None
            else "allow more latency: --latency N, a shorter --period, or more --seeds",
        )
    return status


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
        "--no-check",
        action="store_true",
        help="do not simulate a netlist with DSP blocks or memories before it is placed",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="simulate the serial line of what was built: the decoded bitstream (iCE40), or the"
        " netlist (ECP5)",
    )
