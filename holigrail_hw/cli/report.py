"""``holigrail report``: one self-contained HTML page about a design."""

import argparse
from dataclasses import asdict

from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow.explore import report
from holigrail_hw.ui.pictures import svg_of
from holigrail_hw.ui.tables import pairs

from .arguments import read_design
from .data_files import data_arrays
from .session import Session, shown
from .synth import accepted

__all__ = ["configure", "main"]


def main(words: list[str], session: Session) -> int:
    """Write ``report.html``; with ``--verify`` and ``--synth`` the results of these, too."""
    options, design = read_design(words, session, configure)
    # Data that do not fit are refused before anything is made.
    of_data = []
    if options.data is not None:
        arrays = data_arrays(options.data, design.spec.shipped_data())
        of_data = design.spec.data_views(arrays)
    folder = session.folder(design.top)
    verified, measured, failures, hint = None, None, [], None
    with session.progress() as progress:
        if options.verify:
            from holigrail_hw.flow.verify import verify

            found = verify.run(design.spec, design.timing, seed=session.seed, progress=progress)
            verified = {**asdict(found), "vectors": found.vectors}
        if options.synth:
            from holigrail_hw.flow.synth.measure import measure

            result = measure(
                design.spec,
                design.timing,
                design.device,
                folder,
                seed=session.seed,
                best_effort=options.best_effort,
                progress=progress,
            )
            result = accepted(result, options, session)
            measured, failures, hint = result.as_dict(), result.failures, result.hint
        progress("drawing")
        target = report.target_of(design.spec, design.timing, design.board)
        views = [(view, svg_of(view)) for view in (*design.spec.views(target), *of_data)]
        progress("writing the page")
        path = report.write(
            design.spec,
            design.timing,
            folder,
            command=session.command,
            seed=session.seed,
            verified=verified,
            measured=measured,
            views=views,
        )
    status = session.show(
        {"file": str(path), "verified": verified, "measured": measured},
        lambda console: pairs(console, [("written", shown(path))]),
        status=int(bool(failures)),
    )
    for note in measured["notes"] if measured else ():
        session.note(note)
    if failures and not session.json:
        raise DesignError("\n".join(failures), hint=hint)
    return status


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("--board", metavar="NAME", help="board whose clock and link count")
    parser.add_argument("--verify", action="store_true", help="verify first, and report it")
    parser.add_argument("--synth", action="store_true", help="synthesise first, and report it")
    parser.add_argument(
        "--data",
        metavar="FILE",
        help="a user's own data to report on, .npy or .npz: inputs x and, if known, labels y",
    )
