"""Names of blocks: ``mxfp8_e4m3``, or ``block{N}_{element}_{scale}`` for every other one."""

import re
from typing import Any

from ..errors import FormatError
from ..names import parse

__all__ = ["NAMED_BLOCKS", "block_fields", "block_name"]

NAMED_BLOCKS: dict[str, tuple[int, str, str]] = {
    "mxfp8_e4m3": (32, "fp8_e4m3", "e8m0"),
    "mxfp8_e5m2": (32, "fp8_e5m2", "e8m0"),
    "mxfp6_e3m2": (32, "fp6_e3m2", "e8m0"),
    "mxfp6_e2m3": (32, "fp6_e2m3", "e8m0"),
    "mxfp4_e2m1": (32, "fp4_e2m1", "e8m0"),
    "mxint8": (32, "sfix8_en6", "e8m0"),
    "nvfp4": (16, "fp4_e2m1", "fp8_e4m3"),
}
"""Name to block size, element and scale."""

_BY_FIELDS: dict[Any, str] = {fields: name for name, fields in NAMED_BLOCKS.items()}
_NAME = re.compile("block(0|[1-9][0-9]*)_(.+)")


def block_fields(name: str) -> tuple[int, Any, Any] | None:
    """Size, element and scale (None without one) of a name; None if it is no name of a block.

    Raises FormatError if it is one, but its parts are no formats.
    """
    if name in NAMED_BLOCKS:
        size, element, scale = NAMED_BLOCKS[name]
        return size, parse(element), parse(scale)
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    size, words = int(match[1]), match[2].split("_")
    # The name of an element may have the end of a scale's name in it: the longest element counts.
    for cut in range(len(words), 0, -1):
        element = _parsed("_".join(words[:cut]))
        scale = _parsed("_".join(words[cut:])) if cut < len(words) else None
        if element is not None and (scale is not None or cut == len(words)):
            return size, element, scale
    raise FormatError(
        f"{name}: a block must be named block{{N}}_{{element}}_{{scale}} with the names of two"
        f" formats, or of one without a scale, not of {match[2]!r}",
        hint="for instance block32_fp4_e2m1_e8m0",
    )


def block_name(size: int, element: Any, scale: Any) -> str:
    """The canonical name of a block."""
    fields = (size, element.name, None if scale is None else scale.name)
    known = _BY_FIELDS.get(fields)
    parts = (f"block{size}", element.name) + (() if scale is None else (scale.name,))
    return known or "_".join(parts)


def _parsed(name: str) -> Any:
    try:
        return parse(name)
    except FormatError:
        return None
