"""What a shell is: how a specification looks from outside, and what is wrapped around its hardware.

A new shell is one file: a class derived from :class:`Shell`, registered by
:func:`holigrail_hw.core.shell_registry.shell`, and, where the streams look different from outside,
a view derived from :class:`holigrail_hw.core.shelled.Shelled`. Verilog, manifest, benches and
verification follow from it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from holigrail_hw.core.packing import Bits, code_bits
from holigrail_hw.core.shelled import Paced
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from .ports import EnginePorts

__all__ = ["Shell"]


class Shell:
    """A way to wrap hardware. Its *view* is the specification as it looks from outside.

    Attributes
    ----------
    name : str
        Its name in ``--shell``.
    always_clocked : bool
        Whether there are a clock and a reset even if the hardware has no register.
    has_bus : bool
        Whether a bus master moves the streams. Then there are three parts: the ``slave``, which is
        handed over, the ``master`` in its benches, and ``driven``, both together, with the streams
        of the view.
    may_wait : bool
        Whether the timing request may limit the cycles of an access.
    """

    name: ClassVar[str]
    always_clocked: ClassVar[bool] = False
    has_bus: ClassVar[bool] = False
    may_wait: ClassVar[bool] = False

    def view(self, spec: OperatorSpec, timing: Timing) -> OperatorSpec:
        """The specification as it looks from outside."""
        if spec.planned or not spec.has_plan:
            return spec
        return Paced(inner=spec, timing=timing)

    def wrapped(self, spec: OperatorSpec, timing: Timing) -> Any:
        """The hardware, as a component with the streams or the ports of the view."""
        return self.view(spec, timing).component()

    def handed_over(self, view: Any, timing: Timing, part: str) -> Any:
        """The component of the top module: every member is a signal. ``part`` is that of a bus."""
        return EnginePorts(view.component(timing), view.streams(), view.handshake)

    def clocked(self, view: Any, timing: Timing, unused: tuple[str, ...]) -> Any:
        """The same, with inputs for a clock and a reset that nothing needs."""
        return EnginePorts(view.component(timing), view.streams(), view.handshake, unused=unused)

    def bus(self, view: Any, part: str) -> Mapping[str, Any]:
        """The members of the bus by port name; empty without a bus."""
        return {}

    def layout(self, view: OperatorSpec) -> list[Bits]:
        """The bits of every port that holds codes."""
        ports = [*view.inputs().items(), *view.outputs().items()]
        return [code_bits(name, name, format) for name, format in ports]

    def framed_streams(self, view: OperatorSpec) -> list[str] | None:
        """The streams that mark the end of a frame; ``None`` if this kind of shell marks none."""
        return None

    def registers(self, view: Any) -> list[dict[str, Any]]:
        """The registers that hosts see, as plain data; empty without a bus."""
        return []

    def places(self, view: Any) -> list[str]:
        """What precedes every row of the layout in comments; empty for nothing."""
        return []

    def pace(self, view: Any) -> str | None:
        """How items are moved, in words, if neither by plain ports nor by streams."""
        return None

    def sources(self, view: Any, top: str) -> dict[str, str]:
        """More Verilog files besides ``top``'s, by name; the last one is the outermost module."""
        return {}

    def files(self, view: Any, top: str) -> dict[str, str]:
        """More files of other kinds, by name."""
        return {}
