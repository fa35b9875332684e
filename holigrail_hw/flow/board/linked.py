"""An engine on a board is driven by the host: whole jobs through a link, results against golden."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from ..simulate.byte_link import ByteLink, Line, SerialLine
from ..verify import workloads
from .board import Board
from .design import Benched
from .uart_simulation import SerialBench

__all__ = ["LinkBench", "Linked", "check_line", "short_jobs"]

# Input items of the largest job that goes through a simulated serial line.
_SHORT = 16


class Linked(Benched):
    """The design of :mod:`holigrail_hw.hdl.stream.link.stream_link`."""

    proof_items = 8

    def shell(self, timing: Timing, divisor: int) -> Any:
        from ..simulate.link_shell import LinkShell

        return LinkShell(self.spec, timing, divisor)

    def bench(
        self, seed: int, count: int, interleave: int, divisor: int, ports: tuple[str, str, str]
    ) -> tuple[SerialBench, int, str]:
        spec = self.spec
        checked = len(short_jobs(spec, count, seed))
        return LinkBench(spec, seed, count, divisor, *ports), checked, ""

    def check(
        self, goal: Board, port: Path, timing: Timing, seed: int, count: int
    ) -> tuple[int, str]:
        chosen = workloads.choose(self.spec, count, seed)
        return check_line(self.spec, SerialLine(port, goal.baud), chosen), ""


@dataclass(frozen=True)
class LinkBench:
    """Short jobs through the serial line of a netlist; ``reset`` may be empty."""

    bench: ClassVar[str] = "uart_link"
    who: ClassVar[str] = "link"
    simulator: ClassVar[str] = "verilator"

    spec: OperatorSpec
    seed: int
    count: int
    divisor: int
    clock: str
    rx: str
    tx: str
    reset: str = ""

    @property
    def what(self) -> str:
        return f"{self.count} results or more"

    def environment(self) -> dict[str, str]:
        """The bench's variables."""
        module = type(self.spec).__module__
        job = {
            "operator": self.spec.name,
            "parameters": self.spec.parameters(),
            # The bench runs elsewhere, and files of parameters may be named from here.
            "folder": str(Path.cwd()),
            "modules": [] if module == "__main__" else [module],
            "seed": self.seed,
            "count": self.count,
        }
        return {
            "UART_CLOCK": self.clock,
            "UART_RX": self.rx,
            "UART_TX": self.tx,
            "UART_RESET": self.reset,
            "UART_DIVISOR": str(self.divisor),
            "LINK_JOB": json.dumps(job),
        }


def short_jobs(spec: OperatorSpec, count: int, seed: int) -> workloads.Workload:
    """Jobs for a simulated serial line: small ones only, as every byte takes long."""
    return workloads.choose(spec, count, seed, corners=False, largest=_SHORT)


def check_line(spec: OperatorSpec, line: Line, chosen: workloads.Workload) -> int:
    """Jobs through a link, judged by golden; returns how many results were compared.

    Raises
    ------
    DesignError
        If a result is wrong or missing.
    """
    with ByteLink(spec, line) as link:
        found = link.exchange(chosen.items, chosen.counts)
    wrong = workloads.differences(chosen, found)
    if wrong:
        first = wrong[0]
        fields = {name: int(codes[first.index]) for name, codes in found[first.stream].items()}
        raise DesignError(
            f"{spec.name}: the results from {line.where} must equal the golden model, not differ in"
            f" {len(wrong)} items, first in {workloads.where(spec, chosen, first)}\n"
            + workloads.report(spec, chosen, first, fields)
        )
    return len(chosen)
