"""What a report says in words: the headline, and values of parameters without Python's notation."""

import enum
from collections.abc import Mapping
from typing import Any

from holigrail_hw.core.clock import Clock
from holigrail_hw.core.parameters import brief, to_text

__all__ = ["headline", "in_words"]

_COST = {
    "luts": "LUTs",
    "flip_flops": "flip-flops",
    "dsps": "DSP blocks",
    "memory_bits": "memory bits",
}


def in_words(value: Any) -> str:
    """A parameter's value for people: formats by name, lists as text or size, yes and no."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, enum.Enum):
        return in_words(value.value)
    if isinstance(value, tuple) and brief(value) != to_text(value):
        return brief(value)
    if isinstance(value, tuple | list):
        is_nested = any(isinstance(item, tuple | list) for item in value)
        return ("; " if is_nested else ", ").join(in_words(item) for item in value) or "none"
    return to_text(value)


def headline(
    about: Mapping[str, Any],
    clock: Clock,
    manifest: Mapping[str, Any],
    measured: Mapping[str, Any] | None,
    verified: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """Cost, clock, latency, error and verdict: rows of name, text and whether that is bad.

    ``about`` is what :func:`.describe.describe` says; ``measured`` and ``verified`` are ``None`` if
    nothing was.
    """
    rows = [("cost", _cost(about, measured), False), ("clock", *_clock(clock, measured))]
    if manifest["latency"] is not None:
        cycles = manifest["latency"]
        rows.append(("latency", f"{cycles} cycle{'s' * (cycles != 1)}", False))
    rows += [("error", _error(about), False), ("verdict", *_verdict(measured, verified))]
    return [{"name": name, "text": text, "bad": bad} for name, text, bad in rows]


def _cost(about: Mapping[str, Any], measured: Mapping[str, Any] | None) -> str:
    if measured is None:
        found = [f"{about['cost'][key]} {word}" for key, word in _COST.items()]
        return f"{', '.join(found)} (estimate)"
    found = [
        f"{row['measured']} {row['quantity']}"
        for row in measured["comparison"]
        if not row["unit"] and row["measured"] is not None
    ]
    return f"{', '.join(found)} (measured on {measured['device']})"


def _clock(clock: Clock, measured: Mapping[str, Any] | None) -> tuple[str, bool]:
    """Measured, promised and asked for, as far as known; bad if the best of these is too slow."""
    best = max((measured or {}).get("fmax_mhz") or (), default=None)
    promise = None if clock.promise_ns is None else 1000 / clock.promise_ns
    said = [] if best is None else [f"{best:.1f} MHz measured"]
    if promise is not None:
        said.append(f"{promise:.1f} MHz promised by the device model {clock.device}")
    bad = False
    if clock.asked_ns is not None:
        asked, reached = 1000 / clock.asked_ns, promise if best is None else best
        bad = reached is not None and reached < asked
        said.append(f"{asked:.1f} MHz asked for{', not met' if bad else ''}")
    return "; ".join(said) or "not modelled", bad


def _error(about: Mapping[str, Any]) -> str:
    stated = [
        f"{name.replace('_', ' ')} {in_words(value)}"
        for name, value in about["facts"].items()
        if "error" in name
    ]
    return ", ".join(stated) or "none allowed: results must be the golden model's, bit by bit"


def _verdict(
    measured: Mapping[str, Any] | None, verified: Mapping[str, Any] | None
) -> tuple[str, bool]:
    failures = measured["failures"] if measured else []
    said = [f"failed: {text}" for text in failures]
    if verified is None:
        said.append("not verified for this report")
    else:
        said.append(f"verified: {verified['vectors']} results equal the golden model")
    return "; ".join(said), bool(failures)
