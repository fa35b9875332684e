"""Which kind of board design an operator needs."""

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.spec import OperatorSpec

from .design import BoardDesign
from .hosted import Hosted
from .linked import Linked
from .self_tested import SelfTested

__all__ = ["board_design"]


def board_design(spec: OperatorSpec) -> BoardDesign:
    """One datapath tests itself; an engine needs whole jobs, from a host.

    What is part of a system with a programme of its own comes as that system.

    Raises
    ------
    RequestError
        If the system needs a flash memory, whose pins no board's recipe has.
    """
    system = spec.whole_system()
    if system is not None and system.flash() is not None:
        raise RequestError(
            f"{spec.name}: a system on a board must do without the pins of a flash memory",
            hint="leave the loader out; `holigrail verify` simulates one with a flash memory",
        )
    if system is not None:
        return Hosted(spec, system)
    return SelfTested(spec) if spec.planned else Linked(spec)
