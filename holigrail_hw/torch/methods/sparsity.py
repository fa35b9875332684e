"""Weights of which a fixed part is zero, in places that hardware can use.

N of M neighbours along the inputs (Mishra and others, Accelerating sparse deep neural networks,
2021; density-bound blocks: Kang, 2019), or kernels whose places are one of few patterns (Niu and
others, PatDNN, 2020).
"""

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .base import Method, Report, Turn, checked_layers, plain

__all__ = ["Patterns", "Structured"]


class _Mask(nn.Module):
    """Parametrisation: weights in kept places, zeros elsewhere."""

    kept: Tensor

    def __init__(self, like: Tensor):
        super().__init__()
        self.register_buffer("kept", torch.ones_like(like))

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.kept


class _Masked(Method):
    """What both have in common: a mask that is chosen once, before a turn."""

    kinds: tuple[type[nn.Module], ...] = ()
    name = ""

    def __init__(self, at: int, layers: Any):
        self.at, self.layers = at, layers
        self.found: dict[str, Any] = {}
        self.masks: dict[str, _Mask] = {}

    def attach(self, model: nn.Module) -> None:
        self.found = checked_layers(self.name, model, self.layers, self.kinds)
        for path, layer in self.found.items():
            self.check(path, layer)
        for path, layer in self.found.items():
            self.masks[path] = _Mask(layer.weight.detach())
            parametrize.register_parametrization(layer, "weight", self.masks[path])
        if self.at <= 0:
            self.prune()

    def epoch(self, turn: Turn) -> None:
        if turn.epoch == self.at and turn.epoch:
            self.prune()

    def prune(self) -> None:
        """Choose the places that are kept, by the weights as they are now."""
        for path, layer in self.found.items():
            mask = self.masks[path].kept
            mask.fill_(1.0)
            mask.copy_(self.kept(path, layer.weight.detach()))

    def check(self, path: str, layer: Any) -> None:
        """Raises ValueError where it cannot be."""

    def kept(self, path: str, weight: Tensor) -> Tensor:
        """1 in the places that are kept, 0 elsewhere."""
        raise NotImplementedError

    def _left(self) -> dict[str, Tensor]:
        return {path: plain(layer) for path, layer in self.found.items()}


class Structured(_Masked):
    """At most n of every m consecutive weights along the inputs are not zero: the largest ones.

    Inputs of a convolution come in the order (channel, row, column), as an engine reads them; the
    last group of a row may be shorter.

    Parameters
    ----------
    n, m : int
    at : int
        The turn before which places are chosen; the turns after it train what is left.
    layers : list of str or None
        Paths; None for all linear layers and convolutions.
    """

    kinds = (nn.Linear, nn.Conv2d)
    name = "structured"

    def __init__(self, n: int, m: int, *, at: int = 0, layers: Any = None):
        if not 1 <= n <= m:
            raise ValueError(f"structured: n must be between 1 and m, {m}, not {n}")
        super().__init__(at, layers)
        self.n, self.m = n, m

    def kept(self, path: str, weight: Tensor) -> Tensor:
        rows = weight.abs().reshape(len(weight), -1)
        short = -rows.shape[1] % self.m
        groups = nn.functional.pad(rows, (0, short), value=-1.0).reshape(len(rows), -1, self.m)
        mask = torch.zeros_like(groups)
        mask.scatter_(2, groups.topk(self.n, dim=2).indices, 1.0)
        return mask.reshape(len(rows), -1)[:, : rows.shape[1]].reshape(weight.shape)

    def finish(self) -> Report:
        rows, stored, total = {}, 0, 0
        for path, weight in self._left().items():
            left = int((weight != 0).sum())
            groups = len(weight) * -(-weight[0].numel() // self.m)
            places = groups * self.n * max((self.m - 1).bit_length(), 1)
            rows[path] = {
                "nonzero": left,
                "density": left / weight.numel(),
                "index bits": places,
                "bitmap bits": groups * self.m,
            }
            stored, total = stored + left, total + weight.numel()
        return Report(f"structured {self.n}:{self.m}", {"density": stored / total}, rows)


class Patterns(_Masked):
    """Every kernel of a convolution keeps the places of one of few patterns.

    Patterns are chosen one after the other, each the one that keeps most of the squared weights of
    all kernels together with those before it; every kernel takes the best.

    Parameters
    ----------
    count : int
        Patterns of a layer.
    kept : int
        Weights of a kernel that are kept.
    at, layers
        As of :class:`Structured`; None for all convolutions.
    """

    kinds = (nn.Conv2d,)
    name = "patterns"

    def __init__(self, count: int = 4, kept: int = 4, *, at: int = 0, layers: Any = None):
        if count < 1 or kept < 1:
            raise ValueError(f"patterns: count and kept must be at least 1, not {count}, {kept}")
        super().__init__(at, layers)
        self.count, self.size = count, kept
        self.chosen: dict[str, Tensor] = {}

    def check(self, path: str, layer: Any) -> None:
        places = math.prod(layer.kernel_size)
        if self.size > places:
            raise ValueError(f"patterns: {path}: kept must be at most {places}, not {self.size}")

    def kept(self, path: str, weight: Tensor) -> Tensor:
        kernels = weight.reshape(-1, weight[0, 0].numel())
        places = kernels.shape[1]
        every = torch.zeros(math.comb(places, self.size), places, device=weight.device)
        for row, chosen in enumerate(itertools.combinations(range(places), self.size)):
            every[row, list(chosen)] = 1.0
        energy = kernels.square() @ every.T
        best, picked = torch.zeros(len(kernels), device=weight.device), []
        for _ in range(min(self.count, len(every))):
            gains = torch.maximum(energy, best[:, None]).sum(0)
            picked.append(int(gains.argmax()))
            best = torch.maximum(best, energy[:, picked[-1]])
        self.chosen[path] = every[picked]
        taken = energy[:, picked].argmax(1)
        return self.chosen[path][taken].reshape(weight.shape)

    def finish(self) -> Report:
        rows = {}
        for path, weight in self._left().items():
            used = (weight.reshape(-1, weight[0, 0].numel()) != 0).unique(dim=0)
            rows[path] = {
                "patterns": len(self.chosen.get(path, ())),
                "nonzero": int((weight != 0).sum()),
                "different kernels": len(used),
            }
        return Report(f"{self.count} patterns of {self.size}", {"layers": len(rows)}, rows)
