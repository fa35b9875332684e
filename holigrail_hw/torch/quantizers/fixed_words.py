"""Some integers alone: powers of two, or words that take few adders."""

from collections.abc import Iterable

import torch
from torch import Tensor

from .base import Quantizer, straight

__all__ = ["Words"]


class Words(Quantizer):
    """Some integers alone, times a scale: those that need no adder, say.

    Parameters
    ----------
    words : iterable of integers
        What codes may be; the nearest is taken, of two equally near ones the lower.
    scale : number
        A power of two, or a number of at most 12 significant bits.
    """

    words: Tensor
    scale: Tensor

    def __init__(self, words: Iterable[int], scale: float):
        known = sorted({*words})
        if not known:
            raise ValueError("Words: there must be a word, not none")
        width = max(2, max(max(w, -w - 1).bit_length() for w in known) + 1)
        super().__init__(f"int{width}")
        if not 0 < scale < float("inf"):
            raise ValueError(f"Words: scale must be a positive number, not {scale}")
        self.register_buffer("words", torch.tensor(known, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(float(scale)))

    def scales(self) -> Tensor:
        return self.scale

    def forward(self, x: Tensor) -> Tensor:
        words, unit = self.words.to(x.dtype), self.scale.to(x.dtype)
        codes = (x.detach() / unit).contiguous()
        above = torch.bucketize(codes, words).clamp(1, max(1, len(words) - 1))
        high, low = words[above.clamp(max=len(words) - 1)], words[above - 1]
        return straight(x, torch.where(codes - low <= high - codes, low, high) * unit)
