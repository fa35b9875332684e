"""From a name to a format, and helpful answers when there is none."""

import re
from difflib import SequenceMatcher
from os.path import commonprefix

from .base import Format
from .errors import FormatError
from .scalar.fixed import FixedFormat
from .scalar.float_names import NAMED_FLOATS
from .scalar.floating import SPECIALS, FloatFormat
from .scalar.small import BinaryFormat, TernaryFormat

__all__ = ["PATTERNS", "named", "parse"]

PATTERNS: dict[str, str] = {
    "int{W}": "signed integer of W bits, 1 to 64",
    "uint{W}": "unsigned integer of W bits, 1 to 64",
    "sfix{W}_en{F}": "signed fixed point of W bits, F of them after the point (F may be negative)",
    "ufix{W}_en{F}": "unsigned fixed point",
    "e{E}m{M}": "float with E exponent bits (1 to 8) and M fraction bits (0 to 23), as IEEE 754",
    "e{E}m{M}_{options}": "options, in any order: ieee, fn, finite or fnuz; bias{B}; flush; sat",
}
"""The families of names beside the named formats, with what they mean."""

_LIST_HINT = "`holigrail list formats` shows all of them"
_WIDEST = 64
_NUMBER = "(0|[1-9][0-9]*)"
_INTEGER = re.compile(f"(u?)int{_NUMBER}")
_FIXED = re.compile(f"([su])fix{_NUMBER}_en(-?{_NUMBER})")
_FLOAT = re.compile(f"e{_NUMBER}m{_NUMBER}")
_BIAS = re.compile(f"bias(-?{_NUMBER})")
_SMALL: dict[str, Format] = {"binary": BinaryFormat(), "ternary": TernaryFormat()}


def named() -> list[str]:
    """Names worth listing: every named format and the usual integers."""
    integers = [f"{prefix}{width}" for width in (4, 8, 16, 32) for prefix in ("int", "uint")]
    return [*_SMALL, *integers, *NAMED_FLOATS]


def parse(name: str | Format) -> Format:
    """The format of a name; a format is returned as it is.

    Raises FormatError, with a hint, if there is no such format.

    >>> parse("fp8_e4m3").encode([1.0, 448.0, 1000.0])
    array([ 56, 126, 127], dtype=uint64)
    >>> parse("fp8_e4m3_sat").decode([56, 126, 127])
    array([  1., 448.,  nan])
    >>> parse("e4m3_fn").name
    'fp8_e4m3'
    """
    if isinstance(name, Format):
        return name
    if not isinstance(name, str):
        raise FormatError(f"a format must be given as such or by its name, not as {name!r}")
    if name in _SMALL:
        return _SMALL[name]
    if match := _INTEGER.fullmatch(name):
        return _fixed(name, not match[1], int(match[2]), 0)
    if match := _FIXED.fullmatch(name):
        return _fixed(name, match[1] == "s", int(match[2]), int(match[3]))
    if re.fullmatch(f"[su]fix{_NUMBER}", name):
        hint = f"fixed point needs its fraction bits, as in '{name}_en4'"
        raise FormatError(f"no format named {name!r}", hint=hint)
    return _float(name)


def _fixed(name: str, signed: bool, width: int, fraction_width: int) -> Format:
    if not 1 <= width <= _WIDEST:
        raise FormatError(
            f"{name}: width must be between 1 and {_WIDEST}, not {width}",
            hint="wider fixed point exists only as an exact accumulator inside an operator"
            if width > _WIDEST
            else None,
        )
    return FixedFormat(width, signed, fraction_width)


def _float(name: str) -> Format:
    base, options = _split(name)
    if base in NAMED_FLOATS:
        exponent_width, fraction_width, specials = NAMED_FLOATS[base]
    elif match := _FLOAT.fullmatch(base):
        exponent_width, fraction_width, specials = int(match[1]), int(match[2]), None
    else:
        raise _unknown(name)
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
        elif option not in ("flush", "sat"):
            raise FormatError(
                f"no format named {name!r}",
                hint=f"options of a float are {', '.join(SPECIALS)}, bias{{B}}, flush and sat, "
                f"not {option!r}",
            )
    kinds = ["special values" if o in SPECIALS else o.rstrip("-0123456789") for o in options]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise FormatError(f"{name}: {kind} must be given once, not {kinds.count(kind)} times")
    return FloatFormat(
        exponent_width,
        fraction_width,
        bias,  # type: ignore[arg-type]
        specials,  # type: ignore[arg-type]
        "flush" not in options,
        "sat" in options,
    )


def _split(name: str) -> tuple[str, list[str]]:
    """A float's base name, and its options."""
    for base in NAMED_FLOATS:
        if name == base or name.startswith(base + "_"):
            return base, name[len(base) :].split("_")[1:]
    base, *options = name.split("_")
    return base, options


def _unknown(name: str) -> FormatError:
    """An error that proposes the most similar name, preferring a long common beginning."""
    asked = name.lower()

    def similarity(known: str) -> tuple[float, int]:
        ratio = 1.0 if known.startswith(asked) else SequenceMatcher(None, asked, known).ratio()
        return ratio, len(commonprefix([asked, known]))

    best = max(named(), key=similarity)
    if not asked or similarity(best)[0] < 0.5:
        return FormatError(f"no format named {name!r}", hint=_LIST_HINT)
    return FormatError(f"no format named {name!r}", hint=f"did you mean {best!r}? {_LIST_HINT}")
