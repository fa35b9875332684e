"""Parameters of a hybrid element, its modes, and what lies where in an item."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.core import OperatorSpec, parameter
from holigrail_hw.core.trials import random_codes
from holigrail_hw.formats import Format, Rounding, parse

__all__ = ["BACKWARD", "FLOAT", "FORWARD", "FP16", "INT2", "INT4", "MODES", "HybridShape"]

MODES = ("fp16", "hfp8_forward", "hfp8_backward", "int4", "int2")
FP16, FORWARD, BACKWARD, INT4, INT2 = range(5)
"""Codes of the mode port; 5 to 7 are read as int2."""
FLOAT = parse("dlfloat16")
"""The format of factors and sums, 1-6-9."""


@dataclass(frozen=True, kw_only=True)
class HybridShape(OperatorSpec):
    """How many products an item has, how they are added, and whose pipes they go through."""

    stateful: ClassVar[bool] = True

    pipes: str = parameter(
        "separate",
        "merged: one array and one adder for floats and integers; separate: two pipes",
        choices=("merged", "separate"),
    )
    lanes: int = parameter(
        8, "int4 products per item; int2 has twice as many", low=5, high=16, samples=(5, 16)
    )
    forward_bias: int = parameter(
        4, "exponent bias of the 1-4-3 format", low=0, high=15, samples=(0, 15)
    )
    window: int = parameter(
        24,
        "bits below the largest of sum and products that an addition keeps",
        low=16,
        high=64,
        samples=(16, 37),
    )
    chunk: int = parameter(8, "items in a chunk", low=1, high=1024, samples=(1, 64))
    bypass: bool = parameter(
        False, "whether operands of a product that does not count are held back, to save toggles"
    )

    @property
    def word(self) -> int:
        """Bits of ``a`` and of ``b``."""
        return 4 * self.lanes

    @property
    def forward(self) -> Format:
        """The 1-4-3 format of weights and activations."""
        return parse(f"hfp8_e4m3_bias{self.forward_bias}")

    @property
    def backward(self) -> Format:
        """The 1-5-2 format of errors."""
        return parse("hfp8_e5m2")

    @property
    def rounding(self) -> Rounding:
        """Of every sum: the only one that DLFloat has."""
        return Rounding.NEAREST_AWAY

    def inputs(self) -> dict[str, Format]:
        word, bit = parse(f"uint{self.word}"), parse("uint1")
        return {"a": word, "b": word, "mode": parse("uint3"), "clear": bit, "enable": bit}

    def outputs(self) -> dict[str, Format]:
        return {"float_sum": FLOAT, "integer_sum": parse("int16")}

    def corner_cases(self) -> dict[str, list[int]]:
        """Words of one float or integer throughout: zeros, ones, extremes, NaN, both signs."""
        halves = (0x0000, 0x8000, 0x3E00, 0xBFFF, 0x7FFE, 0x7FFF, 0x0001, 0xFFFF)
        octets = (0x38, 0x7E, 0xFE, 0x01, 0x81, 0x7B, 0x77, 0x88, 0x11, 0x22, 0x55)
        units = [*((half, 16) for half in halves), *((octet, 8) for octet in octets)]
        mask = (1 << self.word) - 1
        words = {
            sum(unit << place for place in range(0, self.word, bits)) & mask for unit, bits in units
        }
        mixed = {0x3E00_0038 & mask, 0x8007_7008 & mask}
        bits = {"clear": [0, 1], "enable": [1]}
        return {"a": sorted(words | mixed), "b": sorted(words), "mode": [*range(5), 7], **bits}

    def items(self, count: int, rng: np.random.Generator) -> dict[str, Any]:
        """Random items, one in sixteen of corner cases: NaN stays until a clear, which is rare."""
        codes, corners = self.stimulus(rng, count), self.corner_cases()
        here = rng.random(count) < 1 / 16
        for name in ("a", "b", "mode"):
            corner = rng.choice(np.array(corners[name], np.uint64), count)
            codes[name] = np.where(here, corner, codes[name])
        return codes

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        """Sums that grow, cancel and overflow: floats near each other, zeros, rare clears."""
        changes = rng.random(count) < 0.3
        mode = rng.integers(0, 5, count)[np.maximum.accumulate(np.where(changes, range(count), 0))]
        return {
            **self._cancelling(rng, mode, self.operands(rng, mode)),
            "mode": mode.astype(np.uint64),
            "clear": (rng.random(count) < 0.04).astype(np.uint64),
            "enable": (rng.random(count) < 0.9).astype(np.uint64),
        }

    def _cancelling(
        self, rng: np.random.Generator, mode: np.ndarray, words: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Half of the floats so that sums nearly vanish, or do: second products undo first ones."""
        half = rng.random(len(mode)) < 0.5
        # 1, or with a product too small for a number, and few fractions.
        field = rng.choice(np.array([31, 31, 31, 15], np.uint64), len(mode)) << np.uint64(9)
        fractions = np.array([0, 1, 2, 256], np.uint64)
        few = {name: field + rng.choice(fractions, len(mode)) for name in words}
        few["a"] = few["a"] | rng.integers(0, 2, len(mode), dtype=np.uint64) << np.uint64(15)
        octets = half & ((mode == FORWARD) | (mode == BACKWARD))
        for name, sign in (("a", 0), ("b", 0x80)):
            first = words[name] & np.uint64(0xFF)
            undone = (words[name] & ~np.uint64(0xFF00)) | (first ^ np.uint64(sign)) << np.uint64(8)
            word = np.where(octets, undone, words[name])
            above = word & ~np.uint64(0xFFFF)
            words[name] = np.where(half & (mode == FP16), above | few[name], word)
        return words

    def operands(
        self, rng: np.random.Generator, mode: np.ndarray, zeros: float = 1 / 6
    ) -> dict[str, np.ndarray]:
        """Words for items of given modes: floats near 1, any digits; a share of both is zero."""
        backward = mode == BACKWARD
        return {
            "a": self._word(rng, mode, np.zeros(len(mode), bool), zeros),
            "b": self._word(rng, mode, backward, zeros),
        }

    def _word(
        self, rng: np.random.Generator, mode: np.ndarray, backward: np.ndarray, zeros: float
    ) -> np.ndarray:
        """One operand; ``backward``: where 8-bit floats are 1-5-2."""
        count, word = len(mode), random_codes(rng, self.word, len(mode))

        def put(here: np.ndarray, place: int, size: int, code: np.ndarray) -> np.ndarray:
            cleared = word & ~np.uint64(((1 << size) - 1) << place)
            return np.where(here, cleared | code.astype(word.dtype) << np.uint64(place), word)

        def some_zero(code: np.ndarray) -> np.ndarray:
            return np.where(rng.random(count) < zeros, 0, code)

        for place in range(0, self.word, 4):
            digit = some_zero(rng.integers(0, 16, count))
            word = put(mode >= INT4, place, 4, digit)
        exponent = 31 + rng.integers(-6, 7, count)
        half = some_zero(exponent << 9 | rng.integers(0, 512, count))
        word = put(mode == FP16, 0, 16, half | rng.integers(0, 2, count) << 15)
        for place in (0, 8):
            bias, top = np.where(backward, 15, self.forward_bias), np.where(backward, 31, 15)
            exponent = np.clip(bias + rng.integers(-6, 7, count), 0, top)
            fraction = rng.integers(0, 8, count)
            number = np.where(backward, exponent << 2 | fraction >> 1, exponent << 3 | fraction)
            octet = some_zero(number) | rng.integers(0, 2, count) << 7
            word = put((mode == FORWARD) | (mode == BACKWARD), place, 8, octet)
        return word
