"""Energy of memory accesses, from a table that a user may replace.

Between the sizes of the table the energy follows a power of the size, beyond them the power at that
end goes on: the wires of a memory grow with the root of its area.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Memories", "read_memories"]

_SHIPPED = Path(__file__).parent / "memories.json"
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Memories:
    """``sizes`` are (bytes, pJ per word), rising; ``off_chip`` the lowest and highest pJ per word.

    Attributes
    ----------
    word_bits : int
        Bits of one word; energies are proportional to the bits that are moved.
    source : str
        Whose figures these are.
    """

    word_bits: int
    sizes: tuple[tuple[float, float], ...]
    off_chip: tuple[float, float]
    source: str

    def on_chip_pj(self, bits: float, size: float) -> float:
        """Energy of moving so many bits to or from a memory of ``size`` bytes, in pJ."""
        place = sum(known <= size for known, _ in self.sizes[1:-1])
        (low, cheap), (high, dear) = self.sizes[place : place + 2]
        power = math.log(dear / cheap) / math.log(high / low)
        return bits / self.word_bits * cheap * (max(size, 1.0) / low) ** power

    def off_chip_pj(self, bits: float) -> tuple[float, float]:
        """The same for memory outside, as lowest and highest energy."""
        low, high = (bits / self.word_bits * each for each in self.off_chip)
        return low, high


def read_memories(path: Path | None = None) -> Memories:
    """The table in a file, or the one that comes with the package.

    Raises
    ------
    ValueError
        What is wrong, in words that go after "not".
    """
    file = path or _SHIPPED
    try:
        if file.is_file() and file.stat().st_size > _LARGEST:
            raise ValueError(f"{file} (more than {_LARGEST >> 20} MiB)")
        # Whole numbers of any length are read as what they are compared as.
        content = json.loads(file.read_bytes(), parse_int=float)
    except OSError as error:
        raise ValueError(f"{file} ({error.strerror or error})") from None
    except (UnicodeDecodeError, RecursionError, json.JSONDecodeError):
        raise ValueError(f"{file} (no JSON)") from None
    try:
        return _memories(content)
    except (KeyError, TypeError, AttributeError) as error:
        key = f" ({error.args[0]!r})" if isinstance(error, KeyError) else ""
        raise ValueError(f"{file} (no table of memories{key})") from None
    except ValueError as error:
        raise ValueError(f"{file} ({error})") from None


def _memories(content: Mapping[str, Any]) -> Memories:
    sizes = tuple((_positive(row["bytes"]), _positive(row["pj"])) for row in content["on_chip"])
    if len(sizes) < 2 or any(_falls(one, two) for one, two in zip(sizes, sizes[1:], strict=False)):
        raise ValueError("on_chip must be two sizes or more that rise, with energies that rise")
    outside = _positive(content["off_chip"]["low_pj"]), _positive(content["off_chip"]["high_pj"])
    if outside[0] > outside[1]:
        raise ValueError("low_pj must be at most high_pj")
    word = _positive(content["word_bits"])
    if word != int(word):
        raise ValueError(f"{word:g} where word_bits must be a whole number")
    return Memories(int(word), sizes, outside, str(content["source"]))


def _falls(one: Sequence[float], two: Sequence[float]) -> bool:
    return two[0] <= one[0] or two[1] < one[1]


def _positive(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{value!r} where a positive number must be")
    return float(value)
