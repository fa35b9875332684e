"""Reproducible random words: which seed, which step of a training, and which layer asks.

A word depends on the seed, the layer's path, what is rounded there, the step of the training and
the element's place; never on threads, devices, tiles, earlier calls or PyTorch's own generator.
"""

import zlib
from typing import Any

import numpy as np
from torch import nn

from holigrail_hw.kernels import Philox
from holigrail_hw.kernels.random_words import RandomWords

__all__ = [
    "OPERATIONS",
    "Seed",
    "advance",
    "current",
    "name_layers",
    "numbers",
    "part_key",
    "seed",
    "source",
]

OPERATIONS = {
    name: number
    for number, name in enumerate(
        ("forward", "grad_input", "grad_weight", "input", "weight", "grad", "output", "bias")
    )
}
"""What is rounded in a layer; the numbers enter the keys of random words."""

_active: list["Seed"] = []


class Seed:
    """Random words within ``with``, and the step of the training, which checkpoints keep.

    Parameters
    ----------
    seed : int
        32 bits.
    model : torch.nn.Module or None
        Its layers get keys of their paths, as :func:`convert` gives them.
    words : RandomWords or None
        Words for every rounding instead of those of counters: :class:`.ShiftRegister` for a unit of
        the hardware that is reset before each product, :class:`.GivenWords` for some of one's own.
    """

    def __init__(self, seed: int, model: nn.Module | None = None, words: RandomWords | None = None):
        Philox(seed=seed)
        self.seed, self.training_step, self.words = seed, 0, words
        if model is not None:
            name_layers(model)

    def __enter__(self) -> "Seed":
        _active.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _active.remove(self)

    def advance(self) -> None:
        """After a step of the optimiser: the next step of the training has other words."""
        self.training_step = (self.training_step + 1) % (1 << 16)

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints."""
        return {"seed": self.seed, "training_step": self.training_step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where a checkpoint was saved."""
        self.seed, self.training_step = int(state["seed"]), int(state["training_step"])

    def source(self, key: int, operation: int, batch: int = 0) -> RandomWords:
        """The words of one product or rounding."""
        if self.words is not None:
            return self.words
        return Philox(self.seed, key ^ operation, batch, self.training_step)


def seed(seed: int, model: nn.Module | None = None, *, words: RandomWords | None = None) -> Seed:
    """``with seed(7): train()``: all stochastic roundings within are reproducible."""
    return Seed(seed, model, words)


def current() -> Seed | None:
    """The innermost seed in use."""
    return _active[-1] if _active else None


def advance() -> None:
    """Advances the innermost seed; does nothing without one."""
    if _active:
        _active[-1].advance()


def source(key: int, operation: int, batch: int = 0) -> RandomWords:
    """The words of one product by the innermost seed.

    Raises
    ------
    RuntimeError
        Without a seed.
    """
    if not _active:
        raise RuntimeError(
            "holigrail: stochastic rounding must have a seed, not none;"
            " use `with holigrail_hw.torch.seed(1):` around it"
        )
    return _active[-1].source(key, operation, batch)


def numbers(key: int, operation: int, count: int, width: int) -> np.ndarray:
    """Words for numbers that are rounded once each, by the innermost seed; see :func:`source`."""
    words = source(key, operation)
    if isinstance(words, Philox):
        return words.numbers(count, width)
    return words.words(range(1), 1, count, width, 1)[0].reshape(-1)


def part_key(key: int, part: int) -> int:
    """The key of a part of a layer: a group of a convolution, a projection of an attention."""
    return key ^ ((part << 8) & 0xFFFFFFFF)


def name_layers(model: nn.Module, prefix: str = "") -> None:
    """Gives every layer the key of its path in a model."""
    for path, module in model.named_modules(prefix=prefix):
        if hasattr(module, "random_key"):
            module.random_key = zlib.crc32(path.encode())  # type: ignore[assignment]
