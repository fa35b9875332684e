"""When and where a design works: the clock, the latency, the device and the board of a request."""

import argparse
import sys
from dataclasses import replace
from typing import Any

from holigrail_hw.core.site import Site
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.flow.board.board import board as find_board
from holigrail_hw.flow.synth import devices

from .session import Session

__all__ = ["judge_clock", "say_part", "site_of", "timing_of"]

# Verbs that only answer a question, where a clock that cannot be met is an answer.
_ANSWERS = ("info",)


def timing_of(
    options: argparse.Namespace, board: str | None, base: Timing, part: str | None = None
) -> tuple[Timing, str]:
    """The timing asked for, on top of ``base``, and the device it is for.

    ``part`` is the device a recipe names; its delays are in ``base``.
    """
    changes: dict[str, Any] = {}
    if options.period is not None:
        changes |= {"period_ns": options.period, "latency": options.latency}
    elif options.latency is not None:
        changes |= {"latency": options.latency, "period_ns": None}
    if options.shell is not None:
        changes["shell"] = options.shell
        if options.shell != base.shell:
            changes["wait_cycles"] = None
    if options.wait_cycles is not None:
        changes["wait_cycles"] = options.wait_cycles
    if options.name is not None:
        changes["name"] = options.name
    if options.device is None:
        if board is None:
            return replace(base, **changes), _target_of_model(part or base.device)
        goal = find_board(board, "timing")
        return replace(base, device=goal.model, **changes), goal.target or goal.model
    goal = devices.target(options.device, "timing")
    return replace(base, device=goal.model, **changes), goal.name


def site_of(timing: Timing, device: str, board: str | None) -> Site:
    """The clock asked for, else that of the board, and what the device has."""
    clock_hz = None
    if timing.period_ns is not None:
        clock_hz = 1e9 / timing.period_ns
    elif board is not None:
        clock_hz = find_board(board, "timing").clock_hz
    known = devices.TARGETS.get(device)
    return Site(clock_hz, {} if known is None else known.room)


def judge_clock(
    spec: OperatorSpec, timing: Timing, options: argparse.Namespace, session: Session
) -> None:
    """Say what the clock asked for does to the design; raises DesignError if it cannot be met."""
    if spec.planned and not spec.stateful and timing.period_ns is None and timing.latency is None:
        # Nothing was asked and nothing is interleaved: to build the plan would say no more.
        return
    clock = spec.clock(timing)
    if not (options.best_effort or session.verb in _ANSWERS):
        clock.require()
    for remark in clock.remarks():
        session.note(remark)


def say_part(session: Session, given: str | None, device: str) -> None:
    """Say which part a short name of a device stands for."""
    if given not in (None, device) and device in devices.TARGETS and not session.quiet:
        part = devices.TARGETS[device].summary
        print(f"timing: device {given} is taken as {device}, {part}", file=sys.stderr)


def _target_of_model(name: str) -> str:
    """The part that a name of a device or of a delay model stands for."""
    return devices.target(name, "timing").name
