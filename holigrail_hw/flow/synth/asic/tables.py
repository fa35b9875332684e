"""Tables of a Liberty file: a delay, a slope or an energy over load and input slope."""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .liberty import Group, LibertyError, number

__all__ = ["Table", "read_table", "read_templates"]

_LOADS = ("total_output_net_capacitance", "output_net_length", "equal_or_opposite_output")
_SLOPES = ("input_net_transition", "input_transition_time", "constrained_pin_transition")


@dataclass(frozen=True)
class Table:
    """Values over load and slope, in the units of the file.

    Between its points a table is bilinear, outside it goes on as at its edge, which is how static
    timing analysis reads it.
    """

    loads: tuple[float, ...]
    slopes: tuple[float, ...]
    rows: tuple[tuple[float, ...], ...]

    def at(self, load: float, slope: float) -> float:
        """The value at a load and an input slope."""
        i, x = _place(self.loads, load)
        j, y = _place(self.slopes, slope)
        if x == 0.0:
            row = self.rows[i]
            return row[j] if y == 0.0 else row[j] + y * (row[j + 1] - row[j])
        low, high = self.rows[i], self.rows[i + 1]
        if y == 0.0:
            return low[j] + x * (high[j] - low[j])
        first = low[j] + y * (low[j + 1] - low[j])
        return first + x * (high[j] + y * (high[j + 1] - high[j]) - first)


def _place(points: Sequence[float], value: float) -> tuple[int, float]:
    """The interval of a value, and how far it lies in it; beyond the ends below 0 or above 1."""
    if len(points) < 2:
        return 0, 0.0
    place = min(max(bisect_right(points, value) - 1, 0), len(points) - 2)
    return place, (value - points[place]) / (points[place + 1] - points[place])


def read_templates(library: Group) -> dict[str, Group]:
    """The templates of the tables of a library, by name."""
    kinds = ("lu_table_template", "power_lut_template")
    return {group.arguments[0]: group for group in library.of(*kinds) if group.arguments}


def read_table(group: Group, templates: Mapping[str, Group]) -> Table:
    """A table in its group; a scalar is a table of one value.

    The axes may come in either order. A third axis, and one that is neither a load nor a slope, is
    taken at its first point.

    Raises
    ------
    LibertyError
        Its points do not rise, or its values are not as many as they should be.
    """
    name = group.arguments[0] if group.arguments else ""
    template = templates.get(name)
    values = _numbers(group, "values")
    axes: list[tuple[str, list[float]]] = []
    for place in ("1", "2", "3"):
        kind = template.text(f"variable_{place}") if template else ""
        holder = group if f"index_{place}" in group.attributes else template
        if kind and holder is not None and f"index_{place}" in holder.attributes:
            axes.append((kind, _numbers(holder, f"index_{place}")))
    total = 1
    for _, points in axes:
        total *= len(points)
        if any(b <= a for a, b in zip(points, points[1:], strict=False)):
            raise LibertyError(f"a table whose points do not rise (line {group.line})")
    if len(values) != total:
        raise LibertyError(
            f"a table of {len(values)} values where there must be {total} (line {group.line})"
        )
    strides, step = [], total
    for _, points in axes:
        step //= len(points)
        strides.append(step)
    load = next((i for i, (kind, _) in enumerate(axes) if kind in _LOADS), None)
    slope = next((i for i, (kind, _) in enumerate(axes) if kind in _SLOPES), None)
    loads = axes[load][1] if load is not None else [0.0]
    slopes = axes[slope][1] if slope is not None else [0.0]
    by_load = strides[load] if load is not None else 0
    by_slope = strides[slope] if slope is not None else 0
    rows = tuple(
        tuple(values[i * by_load + j * by_slope] for j in range(len(slopes)))
        for i in range(len(loads))
    )
    return Table(tuple(loads), tuple(slopes), rows)


def _numbers(group: Group, name: str) -> list[float]:
    """The numbers of a complex attribute, whose texts hold several each."""
    texts = group.attributes.get(name)
    if not texts:
        raise LibertyError(f"a table without {name} (line {group.line})")
    words = [word for text in texts[-1] for word in re.split(r"[\s,]+", text) if word]
    if not words:
        raise LibertyError(f"a table without {name} (line {group.line})")
    return [number(word, name, group.line) for word in words]
