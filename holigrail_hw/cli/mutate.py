"""``holigrail mutate``: plant faults in a design; do the vectors of ``verify`` notice them?"""

import argparse

from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow.verify import mutants
from holigrail_hw.ui.tables import pairs, table

from .arguments import read_design
from .options import integer
from .session import Session

__all__ = ["configure", "main"]


def main(words: list[str], session: Session) -> int:
    """Say how many faults were noticed; exit status 1 below the threshold."""
    options, design = read_design(words, session, configure)
    with session.progress() as progress:
        found = mutants.run(
            design.spec,
            design.timing,
            faults=options.faults,
            count=options.count,
            seed=session.seed,
            solver_s=options.proof_time,
            progress=progress,
        )
    percent = round(100 * found.rate, 1)
    rows = [
        ("top", found.top),
        ("faults", len(found.killed) + len(found.equivalent) + len(found.survived)),
        ("vectors", found.vectors),
        ("killed", len(found.killed)),
        ("proved to change nothing", len(found.equivalent)),
        ("survived", len(found.survived)),
        ("killed of the others (%)", percent),
    ]
    groups = {"survived": found.survived, "equivalent": found.equivalent}
    shown = {name.replace(" ", "_"): value for name, value in rows if name not in groups}
    shown |= {
        name: [{"fault": str(fault), "reason": found.reasons[fault]} for fault in faults]
        for name, faults in groups.items()
    }

    def text(console) -> None:
        pairs(console, rows)
        if found.survived:
            console.file.write("\n")
            columns = ("survivor", "kind", "what SAT says")
            table(console, columns, [[f.name, f.kind, found.reasons[f]] for f in found.survived])

    is_low = percent < options.threshold
    status = session.show(shown, text, status=int(is_low))
    if is_low and not session.json:
        raise DesignError(
            f"{design.spec.name}: at least {options.threshold} % of the faults must be noticed,"
            f" not {percent} %",
            hint="each survivor is a gap in corner cases and stimulus, or needs a proof of its own",
        )
    return status


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "--faults", type=integer(1), default=60, metavar="N", help="faults to plant (60)"
    )
    parser.add_argument(
        "--count",
        type=integer(1),
        metavar="N",
        help="vectors for each fault (all of them if there are few)",
    )
    parser.add_argument(
        "--threshold",
        type=integer(0, 100),
        default=95,
        metavar="PERCENT",
        help="share that must be noticed of the faults not proved harmless (95)",
    )
    parser.add_argument(
        "--proof-time",
        type=integer(1),
        default=20,
        metavar="S",
        help="seconds of SAT per fault (20)",
    )
