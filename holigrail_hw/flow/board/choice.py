"""Which kind of board design an operator needs."""

from holigrail_hw.core.spec import OperatorSpec

from .design import BoardDesign
from .linked import Linked
from .self_tested import SelfTested

__all__ = ["board_design"]


def board_design(spec: OperatorSpec) -> BoardDesign:
    """One datapath tests itself; an engine needs whole jobs, from a host."""
    return SelfTested(spec) if spec.planned else Linked(spec)
