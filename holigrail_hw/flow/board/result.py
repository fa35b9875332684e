"""What a build for a board found, and which files it left."""

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["BuildResult"]


@dataclass(frozen=True)
class BuildResult:
    """A board design.

    Attributes
    ----------
    latency : int or None
        Of the operator, in cycles; an engine has none.
    bitstream : str or None
        Path of the bitstream; ``None`` for a project that a closed tool must build.
    netlist : str or None
        Path of the synthesised JSON netlist with the board's ports.
    constraints : str or None
        Path of the pin constraints.
    used : dict
        Kind of cell to (used, available).
    fmax_mhz, clock_mhz : float
        What the tool reached, and the board's clock.
    met : bool or None
        Whether the design is fast enough; ``None`` if nothing was built.
    note : str
        Empty, or what the user must still do, or what ``fmax_mhz`` leaves out.
    checked : int or None
        Results of the netlist that were compared with the golden model; ``None`` without DSP blocks
        and memories, or if it was not asked for.
    """

    board: str
    top: str
    latency: int | None
    interleave: int
    bitstream: str | None
    netlist: str | None
    constraints: str | None
    clock_mhz: float
    fmax_mhz: float | None = None
    met: bool | None = None
    used: dict[str, tuple[int, int]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    seconds: float = 0.0
    note: str = ""
    checked: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        return asdict(self)
