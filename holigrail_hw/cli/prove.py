"""``holigrail prove``: the emitted Verilog equals the golden model, whatever the operands."""

import argparse
from dataclasses import asdict

from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow.prove import prove
from holigrail_hw.ui.tables import pairs

from .arguments import read_design
from .options import integer
from .session import Session

__all__ = ["configure", "main"]


def main(words: list[str], session: Session) -> int:
    """Prove a design; exit status 1 if it is refuted, or undecided when the time is over."""
    options, design = read_design(words, session, configure)
    with session.progress() as progress:
        result = prove.run(
            design.spec, design.timing, time_limit_s=options.time_limit, progress=progress
        )
    rows = [
        ("top", result.top),
        ("result", result.status),
        ("claim", result.claim),
        ("against", result.against),
        ("method", result.method),
        ("time (s)", round(result.seconds, 2)),
    ]
    shown = {("result" if key == "status" else key): v for key, v in asdict(result).items()}
    status = session.show(
        shown, lambda console: pairs(console, rows), status=int(not result.proved)
    )
    if not result.proved and not session.json:
        raise DesignError(
            f"{design.spec.name}: the proof must close within {options.time_limit} s, not be"
            " undecided then",
            hint="allow more with --time-limit, or use `holigrail verify`",
        )
    return status


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "--time-limit", type=integer(1), default=300, metavar="S", help="seconds to try (300)"
    )
