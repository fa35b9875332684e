"""From a name to a format, and helpful answers when there is none.

Every number system reads its own names; here they are asked in turn.
"""

from difflib import SequenceMatcher
from os.path import commonprefix

from .base import Format
from .errors import FormatError
from .registry import plug_ins, systems, unavailable

__all__ = ["named", "parse", "patterns"]

_LIST_HINT = "`holigrail list formats` shows all of them"


def named() -> list[str]:
    """Names worth listing: every named format and the usual integers, narrow systems first."""

    def narrowest(system: type[Format]) -> int:
        return min(parse(name).width for name in system.listed_names)

    listed = [system for system in plug_ins() if system.listed_names]
    return [name for system in sorted(listed, key=narrowest) for name in system.listed_names]


def patterns() -> dict[str, tuple[str, str]]:
    """The families of names beside the named formats: number system and what they mean."""
    return {
        pattern: (system.kind, meaning)
        for system in plug_ins()
        for pattern, meaning in system.patterns.items()
    }


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
    # Entry points are loaded only for a name that nobody known so far can read.
    for known in (systems, plug_ins):
        for system in known():
            found = system.parse_name(name)
            if found is not None:
                return found
    raise _unknown(name)


def _unknown(name: str) -> FormatError:
    """An error that proposes the most similar name, preferring a common beginning."""
    asked = name.lower()

    def similarity(known: str) -> float:
        return 1.0 if known.startswith(asked) else SequenceMatcher(None, asked, known).ratio()

    def closeness(known: str) -> tuple[bool, float, int]:
        ratio = similarity(known)
        return ratio >= 0.5 and known[0] == asked[:1], ratio, len(commonprefix([asked, known]))

    best = max(named(), key=closeness)
    hint = _LIST_HINT
    if asked and similarity(best) >= 0.5:
        hint = f"did you mean {best!r}? {hint}"
    for point, reason in unavailable().items():
        hint += f"; those of {point} could not be loaded: {reason}"
    return FormatError(f"no format named {name!r}", hint=hint)
