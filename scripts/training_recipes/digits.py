"""Digits in narrow formats and with every method: means of three seeds beside their bars."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import holigrail_hw.torch as hgt
from holigrail_hw.kernels.multipliers import Multiplier, broken_array, signed
from holigrail_hw.torch import methods
from holigrail_hw.torch.methods import fit

from .common import SEEDS, Bar, Digits, adam, cnn, copied, mlp, sgd, trained

__all__ = ["RECIPES", "measured"]

FORWARD, BACKWARD, SUMS = "fp8_e4m3", "fp8_e5m2", "fp16"
Recipe = Callable[[Digits], Iterator[Bar]]


def mean(values: Any) -> float:
    return float(np.mean([*values]))


def narrow() -> hgt.Arithmetic:
    """E4M3 forward, E5M2 gradients, sums in E5M10 step by step."""

    def product(a: str, b: str) -> hgt.Gemm:
        return hgt.Gemm(a=a, b=b, accumulator=SUMS)

    return hgt.Arithmetic(
        forward=product(FORWARD, FORWARD),
        grad_input=product(BACKWARD, FORWARD),
        grad_weight=product(BACKWARD, FORWARD),
    )


def in_fp8(digits: Digits, make: Any, epochs: int, seed: int, optimizer: Any = sgd) -> Any:
    """A network trained in FP8: accuracy and processor time."""
    is_flat = make is mlp
    model = hgt.convert(make(seed), {nn.Linear: narrow(), nn.Conv2d: narrow()})
    data = (digits.flat if is_flat else digits.images)[0]
    with hgt.seed(seed):
        found = fit(model, data, optimizer, epochs=epochs, seed=seed, scale=1024.0)
    return digits.right(model, is_flat), found.cpu_s


def in_float(digits: Digits, make: Any, epochs: int, seed: int) -> Any:
    is_flat, model = make is mlp, make(seed)
    data = (digits.flat if is_flat else digits.images)[0]
    found = fit(model, data, sgd, epochs=epochs, seed=seed)
    return digits.right(model, is_flat), found.cpu_s


def fp8(digits: Digits) -> Iterator[Bar]:
    in_float(digits, mlp, 1, 9), in_fp8(digits, mlp, 1, 9)  # What is compiled at first use.
    in_fp8(digits, cnn, 1, 9)
    for name, make, epochs in (("MLP", mlp, 30), ("CNN", cnn, 12)):
        plain = [in_float(digits, make, epochs, seed) for seed in SEEDS]
        short = [in_fp8(digits, make, epochs, seed) for seed in SEEDS]
        right, wanted = (mean(r for r, _ in runs) for runs in (short, plain))
        yield Bar(f"{name}, float32 (%)", wanted)
        yield Bar(f"{name}, FP8 (%)", right, wanted - 0.6)
        ratio = mean(s for _, s in short) / mean(s for _, s in plain)
        yield Bar(f"{name}, time / time of float32", ratio, 1.3 if make is cnn else None, True)


def rounded_weights(digits: Digits) -> Iterator[Bar]:
    def run(rounding: str, seed: int) -> float:
        def made(parameters: Any) -> Any:
            return hgt.optim.Rounded(sgd(parameters), weight="e5m4", rounding=rounding)

        return in_fp8(digits, mlp, 30, seed, made)[0]

    nearest, chance = (
        mean(run(rounding, seed) for seed in SEEDS) for rounding in ("nearest_even", "stochastic")
    )
    yield Bar("weights of E5M4, to nearest (%)", nearest)
    yield Bar("weights of E5M4, stochastic (%)", chance, nearest + 1.0)


def adaqat(digits: Digits) -> Iterator[Bar]:
    rows = []
    for seed in SEEDS:
        model = mlp(seed)
        method = methods.AdaQAT(0.8, digits.flat[0], input_bits=5, seed=seed)
        found = fit(model, digits.flat[0], adam(5e-3), epochs=40, seed=seed, methods=[method])
        rows.append((digits.right(model), found.reports[0].figures["bit operations"]))
    yield Bar("accuracy (%)", mean(r for r, _ in rows), 95.8)
    yield Bar("bit operations (% of 8 bits)", 100 * mean(o for _, o in rows), 32, True)


def cheap(digits: Digits) -> Iterator[Bar]:
    def run(most: int | None) -> tuple[float, float]:
        rows = []
        for seed in SEEDS:
            model = trained(mlp, digits.flat[0], seed, 15)
            method = methods.AdderCost(most)
            found = fit(model, digits.flat[0], adam(3e-3), epochs=20, seed=seed, methods=[method])
            rows.append((digits.right(model), found.reports[0].figures["digit adders"]))
        return mean(r for r, _ in rows), mean(a for _, a in rows)

    every, adders = run(None)
    yield Bar("any word of 8 bits (%)", every)
    yield Bar("any word, adders of products", adders)
    one, adders = run(1)
    yield Bar("cost at most 1 (%)", one)
    yield Bar("cost at most 1, adders of products", adders)
    powers, adders = run(0)
    yield Bar("powers of two (%)", powers, every - 0.6)
    yield Bar("powers of two, adders of products", adders, 0, True)


def structured(digits: Digits) -> Iterator[Bar]:
    for n, m, bar in ((2, 4, 95.0), (4, 8, 95.0), (1, 4, 93.5)):
        right = []
        for seed in SEEDS:
            model = mlp(seed)
            chosen = [methods.Integers(8, 8), methods.Structured(n, m, at=12)]
            fit(model, digits.flat[0], adam(5e-3), epochs=30, seed=seed, methods=chosen)
            right.append(digits.right(model))
        yield Bar(f"{n}:{m}, W8A8 (%)", mean(right), bar)


def patterns(digits: Digits) -> Iterator[Bar]:
    right = []
    for seed in SEEDS:
        model = trained(cnn, digits.images[0], seed, 15, 1e-2)
        chosen = [methods.Patterns(4, 4)]
        fit(model, digits.images[0], adam(5e-3), epochs=20, batch=32, seed=seed, methods=chosen)
        right.append(digits.right(model, False))
    yield Bar("4 patterns, 4 of 9 weights (%)", mean(right), 95.5)


def lasso(digits: Digits) -> Iterator[Bar]:
    rows = []
    for seed in SEEDS:
        model = mlp(seed)
        chosen = [methods.GroupLasso(6e-4)]
        found = fit(model, digits.flat[0], adam(3e-3), epochs=40, seed=seed, methods=chosen)
        rows.append((digits.right(model), found.reports[0].figures["weights left"]))
    yield Bar("accuracy (%)", mean(r for r, _ in rows), 94.5)
    yield Bar("products left (%)", 100 * mean(w for _, w in rows), 60, True)


def entropy(digits: Digits) -> Iterator[Bar]:
    rows = []
    for seed in SEEDS:
        model = mlp(seed)
        chosen = [methods.Entropy(0.1)]
        found = fit(model, digits.flat[0], adam(5e-3), epochs=40, seed=seed, methods=chosen)
        rows.append((digits.right(model), found.reports[0].figures["Huffman bits"]))
    yield Bar("accuracy (%)", mean(r for r, _ in rows), 94.5)
    yield Bar("bits of a weight, Huffman", mean(b for _, b in rows), 3.2, True)


def low_rank(digits: Digits) -> Iterator[Bar]:
    right, left = [], 0.0
    for seed in SEEDS:
        model = trained(mlp, digits.flat[0], seed, 30)
        chosen = [methods.LowRank(8, ["0", "2"])]
        found = fit(model, digits.flat[0], adam(2e-3), epochs=10, seed=seed, methods=chosen)
        right.append(digits.right(model))
        left = found.reports[0].figures["weights left"]
    yield Bar("rank 8 (%)", mean(right), 95.0)
    yield Bar("rank 8, products left (%)", 100 * left)
    right = []
    for seed in SEEDS:
        model = trained(cnn, digits.images[0], seed, 15, 1e-2)
        chosen = [methods.Tucker((3, 4), ["3"])]
        found = fit(model, digits.images[0], adam(1e-2), epochs=15, seed=seed, methods=chosen)
        right.append(digits.right(model, False))
        left = found.reports[0].figures["weights left"]
    yield Bar("Tucker (3, 4) (%)", mean(right), 96.0)
    yield Bar("Tucker (3, 4), products left (%)", 100 * left)


def multipliers(digits: Digits) -> Iterator[Bar]:
    broken = Multiplier.from_function(signed(broken_array(10)), "int8", "int8")
    rows = []
    for seed in SEEDS:
        model = hgt.replace_multipliers(
            trained(mlp, digits.flat[0], seed, 30), broken, slope="smoothed", scale="float"
        )
        model(digits.flat[0][0])
        before = digits.right(model)
        # What is judged best is judged by the images for training.
        judge = lambda m: methods.accuracy(m, digits.flat[0])  # noqa: E731
        options = {"seed": seed, "measure": judge, "keep_best": True}
        fit(model, digits.flat[0], adam(1e-3), epochs=6, **options)
        rows.append((before, digits.right(model)))
    yield Bar("broken array, 10 columns, as it is (%)", mean(b for b, _ in rows))
    yield Bar("the same, retrained (%)", mean(r for _, r in rows), 94.5)


class Attention(nn.Module):
    """Four heads over patches."""

    def __init__(self, width: int):
        super().__init__()
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        count, places, width = x.shape
        parts = self.qkv(x).reshape(count, places, 3, 4, width // 4).permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        return self.project(found.transpose(1, 2).reshape(count, places, width))


class Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width)
        self.wide, self.back = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.first(x))
        return x + self.back(functional.relu(self.wide(self.second(x))))


class Transformer(nn.Module):
    """Two blocks of width 32 over 16 patches of 2 x 2."""

    def __init__(self, seed: int):
        torch.manual_seed(seed)
        super().__init__()
        self.patches, self.last = nn.Linear(4, 32), nn.Linear(32, 10)
        self.places = nn.Parameter(0.1 * torch.randn(16, 32))
        self.blocks = nn.Sequential(Block(32), Block(32))

    def forward(self, x: Tensor) -> Tensor:
        parts = functional.unfold(x, 2, stride=2).transpose(1, 2)
        return self.last(self.blocks(self.patches(parts) + self.places).mean(1))


def attention(digits: Digits) -> Iterator[Bar]:
    rows = []
    for seed in SEEDS:
        model = trained(Transformer, digits.images[0], seed, 20, 3e-3)
        whole = digits.right(model, False)
        rounded = copied(model)
        bits = [methods.Integers(3, None)]
        fit(rounded, digits.images[0], adam(0.0), epochs=1, methods=bits)
        chosen = [methods.Retrain("attention"), methods.Integers(3, None)]
        fit(model, digits.images[0], adam(2e-3), epochs=3, seed=seed, methods=chosen)
        rows.append((whole, digits.right(rounded, False), digits.right(model, False)))
    whole, before, after = np.mean(rows, axis=0).tolist()
    yield Bar("transformer, float32 (%)", whole)
    yield Bar("weights of 3 bits (%)", before)
    yield Bar("attention retrained (%)", after)
    back = 100 * (after - before) / max(whole - before, 1e-9)
    yield Bar("loss recovered (%)", back, 70)


def trust_region(digits: Digits) -> Iterator[Bar]:
    held = digits.flat[0][0][:512], digits.flat[0][1][:512]
    rows = []
    for seed in SEEDS:
        model = trained(mlp, digits.flat[0], seed, 30)
        rounded = copied(model)
        fit(rounded, digits.flat[0], adam(0.0), epochs=1, methods=[methods.Integers(3, None)])
        chosen = [methods.TrustRegion(3, held)]
        found = fit(model, digits.flat[0], adam(1e-3), epochs=10, seed=seed, methods=chosen)
        moves = [row["largest move (codes)"] for row in found.reports[0].layers.values()]
        rows.append((digits.right(rounded), digits.right(model), max(moves)))
    before, after, moved = np.array(rows).T
    yield Bar("weights of 3 bits, rounded (%)", mean(before))
    yield Bar("trained within half a step (%)", mean(after), mean(before))
    yield Bar("largest move (codes)", float(moved.max()), 1, True)


RECIPES: dict[str, Recipe] = {
    "FP8": fp8,
    "weights": rounded_weights,
    "AdaQAT": adaqat,
    "adder cost": cheap,
    "N:M": structured,
    "patterns": patterns,
    "group lasso": lasso,
    "entropy": entropy,
    "low rank": low_rank,
    "multipliers": multipliers,
    "attention": attention,
    "trust region": trust_region,
}


def measured(names: Any, progress: Any) -> Iterator[tuple[str, Bar, float]]:
    """Bars of recipes whose names hold one of these texts, with processor time so far."""
    digits = Digits()
    for name, recipe in RECIPES.items():
        if names and not any(text in name for text in names):
            continue
        progress(name)
        begun = time.process_time()
        for bar in recipe(digits):
            yield name, bar, time.process_time() - begun
