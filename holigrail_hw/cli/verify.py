"""``holigrail verify``: the hardware against the golden model; prints what was checked."""

import argparse
from dataclasses import asdict

from holigrail_hw.flow.verify import verify
from holigrail_hw.ui.tables import table

from .arguments import read_design
from .options import integer, one_of
from .session import Session

__all__ = ["configure", "main"]


def main(words: list[str], session: Session) -> int:
    """Check a design on several levels; the first wrong result ends it with exit status 1."""
    options, design = read_design(words, session, configure)
    with session.progress() as progress:
        found = verify.run(
            design.spec,
            design.timing,
            levels=options.level,
            simulator=options.simulator,
            count=options.count,
            seed=session.seed,
            only=options.only,
            progress=progress,
        )
    if found.note:
        session.note(found.note)
    header = ("level", "simulator", "vectors", "exhaustive", "cycles", "seconds")
    rows = [
        [e.level, e.simulator, e.vectors, e.exhaustive, e.cycles, round(e.seconds, 2)]
        for e in found.levels
    ]
    return session.show(
        {**asdict(found), "vectors": found.vectors},
        lambda console: table(console, (*header[:-1], "time (s)"), rows),
    )


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "--level",
        action="append",
        type=one_of(verify.LEVELS),
        metavar="NAME",
        help=f"{', '.join(verify.LEVELS)}; repeat for several (the first"
        " two, or words for a large netlist that it covers)",
    )
    parser.add_argument(
        "--simulator",
        type=one_of(verify.SIMULATORS),
        default=verify.SIMULATORS[0],
        metavar="NAME",
        help=f"for cocotb: {', '.join(verify.SIMULATORS)}",
    )
    parser.add_argument(
        "--count",
        type=integer(1),
        metavar="N",
        help="vectors for each level (all of them if there are few)",
    )
    parser.add_argument(
        "--only", type=integer(0), metavar="N", help="run this vector alone, by its number"
    )
