"""What all layers with an arithmetic have in common."""

from typing import Any

from torch import nn

from ..arithmetic import Arithmetic

__all__ = ["Layer"]


class Layer(nn.Module):
    """A layer of ``torch.nn`` with an arithmetic; parameters keep their names.

    Attributes
    ----------
    arithmetic : Arithmetic
        What it computes with; all other parameters are those of ``torch.nn``.
    random_key : int
        Of its random words; :func:`convert` and ``seed(n, model)`` make it of the layer's path.
    """

    arithmetic: Arithmetic
    random_key: int

    def __init__(self, *given: Any, arithmetic: Arithmetic, **options: Any):
        if not isinstance(arithmetic, Arithmetic):
            raise TypeError(
                f"{type(self).__name__}: arithmetic must be an Arithmetic, not {arithmetic!r}"
            )
        super().__init__(*given, **options)
        self.arithmetic, self.random_key = arithmetic, 0

    def extra_repr(self) -> str:
        """The usual description, and the forward product."""
        usual = super().extra_repr()
        return f"{usual}, {self.arithmetic.forward.text}" if usual else self.arithmetic.forward.text
