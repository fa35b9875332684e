"""A synthesised netlist against the golden model: what ``synth`` does before it says anything.

The cells of the device are replaced by their simulation models (:mod:`.netlist_top`), and the
result is simulated as gates in NumPy, which is ready at once: an operator with plain ports by
:mod:`.gates`, streams by :mod:`.netlist_gates`.
"""

import copy
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.streams import Items
from holigrail_hw.shells.ports import BUS

from ..simulate.gate_streams import run_streams
from ..simulate.gates import Gates
from ..top import Port, Top
from ..verify import workloads
from .netlist_gates import Machine
from .netlist_top import netlist_rtlil

__all__ = ["COUNT", "NetlistCheck", "check", "in_place"]

COUNT = 300
"""Items of an operator, and results of an engine, unless all operands are fewer."""
_CUT_OFF = 7
_PAUSES = ((0.0, 0.0), (0.4, 0.4))


@dataclass(frozen=True)
class NetlistCheck:
    """What was compared: how many results, and whether with all operands there are."""

    results: int
    exhaustive: bool
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        return asdict(self)


def check(
    top: Top,
    netlist: Path,
    family: str,
    *,
    device: str,
    seed: int = 0,
    count: int = COUNT,
    progress: Progress | None = None,
) -> NetlistCheck:
    """Simulate the netlist of ``top`` and compare every result with the golden model.

    Parameters
    ----------
    netlist : Path
        Yosys's JSON, module ``top.name``.
    family, device : str
        Whose cells these are; what messages call it.
    count : int
        How many results; all operands are tried where they are 16 bits or fewer and no state is
        kept.

    Raises
    ------
    DesignError
        At the first wrong result, with its operands decoded.
    ToolError
        A tool is missing or died.
    """
    if progress is not None:
        progress(f"netlist: simulating the cells of {device}")
    mapped = in_place(top, netlist_rtlil(netlist, top.name, family))
    return _Task(mapped, device, seed).run(count)


def in_place(top: Top, rtlil: str) -> Top:
    """The design that benches run, with the module ``top`` taken from ``rtlil``."""
    driven = copy.copy(top.driven())
    driven.rtlil = rtlil if driven.name == top.name else _behind_master(driven.rtlil, top, rtlil)
    return driven


def _behind_master(driven: str, top: Top, netlist: str) -> str:
    """The bench's design with a bus master, its slave replaced by a netlist."""
    modules = re.split(r"^(?=(?:attribute [^\n]*\n)*module )", driven, flags=re.M)
    found = [module for module in modules if re.search(r"^module \S+\.slave$", module, re.M)]
    assert len(found) == 1
    name = re.search(r"^module (\S+)$", found[0], re.M)
    assert name is not None
    wires = re.findall(r"^ *wire [^\n]*put \d+[^\n]*$", found[0], re.M)
    there = {wire.split()[-1].removeprefix("\\") for wire in wires}
    lines = [f"module {name[1]}", *wires, f"  cell \\{top.name} \\netlist"]
    for port in [Port("clk", "in", 1), Port("rst", "in", 1), *top.bus()]:
        outside = re.sub(f"^{BUS}_", "bus__", port.name)
        if outside in there:
            lines.append(f"    connect \\{port.name} \\{outside}")
        elif port.direction == "in":
            # The master of the bench drives it with ones, so the wire went away.
            lines.append(f"    connect \\{port.name} {port.width}'{'1' * port.width}")
    lines += ["  end", "end", ""]
    rest = [module for module in modules if module is not found[0]]
    return "\n".join([*rest, *lines, netlist])


@dataclass(frozen=True)
class _Task:
    top: Top
    device: str
    seed: int

    def run(self, count: int) -> NetlistCheck:
        top = self.top
        everything = not top.stream and workloads.is_exhaustive(top.spec)
        chosen = workloads.choose(
            top.spec, None if everything else count, self.seed, timing=top.timing
        )
        answers = self._streams(chosen) if top.stream else [{"o": _as_gates(top, chosen)}]
        for found in answers:
            self._judge(chosen, found)
        return NetlistCheck(len(answers) * len(chosen), everything, self.seed)

    def _streams(self, chosen: workloads.Workload) -> list[Items]:
        """Results of the same items with each of the kinds of pauses, one lane for each."""
        top, rng = self.top, np.random.default_rng(self.seed)
        pauses = [
            {
                stream.name: rng.random(251) < (idle if stream.direction == "in" else stall)
                for stream in top.handshakes()
            }
            for idle, stall in _PAUSES
        ]
        machine = Machine(top.rtlil, top.name, len(_PAUSES))
        try:
            # Work that is cut off by a reset must leave no trace.
            return run_streams(
                *(machine, top.handshakes(), chosen.items, chosen.counts, pauses),
                quiet=top.spec.quiet_cycles,
                cut_off=61,
            )
        except DesignError as error:
            raise self._difference("no result", f"  {error}") from None

    def _judge(self, chosen: workloads.Workload, found: Items) -> None:
        wrong = workloads.differences(chosen, found)
        if wrong:
            first, spec = wrong[0], self.top.spec
            one = {name: int(codes[first.index]) for name, codes in found[first.stream].items()}
            place = f"{workloads.where(spec, chosen, first)}, {len(wrong)} wrong in all"
            raise self._difference(place, workloads.report(spec, chosen, first, one))

    def _difference(self, place: str, report: str) -> DesignError:
        return DesignError(
            f"{self.top.spec.name}: the netlist for {self.device} differs from the golden model"
            f" ({place})\n{report}\n  seed {self.seed}",
            hint="the mapping is wrong, not the design: try --no-dsp",
        )


def _as_gates(top: Top, chosen: workloads.Workload) -> dict[str, Any]:
    """Results of all items, those of a design without state in many copies of it at once."""
    design, items = Gates.of(top), chosen.items["i"]
    if not top.clocked or top.spec.stateful:
        return design.run(items, cut_off=_CUT_OFF * top.clocked)
    steps = 8
    lanes = -(-len(chosen) // steps)
    folded = {
        name: np.resize(np.asarray(codes), steps * lanes).reshape(steps, lanes)
        for name, codes in items.items()
    }
    found = design.run(folded, cut_off=1)
    return {name: codes.reshape(-1)[: len(chosen)] for name, codes in found.items()}
