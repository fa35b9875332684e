"""Names of floats: ``fp16``, ``fp8_e4m3_sat``, ``e4m3_fnuz_bias11_flush``.

A name is a named float or ``e{E}m{M}``, then options in this order: special values, bias, full or
flush, sat. The canonical name leaves out whatever is the default and prefers a named float.
``e8m0`` alone is no float of fields, but the scale format of microscaling blocks.
"""

import re
from typing import Any

from ..errors import FormatError

__all__ = ["NAMED_FLOATS", "SPECIALS", "float_name", "named_fields"]

SPECIALS = ("ieee", "fn", "finite", "fnuz")

NAMED_FLOATS: dict[str, tuple[int, int, str, bool]] = {
    "fp32": (8, 23, "ieee", False),
    "tf32": (8, 10, "ieee", False),
    "fp16": (5, 10, "ieee", False),
    "bf16": (8, 7, "ieee", False),
    "fp8_e4m3": (4, 3, "fn", False),
    "fp8_e5m2": (5, 2, "ieee", False),
    "fp6_e3m2": (3, 2, "finite", False),
    "fp6_e2m3": (2, 3, "finite", False),
    "fp4_e2m1": (2, 1, "finite", False),
    "dlfloat16": (6, 9, "fn", True),
    "hfp8_e4m3": (4, 3, "fn", True),
    "hfp8_e5m2": (5, 2, "fn", True),
    "hfp9_e5m3": (5, 3, "fn", True),
}
"""Name to exponent width, fraction width, special values and ``full``; with the default bias."""

_BY_FIELDS: dict[Any, str] = {fields: name for name, fields in NAMED_FLOATS.items()}


_SCALE = "e8m0"
_NUMBER = "(0|[1-9][0-9]*)"
_FLOAT = re.compile(f"e{_NUMBER}m{_NUMBER}")
_BIAS = re.compile(f"bias(-?{_NUMBER})")


def named_fields(name: str) -> dict[str, Any] | None:
    """The fields of the float of a name, None if it is no name of a float.

    Raises FormatError for options that are not known, given twice, or not to be given.
    """
    if name == _SCALE:
        return None
    base, options = _split(name)
    if base in NAMED_FLOATS:
        exponent_width, fraction_width, specials, full = NAMED_FLOATS[base]
    elif match := _FLOAT.fullmatch(base):
        exponent_width, fraction_width, specials = int(match[1]), int(match[2]), None
        full = "full" in options
    else:
        return None
    bias = None
    for option in options:
        if option in SPECIALS:
            if base in NAMED_FLOATS:
                raise FormatError(
                    f"{name}: special values must not be given for the named format {base}",
                    hint=f"use e{exponent_width}m{fraction_width}_{option}",
                )
            specials = option
        elif match := _BIAS.fullmatch(option):
            bias = int(match[1])
        elif option not in ("flush", "full", "sat"):
            raise FormatError(
                f"no format named {name!r}",
                hint=f"options of a float are {', '.join(SPECIALS)}, bias{{B}}, flush, full and "
                f"sat, not {option!r}",
            )
    kinds = ["special values" if o in SPECIALS else o.rstrip("-0123456789") for o in options]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise FormatError(f"{name}: {kind} must be given once, not {kinds.count(kind)} times")
    if full and "flush" in options:
        raise FormatError(f"{name}: flush must be left out where the exponent 0 is full of numbers")
    return {
        "exponent_width": exponent_width,
        "fraction_width": fraction_width,
        "bias": bias,
        "specials": specials,
        "subnormals": "flush" not in options,
        "saturate": "sat" in options,
        "full": full or "full" in options,
    }


def _split(name: str) -> tuple[str, list[str]]:
    """A float's base name, and its options."""
    for base in NAMED_FLOATS:
        if name == base or name.startswith(base + "_"):
            return base, name[len(base) :].split("_")[1:]
    base, *options = name.split("_")
    return base, options


def float_name(given: Any) -> str:
    """The canonical name of a float."""
    fields = (given.exponent_width, given.fraction_width, given.specials, given.full)
    has_default_bias = given.bias == given.default_bias
    if has_default_bias and fields in _BY_FIELDS:
        parts = [_BY_FIELDS[fields]]
    else:
        parts = [f"e{given.exponent_width}m{given.fraction_width}"]
        if given.specials != ("ieee" if given.fraction_width else "fn"):
            parts.append(given.specials)
        if not has_default_bias:
            parts.append(f"bias{given.bias}")
        parts += ["full"] * given.full
    parts += ["flush"] * given.flushes + ["sat"] * given.saturate
    return f"{_SCALE}_fn" if parts == [_SCALE] else "_".join(parts)
