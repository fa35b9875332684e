"""The operator contract: one frozen dataclass says everything about an operator.

A contributor writes a subclass of :class:`OperatorSpec` with parameters, ports, an integer-only
golden model and a datapath. Command line, Verilog, benches, proofs, cost and documentation are
derived from it, once, for all operators.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.estimate.primitives import device_model
from holigrail_hw.formats import Format
from holigrail_hw.hdl.plan.collection import no_collection
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.plan.schedule import schedule
from holigrail_hw.hdl.shapes import shape_of

from .accesses import Accesses
from .certification import Certifier
from .clock import Clock
from .errors import RequestError
from .exact_outputs import ExactOutputs
from .naming import module_name
from .parameters import Fit, leaves_of, replaced, settle, to_text
from .registration import operator
from .shell_registry import find_shell
from .site import Site
from .streams import Items, Stream
from .target import Target
from .task import Task
from .timing import Timing
from .trials import interleaved, mixed_items, random_codes, sample_values
from .views import Table, View
from .whole_system import WholeSystem

__all__ = ["OperatorSpec", "operator"]


@dataclass(frozen=True, kw_only=True)
class OperatorSpec(ABC):
    """An operator with its parameters.

    A parameter may be given as the value itself, as text as on the command line, or as a NumPy
    object; what the specification holds is always of the declared type (:mod:`.parameters`).
    Values at the ports are bit patterns: NumPy integers, object arrays above 64 bits. A stateful
    operator sees every array as a sequence in time along axis 0; further axes are independent.

    Raises
    ------
    RequestError
        On construction, with every parameter that breaks a rule.
    """

    name: ClassVar[str]
    module: ClassVar[str] = ""
    """What names of modules begin with, where it is not the operator's name."""
    summary: ClassVar[str]
    references: ClassVar[tuple[str, ...]]
    maturity: ClassVar[str]
    stateful: ClassVar[bool] = False
    planned: ClassVar[bool] = True
    """Whether it is one datapath that a plan puts into cycles, and not streams with a pace.

    An operator with a datapath that needs several cycles for each item is not planned either: it is
    seen as an engine with the streams ``i`` and ``o``, and says its ``architecture``.
    """
    has_plan: ClassVar[bool] = True
    """Whether a plan of a datapath makes the hardware, in one cycle for each item or in several."""
    quiet_cycles: ClassVar[int] = 10_000
    """The most cycles the hardware may work without moving an item on any stream."""
    handshake: ClassVar[tuple[str, str]] = ("valid", "ready")
    """How the ports of a handshake are called, after the name of their stream."""
    renamed: ClassVar[Mapping[str, str]] = {}
    """Parameters, or ``name=value``, that were once called otherwise: the old name, the new one."""
    jointly: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Names under which several parameters are given one value, each with these parameters."""

    def __post_init__(self) -> None:
        settle(self)

    def derive(self) -> dict[str, Any]:
        """Values for parameters that were left ``None``."""
        return {}

    def fit(self, part: str) -> Fit | None:
        """What this design decides about one of its parts, by the name of its parameter.

        Missing parameters are derived by now, and nothing is judged. The parts before this one are
        made; it and those behind still are what was given. ``None`` if the part cannot be decided
        about, and :meth:`check` tells why; or if the design leaves it as it was given.
        """
        return None

    def check(self) -> list[str]:
        """Everything wrong with the parameters taken together, one line each."""
        return []

    @abstractmethod
    def inputs(self) -> dict[str, Format]:
        """Input ports."""

    @abstractmethod
    def outputs(self) -> dict[str, Format]:
        """Output ports."""

    @abstractmethod
    def golden(self, **codes: Any) -> dict[str, Any]:
        """The exact answer, from integer arithmetic alone, sharing nothing with the datapath.

        Takes and returns arrays of codes. A faithful output is a pair of arrays (low, high).
        """

    def exact(self, **codes: Any) -> ExactOutputs | None:
        """What the outputs of these items stand for, and the stated error; ``None`` without one.

        Computed from the parameters by plain arithmetic: it shares nothing with :meth:`golden`,
        which may follow a truncated circuit. Codes are one-dimensional arrays.
        """
        return None

    @abstractmethod
    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        """The hardware, as steps of a plan."""

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]] | None:
        """A naive datapath that shares nothing with the real one, for proofs; ``None`` without.

        Takes a plan and wires as :meth:`datapath` does. Needed to prove operators with state or
        with more operand bits than a truth table of the golden model can hold.
        """
        return None

    def corner_cases(self) -> dict[str, list[int]]:
        """Codes worth trying for each input; benches combine them."""
        return {name: format.corner_codes() for name, format in self.inputs().items()}

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        """Random codes for every input; uniform over the codes unless overridden."""
        return {
            name: random_codes(rng, format.width, count) for name, format in self.inputs().items()
        }

    def streams(self) -> dict[str, Stream]:
        """The streams of the hardware behind valid and ready, in the order of the ports."""
        return {"i": Stream("in", self.inputs()), "o": Stream("out", self.outputs())}

    def answers(self, items: Mapping[str, Any], timing: Timing) -> Items:
        """Items of every output stream for the items of every input stream; integers only.

        What the hardware of a timing request answers: it may interleave its sums.
        """
        return {"o": self.reference(items["i"], self.interleaved_sums(timing))}

    def job(self, rng: np.random.Generator, size: int) -> Items:
        """Random items of all input streams, about ``size`` in all, that belong together."""
        return {"i": self.items(size, rng)}

    def shipped_data(self) -> Mapping[str, Path]:
        """Files of data that come with the package, by the words for them."""
        return {}

    def data_job(self, arrays: Mapping[str, Any]) -> Items:
        """Items of all input streams for a user's own data, arrays by name.

        Raises
        ------
        RequestError
            If the operator takes no data, or these do not fit.
        """
        raise RequestError(
            f"{self.name}: data must be left out, for the operator has no meaning for arrays",
            hint="`simulate --value NAME=LIST` gives operands",
        )

    def data_outcome(
        self, arrays: Mapping[str, Any], results: Items
    ) -> tuple[dict[str, Any], list[Table]]:
        """What the results for such data say: facts by name, and tables."""
        return {}, []

    def data_views(self, arrays: Mapping[str, Any]) -> list[View]:
        """What a report shows of such data, by the golden model.

        Raises
        ------
        RequestError
            As :meth:`data_job`.
        """
        self.data_job(arrays)
        return []

    @classmethod
    def training(cls) -> type[Task] | None:
        """What trains a model for the operator; ``None`` if it has none."""
        return None

    @classmethod
    def certifier(cls) -> Certifier | None:
        """What finds formats with a proved error for the operator; ``None`` if nothing does."""
        return None

    def corner_jobs(self) -> list[Items]:
        """Jobs worth trying: smallest, largest, extreme values, wrong ones."""
        return []

    @property
    def jobs_stand_alone(self) -> bool:
        """Whether several jobs in a row give their answers in a row."""
        return not self.stateful

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int | None:
        """Cycles from the one after reset to the last item delivered, if nobody ever waits.

        ``None`` if the hardware makes no promise.
        """
        return len(next(iter(items["i"].values()))) + self.planned_figures(timing).latency

    def plan(self, timing: Timing | None = None) -> Plan:
        """The schedule for a timing request, with all that its hardware is made of."""
        return self._scheduled(timing or Timing(), describes=True)

    def _scheduled(self, timing: Timing, describes: bool) -> Plan:
        device = device_model(timing.device)

        def make(period_ns: float | None, latency: int, describes: bool = False) -> Plan:
            inputs = {name: shape_of(format) for name, format in self.inputs().items()}
            outputs = {name: shape_of(format) for name, format in self.outputs().items()}
            with no_collection():
                return Plan(
                    inputs,
                    outputs,
                    self.datapath,
                    device=device,
                    period_ns=period_ns,
                    latency=latency,
                    describes=describes,
                )

        if timing.latency is None:
            found = make(timing.period_ns, 0, describes)
        else:
            try:
                found = schedule(make, timing.latency)
            except ValueError as error:
                raise RequestError(f"{self.name}: {error}") from None
            if describes:
                found = make(found.period_ns, timing.latency, describes)
        self.__dict__.setdefault("_interleaves", {})[timing] = found.interleave
        return found

    def planned_figures(self, timing: Timing | None = None) -> Plan:
        """The plan of a timing request to read figures from, and for nothing else.

        Clock, promise, estimate and cost of one design come from the same plan, which is made once,
        without expressions, and kept until another request is asked about. For hardware there must
        be a plan of its own.
        """
        timing = timing or Timing()
        kept = self.__dict__.get("_planned")
        if kept is None or kept[0] != timing:
            kept = timing, self._scheduled(timing, describes=False)
            object.__setattr__(self, "_planned", kept)
        return kept[1]

    def __getstate__(self) -> dict[str, Any]:
        # What can be planned again does not travel to other processes.
        return {name: value for name, value in self.__dict__.items() if name != "_planned"}

    def interleaved_sums(self, timing: Timing) -> int:
        """How many independent sums the hardware of a timing request holds; 1 without state."""
        if not self.stateful:
            return 1
        known = self.__dict__.get("_interleaves", {}).get(timing)
        return self.planned_figures(timing).interleave if known is None else known

    def promise_ns(self, timing: Timing | None = None) -> float | None:
        """Clock period the device model promises, in ns; ``None`` without a model."""
        return self.planned_figures(timing).promise_ns

    def estimate_ns(self, timing: Timing | None = None) -> float | None:
        """Clock period that place and route finds in the mean, in ns, by a model of whole designs.

        ``None`` without such a model. The promise, made of steps that stand alone, is mostly lower.
        """
        return self.planned_figures(timing).estimate_ns if self.has_plan else None

    def clock(self, timing: Timing | None = None) -> Clock:
        """What becomes of the clock asked for, and how many sums the hardware interleaves.

        A clock that cannot be met is an error only where its ``require`` is called.
        """
        timing = timing or Timing()
        return self.clock_of(self.planned_figures(timing), timing)

    def clock_of(self, plan: Plan, timing: Timing) -> Clock:
        """The same for a plan that is there already."""
        device, asked = timing.device, timing.period_ns
        return Clock(self.name, device, asked, plan.promise_ns, plan.interleave)

    def component(self, timing: Timing | None = None) -> Any:
        """The hardware as a ``wiring.Component``, in the shell that was asked for.

        Plain ports, streams ``i`` and ``o``, ``s_axis_i`` and ``m_axis_o``, or a member ``bus``.
        The attribute ``clock`` says whether the period asked for is promised.
        """
        timing = timing or Timing()
        return find_shell(timing.shell).wrapped(self, timing)

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
        plan = self.planned_figures(timing)
        primitives = [primitive for _, primitive, _ in plan.resources]
        return {
            "adders": sum(primitive.one_bit_adders() > 0 for primitive in primitives),
            "one_bit_adders": sum(primitive.one_bit_adders() for primitive in primitives),
            "luts": sum(primitive.luts(plan.device) for primitive in primitives),
            "flip_flops": plan.flip_flops(),
            "dsps": sum(primitive.dsps(plan.device) for primitive in primitives),
            "memory_bits": 0,
        }

    def accesses(self, timing: Timing | None = None) -> Accesses | None:
        """Words moved for the job that the parameters ask about, by level of memory.

        ``None`` for an operator that holds no memory of its own, or where no job is known.
        """
        return None

    def on(self, site: Site) -> "OperatorSpec":
        """This operator where it is going to be built: itself, unless parameters are derived there.

        What comes back says all of it in its own parameters.
        """
        return self

    def prepare(self, progress: Callable[[str], None]) -> str | None:
        """Do what takes long and is kept, a search for instance, before anything else is asked.

        Verbs call this first, and draw what ``progress`` gets. Ctrl-C may end it with less than was
        asked for, if the work can go on; the returned line says so.
        """
        return None

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        """What else is known of this operator, by name, exact and at once.

        Proofs, bounds and search results, and the cycles of the job that the parameters ask about,
        for the hardware of this timing request.
        """
        return {}

    def tables(self, timing: Timing | None = None) -> list[Table]:
        """Facts that are too many for a line each, which ``info`` shows below the others."""
        return []

    def remarks(self) -> list[str]:
        """What readers of the design must know beside its parameters, one line each.

        For instance that a time limit ended a search, so that the same request may give another
        design elsewhere. Stands in the Verilog, in the manifest and in ``info``.
        """
        return []

    def views(self, target: Target | None = None) -> list[View]:
        """Pictures and tables for the report, beside those that every operator has; may search.

        ``target`` says where the design is to run.
        """
        return []

    def reference(self, codes: Mapping[str, Any], interleave: int = 1) -> dict[str, Any]:
        """The golden answer for one item per cycle of hardware that interleaves its sums.

        Item *t* along axis 0 belongs to sum *t* mod ``interleave``; without state this is plain
        ``golden``.
        """
        if not self.stateful or interleave == 1:
            return self.golden(**codes)
        return interleaved(self.golden, codes, interleave)

    def outcome(self) -> str | None:
        """What a search found, as text, where the parameters alone do not say what the hardware is.

        ``None`` if they do. May search.
        """
        return None

    def companions(self, timing: Timing | None = None) -> Mapping[str, bytes]:
        """Files that ``generate`` writes beside the Verilog, by their endings.

        An ending may have a slash: then the file lies in a folder.
        """
        return {}

    def companion_designs(self, timing: Timing | None = None) -> Mapping[str, Any]:
        """Components that ``generate`` writes beside the module, each with all that it needs.

        A key is the ending that a name of a file gets, and the name of the design's own top module.
        """
        return {}

    def whole_system(self, timing: Timing | None = None) -> WholeSystem | None:
        """The system that this operator is part of, with a programme of its own; None without one.

        It is what a board gets, and what ``verify`` simulates, in the operator's place. With the
        ``timing`` of its component it predicts cycles of that one.
        """
        return None

    def top_name(self, timing: Timing | None = None) -> str:
        """Name of the generated module: the one asked for.

        Otherwise the same for the same hardware request, and only for it.
        """
        if timing is not None and timing.name is not None:
            return timing.name
        known = [(p, value) for p, value in leaves_of(self).values() if p.hardware]
        found = self.outcome()
        # Remarks stand in the text of the module.
        outcome = None if found is None else "\n".join([found, *self.remarks()])
        return module_name(self.module or self.name, known, timing or Timing(), outcome)

    def parameters(self) -> dict[str, str]:
        """The parameters as texts, for manifests and messages; those of parts by dotted names."""
        return {name: to_text(value) for name, (_, value) in leaves_of(self).items()}

    def variants(self) -> list["OperatorSpec"]:
        """This specification with one parameter at a time set to each of its sample values."""
        found: list[OperatorSpec] = []
        for name, (parameter, _) in leaves_of(self).items():
            for value in sample_values(parameter):
                try:
                    found.append(replaced(self, name, value))
                except RequestError:
                    continue
        return found

    def items(self, count: int, rng: np.random.Generator) -> dict[str, Any]:
        """``count`` test items: corner cases combined, then random ones; all in random order."""
        return mixed_items(self.inputs(), self.corner_cases(), self.stimulus, count, rng)
