"""What a method of training is: hooks that one loop calls, and a report in the end.

A method may give weights another parametrisation, add to the loss, and change parameters after a
step. It never owns the optimiser, so that several methods go together.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

__all__ = [
    "Method",
    "Report",
    "Turn",
    "checked_layers",
    "judging",
    "plain",
    "stored",
    "weighted_layers",
]


@dataclass
class Turn:
    """Where the loop is.

    Attributes
    ----------
    step, steps : int
        Steps done, and of the whole training.
    epoch, epochs : int
        The same in turns through all samples.
    optimizer : torch.optim.Optimizer
    inputs, targets : Tensor
        The last batch.
    loss : float
        The last loss, penalties included.
    """

    steps: int
    epochs: int
    optimizer: Any
    step: int = 0
    epoch: int = 0
    inputs: Any = None
    targets: Any = None
    loss: float = float("nan")


@dataclass(frozen=True)
class Report:
    """What a method did: figures of the whole model, and of its layers by their paths."""

    method: str
    figures: dict[str, Any]
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.method}: " + _listed(self.figures)]
        lines += [f"  {path}: {_listed(figures)}" for path, figures in self.layers.items()]
        return "\n".join(lines)


def _listed(figures: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in figures.items()
    )


class Method:
    """A method that does nothing; others replace what they need."""

    def attach(self, model: nn.Module) -> None:
        """Prepare a model, before its optimiser is made; modules may be replaced."""
        raise NotImplementedError

    def penalty(self) -> Tensor | float:
        """What is added to the loss of a batch."""
        return 0.0

    def step(self, turn: Turn) -> None:
        """Called after every step of the optimiser."""

    def epoch(self, turn: Turn) -> None:
        """Called before every turn through the samples."""

    def finish(self) -> Report:
        """Make what was trained the plain weights of the model, and tell about it."""
        raise NotImplementedError


@contextmanager
def judging(model: nn.Module) -> Iterator[None]:
    """Evaluation without gradients; every module gets back the mode that it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def weighted_layers(
    model: nn.Module, types: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv2d)
) -> Iterator[tuple[str, Any]]:
    """Paths and layers that have weights, in their order."""
    for path, module in model.named_modules():
        if isinstance(module, types):
            yield path, module


def checked_layers(
    who: str, model: nn.Module, layers: Any, types: tuple[type[nn.Module], ...]
) -> dict[str, Any]:
    """Those of these paths, or all where none are named; raises ValueError without any."""
    found = dict(weighted_layers(model, types))
    if layers is not None:
        names = [layers] if isinstance(layers, str) else [*layers]
        wrong = [path for path in names if path not in found]
        if wrong:
            raise ValueError(
                f"{who}: layers must be some of {', '.join(found) or 'none'},"
                f" not {', '.join(wrong)}"
            )
        found = {path: found[path] for path in names}
    if not found:
        kinds = " or ".join(kind.__name__ for kind in types)
        raise ValueError(f"{who}: the model must have a layer {kinds}")
    return found


def plain(layer: Any, name: str = "weight") -> Tensor:
    """The weights of a layer as they are computed now; from here on its plain weights.

    Whichever method is finished first does it for all.
    """
    if parametrize.is_parametrized(layer, name):
        parametrize.remove_parametrizations(layer, name, leave_parametrized=True)
    return getattr(layer, name).detach()


def stored(layer: Any, name: str = "weight") -> Any:
    """The parameter that the optimiser has, whatever is computed of it."""
    if parametrize.is_parametrized(layer, name):
        return layer.parametrizations[name].original
    return getattr(layer, name)
