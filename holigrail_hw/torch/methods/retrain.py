"""Training of chosen layers only, and training within a box around the weights there were."""

import fnmatch
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from .base import Method, Report, Turn, checked_layers, plain
from .integers import Weight

__all__ = ["Retrain", "TrustRegion"]


class Retrain(Method):
    """All parameters stay but those of chosen layers.

    To be given first, so that what other methods add to these layers is trained, too.

    Parameters
    ----------
    layers : str or list of str
        ``attention``: all within modules whose type has Attention in its name. Else paths or
        patterns of paths, as of ``fnmatch``.
    """

    def __init__(self, layers: Any = "attention"):
        self.layers = layers
        self.before: list[tuple[Tensor, bool]] = []
        self.trained = self.total = 0

    def attach(self, model: nn.Module) -> None:
        chosen = self._chosen(model)
        if not chosen:
            raise ValueError(f"retrain: layers must be some of the model, not {self.layers!r}")
        for parameter in model.parameters():
            self.before.append((parameter, parameter.requires_grad))
            parameter.requires_grad_(any(parameter is one for one in chosen))
            self.total += parameter.numel()
            self.trained += parameter.numel() if parameter.requires_grad else 0

    def _chosen(self, model: nn.Module) -> list[Tensor]:
        if self.layers == "attention":
            inside = [m for m in model.modules() if "Attention" in type(m).__name__]
        else:
            patterns = [self.layers] if isinstance(self.layers, str) else self.layers
            inside = [
                module
                for path, module in model.named_modules()
                if path and any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
            ]
        return [parameter for module in inside for parameter in module.parameters()]

    def finish(self) -> Report:
        for parameter, wanted in self.before:
            parameter.requires_grad_(wanted)
        figures = {"parameters trained": self.trained, "parameters": self.total}
        return Report(f"retrain {self.layers}", figures)


class TrustRegion(Method):
    """Weights stay within rho steps of their format around where they began.

    With rho below 1/2 every rounded weight is that of the start or a neighbour of it. Every few
    steps the decrease of the loss on held samples is compared with what its gradient promised: rho
    is doubled above 3/4, and below 1/4 it is halved and the weights of the last comparison come
    back (Conn, Gould, Toint, Trust-region methods, 2000).

    Parameters
    ----------
    bits : int
        Of weights, rounded in every step, with the step of the start.
    held : pair of Tensor
        Inputs and targets to compare with.
    rho, most : float
        In steps of the weights, at first and at most.
    every : int
        Steps between comparisons.
    """

    def __init__(
        self,
        bits: int,
        held: tuple[Tensor, Tensor],
        *,
        rho: float = 0.25,
        most: float = 0.499,
        every: int = 20,
        loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
        layers: Any = None,
    ):
        if not 0 < rho <= most < 0.5:
            raise ValueError(
                f"trust region: rho must be above 0 and at most {most}, and that below 1/2,"
                f" not {rho}"
            )
        self.bits, self.held, self.rho, self.most = bits, held, rho, most
        self.every, self.loss, self.layers = every, loss, layers
        self.found: dict[str, Any] = {}
        self.history: list[float] = []

    def attach(self, model: nn.Module) -> None:
        self.model = model
        self.found = checked_layers("trust region", model, self.layers, (nn.Linear, nn.Conv2d))
        self.start, self.own = {}, {}
        for path, layer in self.found.items():
            fixed = _FixedStep(self.bits, layer.weight.detach())
            self.start[path], self.own[path] = layer.weight.detach().clone(), fixed
            parametrize.register_parametrization(layer, "weight", fixed)
        self._note()

    def _originals(self) -> dict[str, Tensor]:
        return {path: layer.parametrizations.weight.original for path, layer in self.found.items()}

    def _note(self) -> None:
        """Weights, loss and gradient at a comparison."""
        originals = self._originals()
        found = self.loss(self.model(self.held[0]), self.held[1])
        slopes = torch.autograd.grad(found, [*originals.values()])
        self.at_loss = float(found.detach())
        self.slopes = dict(zip(originals, slopes, strict=True))
        self.at = {path: w.detach().clone() for path, w in originals.items()}

    def step(self, turn: Turn) -> None:
        originals = self._originals()
        with torch.no_grad():
            for path, w in originals.items():
                reach = self.rho * self.own[path].size
                w.copy_(torch.clamp(w, self.start[path] - reach, self.start[path] + reach))
        if turn.step % self.every:
            return
        promised = sum(
            float((self.slopes[path] * (self.at[path] - w.detach())).sum())
            for path, w in originals.items()
        )
        with torch.no_grad():
            actual = self.at_loss - float(self.loss(self.model(self.held[0]), self.held[1]))
        ratio = actual / promised if promised > 0 else 0.0
        if ratio > 0.75:
            self.rho = min(2 * self.rho, self.most)
        elif ratio < 0.25:
            self.rho /= 2
            with torch.no_grad():
                for path, w in originals.items():
                    w.copy_(self.at[path])
        self.history.append(self.rho)
        self._note()

    def finish(self) -> Report:
        rows = {}
        for path, layer in self.found.items():
            own = self.own[path]
            moved = (plain(layer) - own(self.start[path])) / own.size
            rows[path] = {
                "weights moved": int((moved != 0).sum()),
                "largest move (codes)": int(moved.abs().max().round()),
            }
        total = sum(row["weights moved"] for row in rows.values())
        return Report("trust region", {"rho": self.rho, "weights moved": total}, rows)


class _FixedStep(Weight):
    """Integers times the step that the weights had at the start."""

    def __init__(self, bits: int, weight: Tensor):
        super().__init__(bits)
        self.size = float(Weight(bits).step(weight))

    def step(self, weight: Tensor) -> Tensor:
        return torch.tensor(self.size, device=weight.device)
