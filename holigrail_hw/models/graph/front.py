"""Networks that were weighed against this one: a search's result, kept with the graph.

It changes nothing that is computed; reports draw it.
"""

from dataclasses import astuple, dataclass
from typing import Any

from holigrail_hw.models.errors import ModelError

__all__ = ["Candidate", "Front", "front_document", "front_of"]

_MOST_POINTS = 200_000
_LONGEST = 10_000
_FARTHEST = 1e100


@dataclass(frozen=True)
class Candidate:
    """What one network costs and is worth; ``chosen`` if a search picked it."""

    cost: float
    value: float
    label: str
    chosen: bool


@dataclass(frozen=True)
class Front:
    """Candidates, and what ``cost`` and ``value`` of them are, with units.

    Less cost is better; more value is, or less.
    """

    cost: str
    what: str
    more_is_better: bool
    points: tuple[Candidate, ...]

    @property
    def best(self) -> tuple[Candidate, ...]:
        """Those that no other beats: as good at less cost, or better at the same; by cost."""
        found: list[Candidate] = []
        sign = -1 if self.more_is_better else 1
        for point in sorted(self.points, key=lambda p: (p.cost, sign * p.value, p.label)):
            if not found or sign * point.value < sign * found[-1].value:
                found.append(point)
        return tuple(found)


def front_document(front: Front) -> dict[str, Any]:
    """As JSON."""
    return {
        "cost": front.cost,
        "what": front.what,
        "more_is_better": front.more_is_better,
        "points": [[*astuple(point)] for point in front.points],
    }


def front_of(document: Any, who: str) -> Front | None:
    """The front of a document, where there is one.

    Raises
    ------
    ModelError
        If it is none, or too large.
    """
    if document is None:
        return None
    points = document["points"]
    if not 1 <= len(points) <= _MOST_POINTS:
        raise ModelError(f"{who}: front: there must be 1 to {_MOST_POINTS} points")
    made = tuple(Candidate(_number(c), _number(v), _text(t), t2 is True) for c, v, t, t2 in points)
    # What cannot be drawn: NaN, infinities, and numbers whose differences may become such.
    if not all(abs(p.cost) <= _FARTHEST and abs(p.value) <= _FARTHEST for p in made):
        raise ModelError(f"{who}: front: costs and values must be finite, of at most {_FARTHEST:g}")
    return Front(
        _text(document["cost"]), _text(document["what"]), document["more_is_better"] is True, made
    )


def _number(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise ValueError("a number")
    return float(given)


def _text(given: Any) -> str:
    if not isinstance(given, str) or len(given) > _LONGEST or not given.isprintable():
        raise ValueError("a text")
    return given
