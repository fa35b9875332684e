"""Which bits of the ports of a design hold what, for every shell."""

from .packing import Bits
from .shell_registry import find_shell
from .spec import OperatorSpec
from .timing import Timing

__all__ = ["framed_streams", "layout_of"]


def layout_of(spec: OperatorSpec, timing: Timing) -> list[Bits]:
    """The bits of every port that holds codes, or of the registers of a slave on a bus."""
    shell = find_shell(timing.shell)
    return shell.layout(shell.view(spec, timing))


def framed_streams(spec: OperatorSpec, timing: Timing) -> list[str] | None:
    """The streams whose shell marks the end of a frame; ``None`` where it never does."""
    shell = find_shell(timing.shell)
    return shell.framed_streams(shell.view(spec, timing))
