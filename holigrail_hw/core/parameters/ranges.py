"""Ranges of values for an exploration: ``FIRST..LAST``, or ``FIRST..LAST..STEP``.

Which values a range stands for is for the kind of the parameter to say, by one of these functions:
of integers those between, of names those whose numbers lie between, of words those that stand
between in the order in which they are declared. An end that is left out is the end of all that is
legal, where there is one.
"""

import itertools
import re
from collections.abc import Sequence

__all__ = ["LONGEST", "of_integers", "of_names", "of_words"]

LONGEST = 10_000
"""The most values of one range."""

_DOTS = ".."


def of_integers(item: str, low: int | None, high: int | None) -> list[str]:
    """``2..16``, ``16..2``, ``2..16..2``, and ``..`` with bounds; raises ValueError."""
    first, last, step = _ends(item)
    if last is None:
        return [item]
    begin, end = _integer(first, low, item), _integer(last, high, item)
    stride = 1 if step is None else _integer(step, None, item)
    if stride < 1:
        raise ValueError(f"must have a range with a step of 1 or more, not {item}")
    found = range(begin, end + 1, stride) if begin <= end else range(begin, end - 1, -stride)
    return [str(value) for value in _few(found, item)]


def of_names(item: str) -> list[str]:
    """``int2..int8``, ``e2m1..e4m3``: names that differ in their numbers only; raises ValueError.

    Where several numbers differ, the range holds every combination of what lies between.
    """
    first, last, step = _ends(item)
    if last is None:
        return [item]
    if step is not None:
        raise ValueError(f"must have a range of names without a step, not {item}")
    ends = [re.split(r"(\d+)", end) for end in (first, last)]
    if not first or not last or ends[0][::2] != ends[1][::2]:
        raise ValueError(
            f"must have a range between names that differ in their numbers only, not {item}"
        )
    choices: list[Sequence[object]] = []
    count = 1
    for place, (begin, end) in enumerate(zip(*ends, strict=True)):
        is_number = place % 2 == 1
        between = _way(int(begin), int(end)) if is_number else [begin]
        count *= len(between)
        choices.append(between)
    _few(range(count), item)
    return ["".join(map(str, parts)) for parts in itertools.product(*choices)]


def of_words(item: str, words: Sequence[str]) -> list[str]:
    """``..`` for all words, ``up..to_odd`` for those from one to another; raises ValueError."""
    first, last, step = _ends(item)
    if last is None or not words:
        return [item]
    wrong = [word for word in (first, last) if word and word not in words]
    if wrong or step is not None:
        what = " or ".join(wrong) or item
        raise ValueError(f"must have a range between two of {', '.join(words)}, not {what}")
    begin = words.index(first) if first else 0
    end = words.index(last) if last else len(words) - 1
    return [words[place] for place in _way(begin, end)]


def _way(begin: int, end: int) -> range:
    """From one number to another, both included, up or down."""
    return range(begin, end + 1) if begin <= end else range(begin, end - 1, -1)


def _ends(item: str) -> tuple[str, str | None, str | None]:
    """First, last and step; no last one if the item is no range."""
    parts = item.split(_DOTS)
    if len(parts) == 1:
        return item, None, None
    if len(parts) > 3:
        raise ValueError(f"must have a range FIRST..LAST or FIRST..LAST..STEP, not {item}")
    return parts[0], parts[1], parts[2] if len(parts) == 3 else None


def _integer(text: str, bound: int | None, item: str) -> int:
    if not text and bound is not None:
        return bound
    try:
        return int(text, 0)
    except ValueError:
        what = "of integers" if text else "with both ends, for nothing bounds it"
        raise ValueError(f"must have a range {what}, not {item}") from None


def _few(found: range, item: str) -> range:
    if len(found) > LONGEST:
        raise ValueError(
            f"must have a range of at most {LONGEST} values, not {len(found)} as {item}"
        )
    return found
