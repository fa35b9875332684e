"""What formats of layers cost, and what they add to the loss, alone and together."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from ..methods.base import checked_layers, judging
from .costs import Cost
from .layers import Choice, Layer, Rounded

__all__ = ["Evaluation", "Places"]

Places = tuple[int, ...]
"""For every layer, which of its choices."""

_MOST_COMBINATIONS = 200_000


@dataclass
class Evaluation:
    """A model whose layers can be rounded, with what was measured of it; the model stays as it is.

    ``costs`` and ``sensitivities`` are those of layers by their choices.
    """

    model: nn.Module
    samples: tuple[Tensor, Tensor]
    choices: Any
    cost: Cost
    budget: float
    loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy
    measure: Callable[[nn.Module], float] | None = None
    _known: dict[Places, float] = field(default_factory=dict, init=False, repr=False)
    measured: dict[Places, float] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.budget >= 0:
            raise ValueError(f"precision: budget must not be negative, not {self.budget}")
        named = list(self.choices) if isinstance(self.choices, Mapping) else None
        kinds = (nn.Linear, nn.Conv2d)
        self._found = checked_layers("precision", self.model, named, kinds)
        self.paths = [*self._found]
        self.options = [
            [Choice.of(c) for c in (self.choices[p] if named is not None else self.choices)]
            for p in self.paths
        ]
        if not all(self.options):
            raise ValueError("precision: choices of a layer must be one format at least")
        self._made: dict[str, dict[Any, Any]] = {path: {} for path in self.paths}
        self._run(None)
        self.costs = [
            [float(self.cost(layer, choice)) for choice in options]
            for layer, options in zip(self.layers, self.options, strict=True)
        ]

    def _run(self, wanted: Sequence[Places] | None) -> None:
        """Evaluate combinations; None: the model itself, and the sizes of its layers."""
        rounded = [Rounded(layer, self._made[path]) for path, layer in self._found.items()]
        sizes: dict[str, int] = {}
        hooks = [
            layer.register_forward_hook(_noting(sizes, path, len(layer.weight)))
            for path, layer in self._found.items()
        ]
        try:
            with judging(self.model):
                self.base = self._loss()
                once = dict(sizes)
                for places in wanted or ():
                    for one, place, options in zip(rounded, places, self.options, strict=True):
                        one.choose(options[place])
                    self._known[places] = self._loss() - self.base
                    if self.measure is not None:
                        self.measured[places] = self.measure(self.model)
                if wanted is None:
                    if idle := [path for path in self.paths if path not in once]:
                        raise ValueError(
                            f"precision: the model must call its layers, but not {', '.join(idle)}"
                            "\n  hint: give choices by path, for the others alone"
                        )
                    self.layers = [
                        Layer(p, once[p] * layer.weight.numel(), layer.weight.numel(), one.alone)
                        for (p, layer), one in zip(self._found.items(), rounded, strict=True)
                    ]
                    self.sensitivities = self._each_alone(rounded)
        finally:
            for handle in hooks:
                handle.remove()
            for one in rounded:
                one.remove()

    def _loss(self) -> float:
        return float(self.loss(self.model(self.samples[0]), self.samples[1]))

    def _each_alone(self, rounded: list[Rounded]) -> list[list[float]]:
        found = []
        for one, options in zip(rounded, self.options, strict=True):
            row = []
            for choice in options:
                one.choose(choice)
                row.append(self._loss() - self.base)
            one.choose(None)
            found.append(row)
        return found

    @property
    def alone(self) -> int:
        """Networks evaluated for sensitivities."""
        return sum(map(len, self.options))

    def evaluate(self, combinations: Sequence[Places]) -> list[float]:
        """Added losses of places of choices, layer by layer; what is known is not run again."""
        new = [c for c in dict.fromkeys(combinations) if c not in self._known]
        if new:
            self._run(new)
        return [self._known[c] for c in combinations]

    def cost_of(self, places: Sequence[int]) -> float:
        """The cost of places of choices, layer by layer."""
        return sum(row[place] for row, place in zip(self.costs, places, strict=True))

    def predicted(self, places: Sequence[int]) -> float:
        """The added loss as the sum of sensitivities."""
        rows = zip(self.sensitivities, places, strict=True)
        return sum(max(row[place], 0.0) for row, place in rows)

    def safest(self) -> Places:
        """The choice of every layer with the least sensitivity, for there may be none within."""
        return tuple(row.index(min(row)) for row in self.sensitivities)

    def combinations(self) -> list[Places]:
        """All of them; raises ValueError for more than 200,000."""
        count = math.prod(map(len, self.options))
        if count > _MOST_COMBINATIONS:
            raise ValueError(
                f"precision: there must be at most {_MOST_COMBINATIONS} combinations to try all,"
                f" not {count}"
            )
        return [*itertools.product(*(range(len(options)) for options in self.options))]


def _noting(sizes: dict[str, int], path: str, channels: int) -> Any:
    """A hook that counts for how many places a layer gives all its channels, every time."""

    def note(_: Any, __: Any, result: Tensor) -> None:
        sizes[path] = sizes.get(path, 0) + result[0].numel() // channels

    return note
