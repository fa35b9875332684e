"""What an exploration is asked for: options, lists and ranges, recipes."""

import argparse
import math
from dataclasses import replace

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters.integer import Integer
from holigrail_hw.core.timing import Timing
from holigrail_hw.flow.emit import recipe
from holigrail_hw.flow.explore import catalogue
from holigrail_hw.flow.explore.explore import Sweep
from holigrail_hw.flow.explore.runs.cluster import check_address
from holigrail_hw.flow.explore.sweep import objectives
from holigrail_hw.flow.explore.sweep.point import How
from holigrail_hw.flow.explore.sweep.samplers import SAMPLERS
from holigrail_hw.flow.explore.sweep.space import Space, spread
from holigrail_hw.flow.synth import devices

from ..arguments import Request
from ..options import integer, one_of
from ..session import Session
from ..timing_options import say_part, timing_of

__all__ = ["configure", "sweep_of"]

_LATENCY = Integer(0, 64)
_TIMINGS = ("period", "periods", "latency", "latencies")


def sweep_of(request: Request, session: Session) -> tuple[Sweep, Timing, str]:
    """What is asked for, the timing it is based on, and the device."""
    options, cls, texts = request.options, request.cls, request.texts
    base, board, part = Timing(), None, None
    if request.recipe is not None:
        path = catalogue.recipe_path(request.recipe)
        cls, texts, base, board = recipe.read_sweep(path, request.texts)
        for old, today in recipe.old_keys(path, cls):
            session.note(f"{path}: {old} is now {today}".replace("=", " = "))
        part = recipe.device(path)
    assert cls is not None
    base, device = timing_of(options, board, base, part)
    _refuse(options, session, base)
    if options.scheduler is not None:
        check_address(options.scheduler)
    known, wanted = devices.TARGETS.get(device), objectives.read(options.objective)
    how = How(
        cls,
        device if options.synth else None,
        session.folder(f"explore_{cls.name}") if options.synth and not options.scheduler else None,
        session.seed,
        options.best_effort,
        {} if known is None else known.room,
        options.energy or any("energy" in one.asked for one in wanted),
    )
    space = Space(cls, spread(cls, texts), _timings(options, base), options.where)
    say_part(session, options.device or part, device)
    sweep = Sweep(
        space,
        how,
        wanted,
        options.sampler,
        options.budget,
        session.seed,
        jobs=session.jobs,
        scheduler=options.scheduler,
    )
    return sweep, base, device


def _refuse(options: argparse.Namespace, session: Session, base: Timing) -> None:
    if base.name is not None:
        raise RequestError(
            "explore: --name must be given for one design, not for many",
            hint="`holigrail generate` and `holigrail synth` work on one",
        )
    if session.output is not None and not (options.synth or options.plot or options.page):
        raise RequestError(
            "explore: -o must be given where files are written, not without --synth, --plot and"
            " --page",
            hint="--plot writes pictures, --page a page, --synth the files of every design",
        )
    asked = [name for name in _TIMINGS if getattr(options, name) is not None]
    if len(asked) > 1 and {*asked} & {"periods", "latencies"}:
        raise RequestError(
            f"explore: {' and '.join(f'--{name}' for name in asked)} must not be given together",
            hint="a clock period decides the latency, and a latency the clock period",
        )


def _timings(options: argparse.Namespace, base: Timing) -> list[Timing]:
    if options.latencies:
        return [replace(base, period_ns=None, latency=cycles) for cycles in options.latencies]
    if options.periods:
        return [replace(base, period_ns=period, latency=None) for period in options.periods]
    return [base]


def _latencies(text: str) -> list[int]:
    try:
        return [_LATENCY.parse(item) for item in _LATENCY.several(text)]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _periods(text: str) -> list[float]:
    try:
        periods = [float(item) for item in text.split(",")]
    except ValueError:
        periods = [math.nan]
    if not all(0 < period < math.inf for period in periods):
        raise argparse.ArgumentTypeError(f"must be positive numbers of ns, not {text}")
    return periods


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.description = (
        "Several operators or recipes share one Pareto front. Every parameter may be a list:"
        " --a int4,int8, or with colons where each value is a list of integers itself: 7,19:3,5."
        " A range stands for all between: int2..int8, 2..16, 2..16..2, e4m3..e5m6; .. alone for"
        " all choices. Estimates take milliseconds; --synth measures. Points are kept: the same"
        " question is answered at once, and an interrupted exploration goes on."
    )
    add = parser.add_argument
    add("--synth", action="store_true", help="also synthesise, place and route")
    add("--energy", action="store_true", help="also estimate energy; takes a while for each point")
    add("--periods", type=_periods, metavar="LIST", help="try each of these clock periods in ns")
    add("--latencies", type=_latencies, metavar="LIST", help="try each of these latencies")
    add(
        *("--where",),
        action="append",
        default=[],
        metavar="CONDITION",
        help='only combinations that meet it, such as "a.width >= b.width"; may be repeated',
    )
    add(
        *("--objective",),
        action="append",
        default=[],
        metavar="FIGURE",
        help="figure to minimise, or to maximise: max:fmax; may be repeated (luts, delay, dsps)",
    )
    add("--budget", type=integer(1), metavar="N", help="look at no more than N combinations")
    add(
        *("--sampler",),
        type=one_of(SAMPLERS),
        metavar="NAME",
        help=f"how these are chosen: {', '.join(SAMPLERS)} (grid within the budget, else random)",
    )
    add(
        *("--scheduler",),
        metavar="WHERE",
        help="run on Dask: local, for worker processes, or the address of a scheduler, tcp://...",
    )
    add("--again", action="store_true", help="compute all points again, even those in the cache")
    add("--plot", action="store_true", help="write pareto.svg and pareto.png: two objectives")
    add("--page", action="store_true", help="write explore.html, to sort and filter")
    add(
        "--all",
        action="store_true",
        help="print all rows; by default only the front if there are over 100",
    )
