"""The narrowest float in which a network's sums may be rounded.

As MPTorch's authors look for accumulators: exponents from the range of all sums that occur, then
the fraction by bisection on the loss (Tatsumi and others, Mixing low-precision formats in
multiply-accumulate units for DNN training, FPT 2022).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..arithmetic import Arithmetic, Gemm
from ..convert import convert

__all__ = ["Sums", "narrowest_sums"]


@dataclass(frozen=True)
class Sums:
    """The format found, the loss it adds, and all that were tried with theirs."""

    format: str
    excess: float
    tried: dict[str, float]


def narrowest_sums(
    model: nn.Module,
    samples: tuple[Tensor, Tensor],
    gemm: Gemm,
    budget: float,
    *,
    layers: Any = (nn.Linear, nn.Conv2d),
    loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    exponent_bits: int = 5,
    fraction_bits: tuple[int, int] = (1, 10),
) -> Sums | None:
    """The fewest fraction bits of sums within a budget, then the fewest exponent bits.

    Parameters
    ----------
    gemm : Gemm
        Everything but the accumulator.
    budget : float
        Loss that may be added to that of sums with the most bits.
    layers : tuple of types or patterns of paths
        Which layers are converted.

    Returns
    -------
    Sums or None
        None if not even the most fraction bits are within the budget.
    """
    tried: dict[str, float] = {}

    def judged(how: Arithmetic) -> float:
        changed = convert(model, dict.fromkeys(layers, how)).eval()
        with torch.no_grad():
            return float(loss(changed(samples[0]), samples[1]))

    def judge(exponent: int, fraction: int) -> float:
        name = f"e{exponent}m{fraction}"
        if name not in tried:
            narrow = Arithmetic(forward=replace(gemm, accumulator=name))
            found = judged(narrow)
            tried[name] = found - base if math.isfinite(found) else math.inf
        return tried[name]

    base = judged(Arithmetic(forward=replace(gemm, accumulator="fp32")))
    low, high = fraction_bits
    if judge(exponent_bits, high) > budget:
        return None
    while low < high:
        middle = (low + high) // 2
        if judge(exponent_bits, middle) <= budget:
            high = middle
        else:
            low = middle + 1
    exponent = exponent_bits
    while exponent > 2 and judge(exponent - 1, high) <= budget:
        exponent -= 1
    name = f"e{exponent}m{high}"
    return Sums(name, tried[name], tried)
