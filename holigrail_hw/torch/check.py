"""Layers run again by the golden models: every product and rounding, code by code."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from holigrail_hw import kernels
from holigrail_hw.formats import Format

from .arithmetic import Arithmetic, Conversion, Gemm
from .computing import observers

__all__ = ["Checked", "DifferenceError", "check"]

_SHOWN = 8


class DifferenceError(Exception):
    """A layer did not compute what its arithmetic says."""


@dataclass
class Checked:
    """How much was compared: results of products and of roundings, layer by layer."""

    products: dict[str, int] = field(default_factory=dict)
    roundings: dict[str, int] = field(default_factory=dict)
    left_out: int = 0

    def __str__(self) -> str:
        lines = [
            f"{path or '(model)'}: {self.products.get(path, 0)} results of products,"
            f" {count} roundings"
            for path, count in self.roundings.items()
        ]
        if self.left_out:
            lines.append(f"{self.left_out} results were left out")
        return "\n".join(lines)


def check(model: nn.Module, *inputs: Any, limit: int | None = 1 << 22) -> Checked:
    """Runs a model, and compares all that its layers round and add with the golden models.

    Parameters
    ----------
    limit : int or None
        Multiplications for each product, of which the first rows are compared: golden models make
        a few million a second. None for all of them.

    Raises
    ------
    DifferenceError
        Names the first layer that differs, with the operands of its first wrong result decoded.
    ValueError
        If nothing in the model has an arithmetic.
    """
    run = _Run(limit)
    handles = []
    for path, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(run.entering(path)))
        handles.append(module.register_forward_hook(run.leaving, always_call=True))
    observers.append(run.compare)
    try:
        with torch.no_grad():
            model(*inputs)
    finally:
        observers.remove(run.compare)
        for handle in handles:
            handle.remove()
    if not run.found.products and not run.found.roundings:
        raise ValueError("check: a layer of the model must have an arithmetic, but none has")
    return run.found


class _Run:
    """One run: which layer is computing, and what was compared."""

    def __init__(self, limit: int | None):
        self.limit, self.found = limit, Checked()
        self.path: list[str] = []

    def entering(self, path: str) -> Any:
        return lambda *_: self.path.append(path)

    def leaving(self, *_: Any) -> None:
        self.path.pop()

    def compare(self, how: Any, given: dict[str, Any], found: np.ndarray) -> None:
        path = self.path[-1] if self.path else ""
        with kernels.library.usual_arithmetic():
            if isinstance(how, Gemm):
                self._product(path, how, given, found)
            elif isinstance(how, Arithmetic):
                self._layer(path, how, given["wanted"], found)
            else:
                self._rounding(path, how, given, found)

    def _layer(self, path: str, how: Arithmetic, wanted: np.ndarray, found: np.ndarray) -> None:
        """A layer in one piece, beside its products and roundings, which were compared before."""
        sums = how.forward.accumulator
        wrong = _differences(sums, sums.encode(wanted.astype(np.float64)), found)
        if wrong.any():
            place = tuple(map(int, np.argwhere(wrong)[0]))
            raise DifferenceError(
                f"check: {path or '(model)'}: {how.forward.text}: result {place} must be"
                f" {float(wanted[place])!r}, not {float(found[place])!r};"
                f" {int(wrong.sum())} of {wrong.size} differ"
            )

    def _product(self, path: str, how: Gemm, given: dict[str, Any], found: np.ndarray) -> None:
        x, y = given["a"], given["b"]
        rows = len(x)
        if self.limit is not None and y.size:
            rows = min(rows, max(1, self.limit // y.size))
        self.found.left_out += (len(x) - rows) * y.shape[1]
        a, b = how.a.encode(x[:rows]), how.b.encode(y)
        begin = given["initial"]
        begin = None if begin is None else how.accumulator.encode(begin)
        wanted = how.golden(a, b, random=given["random"], initial=begin)
        wrong = _differences(how.accumulator, wanted, found[:rows])
        self.found.products[path] = self.found.products.get(path, 0) + wanted.size
        if wrong.any():
            i, j = map(int, np.argwhere(wrong)[0])
            lines = [
                f"{how.text}: result ({i}, {j}) must be {_shown(how.accumulator, wanted[i, j])}"
            ]
            lines[0] += f", not {float(found[i, j])!r}; {int(wrong.sum())} of {wrong.size} differ"
            if begin is not None:
                lines.append(f"the sum begins with {_shown(how.accumulator, begin[j])}")
            lines += _operands(how, a[i], b[:, j])
            raise DifferenceError(f"check: {path or '(model)'}: " + "\n  ".join(lines))

    def _rounding(
        self, path: str, how: Conversion, given: dict[str, Any], found: np.ndarray
    ) -> None:
        x, random = given["x"], given["random"]
        self.found.roundings[path] = self.found.roundings.get(path, 0) + x.size
        if how.via != "exact":
            self.found.left_out += x.size
            return
        options = (how.rounding, random, given["width"], how.overflow)
        wanted = how.format.encode(x.astype(np.float64), *options)
        wrong = _differences(how.format, wanted, found)
        if wrong.any():
            place = tuple(map(int, np.argwhere(wrong)[0]))
            raise DifferenceError(
                f"check: {path or '(model)'}: {how.text}: {float(x[place])!r} at {place} must be"
                f" {_shown(how.format, wanted[place])}, not {float(found[place])!r}"
            )


def _differences(format: Format, wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Where numbers are not those of codes; signs of zeros count, NaNs are all the same."""
    numbers = np.asarray(kernels.decode(format, wanted), np.float64)
    found = np.asarray(found, np.float64)
    same = (numbers == found) & (np.signbit(numbers) == np.signbit(found))
    return ~(same | np.isnan(numbers) & np.isnan(found))


def _shown(format: Format, code: Any) -> str:
    digits = -(-format.width // 4)
    return f"{int(code):#0{digits + 2}x} ({float(format.decode(np.array([code]))[0])!r})"


def _operands(how: Gemm, a: np.ndarray, b: np.ndarray) -> list[str]:
    lines = [
        f"k = {k}: {_shown(how.a, a[k])} * {_shown(how.b, b[k])}"
        for k in range(min(len(a), _SHOWN))
    ]
    if len(a) > _SHOWN:
        lines.append(f"and {len(a) - _SHOWN} products more")
    return lines
