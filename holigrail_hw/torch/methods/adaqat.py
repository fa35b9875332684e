"""Bits per layer that are learnt with the weights.

Gernigon, Filip, Sentieys, Coggiola, Bruno, AdaQAT: adaptive bit-width quantization-aware training,
2024: widths are real numbers, layers compute with the next integers, and the slope of the loss is
the difference between two neighbours. Differences of single batches are noise: they are averaged,
and those of all widths are taken at once; for the last part of the training every width is frozen
at the largest of its latest values.
"""

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .base import Method, Report, Turn, judging
from .integers import Integers

__all__ = ["AdaQAT"]

_LEAST, _MOST = 2, 8
_LATEST = 6


class AdaQAT(Method):
    """Integers whose bits follow the loss plus ``weight`` times bit operations.

    Bit operations are the sum over layers of products times bits of both factors, divided by those
    with 8 bits everywhere.

    Parameters
    ----------
    weight : float
        What all bit operations of 8 bits are worth in the loss.
    judged : pair of Tensor
        Inputs and targets that differences are taken on, a few at a time.
    batch : int
        How many of them.
    input_bits : int
        Bits of what the first layer reads.
    every : int
        Steps of the optimiser between differences.
    average : float
        How much of the last mean difference stays.
    rates : pair of float
        How far a width goes, in bits for a difference of 1, at first and in the end.
    frozen : float
        The part of all steps after which widths stay.
    layers : list of str or None
        Paths; None for all linear layers and convolutions.
    """

    def __init__(
        self,
        weight: float,
        judged: tuple[Tensor, Tensor],
        *,
        batch: int = 512,
        input_bits: int = 8,
        every: int = 4,
        average: float = 0.7,
        rates: tuple[float, float] = (6.0, 0.5),
        frozen: float = 0.75,
        loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
        layers: Any = None,
        seed: int = 0,
    ):
        self.weight, self.judged, self.batch = weight, judged, batch
        self.input_bits, self.every, self.average = input_bits, every, average
        self.rates, self.frozen, self.loss = rates, frozen, loss
        self.integers = Integers(_MOST, _MOST, layers)
        self.order = torch.Generator().manual_seed(seed)
        self.is_frozen = False
        self.history: list[tuple[int, ...]] = []

    def attach(self, model: nn.Module) -> None:
        self.model = model
        self.integers.attach(model)
        weights = [*self.integers.weights.values()]
        # The limits of activations are those of the first samples.
        self.products = _products(model, self.integers.found, self.judged[0][: self.batch])
        self.variables = [*weights, *self.integers.activations.values()]
        self.widths = [float(_MOST)] * len(self.variables)
        self.means = [0.0] * len(self.variables)
        self.latest: deque[tuple[int, ...]] = deque(maxlen=_LATEST)

    def bit_operations(self) -> float:
        """A part of those with 8 bits."""
        found = full = 0.0
        for path, count in self.products.items():
            activation = self.integers.activations.get(path)
            first = activation is None
            left = self.input_bits if first else activation.bits  # type: ignore[union-attr]
            found += count * left * self.integers.weights[path].bits
            full += count * (self.input_bits if first else _MOST) * _MOST
        return found / full

    def step(self, turn: Turn) -> None:
        part = turn.step / turn.steps
        if self.is_frozen:
            return
        if part >= self.frozen:
            latest = [*self.latest] or [tuple(v.bits for v in self.variables)]
            for variable, values in zip(self.variables, zip(*latest, strict=True), strict=True):
                variable.bits = max(values)
            self.is_frozen = True
            self.history.append(tuple(v.bits for v in self.variables))
        elif turn.step % self.every == 0:
            self._move(part / self.frozen)

    def _move(self, part: float) -> None:
        x, y = self.judged
        chosen = torch.randperm(len(x), generator=self.order)[: self.batch]
        first, last = self.rates
        rate = first * (last / first) ** part
        with judging(self.model):
            here = self._judge(x[chosen], y[chosen])
            for index, variable in enumerate(self.variables):
                bits = variable.bits
                # At the least width the neighbour is the one above.
                other = bits - 1 if bits > _LEAST else bits + 1
                variable.bits = other
                there = self._judge(x[chosen], y[chosen])
                variable.bits = bits
                slope = (here - there) / (bits - other)
                self.means[index] = self.average * self.means[index] + (1 - self.average) * slope
        for index, variable in enumerate(self.variables):
            moved = self.widths[index] - rate * self.means[index]
            self.widths[index] = min(max(moved, _LEAST), _MOST)
            variable.bits = math.ceil(self.widths[index] - 1e-9)
        self.latest.append(tuple(v.bits for v in self.variables))
        self.history.append(self.latest[-1])

    def _judge(self, x: Tensor, y: Tensor) -> float:
        return float(self.loss(self.model(x), y)) + self.weight * self.bit_operations()

    def finish(self) -> Report:
        operations = self.bit_operations()
        rows = self.integers.finish().layers
        return Report(f"AdaQAT, weight {self.weight:g}", {"bit operations": operations}, rows)


def _products(model: nn.Module, layers: dict[str, Any], x: Tensor) -> dict[str, int]:
    """Products of each layer for one sample."""
    found: dict[str, int] = {}
    hooks = []
    for path, layer in layers.items():

        def note(_: Any, __: Any, result: Tensor, path: str = path, layer: Any = layer) -> None:
            # Features are the last axis of a linear layer, channels the first one of a convolution.
            places = result[0].numel() // len(layer.weight)
            found[path] = places * layer.weight.numel()

        hooks.append(layer.register_forward_hook(note))
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return found
