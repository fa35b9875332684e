"""What operators on blocks have in common: random words for each number, refusals."""

from holigrail_hw.formats import Format, Rounding, parse
from holigrail_hw.formats.block.block import BlockFormat

__all__ = ["random_words", "without_block"]


def random_words(rounding: Rounding, block: Format, width: int) -> dict[str, Format]:
    """The port of the random words, one for each number; none unless rounding is stochastic."""
    if not rounding.is_stochastic:
        return {}
    return {"random": BlockFormat(block.block_size, parse(f"uint{width}"))}


def without_block(**formats: Format) -> list[str]:
    """What is wrong with formats that should be blocks."""
    return [
        f"{name} must be a block format, such as mxfp8_e4m3, not {format}"
        for name, format in formats.items()
        if format.block_size is None
    ]
