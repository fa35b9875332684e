"""One design of a sweep: what is asked about it, and the figures it has.

A question and its answer are plain data: they go to other processes and machines, and are kept.
"""

import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import DesignError, HoligrailError, RequestError, ToolError
from holigrail_hw.core.parameters import construct
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.site import Site
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.work_folder import scratch

from ...energy.estimate import estimate
from .precision import operand_error

__all__ = ["How", "Point", "Question", "answer", "answers"]

_FAILURES = {cls.__name__: cls for cls in (DesignError, RequestError, ToolError, HoligrailError)}


@dataclass(frozen=True)
class Question:
    """A combination of parameters, as texts, and of a timing request; ``index`` is its place."""

    index: int
    values: Mapping[str, str]
    timing: Timing

    @property
    def shown(self) -> dict[str, str]:
        """The values with those of the timing."""
        shown = dict(self.values)
        if self.timing.period_ns is not None:
            shown["period_ns"] = f"{self.timing.period_ns:g}"
        if self.timing.latency is not None:
            shown["latency"] = str(self.timing.latency)
        return shown


@dataclass(frozen=True)
class How:
    """What is done with every design of one operator.

    Attributes
    ----------
    cls : class of the operator
    device : str or None
        Also synthesise, place and route for this device.
    folder : Path or None
        Below which the files of that go, a folder for every design; ``None`` keeps none.
    seed : int
        Of every placement.
    best_effort : bool
        Also keep designs whose device model cannot promise the period.
    room : mapping
        What the device has, for designs that derive parameters from it; see :class:`.site.Site`.
    energy : bool
        Also estimate the energy of an item, which takes many times as long as all other figures.
    """

    cls: type[OperatorSpec]
    device: str | None = None
    folder: Path | None = None
    seed: int = 1
    best_effort: bool = False
    room: Mapping[str, int] = field(default_factory=dict)
    energy: bool = False


@dataclass(frozen=True)
class Point:
    """One combination: the swept values, and its figures or the reason why there are none.

    ``failure`` is the class of the error: a tool that could not run is a ToolError.
    """

    values: dict[str, str]
    figures: dict[str, Any]
    error: str | None = None
    failure: type[HoligrailError] | None = None
    index: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        return {"values": self.values, **self.figures, "error": self.error}

    @property
    def lasts(self) -> bool:
        """Whether the same question has the same answer next time, as no failed tool's has."""
        return self.failure is None or issubclass(self.failure, DesignError | RequestError)

    def record(self) -> dict[str, Any]:
        """What is kept of it."""
        failure = None if self.failure is None else self.failure.__name__
        return {"figures": self.figures, "error": self.error, "failure": failure}

    @classmethod
    def of_record(cls, record: Mapping[str, Any], question: Question) -> "Point":
        """The point of a question from what was kept."""
        failure = record["failure"] and _FAILURES[record["failure"]]
        return cls(
            question.shown, dict(record["figures"]), record["error"], failure, question.index
        )


def answers(how: How, questions: list[Question], progress: Progress | None = None) -> list[Point]:
    """The points of several questions, in their order."""
    return [answer(how, question, progress) for question in questions]


def answer(how: How, question: Question, progress: Progress | None = None) -> Point:
    """The point of a question; an illegal combination and one that fails are points, too."""
    timing = question.timing
    try:
        spec = construct(how.cls, question.values, who=how.cls.name)
        spec = spec.on(Site(timing.period_ns and 1e9 / timing.period_ns, how.room))
        if not how.best_effort:
            spec.clock(timing).require()
        figures = _estimates(spec, timing)
        if how.energy:
            found = estimate(spec, timing)
            name = "energy_pj" if found.per == "item" else "cycle_energy_pj"
            figures[name] = float(f"{found.total:.4g}")
        if how.device is not None:
            figures |= _measured(spec, timing, how, progress)
    except HoligrailError as error:
        failure = next(cls for cls in _FAILURES.values() if isinstance(error, cls))
        return Point(question.shown, {}, str(error), failure, question.index)
    return Point(question.shown, figures, index=question.index)


def _estimates(spec: OperatorSpec, timing: Timing) -> dict[str, Any]:
    """All figures that are known at once: of the plan, the cost, the clock and the facts."""
    figures: dict[str, Any] = {}
    if spec.has_plan:
        plan = spec.planned_figures(timing)
        figures |= {"latency": plan.latency, "interleave": plan.interleave}
    cost, promise_ns = spec.cost(timing), spec.promise_ns(timing)
    figures |= {name: cost[name] for name in ("luts", "flip_flops", "dsps")}
    figures["promised_fmax_mhz"] = None if promise_ns is None else round(1000 / promise_ns, 1)
    if "latency" in figures and promise_ns is not None:
        # A combinational design, too, answers one clock period after the operands.
        figures["delay_ns"] = round(max(figures["latency"], 1) * promise_ns, 3)
    error = operand_error(spec)
    if error is not None:
        figures["operand_error"] = error
    numbers = {**cost, **spec.facts(timing)}
    for name, value in numbers.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            figures.setdefault(re.sub(r"\W+", "_", name).strip("_").lower(), value)
    return figures


def _measured(
    spec: OperatorSpec, timing: Timing, how: How, progress: Progress | None
) -> dict[str, Any]:
    """What synthesis, place and route find."""
    from ...synth.measure import measure

    assert how.device is not None
    with scratch() if how.folder is None else nullcontext(Path(how.folder)) as folder:
        place = folder / spec.top_name(timing)
        result = measure(
            *(spec, timing, how.device, place),
            seed=how.seed,
            best_effort=how.best_effort,
            progress=progress,
        ).result
    fmax_mhz = max(result.fmax_mhz, default=None)
    figures: dict[str, Any] = {
        "measured_luts": result.luts,
        "measured_flip_flops": result.flip_flops,
        "measured_dsps": result.dsps,
        "measured_fmax_mhz": fmax_mhz,
    }
    if spec.has_plan and fmax_mhz:
        cycles = max(spec.planned_figures(timing).latency, 1)
        figures["measured_delay_ns"] = round(cycles * 1000 / fmax_mhz, 3)
    return figures
