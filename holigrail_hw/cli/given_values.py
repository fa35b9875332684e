"""Values on a command line as codes: ``NAME=LIST`` for operands, and for fields of streams."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.shelled import Shelled
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.streams import Items
from holigrail_hw.formats import Format

__all__ = ["items_of"]

_OUTWARDS = ("down", "up")


def items_of(spec: OperatorSpec, texts: list[str]) -> tuple[Items, list[str]]:
    """Items of the source streams inside ``spec``, and what was rounded.

    An operator, behind a shell or not, has its operands; a field of a stream of an engine is named
    ``STREAM_FIELD``. What is not given is zero where something else of its stream is given; a
    stream without any has no items.

    Raises
    ------
    RequestError
        If a name or a value is wrong, or the lists of a stream have different lengths.
    """
    inner = spec.inner if isinstance(spec, Shelled) else spec
    is_operator = inner.has_plan
    kind = "an operand" if is_operator else "a field of a stream"
    values, rounded = _read(spec.name, kind, inner.inputs(), texts)
    items, wrong = {}, []
    for stream, one in inner.streams().items():
        if one.direction == "out":
            continue
        prefix = "" if is_operator else f"{stream}_"
        of_stream = "" if is_operator else f" of stream {stream}"
        mine = {f: values[prefix + f] for f in one.fields if prefix + f in values}
        try:
            what = f"{spec.name}: every --value list{of_stream}"
            items[stream] = _even(what, one.fields, mine)
        except RequestError as error:
            wrong += error.violations
    if wrong:
        raise RequestError(wrong)
    return items, rounded


def _read(
    who: str, kind: str, formats: Mapping[str, Format], texts: list[str]
) -> tuple[dict[str, list[int]], list[str]]:
    """The codes of each name that is given, and what was rounded."""
    values: dict[str, list[int]] = {}
    rounded: list[str] = []
    wrong = []
    for text in texts:
        name, _, items = text.partition("=")
        if name not in formats:
            names = ", ".join(formats)
            wrong.append(f"{who}: --value must name {kind} ({names}), not {name!r}")
            continue
        if name in values:
            wrong.append(f"{who}: --value must be given once for {name}, not twice")
            continue
        values[name] = []
        for item in items.split(","):
            try:
                code, how = _code(formats[name], item)
            except ValueError as error:
                wrong.append(f"{who}: {name}: {error}")
                continue
            values[name].append(code)
            rounded += [f"{name}: {how}"] if how else []
    if wrong:
        raise RequestError(wrong)
    return values, rounded


def _even(
    what: str, formats: Mapping[str, Format], values: Mapping[str, list[int]]
) -> dict[str, Any]:
    """Arrays of one length; a single value counts for all items."""
    count = max(map(len, values.values()), default=0)
    if any(len(items) not in (1, count) for items in values.values()):
        lengths = ", ".join(f"{name} has {len(items)}" for name, items in values.items())
        raise RequestError(f"{what} must have one length, not {lengths}")
    return {
        name: np.array(
            (values.get(name, [0]) * count)[:count],
            dtype=np.uint64 if format.width <= 64 else object,
        )
        for name, format in formats.items()
    }


def _code(format: Format, text: str) -> tuple[int, str | None]:
    """The code of a value and, if it had to be rounded, how; raises ValueError if it has none."""
    is_code = text.startswith(("0x", "0b"))
    if format.block_size is not None and not is_code:
        return _block_code(format, text)
    number: float | Fraction
    try:
        number = int(text, 0) if is_code else _number(text)
    except ValueError:
        raise ValueError(f"a value must be a number or a code such as 0x3c, not {text!r}") from None
    if is_code:
        if int(number) >> format.width:
            raise ValueError(f"a code must have at most {format.width} bits, not {text}")
        return int(number), None
    code = int(format.encode(number))
    if not _holds(format, number):
        raise ValueError(f"a value must fit {format} ({format.summary}), not {text}")
    found = _value(format, code)
    is_exact = found == number or found != found
    return code, None if is_exact else f"{text} is rounded to {format.format_code(code)}"


def _number(text: str) -> float | Fraction:
    """A float holds the sign of zero and what is not finite; other numbers are taken exactly."""
    number = float(text)
    return Fraction(text) if number and math.isfinite(number) else number


def _block_code(format: Format, text: str) -> tuple[int, str | None]:
    """The code of the numbers of one block, with a colon between them."""
    words = text.split(":")
    if len(words) != format.block_size:
        raise ValueError(
            f"a block of {format} must be {format.block_size} numbers with colons between them,"
            f" or a code such as 0x3c, not {text!r}"
        )
    try:
        numbers = np.array([_number(word) for word in words], object)
    except ValueError:
        raise ValueError(f"a block must be made of numbers, not {text!r}") from None
    code = format.encode(numbers)
    found = format.unpack(code).to_fractions()
    is_exact = all(x == y or (x != x and y != y) for x, y in zip(numbers, found, strict=True))
    return int(code), None if is_exact else f"{text} is rounded to {format.format_code(int(code))}"


def _holds(format: Format, number: float | Fraction) -> bool:
    """Whether a number lies within the range of a format: between two of its numbers."""
    if not math.isfinite(number):
        found = _value(format, int(format.encode(number)))
        return found == number or (found != found and number != number)
    below, above = (_value(format, int(format.encode(number, rounding=way))) for way in _OUTWARDS)
    if below <= number <= above and math.isfinite(below) and math.isfinite(above):
        return True
    # What is smaller than the smallest float may become zero.
    return not format.is_fixed_like and _value(format, int(format.encode(number))) == 0


def _value(format: Format, code: int) -> Any:
    """A Fraction, or a float that is not finite."""
    return format.unpack(code).to_fractions()[()]
