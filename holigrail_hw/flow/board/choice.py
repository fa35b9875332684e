"""Which kind of board design an operator needs."""

from holigrail_hw.core.spec import OperatorSpec

from .design import BoardDesign
from .hosted import Hosted
from .linked import Linked
from .self_tested import SelfTested

__all__ = ["board_design"]


def board_design(spec: OperatorSpec) -> BoardDesign:
    """One datapath tests itself; an engine needs whole jobs, from a host.

    What is part of a system with a programme of its own comes as that system.
    """
    system = spec.whole_system()
    if system is not None:
        return Hosted(spec, system)
    return SelfTested(spec) if spec.planned else Linked(spec)
