"""Pictures of trajectories: what the controller saw and did, and the margins."""

import numpy as np

from holigrail_hw.core.views import Histogram, Line, Lines, Panel, View

from .closed_loop import Trajectories

__all__ = ["closed_loop_views"]

_MOST_POINTS = 200
_BINS = 20


def closed_loop_views(runs: dict[str, Trajectories]) -> list[View]:
    """For trajectories from the same states, by the name of the controller.

    The trajectory of the least margin under every controller; the least margin at every instant;
    and how often which margin was the least of a trajectory.
    """
    plant = next(iter(runs.values())).plant
    views: list[View] = [_margins_over_time(runs)]
    for place, name in enumerate(plant.states):
        views.append(_worst(runs, place, name))
    panels = tuple(_panel(name, run) for name, run in runs.items())
    caption = f"{plant.demand}; sampled, which proves nothing between the samples"
    views.append(
        Histogram(
            f"Least margins of {len(runs[next(iter(runs))].margins)} trajectories",
            panels,
            f"margin ({plant.unit or '1'})",
            "trajectories",
            caption,
        )
    )
    return views


def _chosen(count: int) -> np.ndarray:
    """Instants enough for a picture."""
    return np.arange(0, count, max(1, -(-count // _MOST_POINTS)))


def _values(array: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in array)


def _worst(runs: dict[str, Trajectories], place: int, name: str) -> Lines:
    first = next(iter(runs.values()))
    chosen = _chosen(len(first.times))
    lines = tuple(
        Line(label, _values(run.states[chosen, run.worst[1], place])) for label, run in runs.items()
    )
    title = f"{name} on the trajectory of the least margin"
    return Lines(title, _values(first.times[chosen]), lines, "time (s)", name)


def _margins_over_time(runs: dict[str, Trajectories]) -> Lines:
    first = next(iter(runs.values()))
    plant = first.plant
    # Where nothing is demanded there is no margin to draw.
    demanded = np.isfinite(plant.margin(first.times, first.states)[:, 0])
    instants = np.flatnonzero(demanded)
    chosen = instants[_chosen(len(instants))]
    lines = tuple(
        Line(name, _values(plant.margin(run.times, run.states)[chosen].min(axis=1)))
        for name, run in runs.items()
    )
    title = f"Least margin of all trajectories: {plant.demand}"
    label = f"margin ({plant.unit or '1'})"
    return Lines(title, _values(first.times[chosen]), lines, "time (s)", label)


def _panel(name: str, run: Trajectories) -> Panel:
    margins = run.margins
    low, high = float(margins.min()), float(margins.max())
    if high <= low:
        high = low + max(abs(low), 1.0) * 1e-6
    counts, edges = np.histogram(margins, _BINS, (low, high))
    return Panel(name, _values(edges), tuple(int(count) for count in counts))
