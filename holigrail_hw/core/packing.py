"""How a code lies in a port, and what a reader of wider words must do with it."""

from holigrail_hw.formats import FixedFormat, Format

__all__ = ["is_twos_complement"]


def is_twos_complement(format: Format) -> bool:
    """Whether a code is a signed integer of its width; a reader extends it by its highest bit.

    Other codes are extended by zeros: unsigned integers, and bit patterns, such as floats.
    """
    return isinstance(format, FixedFormat) and format.signed
