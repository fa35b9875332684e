"""A matrix product cut into tiles of an array: cycles, use of the multipliers, words moved.

C = A * B of M x K and K x N. The stationary operand is cut to the shape of the array; the third
dimension streams. Tiles at the borders are padded with zeros, which cost cycles but no words.

stays    tiles                        streams
weight   ceil(K/R) * ceil(N/C)        M vectors
input    ceil(K/R) * ceil(M/C)        N vectors
output   ceil(M/R) * ceil(N/C)        K pairs
"""

from dataclasses import dataclass
from typing import Any

__all__ = ["SETTLED", "Tiling", "incomplete_sizes"]

SETTLED = 8
"""Number of tiles after which each takes as long as the previous one."""


@dataclass(frozen=True)
class Tiling:
    """A product of M x K and K x N on ``rows`` x ``columns`` elements.

    Parameters
    ----------
    dataflow : str
        ``weight-stationary``, ``input-stationary`` or ``output-stationary``.
    """

    dataflow: str
    rows: int
    columns: int
    m: int
    k: int
    n: int

    @property
    def shape(self) -> tuple[int, int]:
        """Tiles along the rows of the array and along its columns."""
        along = {
            "weight-stationary": (self.k, self.n),
            "input-stationary": (self.k, self.m),
            "output-stationary": (self.m, self.n),
        }[self.dataflow]
        return -(-along[0] // self.rows), -(-along[1] // self.columns)

    @property
    def tiles(self) -> int:
        """The number of tiles, all of the same length."""
        return self.shape[0] * self.shape[1]

    @property
    def length(self) -> int:
        """Vectors, or pairs, per tile."""
        streamed = {"weight-stationary": self.m, "input-stationary": self.n}
        return streamed.get(self.dataflow, self.k)

    @property
    def products(self) -> int:
        """Scalar multiplications in total."""
        return self.m * self.k * self.n

    @property
    def words(self) -> dict[str, int]:
        """Words that cross the border of the array: activations, weights and (partial) results.

        A partial sum is counted when it leaves; accumulating it outside takes one more read.
        """
        down, across = self.shape
        activations, weights, results = self.m * self.k, self.k * self.n, self.m * self.n
        match self.dataflow:
            case "weight-stationary":
                activations, results = activations * across, results * down
            case "input-stationary":
                weights, results = weights * across, results * down
            case _:
                activations, weights = activations * across, weights * down
        return {"activation": activations, "weight": weights, "result": results}

    def utilisation(self, cycles: int) -> float:
        """Products as a fraction of those the multipliers could compute in ``cycles``."""
        return self.products / (cycles * self.rows * self.columns)


def incomplete_sizes(spec: Any) -> list[str]:
    """What is wrong if only some of a specification's ``m``, ``k`` and ``n`` are given."""
    given = {name: getattr(spec, name) for name in "mkn"}
    there = ", ".join(f"{name} = {size}" for name, size in given.items() if size)
    if not there or all(given.values()):
        return []
    return [f"m, k and n must be given together, not only {there}"]
