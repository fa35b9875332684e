"""Frames of a network as items of its streams, and back.

A frame is the integers of one tensor, channels last, one after the other; a beat carries ``lanes``
of them in the fields ``value0``, ``value1`` ... Where a frame has several beats, ``last`` marks the
final one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.formats import FixedFormat, Format

__all__ = ["Frames", "frames_of"]


@dataclass(frozen=True)
class Frames:
    """How frames travel: the format of every lane, and the beats of a frame."""

    formats: tuple[FixedFormat, ...]
    beats: int

    @property
    def lanes(self) -> int:
        """Elements of a beat."""
        return len(self.formats)

    def fields(self, *, checked: bool) -> dict[str, Format]:
        """The fields of a beat; ``checked``: of results that say whether a mark was wrong."""
        values: dict[str, Format] = {f"value{lane}": f for lane, f in enumerate(self.formats)}
        bit = FixedFormat(1, False, 0)
        marks = {"last": self.beats > 1, "error": checked}
        return values | {name: bit for name, there in marks.items() if there}

    def items(self, frames: Any) -> dict[str, Any]:
        """Codes of all beats of frames of integers, (frames, ...)."""
        values = np.asarray(frames, np.int64).reshape(-1, self.lanes)
        fields = {
            f"value{lane}": (values[:, lane] & ((1 << format.width) - 1)).astype(np.uint64)
            for lane, format in enumerate(self.formats)
        }
        if self.beats > 1:
            fields["last"] = np.zeros(len(values), np.uint64)
            fields["last"][self.beats - 1 :: self.beats] = 1
        return fields

    def integers(self, items: Mapping[str, Any]) -> np.ndarray:
        """The integers of whole frames, (frames, elements), from codes of beats."""
        columns = []
        for lane, format in enumerate(self.formats):
            code = np.asarray(items[f"value{lane}"]).astype(np.int64)
            if format.signed:
                code = code - ((code >> (format.width - 1)) << format.width)
            columns.append(code)
        values = np.stack(columns, axis=1)
        frames = len(values) // self.beats
        return values[: frames * self.beats].reshape(frames, -1)


def frames_of(low: np.ndarray, high: np.ndarray, lanes: int) -> Frames:
    """Frames of elements with these limits; a lane is just wide enough for what travels in it."""
    lowest, highest = (np.asarray(a, np.int64).reshape(-1, lanes) for a in (low, high))
    formats = []
    for least, most in zip(lowest.min(axis=0), highest.max(axis=0), strict=True):
        least, most = int(min(least, 0)), int(max(most, 0))
        signed = least < 0
        width = max((-least - 1 if signed else 0).bit_length(), most.bit_length()) + signed
        formats.append(FixedFormat(max(width, 1), signed, 0))
    return Frames(tuple(formats), len(lowest))
