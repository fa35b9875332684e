"""What all codecs share: the error of a corrupt frame, frames of a stream, the ratio. NumPy only.

A frame is what one call encodes: the items of a stream up to the one marked ``last``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from holigrail_hw.formats import FormatError
from holigrail_hw.formats.values import whole_codes

__all__ = ["CodecError", "codes_of", "compression_ratio", "decoded", "frames"]


class CodecError(ValueError):
    """A coded frame that breaks the rules of its code: truncated, or with wrong bits."""


def codes_of(values: Any, width: int, dimensions: int = 1) -> Any:
    """A sequence (or a matrix) of symbols as codes of ``width`` bits; raises FormatError."""
    codes = whole_codes(values, width, "codec: symbols")
    if codes.ndim != dimensions:
        what = "a sequence" if dimensions == 1 else "a matrix"
        raise FormatError(f"codec: symbols must be {what}, not of shape {codes.shape}")
    return codes


def decoded(symbols: list[int], wrong: str | None) -> Any:
    """The symbols of a frame as codes; raises CodecError if anything was wrong with it."""
    if wrong:
        raise CodecError(f"{wrong}, after {len(symbols)} symbols")
    return np.array(symbols, np.uint64)


def frames(stream: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The frames of a stream, each with the fields of its items."""
    start = 0
    for end in np.flatnonzero(np.asarray(stream["last"])) + 1:
        yield {name: np.asarray(codes)[start:end] for name, codes in stream.items()}
        start = end


def compression_ratio(symbols: int, width: int, bits: int) -> float:
    """Bits of the plain symbols over bits as coded."""
    return symbols * width / bits if bits else 1.0
