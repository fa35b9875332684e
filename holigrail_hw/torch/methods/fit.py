"""The loop that all methods share."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..random import current
from .base import Method, Report, Turn, judging

__all__ = ["Fit", "accuracy", "fit"]

_SLOWEST = 0.01


@dataclass(frozen=True)
class Fit:
    """A training: mean loss of every turn, what was measured after it, reports, processor time."""

    losses: list[float]
    measured: list[float]
    reports: list[Report]
    cpu_s: float


def fit(
    model: nn.Module,
    samples: tuple[Tensor, Tensor],
    optimizer: Callable[[Any], torch.optim.Optimizer],
    *,
    epochs: int,
    batch: int = 64,
    methods: Sequence[Method] = (),
    loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    scale: float = 1.0,
    cosine: bool = True,
    seed: int = 0,
    measure: Callable[[nn.Module], float] | None = None,
    keep_best: bool = False,
) -> Fit:
    """Train a model in place.

    Parameters
    ----------
    samples : pair of Tensor
        Inputs and targets, samples first.
    optimizer : callable
        Makes the optimiser of the parameters that are trained; methods are attached before.
    methods : sequence of Method
        Attached in this order, and finished in the reverse one.
    loss : callable
        Of outputs and targets, the mean over a batch.
    scale : float
        What the loss is multiplied by, and gradients are divided by, for narrow formats of
        gradients.
    cosine : bool
        The rate falls along half a cosine; else it stays.
    seed : int
        Of the order of samples; the same seed gives the same training.
    measure : callable
        Of the model, after every turn; larger is better.
    keep_best : bool
        End with the weights that were measured best, those of the start among them.

    Raises
    ------
    FloatingPointError
        If the loss is no finite number.
    """
    begun = time.process_time()
    for method in methods:
        method.attach(model)
    made = optimizer([p for p in model.parameters() if p.requires_grad])
    rates = [group["lr"] for group in made.param_groups]
    x, y = samples
    count = max(1, len(x) // batch)
    turn = Turn(count * epochs, epochs, made)
    order = torch.Generator().manual_seed(seed)
    losses: list[float] = []
    measured: list[float] = []
    best = _Best(model, measure) if keep_best else None
    for turn.epoch in range(epochs):
        for method in methods:
            method.epoch(turn)
        model.train()
        places, total = torch.randperm(len(x), generator=order), 0.0
        for first in range(0, count * batch, batch):
            if cosine:
                part = max(0.5 * (1 + math.cos(math.pi * turn.step / turn.steps)), _SLOWEST)
                for group, rate in zip(made.param_groups, rates, strict=True):
                    group["lr"] = rate * part
            chosen = places[first : first + batch]
            turn.inputs, turn.targets = x[chosen], y[chosen]
            total += _step(model, turn, methods, loss, scale)
        losses.append(total / count)
        if measure is not None:
            measured.append(measure(model))
            if best is not None:
                best.note(measured[-1])
    if best is not None:
        best.restore()
    reports = [method.finish() for method in reversed(methods)][::-1]
    return Fit(losses, measured, reports, time.process_time() - begun)


def _step(
    model: nn.Module, turn: Turn, methods: Sequence[Method], loss: Any, scale: float
) -> float:
    """One step of the optimiser; the loss."""
    turn.optimizer.zero_grad()
    found = loss(model(turn.inputs), turn.targets)
    for method in methods:
        found = found + method.penalty()
    turn.loss = float(found.detach())
    if not math.isfinite(turn.loss):
        raise FloatingPointError(f"fit: the loss must be finite, not {turn.loss}")
    (found * scale).backward()
    if scale != 1.0:
        groups = turn.optimizer.param_groups
        for parameter in (p for group in groups for p in group["params"]):
            if parameter.grad is not None:
                parameter.grad.div_(scale)
    words = current()
    before = None if words is None else words.training_step
    turn.optimizer.step()
    # An optimiser that rounds has already gone on to other words.
    if words is not None and words.training_step == before:
        words.advance()
    turn.step += 1
    for method in methods:
        method.step(turn)
    return turn.loss


class _Best:
    """The state that was measured best."""

    def __init__(self, model: nn.Module, measure: Callable[[nn.Module], float] | None):
        if measure is None:
            raise ValueError("fit: measure must be given to keep what is best")
        self.model = model
        self.value = measure(model)
        self.state = _copied(model)

    def note(self, value: float) -> None:
        if value > self.value:
            self.value, self.state = value, _copied(self.model)

    def restore(self) -> None:
        self.model.load_state_dict(self.state)


def _copied(model: nn.Module) -> dict[str, Any]:
    return {
        name: value.clone() if isinstance(value, Tensor) else value
        for name, value in model.state_dict().items()
    }


def accuracy(model: nn.Module, samples: tuple[Tensor, Tensor]) -> float:
    """Percent of samples whose largest output is that of their class."""
    x, y = samples
    with judging(model):
        return float((model(x).argmax(1) == y).double().mean()) * 100
