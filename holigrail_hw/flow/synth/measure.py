"""A design on a device: what the model promised beside what synthesis, place and route found."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.work_folder import scratch

from .. import folders
from ..emit import emit
from ..emit import verilog as emit_verilog
from ..top import Top
from . import netlist_check, synth
from .activity.measure import DeviceActivity, device_activity
from .capacity import require_room
from .devices import Target, target
from .netlist_top import NoModel

__all__ = ["MODEL_TOLERANCE", "Measured", "comparison", "judge", "mapped", "measure"]

MODEL_TOLERANCE = 0.20
"""How far the promised clock frequency may be above or below the measured one, relative to that."""


@dataclass(frozen=True)
class Measured:
    """What was found.

    Attributes
    ----------
    result : SynthResult
    comparison : list of dict
        Rows with quantity, unit, estimate, measured and difference_percent.
    failures : list of str
        A missed period, or a promise that is not kept; empty when all is well.
    notes : list of str
        A model that is far off without harm.
    files : list of str
        Netlist, logs and Verilog.
    checked : NetlistCheck or None
        What was compared with the golden model; ``None`` without DSP blocks and memories, or if it
        was not asked for.
    activity : DeviceActivity or None
        Changes per item, if they were asked for.
    """

    result: synth.SynthResult
    comparison: list[dict[str, Any]]
    failures: list[str]
    notes: list[str]
    hint: str | None
    files: list[str]
    checked: netlist_check.NetlistCheck | None = None
    activity: DeviceActivity | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        return {
            **self.result.as_dict(),
            "comparison": self.comparison,
            "failures": self.failures,
            "notes": self.notes,
            "files": self.files,
            "checked": self.checked and self.checked.as_dict(),
            "activity": self.activity and self.activity.as_dict(),
        }


def measure(
    spec: OperatorSpec,
    timing: Timing,
    device: str,
    out_dir: Path,
    *,
    dsp: bool = True,
    seeds: int = 1,
    seed: int = 1,
    place: bool = True,
    check: bool = True,
    activity: bool = False,
    best_effort: bool = False,
    progress: Progress | None = None,
) -> Measured:
    """Emit, synthesise, place and route; the files go to ``out_dir``.

    ``seeds`` placements are tried, from ``seed`` on, which also draws the vectors of the bench.
    With ``check`` a netlist with DSP blocks or memories is compared with the golden model, on
    vectors from ``seed``, before it is placed. With ``activity`` the changes of its nets are
    counted, for random items from ``seed``. A design that is estimated to be larger than the device
    is tried with ``best_effort`` only.

    Raises
    ------
    RequestError, DesignError, ToolError
        As :func:`.synth.run`, :func:`.netlist_check.check` and :func:`.require_room` do. A missed
        period is no exception: it is in ``failures``.
    """
    if place and not best_effort:
        goal = target(device)
        require_room(spec, timing, goal, who="synth", where=goal.name, dsp=dsp)
    with folders.output_folder(Path(out_dir), "synth") as folder:
        if progress is not None:
            progress("writing Verilog")
        generated = emit.generate(spec, timing, folder, seed=seed, who="synth")
        top = generated.manifest["top"]
        verilog = [path for path in generated.files if Path(path).name == f"{top}.v"]
        looked = _Netlist(spec, timing, target(device), seed, progress)

        def inspect(netlist: Path, found: synth.SynthResult) -> None:
            if activity:
                looked.count(netlist)
            if check and (found.dsps or found.memories):
                looked.compare(netlist)

        result = synth.run(
            verilog,
            top,
            device,
            work_dir=folder / "synth",
            clock_ns=timing.period_ns,
            dsp=dsp,
            seeds=seeds,
            seed=seed,
            place=place,
            inspect=inspect,
            progress=progress,
        )
        rows = comparison(spec, timing, result)
        failures, notes, hint = judge(spec, timing, result.fmax_mhz)
        files = [str(path) for path in generated.files] + list(result.logs)
        return Measured(
            result,
            rows,
            failures,
            [*notes, *looked.notes],
            hint,
            files,
            looked.checked,
            looked.activity,
        )


class _Netlist:
    """What is learnt from the netlist of a design before it is placed."""

    def __init__(
        self,
        spec: OperatorSpec,
        timing: Timing,
        goal: Target,
        seed: int,
        progress: Progress | None,
    ):
        self._spec, self._timing, self._goal = spec, timing, goal
        self._seed, self._progress = seed, progress
        self.activity: DeviceActivity | None = None
        self.checked: netlist_check.NetlistCheck | None = None
        self.notes: list[str] = []

    def count(self, netlist: Path) -> None:
        """The changes of its nets."""
        goal = self._goal
        if self._progress is not None:
            self._progress(f"activity: simulating the cells of {goal.name}")
        top = Top(self._spec, self._timing)
        self.activity = device_activity(top, netlist, goal.family, self._seed)

    def compare(self, netlist: Path) -> None:
        """Its results with the golden model, where its cells have a model."""
        goal, top = self._goal, Top(self._spec, self._timing)
        try:
            self.checked = netlist_check.check(
                *(top, netlist, goal.family),
                device=goal.name,
                seed=self._seed,
                progress=self._progress,
            )
        except NoModel as error:
            self.notes.append(f"the netlist was not simulated ({error})")


def mapped(
    spec: OperatorSpec,
    device: str,
    timing: Timing | None = None,
    *,
    progress: Progress | None = None,
) -> synth.SynthResult:
    """What a design is mapped to, without placing it; no file is left behind."""
    top = Top(spec, timing or Timing())
    with scratch() as name:
        file = name / f"{top.name}.v"
        file.write_text(emit_verilog.verilog(top), encoding="utf-8")
        work = name / "synth"
        return synth.run([file], top.name, device, work_dir=work, place=False, progress=progress)


def comparison(
    spec: OperatorSpec, timing: Timing, result: synth.SynthResult
) -> list[dict[str, Any]]:
    """Cells and clock of the model beside the measured ones."""
    cost, promise_ns = spec.cost(timing), spec.promise_ns(timing)
    promise_mhz = None if promise_ns is None else 1000 / promise_ns
    best = max(result.fmax_mhz, default=None)
    rows = [
        ("LUTs", "", cost["luts"], result.luts),
        ("carry cells", "", None, result.carries),
        ("flip-flops", "", cost["flip_flops"], result.flip_flops),
        ("DSP blocks", "", cost["dsps"], result.dsps),
    ]
    if result.transistors is not None:
        rows.append(("transistors", "", None, result.transistors))
        rows.append(("depth", "gates", None, result.depth))
    else:
        rows.append(("Fmax", "MHz", promise_mhz, best))
        estimate_ns = spec.estimate_ns(timing)
        if estimate_ns is not None:
            rows.append(("Fmax in the mean", "MHz", 1000 / estimate_ns, best))
    if len(result.fmax_mhz) > 1:
        rows.append(("Fmax, every seed", "MHz", None, [*result.fmax_mhz]))
    return [
        {
            "quantity": quantity,
            "unit": unit,
            "estimate": round(estimate, 1) if isinstance(estimate, float) else estimate,
            "measured": measured,
            "difference_percent": _difference(estimate, measured),
        }
        for quantity, unit, estimate, measured in rows
    ]


def judge(
    spec: OperatorSpec, timing: Timing, fmax_mhz: list[float]
) -> tuple[list[str], list[str], str | None]:
    """What failed, what is worth a note, and what could be done about it.

    With a period the design has to meet it, whatever the model said. Without one the promise is
    all that a user knows, so hardware that is slower by more than the tolerance is a failure.
    """
    if not fmax_mhz:
        return [], [], None
    best, promise_ns = max(fmax_mhz), spec.promise_ns(timing)
    failures, notes, hint = [], [], None
    if timing.period_ns is not None and 1000 / best > timing.period_ns:
        failures.append(
            f"{spec.name}: the period must be at most {timing.period_ns:g} ns after place and"
            f" route, not {1000 / best:.2f} ns ({best:.1f} MHz)"
        )
        hint = f"ask for --period {1000 / best * 1.05:.1f}, or try more --seeds"
    off = None if promise_ns is None else _difference(1000 / promise_ns, best)
    if off is None or promise_ns is None or abs(off) <= 100 * MODEL_TOLERANCE:
        return failures, notes, hint
    figures = f"{1000 / promise_ns:.1f} MHz promised, {best:.1f} MHz measured ({off:+.1f} %)"
    if timing.period_ns is None and off > 0:
        failures.append(
            f"{spec.name}: the model {timing.device} must promise at most {MODEL_TOLERANCE:.0%}"
            f" more than what is measured, not {figures}"
        )
        hint = "say --period NS: then that clock is what the design has to meet"
    else:
        kind = "slower" if off > 0 else "faster"
        notes.append(f"{spec.name}: {kind} than the model {timing.device} says: {figures}")
    return failures, notes, hint


def _difference(estimate: Any, measured: Any) -> float | None:
    """By how many percent the estimate is above the measurement."""
    if not isinstance(estimate, int | float) or not isinstance(measured, int | float):
        return None
    if measured == 0:
        return 0.0 if estimate == 0 else None
    return round(100 * (estimate / measured - 1), 1)
