"""Optimisers whose weights and states are numbers of a format.

A step is computed in float32 and then rounded. To nearest, updates below half of a weight's last
place are lost; stochastic rounding keeps their mean (Gupta et al., Deep learning with limited
numerical precision, 2015). Its words depend on the seed in use, the step of the training, the
parameter and the element alone, so that a training is reproducible on any machine.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from holigrail_hw import kernels
from holigrail_hw.formats import Format, FormatError, Rounding, parse

from .computing import array
from .random import advance, numbers

__all__ = ["Rounded"]


class Rounded(Optimizer):
    """Any optimiser, with its weights and its states rounded after every step.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        What computes the steps. Schedulers may be given either of the two.
    weight : Format or None
        Of all parameters; None leaves them.
    rounding : Rounding
        Of weights and states. Stochastic modes need ``with holigrail_hw.torch.seed(...)``.
    state : Format, mapping or None
        Of all states that are tensors of a parameter's shape, or by their names
        (``momentum_buffer``, ``exp_avg``, ``exp_avg_sq``).
    random_width : int
        Bits of a random word, if stochastic.

    Notes
    -----
    :meth:`step` ends with :func:`holigrail_hw.torch.random.advance`: the seed's next step.

    Raises
    ------
    FormatError
        If a format is unknown, or float32 does not hold its numbers.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        weight: Format | str | None = None,
        rounding: str = Rounding.NEAREST_EVEN,
        state: Format | str | Mapping[str, Format | str] | None = None,
        random_width: int = 16,
    ):
        self.optimizer, self.rounding = optimizer, Rounding(rounding)
        self.random_width = random_width
        self.weight = None if weight is None else _of_float32(weight)
        by_name = state if isinstance(state, Mapping) else {}
        self.formats = {name: _of_float32(format) for name, format in by_name.items()}
        self.every = None if state is None or by_name else _of_float32(state)  # type: ignore[arg-type]
        super().__init__(optimizer.param_groups, optimizer.defaults)
        self._share()
        self._round_weights(-1)

    def _share(self) -> None:
        self.param_groups, self.state = self.optimizer.param_groups, self.optimizer.state

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """A step of the optimiser, then the roundings."""
        loss = self.optimizer.step() if closure is None else self.optimizer.step(closure)
        for index, parameter in enumerate(self._parameters()):
            self._round_states(index, parameter)
        self._round_weights(0)
        advance()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """That of the optimiser."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Into the optimiser."""
        self.optimizer.load_state_dict(state_dict)
        self._share()

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    @torch.no_grad()
    def _round_weights(self, step: int) -> None:
        """All weights; those from which a training begins (-1) to nearest."""
        if self.weight is None:
            return
        for index, parameter in enumerate(self._parameters()):
            mode = self.rounding if step >= 0 else Rounding.NEAREST_EVEN
            parameter.copy_(self._rounded(parameter, self.weight, mode, f"{index}"))

    def _round_states(self, index: int, parameter: Tensor) -> None:
        for name, value in self.state.get(parameter, {}).items():
            format = self.formats.get(name, self.every)
            if format is None or not isinstance(value, Tensor) or value.shape != parameter.shape:
                continue
            if value.is_floating_point() and value.dim():
                value.copy_(self._rounded(value, format, self.rounding, f"{index}/{name}"))

    def _rounded(self, value: Tensor, format: Format, mode: Rounding, place: str) -> Tensor:
        random, width = None, 0
        if mode.is_stochastic:
            key = zlib.crc32(f"optimizer/{place}".encode())
            width = self.random_width
            random = numbers(key, 0, value.numel(), width).reshape(tuple(value.shape))
        overflow = "saturate" if "saturate" in format.overflow_modes else None
        found = kernels.quantise(
            format, array(value), mode, random=random, random_width=width, overflow=overflow
        )
        return torch.from_numpy(found).to(value)


def _of_float32(format: Format | str) -> Format:
    """A format whose numbers float32 holds; raises FormatError."""
    found = parse(format)
    if kernels.number_type(found).__name__ != "float32":
        raise FormatError(f"Rounded: formats must have numbers that float32 holds, not {found}")
    return found
