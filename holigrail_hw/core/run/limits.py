"""What a tool may take of the machine, and whether it was that which ended it."""

import contextlib
import math
import re
import resource
import signal
import subprocess
from dataclasses import dataclass

__all__ = ["Limits"]

_OUT_OF_MEMORY = re.compile(r"\bbad_alloc\b|\bMemoryError\b|out of memory", re.I)


@dataclass(frozen=True)
class Limits:
    """Seconds of time, seconds of processor time, bytes of address space; ``None`` is no limit."""

    time: float | None
    processor: float | None
    memory: int | None

    def impose(self, child: subprocess.Popen) -> None:
        """Let the system end the child at the limits that the system knows."""
        if not hasattr(resource, "prlimit"):
            return
        with contextlib.suppress(ProcessLookupError):
            if self.memory is not None:
                resource.prlimit(child.pid, resource.RLIMIT_AS, (self.memory, self.memory))
            if self.processor is not None:
                seconds = math.ceil(self.processor)
                # One that ignores the signal at the first limit is killed at the second.
                resource.prlimit(child.pid, resource.RLIMIT_CPU, (seconds, seconds + 5))

    def passed(self, status: int, output: str, expired: bool) -> str | None:
        """Which limit a failed tool ran past, in words; ``None`` if it failed of something else."""
        if expired:
            return f"must finish within {self.time:g} s, not be stopped at that limit"
        if self.memory is not None and _OUT_OF_MEMORY.search(output):
            return f"must finish within {self.memory >> 20} MiB, not ask for more"
        if self.processor is not None and status == -signal.SIGXCPU:
            return f"must finish within {self.processor:g} s of processor time, not ask for more"
        return None
