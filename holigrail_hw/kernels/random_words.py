"""Where the random words of stochastic rounding come from.

A source gives the word of output element (i, j) at step k, for the sum and, in a cascade, another
for the product. Words depend on nothing else: not on threads, tiles, devices or earlier calls.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

__all__ = ["GivenWords", "Philox", "RandomWords", "ShiftRegister", "philox"]

_FACTORS = (0xD2511F53, 0xCD9E8D57)
_KEYS = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF
_TAPS = (0, 1, 2, 22)
PRODUCTS = 0xFFFFFFFF
"""What the stream of products has of its own: its key is that of the sums with every bit turned."""


class RandomWords(Protocol):
    """A source of random words."""

    def words(
        self, rows: range, depth: int, columns: int, width: int, streams: int
    ) -> tuple[np.ndarray, ...]:
        """Words of ``width`` bits of some rows, for sums and, of two streams, for products.

        Arrays of uint32, ``depth`` x rows x ``columns``.
        """
        ...


def philox(counter: Any, key: tuple[int, int]) -> np.ndarray:
    """Philox4x32-10: four words of 32 bits for each counter of four words, along the last axis.

    Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).

    >>> [hex(word) for word in philox([0, 0, 0, 0], (0, 0)).tolist()]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = (np.asarray(counter, np.uint64)[..., i] for i in range(4))
    low, high = np.uint64(_MASK), np.uint64(32)
    for turn in range(10):
        first, second = c0 * np.uint64(_FACTORS[0]), c2 * np.uint64(_FACTORS[1])
        k0, k1 = (np.uint64((k + turn * step) & _MASK) for k, step in zip(key, _KEYS, strict=True))
        c0, c1 = (second >> high) ^ c1 ^ k0, second & low
        c2, c3 = (first >> high) ^ c3 ^ k1, first & low
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


@dataclass(frozen=True)
class Philox:
    """Words from counters: key (seed, operation), counter (k // 8, j, i, batch * 2^16 + step).

    Each counter gives eight words of 16 bits, the lower half first, for eight steps, of which the
    lowest bits are used; or four of 32 bits, for words of more than 16.

    Attributes
    ----------
    seed, operation : int
        32 bits each.
    batch, step : int
        16 bits each: which of several products, which step of a training.
    """

    seed: int = 0
    operation: int = 0
    batch: int = 0
    step: int = 0

    def __post_init__(self) -> None:
        for name, bits in (("seed", 32), ("operation", 32), ("batch", 16), ("step", 16)):
            value = getattr(self, name)
            if not 0 <= value < 1 << bits:
                raise ValueError(
                    f"Philox: {name} must be between 0 and {(1 << bits) - 1}, not {value}"
                )

    @property
    def last(self) -> int:
        """The last word of every counter."""
        return (self.batch << 16) + self.step

    def words(
        self, rows: range, depth: int, columns: int, width: int, streams: int
    ) -> tuple[np.ndarray, ...]:
        period = 8 if width <= 16 else 4
        blocks = -(-depth // period)
        counter = np.zeros((blocks, len(rows), columns, 4), np.uint32)
        counter[..., 0] = np.arange(blocks)[:, None, None]
        counter[..., 1] = np.arange(columns)
        counter[..., 2] = np.array(rows)[:, None]
        counter[..., 3] = self.last
        return tuple(
            self._fields(counter, operation, depth, width)
            for operation in (self.operation, self.operation ^ PRODUCTS)[:streams]
        )

    def numbers(self, count: int, width: int) -> np.ndarray:
        """Words for ``count`` numbers that are rounded once each, uint32 of ``width`` bits.

        That of number i is field i mod 4, of 32 bits, of counter (i // 4, 0, 0, the last word).
        """
        counter = np.zeros((-(-count // 4), 4), np.uint32)
        counter[:, 0] = np.arange(len(counter))
        counter[:, 3] = self.last
        found = philox(counter, (self.seed, self.operation)).reshape(-1)[:count]
        return found & np.uint32((1 << width) - 1)

    def _fields(self, counter: Any, operation: int, depth: int, width: int) -> np.ndarray:
        found = philox(counter, (self.seed, operation))
        if width <= 16:
            halves = np.stack([found & np.uint32(0xFFFF), found >> np.uint32(16)], axis=-1)
            found = halves.reshape(*found.shape[:-1], 8)
        found = np.moveaxis(found, -1, 1).reshape(-1, *found.shape[1:3])
        return found[:depth] & np.uint32((1 << width) - 1)


@dataclass(frozen=True)
class ShiftRegister:
    """The words of one multiply-accumulate unit with its shift register of 32 bits.

    The unit computes the elements one after the other, row by row, from a reset, K steps each.
    Every step takes the word of the sum, then that of the product
    (:func:`holigrail_hw.golden.shift_register.random_words`). ``columns`` and ``depth`` must be
    those of the whole product.
    """

    seed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.seed < 1 << 32:
            raise ValueError(f"ShiftRegister: seed must be between 1 and {_MASK}, not {self.seed}")

    def words(
        self, rows: range, depth: int, columns: int, width: int, streams: int
    ) -> tuple[np.ndarray, ...]:
        each = width * streams
        bits = _register_bits(self.seed, rows.stop * columns * depth * each)
        bits = bits[rows.start * columns * depth * each :]
        bits = bits.reshape(len(rows), columns, depth, streams, width)
        values = np.zeros(bits.shape[:-1], np.uint32)
        for place in range(width):
            values |= bits[..., place].astype(np.uint32) << np.uint32(place)
        return tuple(
            np.ascontiguousarray(values[..., stream].transpose(2, 0, 1))
            for stream in range(streams)
        )


@dataclass(frozen=True, eq=False)
class GivenWords:
    """Words that the caller has: K x M x N integers for sums, and for products in a cascade."""

    sums: Any
    products: Any = None

    def words(
        self, rows: range, depth: int, columns: int, width: int, streams: int
    ) -> tuple[np.ndarray, ...]:
        found = []
        for name, given in (("sums", self.sums), ("products", self.products))[:streams]:
            array = np.asarray(given)
            shape = (depth, rows.stop, columns)
            # How many rows there are in all is not known here.
            sizes = array.ndim == 3 and (array.shape[0], array.shape[2]) == (depth, columns)
            if not sizes or array.shape[1] < rows.stop:
                raise ValueError(f"random words of {name} must be {shape}, not {array.shape}")
            if array.dtype.kind not in "iu" or (
                array.size and (int(array.min()) < 0 or int(array.max()) >> width)
            ):
                raise ValueError(f"random words of {name} must be integers of {width} bits")
            part = array[:, rows.start : rows.stop]
            found.append(np.ascontiguousarray(part, np.uint32))
        return tuple(found)


def _register_bits(seed: int, count: int) -> np.ndarray:
    """The first bits of the register's sequence.

    Squaring its polynomial doubles all distances: what is known grows by ten bits, then by twenty,
    and so on.
    """
    bits = np.zeros(max(count, 32), np.uint8)
    bits[:32] = seed >> np.arange(32) & 1
    known, scale = 32, 1
    while known < count:
        while 32 * scale * 2 <= known:
            scale *= 2
        more = min((32 - max(_TAPS)) * scale, count - known)
        base = known - 32 * scale
        new = bits[base : base + more].copy()
        for tap in _TAPS[1:]:
            new ^= bits[base + tap * scale : base + tap * scale + more]
        bits[known : known + more] = new
        known += more
    return bits[:count]
