"""The self-checking Verilog bench of a design, run in Icarus without any Python inside."""

import re

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.run import process
from holigrail_hw.core.store.folder import cache_folder
from holigrail_hw.core.work_folder import scratch

from .. import tools
from ..emit import emit
from ..top import Top

__all__ = ["run"]


def run(top: Top, vectors: int, seed: int, checked: int) -> tuple[int | None, str]:
    """Clock cycles of a bench that passed, ``None`` if it did not, and what it printed.

    Parameters
    ----------
    vectors, seed : int
        Of the generated folder.
    checked : int
        How many results the bench must have compared.

    Raises
    ------
    ToolError
        If Icarus is missing or dies.
    """
    logs = cache_folder() / "logs"
    compiler = tools.require("iverilog", who="verify")["iverilog"].command
    with scratch() as work:
        folder = work
        made = emit.generate(top.asked, top.timing, folder, vectors=vectors, seed=seed)
        name = made.manifest["top"]
        process.run(
            [*compiler, "-g2012", "-o", "bench", f"{name}.v", f"{name}_bench.v"],
            who="iverilog",
            log=logs / f"{name}_iverilog.log",
            cwd=folder,
            environment=tools.environment(),
        )
        log = logs / f"{name}_bench.log"
        try:
            output = process.run(
                ["vvp", "-n", "bench"],
                who="vvp",
                log=log,
                cwd=folder,
                environment=tools.environment(),
                explain=_failed,
            ).output
        except _FailedBench as error:
            output = str(error)
    passed = re.search(rf"^PASS: {checked} vectors in (\d+) cycles$", output, re.M)
    return (int(passed.group(1)) if passed else None), output


class _FailedBench(DesignError):
    """A bench that ended with its verdict; the message is what it printed."""


def _failed(output: str) -> _FailedBench | None:
    return _FailedBench(output) if re.search("^FAIL: ", output, re.M) else None
