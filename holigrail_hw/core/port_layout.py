"""Which bits of the ports of a design hold what, for every shell."""

from holigrail_hw.shells.axi_stream import AxiStream
from holigrail_hw.shells.wishbone.shell import Wishbone

from .engine import Engine
from .packing import Bits, code_bits
from .shelled import shelled
from .spec import OperatorSpec
from .timing import Timing

__all__ = ["framed_streams", "layout_of"]


def layout_of(spec: OperatorSpec, timing: Timing) -> list[Bits]:
    """The bits of every port that holds codes, or of the registers of a slave on a bus."""
    view = shelled(spec, timing)
    if isinstance(view, AxiStream | Wishbone):
        return view.layout()
    is_stream = timing.shell == "stream" and not isinstance(view, Engine)
    found = []
    for prefix, ports in (("i_", view.inputs()), ("o_", view.outputs())):
        found += [
            code_bits(f"{prefix if is_stream else ''}{name}", name, format)
            for name, format in ports.items()
        ]
    return found


def framed_streams(spec: OperatorSpec, timing: Timing) -> list[str] | None:
    """The AXI4-Streams with ``tlast``, which marks the end of a frame; ``None`` without AXI."""
    view = shelled(spec, timing)
    if not isinstance(view, AxiStream):
        return None
    return [name for name, kind in view.streams().items() if "tlast" in kind.fields]
