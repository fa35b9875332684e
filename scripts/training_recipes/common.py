"""The digits, the networks that learn them, and a bar beside what was measured."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from holigrail_hw.models import shipped
from holigrail_hw.torch.methods import accuracy, fit

__all__ = ["SEEDS", "Bar", "Digits", "adam", "cnn", "copied", "mlp", "sgd", "trained"]

SEEDS = (0, 1, 2)
Data = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Bar:
    """What must be reached: at least or at most ``value``; None: shown without a bar."""

    what: str
    measured: float
    value: float | None = None
    most: bool = False

    @property
    def is_met(self) -> bool:
        if self.value is None:
            return True
        return self.measured <= self.value if self.most else self.measured >= self.value

    def row(self, name: str, seconds: float) -> list[Any]:
        sign = "" if self.value is None else "<= " if self.most else ">= "
        bar = None if self.value is None else f"{sign}{self.value:g}"
        return [name, self.what, round(self.measured, 2), bar, round(seconds, 1)]


class Digits:
    """1437 images for training and 360 for tests, flat or as images of one channel."""

    def __init__(self) -> None:
        self.flat = _images("digits-training", True), _images("digits", True)
        self.images = _images("digits-training", False), _images("digits", False)

    def right(self, model: nn.Module, is_flat: bool = True) -> float:
        """Percent of the tests."""
        return accuracy(model, (self.flat if is_flat else self.images)[1])


def _images(name: str, is_flat: bool) -> Data:
    with np.load(shipped.data(name)) as arrays:
        x = torch.tensor(arrays["x"] / 16.0, dtype=torch.float32)
        y = torch.tensor(arrays["y"].astype(np.int64))
    return (x.reshape(len(x), -1) if is_flat else x[:, None]), y


def mlp(seed: int) -> nn.Sequential:
    """64-64-32-10."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)
    )


def cnn(seed: int) -> nn.Sequential:
    """Two convolutions of 8 and 16 channels, each with a pool, and a matrix."""
    torch.manual_seed(seed)
    first, second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
    parts = [first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(64, 10))


def adam(rate: float) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda parameters: torch.optim.Adam(parameters, rate)


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, 0.1, momentum=0.9)


_kept: dict[Any, nn.Module] = {}


def trained(
    make: Callable[[int], nn.Module], data: Data, seed: int, epochs: int, rate: float = 5e-3
) -> nn.Module:
    """A network of real numbers, trained by Adam; trained once, then copied."""
    key = make, seed, epochs, rate
    if key not in _kept:
        model = make(seed)
        fit(model, data, adam(rate), epochs=epochs, seed=seed)
        _kept[key] = model
    return copied(_kept[key])


def copied(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model)
