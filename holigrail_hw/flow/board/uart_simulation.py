"""Simulate the serial line of a board design with cocotb, in a process apart.

The same bench runs on the source, on a netlist and on a decoded bitstream:
``testbenches/uart_self_test.py`` or ``testbenches/uart_link.py``. Icarus runs a self-test, which is
over soon, and would show unknown bits. Verilator runs the jobs of an engine, which take many times
as many cycles on a larger netlist; see :mod:`.netlist_program` for the unknown bits there.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.run.child_process import PYTHON
from holigrail_hw.core.run.process import Progress, tail
from holigrail_hw.core.run.process import run as run_tool
from holigrail_hw.core.work_folder import plain, scratch

from .. import tools
from ..synth import netlist_program
from . import self_test

__all__ = ["Exchange", "SerialBench", "simulate"]

_TIME_LIMIT_S = 900


class SerialBench(Protocol):
    """A simulation of the serial line: a cocotb bench and what it needs to know.

    ``environment()`` names the ports among other things; ``who`` begins messages. ``simulator`` is
    ``icarus`` or ``verilator``, which draws unknown bits from the seed. ``reset`` may be empty.
    """

    bench: ClassVar[str]
    who: ClassVar[str]
    simulator: ClassVar[str]

    @property
    def seed(self) -> int: ...

    @property
    def clock(self) -> str: ...

    @property
    def rx(self) -> str: ...

    @property
    def tx(self) -> str: ...

    @property
    def reset(self) -> str: ...

    @property
    def what(self) -> str: ...

    def environment(self) -> dict[str, str]: ...


@dataclass(frozen=True)
class Exchange:
    """A self-test: what is sent and expected, and the ports; ``reset`` may be empty."""

    bench: ClassVar[str] = "uart_self_test"
    who: ClassVar[str] = "self-test"
    simulator: ClassVar[str] = "icarus"

    seed: int
    count: int
    answer: bytes
    divisor: int
    clock: str
    rx: str
    tx: str
    reset: str = ""

    @property
    def what(self) -> str:
        return f"{self.count} items"

    def environment(self) -> dict[str, str]:
        """The bench's variables."""
        return {
            "UART_CLOCK": self.clock,
            "UART_RX": self.rx,
            "UART_TX": self.tx,
            "UART_RESET": self.reset,
            "UART_DIVISOR": str(self.divisor),
            "SELF_TEST_ITEMS": str(self.count),
            "SELF_TEST_COMMAND": self_test.command(self.seed, self.count).hex(),
            "SELF_TEST_ANSWER": self.answer.hex(),
        }


def simulate(
    verilog_files: Sequence[Path],
    top: str,
    exchange: SerialBench,
    *,
    log: Path,
    defines: Sequence[str] = (),
    progress: Progress | None = None,
) -> float:
    """Run the exchange on module ``top``; returns the seconds it took.

    Raises
    ------
    DesignError
        The answer is wrong or does not come, or Icarus refuses the Verilog.
    ToolError
        A tool is missing or died, or Verilator refuses the Verilog.
    """
    files: list[str] = []
    with scratch() as folder:
        if exchange.simulator == "icarus":
            tools.require("iverilog", who=exchange.who)
            files = [str(plain(path)) for path in verilog_files]
            options = [f"-D{name}" for name in defines]
        else:
            ports = (exchange.clock, exchange.rx, exchange.tx, exchange.reset)
            netlist_program.build(
                verilog_files,
                top,
                [port for port in ports if port],
                # The name that cocotb's runner gives it.
                folder / top,
                who=exchange.who,
                defines=defines,
                progress=progress,
            )
            options = netlist_program.unknown_bits(exchange.seed)
        if progress is not None:
            progress(f"{exchange.simulator}: serial exchange, {exchange.what}")
        words = [folder, exchange.simulator, top, exchange.bench, ",".join(options), *files]
        child = [*PYTHON, "-m", __name__, *words]
        finished = run_tool(
            child,
            who=exchange.who,
            log=log,
            cwd=folder,
            environment=tools.environment(**exchange.environment(), COCOTB_ANSI_OUTPUT="0"),
            time_limit=_TIME_LIMIT_S,
            failure=DesignError,
            explain=lambda output: _mismatch(output, exchange.who),
        )
    return finished.seconds


def _mismatch(output: str, who: str) -> DesignError | None:
    for line in output.splitlines():
        if "AssertionError:" in line:
            text = line.split("AssertionError:", 1)[1].strip()
            return DesignError(text if text.startswith(f"{who}: ") else f"{who}: {text}")
    if "Error" in output and "FAIL" in output:
        return DesignError(f"{who}: the simulation must end without an error\n{tail(output)}")
    return None


def _child(folder: str, simulator: str, top: str, bench: str, options: str, *files: str) -> None:
    """Runs inside the process that :func:`simulate` starts; ends with status 1 on a mismatch.

    Without files there is a program already, whose arguments the options are.
    """
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    from holigrail_hw import testbenches

    from ..simulate.cocotb_run import use_plain_paths

    use_plain_paths()
    runner, arguments = get_runner(simulator), options.split(",") if options else []
    timescale = ("1ns", "1ps") if files else None
    if files:
        runner.build(
            sources=files,
            hdl_toplevel=top,
            build_dir=folder,
            timescale=timescale,
            build_args=arguments,
        )
    # The runner hands sys.path on to the interpreter inside the simulator.
    sys.path[:0] = list(testbenches.__path__)
    results = runner.test(
        hdl_toplevel=top,
        hdl_toplevel_lang="verilog",
        test_module=bench,
        build_dir=folder,
        test_dir=folder,
        timescale=timescale,
        plusargs=[] if files else arguments,
    )
    ran, failed = get_results(results)
    sys.exit(0 if ran and not failed else 1)


if __name__ == "__main__":
    _child(*sys.argv[1:])
