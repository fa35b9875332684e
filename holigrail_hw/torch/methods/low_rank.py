"""Layers split into smaller ones: matrices by singular values, convolutions after Tucker.

Denton and others, Exploiting linear structure within convolutional networks, 2014; Kim and others,
Compression of deep convolutional neural networks for fast and low power mobile applications, 2016.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .base import Method, Report, checked_layers

__all__ = ["LowRank", "Tucker"]

_TURNS = 5


class _Split(Method):
    """What both have in common: layers that are replaced when the method is attached."""

    name = ""
    kind: type[nn.Module] = nn.Module

    def __init__(self, layers: Any):
        self.layers = layers
        self.rows: dict[str, dict[str, Any]] = {}

    def attach(self, model: nn.Module) -> None:
        named = list(self.layers) if isinstance(self.layers, Mapping) else self.layers
        found = checked_layers(self.name, model, named, (self.kind,))
        parts = {path: self.split(path, layer) for path, layer in found.items()}
        for path, layer in found.items():
            if not path:
                raise ValueError(f"{self.name}: the model itself must not be the layer")
            parent, _, name = path.rpartition(".")
            before, after = _weights(layer), sum(map(_weights, parts[path]))
            self.rows[path] = {"weights before": before, "weights": after}
            setattr(model.get_submodule(parent), name, nn.Sequential(*parts[path]))

    def split(self, path: str, layer: Any) -> list[nn.Module]:
        """What the layer becomes."""
        raise NotImplementedError

    def rank_of(self, path: str, given: Any) -> Any:
        return given[path] if isinstance(given, Mapping) else given

    def finish(self) -> Report:
        before = sum(row["weights before"] for row in self.rows.values())
        after = sum(row["weights"] for row in self.rows.values())
        return Report(self.name, {"weights left": after / before}, self.rows)


def _weights(layer: Any) -> int:
    return layer.weight.numel()


class LowRank(_Split):
    """A linear layer becomes two, with as many features between them as its rank.

    Parameters
    ----------
    rank : int or mapping of paths to int
    layers : list of str or None
        Paths, if ``rank`` is one for all; None for all linear layers.
    """

    name, kind = "low rank", nn.Linear

    def __init__(self, rank: int | Mapping[str, int], layers: Any = None):
        super().__init__(rank if isinstance(rank, Mapping) else layers)
        self.rank = rank

    def split(self, path: str, layer: Any) -> list[nn.Module]:
        rank, most = self.rank_of(path, self.rank), min(layer.weight.shape)
        if not 1 <= rank <= most:
            raise ValueError(f"low rank: {path}: rank must be between 1 and {most}, not {rank}")
        like = {"device": layer.weight.device, "dtype": layer.weight.dtype}
        left, values, right = torch.linalg.svd(layer.weight.detach(), full_matrices=False)
        root = values[:rank].sqrt()
        first = nn.Linear(layer.in_features, rank, bias=False, **like)
        second = nn.Linear(rank, layer.out_features, bias=layer.bias is not None, **like)
        with torch.no_grad():
            first.weight.copy_(root[:, None] * right[:rank])
            second.weight.copy_(left[:, :rank] * root)
            if layer.bias is not None:
                second.bias.copy_(layer.bias)
        return [first, second]


class Tucker(_Split):
    """A convolution becomes 1 x 1 to fewer channels, the window, and 1 x 1 to all channels.

    Parameters
    ----------
    ranks : pair of int, or mapping of paths to such
        Channels into and out of the window.
    layers : list of str or None
        Paths, if ``ranks`` is one for all; None for all convolutions.
    """

    name, kind = "tucker", nn.Conv2d

    def __init__(self, ranks: Any, layers: Any = None):
        super().__init__(ranks if isinstance(ranks, Mapping) else layers)
        self.ranks = ranks

    def split(self, path: str, layer: Any) -> list[nn.Module]:
        into, out = self.rank_of(path, self.ranks)
        results, channels = layer.weight.shape[:2]
        if layer.groups != 1 or not (1 <= into <= channels and 1 <= out <= results):
            raise ValueError(
                f"tucker: {path}: ranks must be at most {channels} and {results}, without groups,"
                f" not {into} and {out}"
            )
        core, left, right = tucker(layer.weight.detach(), out, into)
        like = {"device": layer.weight.device, "dtype": layer.weight.dtype}
        window = {
            name: getattr(layer, name)
            for name in ("kernel_size", "stride", "padding", "dilation", "padding_mode")
        }
        first = nn.Conv2d(channels, into, 1, bias=False, **like)
        middle = nn.Conv2d(into, out, bias=False, **window, **like)
        last = nn.Conv2d(out, results, 1, bias=layer.bias is not None, **like)
        with torch.no_grad():
            first.weight.copy_(right.T[:, :, None, None])
            middle.weight.copy_(core)
            last.weight.copy_(left[:, :, None, None])
            if last.bias is not None:
                last.bias.copy_(layer.bias)
        return [first, middle, last]


def tucker(weight: Tensor, out: int, into: int) -> tuple[Tensor, Tensor, Tensor]:
    """A core (out, into, rows, columns) and bases of results and of channels, by turns
    (De Lathauwer and others, On the best rank-(R1, ..., RN) approximation, 2000)."""

    def basis(matrix: Tensor, rank: int) -> Tensor:
        return torch.linalg.svd(matrix, full_matrices=False)[0][:, :rank]

    left = basis(weight.reshape(len(weight), -1), out)
    right = basis(weight.transpose(0, 1).reshape(weight.shape[1], -1), into)
    for _ in range(_TURNS):
        part = torch.einsum("oikl,ij->ojkl", weight, right)
        left = basis(part.reshape(len(part), -1), out)
        part = torch.einsum("oikl,op->pikl", weight, left)
        right = basis(part.transpose(0, 1).reshape(part.shape[1], -1), into)
    core = torch.einsum("oikl,op,ij->pjkl", weight, left, right)
    return core, left, right
