"""Boxes of inputs as people write them: ``30,1.4,v_ego=27:31``."""

import numpy as np

from .errors import ModelError

__all__ = ["box_of"]


def box_of(text: str, names: tuple[str, ...], who: str) -> tuple[tuple[float, float], ...]:
    """The limits of every input, from texts such as ``30,1.4,v_ego=27:31``.

    Parts are separated by commas: ``low:high``, or one number for both; ``name=`` says which input
    is meant, otherwise they come in order.

    Raises
    ------
    ModelError
        If an input has no limits, or twice, or they are no numbers, or the wrong way round.
    """
    found: dict[str, tuple[float, float]] = {}
    for place, part in enumerate(text.split(",")):
        name, given, limits = part.rpartition("=")
        name = name.strip() if given else (names[place] if place < len(names) else f"#{place}")
        if name not in names or name in found:
            what = "given once" if name in found else f"one of {', '.join(names)}"
            raise ModelError(f"{who}: an input of the box must be {what}, not {name}")
        try:
            ends = [float(end) for end in limits.split(":")]
        except ValueError:
            ends = []
        if len(ends) not in (1, 2) or not np.isfinite(ends).all() or ends[0] > ends[-1]:
            raise ModelError(
                f"{who}: limits of {name} must be low:high, or one number, not {limits.strip()}"
            )
        found[name] = ends[0], ends[-1]
    lost = [name for name in names if name not in found]
    if lost:
        raise ModelError(f"{who}: the box must have limits of {', '.join(lost)}")
    return tuple(found[name] for name in names)
