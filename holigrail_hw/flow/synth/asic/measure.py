"""An operator in standard cells: area, longest path, and energy per item, all from its netlist."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.streams import Items
from holigrail_hw.core.timing import Timing

from ...top import Top
from .activity import Activity, plain_activity, stream_activity
from .cases import Case
from .cells import Library
from .circuit import Circuit
from .energy import energy_per_item
from .library import open_library
from .mapping import map_to_cells
from .path import longest_paths
from .result import AsicResult

__all__ = ["ITEMS", "MappedDesign", "measure_asic"]

ITEMS = 4096
"""Items of an operator that are simulated, if none are given."""
_JOBS, _JOB_ITEMS = 32, 32
_FEWEST = 2


class MappedDesign:
    """A design in cells of a library, which can be measured with several stimuli.

    Parameters
    ----------
    spec : OperatorSpec
    timing : Timing or None
        Plain ports or streams.
    library : Library, Path or None
        The user's Liberty file; ``None`` for the OSU 0.18 um library.

    Raises
    ------
    RequestError
        The Liberty file is none or lacks what is needed, or the shell is another one.
    DesignError
        Yosys refuses the design.
    ToolError
        No library is there, or Yosys is missing or died.
    """

    def __init__(
        self,
        spec: OperatorSpec,
        timing: Timing | None = None,
        library: Library | Path | None = None,
        *,
        progress: Progress | None = None,
    ):
        self.timing = timing or Timing()
        if self.timing.shell not in ("plain", "stream"):
            raise RequestError(
                f"asic: {spec.name} must have plain ports or streams, not the shell"
                f" {self.timing.shell}"
            )
        self.library = library if isinstance(library, Library) else open_library(library)
        self.spec, self.top = spec, Top(spec, self.timing)
        self.netlist = map_to_cells(
            self.top, self.library, period_ns=self.timing.period_ns, progress=progress
        )
        self.circuit = Circuit(self.netlist, self.library, spec.name)
        self._loads = self.circuit.loads()
        self._paths = longest_paths(self.circuit, self._loads)

    def measured(
        self,
        stimulus: Mapping[str, Any] | None = None,
        *,
        count: int = ITEMS,
        seed: int = 1,
        origin: str = "given",
        dealt: bool = False,
        progress: Progress | None = None,
    ) -> AsicResult:
        """Simulate items and count; see :func:`measure_asic`.

        ``dealt``: whether given items of an operator with a sum may be dealt out to many sums.

        Raises
        ------
        RequestError
            The stimulus has too few items, or lacks an operand.
        DesignError
            A result differs from the golden model.
        """
        if progress is not None:
            progress(f"simulating the cells of {self.top.name}")
        activity = self._activity(stimulus, count, seed, dealt)
        period = self.timing.period_ns or self._paths.longest_ns
        parts = energy_per_item(
            self.circuit, self.library, activity, self._loads, self._paths.slopes, period
        )
        kinds = Counter(one.cell.name for one in self.circuit.instances)
        return AsicResult(
            top=self.top.name,
            library=self.library.name,
            voltage=self.library.voltage,
            area_um2=self.netlist.area,
            gate_equivalents=self.netlist.area / self.library.gate_area,
            cells=dict(sorted(kinds.items())),
            flip_flops=len(self.circuit.registers),
            mapped=str(self.netlist.way),
            critical_path_ns=self._paths.longest_ns,
            critical_path=[{"cell": c, "delay_ns": round(d, 4)} for c, d in self._paths.hops],
            energy=parts,
            items=activity.items,
            compared=activity.compared,
            cycles=activity.cycles,
            period_ns=period,
            stimulus="random" if stimulus is None else origin,
            changes=float(activity.changes.sum()),
            leakage_known=self.library.leaks,
        )

    def longest_path_ns(self, constant: Mapping[str, tuple[int, int]]) -> float:
        """The longest path in ns where bits of input ports are constant, by port: mask and value.

        What the constants decide is no part of a path (case analysis); registers may have any
        value.

        Raises
        ------
        RequestError
            The design has no such input, or it is narrower.
        """
        given = {}
        for name, (mask, value) in constant.items():
            nets = self.circuit.ports[name] if name in self.circuit.inputs else []
            if mask >> len(nets):
                raise RequestError(
                    f"asic: {self.spec.name} must have an input {name} of"
                    f" {mask.bit_length()} bits to be constant, not of {len(nets)}"
                )
            places = [place for place in range(len(nets)) if mask >> place & 1]
            given |= {nets[place]: bool(value >> place & 1) for place in places}
        return longest_paths(self.circuit, self._loads, Case(self.circuit, given)).longest_ns

    def _activity(
        self, stimulus: Mapping[str, Any] | None, count: int, seed: int, dealt: bool
    ) -> Activity:
        rng, spec = np.random.default_rng(seed), self.spec
        if self.top.stream:
            if stimulus is not None:
                jobs = [self._job(stimulus)]
            elif spec.planned:
                jobs = _dealt(spec.stimulus(rng, _JOBS * _JOB_ITEMS), _JOBS)
            else:
                jobs = [self.top.spec.job(rng, _JOB_ITEMS) for _ in range(_JOBS)]
            return stream_activity(self.top, self.circuit, jobs)
        codes = spec.stimulus(rng, count) if stimulus is None else self._operands(stimulus)
        items, least = len(next(iter(codes.values()))), self.top.latency + 2
        if spec.stateful and items < least:
            raise RequestError(
                f"asic: the stimulus must have {least} items or more for {spec.name} at a latency"
                f" of {self.top.latency}, not {items}"
            )
        return plain_activity(self.top, self.circuit, codes, lanes=dealt or stimulus is None)

    def _operands(self, stimulus: Mapping[str, Any]) -> dict[str, Any]:
        """One array for each operand, of one length."""
        given = stimulus.get("i", stimulus) if isinstance(stimulus.get("i"), Mapping) else stimulus
        wanted = self.spec.inputs()
        if missing := [name for name in wanted if name not in given]:
            raise RequestError(
                f"asic: the stimulus must have every operand of {self.spec.name}, not lack"
                f" {', '.join(missing)}"
            )
        codes = {name: np.asarray(given[name]) for name in wanted}
        lengths = {len(values) for values in codes.values()}
        if len(lengths) != 1 or min(lengths) < _FEWEST:
            raise RequestError(
                f"asic: the stimulus must have one length of {_FEWEST} items or more, not"
                f" {' and '.join(map(str, sorted(lengths)))}"
            )
        return codes

    def _job(self, stimulus: Mapping[str, Any]) -> Items:
        """Items of every source stream; operands alone are those of stream ``i``."""
        if all(isinstance(fields, Mapping) for fields in stimulus.values()):
            return {name: dict(fields) for name, fields in stimulus.items()}
        return {"i": self._operands(stimulus)}


def measure_asic(
    spec: OperatorSpec,
    timing: Timing | None = None,
    stimulus: Mapping[str, Any] | None = None,
    *,
    library: Library | Path | None = None,
    count: int = ITEMS,
    seed: int = 1,
    progress: Progress | None = None,
) -> AsicResult:
    """Area, longest path and energy per item of an operator in standard cells.

    Parameters
    ----------
    spec : OperatorSpec
    timing : Timing or None
        Registers are placed for its period; without one an operator is combinational.
    stimulus : mapping or None
        Items in their order, as golden takes them: arrays of codes by operand; for an engine a
        mapping of streams to mappings of fields to arrays. ``None`` for random ones, ``count`` of
        them, from ``seed``.
    library : Library, Path or None
        The user's Liberty file; ``None`` for the OSU 0.18 um library.

    Raises
    ------
    RequestError, DesignError, ToolError
        As :class:`MappedDesign` does; a result that differs from the golden model is a
        DesignError.
    """
    design = MappedDesign(spec, timing, library, progress=progress)
    return design.measured(stimulus, count=count, seed=seed, progress=progress)


def _dealt(codes: Mapping[str, Any], lanes: int) -> list[Items]:
    """Items in equal shares, in their order."""
    parts = {name: np.array_split(np.asarray(values), lanes) for name, values in codes.items()}
    return [{"i": {name: part[lane] for name, part in parts.items()}} for lane in range(lanes)]
