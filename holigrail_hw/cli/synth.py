"""``holigrail synth``: cells and clock on a device, the estimate beside the measurement.

With ``--target asic`` standard cells instead: area, longest path and energy (:mod:`.cells`).
"""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow.synth import measure
from holigrail_hw.ui.tables import table

from . import cells
from .arguments import read_design
from .options import integer
from .session import Session

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["accepted", "configure", "main", "print_comparison"]


def main(words: list[str], session: Session) -> int:
    """Synthesise, place and route; exit status 1 if the period or the promise is missed."""
    options, design = read_design(words, session, configure)
    if cells.asked(options):
        return cells.show(options, design, session)
    with session.progress() as progress:
        measured = measure.measure(
            design.spec,
            design.timing,
            design.device,
            session.folder(design.top),
            dsp=not options.no_dsp,
            seeds=options.seeds,
            check=not options.no_check,
            seed=session.seed,
            activity=options.activity,
            best_effort=options.best_effort,
            progress=progress,
        )
    measured = accepted(measured, options, session)
    result = measured.as_dict()
    status = session.show(
        result, lambda console: _text(console, result), status=int(bool(measured.failures))
    )
    for note in measured.notes:
        session.note(note)
    if measured.failures and not session.json:
        raise DesignError("\n".join(measured.failures), hint=measured.hint)
    return status


def accepted(
    measured: measure.Measured, options: argparse.Namespace, session: Session
) -> measure.Measured:
    """With ``--best-effort`` a missed clock is no failure, but said."""
    if not options.best_effort:
        return measured
    for failure in measured.failures:
        session.note(failure)
    return replace(measured, failures=[], hint=None)


def print_comparison(console: "Console", rows: list[dict[str, Any]]) -> None:
    """Print figures of the model beside measured ones."""
    keys = ("quantity", "unit", "estimate", "measured", "difference_percent")
    header = ("quantity", "unit", "estimate", "measured", "difference (%)")
    table(console, header, [[row[key] for key in keys] for row in rows])


def _text(console: "Console", result: dict[str, Any]) -> None:
    console.file.write(f"{result['top']} on {result['device']}\n\n")
    print_comparison(console, result["comparison"])
    if result["checked"]:
        console.file.write(f"\nchecked: {result['checked']['results']} results of the netlist\n")
    if result["activity"]:
        console.file.write(
            f"\nactivity: {result['activity']['changes']:.1f} changes of nets per item,"
            f" {result['activity']['pin_changes']:.1f} of the pins they reach, glitch-free;"
            " a relative figure, no energy\n"
        )
    if result["critical_path"]:
        console.file.write("\nslowest path\n")
        keys = ("kind", "delay_ns", "source", "target")
        table(
            console,
            ("kind", "delay (ns)", "from", "to"),
            [[hop[key] for key in keys] for hop in result["critical_path"]],
        )


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "--no-dsp", action="store_true", help="multiply in logic, not in DSP blocks"
    )
    parser.add_argument(
        "--no-check",
        action="store_true",
        help="do not simulate a netlist with DSP blocks or memories",
    )
    parser.add_argument(
        "--seeds", type=integer(1, 100), default=1, metavar="N", help="placements to try (1)"
    )
    parser.add_argument(
        "--activity",
        action="store_true",
        help="count changes of the placed nets per item, a relative figure (iCE40, ECP5)",
    )
    cells.configure(parser)
