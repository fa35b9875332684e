"""The longest path of a netlist, by the delay tables of its library; no wires.

Static timing analysis: rising and falling edges apart, each with the latest arrival and the
slowest slope, through the arcs of the cells (nonlinear delay model). It starts at the inputs and
the clock, and ends at the outputs and at the set-up time of registers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .cases import Case
from .cells import Arc
from .circuit import Circuit, Instance
from .tables import Table

__all__ = ["Edges", "Paths", "longest_paths"]

_EDGES = ("rise", "fall")
_OTHER = {"rise": "fall", "fall": "rise"}
_THROUGH = ("combinational", "combinational_rise", "combinational_fall")


@dataclass
class Edges:
    """Latest arrivals and slowest slopes of a net in ns, by edge; where each came from."""

    arrival: dict[str, float]
    slope: dict[str, float]
    source: dict[str, tuple[int, str, str] | None] = field(default_factory=dict)

    @property
    def mean_slope(self) -> float:
        return (self.slope["rise"] + self.slope["fall"]) / 2


@dataclass(frozen=True)
class Paths:
    """What was found: the longest path in ns, its cells from the start on, slopes of all nets."""

    longest_ns: float
    hops: tuple[tuple[str, float], ...]
    slopes: np.ndarray


def longest_paths(circuit: Circuit, loads: np.ndarray, case: Case | None = None) -> Paths:
    """Arrivals at all nets; ``loads`` in pF. With a ``case``, of what is not constant in it."""
    first = _first_slope(circuit)
    nets: dict[int, Edges] = {}

    def of(net: int) -> Edges:
        if net not in nets:
            nets[net] = Edges(dict.fromkeys(_EDGES, 0.0), dict.fromkeys(_EDGES, first), {})
        return nets[net]

    for instance in [*circuit.registers, *circuit.gates]:
        for pin in instance.cell.outputs:
            net = instance.nets.get(pin.name)
            if net is None:
                continue
            made = Edges(dict.fromkeys(_EDGES, 0.0), dict.fromkeys(_EDGES, 0.0), {})
            for arc in pin.arcs:
                if case is not None and case.shuts(instance, arc.source, pin):
                    continue
                if arc.source in instance.nets and _counts(arc, instance):
                    _through(arc, instance, of(instance.nets[arc.source]), float(loads[net]), made)
            for edge in _EDGES:
                made.slope[edge] = made.slope[edge] or first
            nets[net] = made
    ends = [(net, 0.0) for name, bits in circuit.ports.items() for net in bits if net > 1]
    ends += [end for one in circuit.registers for end in _setups(one, of)]
    best = max(
        ((of(net).arrival[edge] + more, net, edge) for net, more in ends for edge in _EDGES),
        default=(0.0, 0, "rise"),
    )
    slopes = np.full(circuit.nets, first)
    for net, edges in nets.items():
        slopes[net] = edges.mean_slope
    return Paths(best[0], _traced(nets, best[1], best[2]), slopes)


def _counts(arc: Arc, instance: Instance) -> bool:
    if instance.cell.state is None:
        return arc.kind in _THROUGH
    return arc.kind in ("rising_edge", "falling_edge")


def _through(arc: Arc, instance: Instance, given: Edges, load: float, made: Edges) -> None:
    """Let the edges of one input pass to the output."""
    source = instance.nets[arc.source]
    for edge in _EDGES:
        delay, slope = arc.tables.get(f"cell_{edge}"), arc.tables.get(f"{edge}_transition")
        if delay is None:
            continue
        for before in _causes(arc, edge):
            steep = given.slope[before]
            at = given.arrival[before] + max(delay.at(load, steep), 0.0)
            if at >= made.arrival[edge]:
                made.arrival[edge] = at
                made.source[edge] = (source, before, instance.cell.name)
            if slope is not None:
                made.slope[edge] = max(made.slope[edge], slope.at(load, steep))


def _causes(arc: Arc, edge: str) -> tuple[str, ...]:
    """The edges of the input that may cause an edge of the output."""
    if arc.kind in ("rising_edge", "falling_edge"):
        return ("rise" if arc.kind == "rising_edge" else "fall",)
    if arc.sense == "positive_unate":
        return (edge,)
    if arc.sense == "negative_unate":
        return (_OTHER[edge],)
    return _EDGES


def _setups(instance: Instance, of) -> list[tuple[int, float]]:
    """Data pins of a register with their set-up times."""
    found = []
    for pin in instance.cell.pins.values():
        net = instance.nets.get(pin.name)
        if net is None or net < 2 or pin.direction != "input":
            continue
        tables = [
            table
            for arc in pin.arcs
            if arc.kind in ("setup_rising", "setup_falling")
            for table in arc.tables.values()
        ]
        if tables:
            slope = of(net).mean_slope
            found.append((net, max(max(table.at(0.0, slope) for table in tables), 0.0)))
    return found


def _traced(nets: Mapping[int, Edges], net: int, edge: str) -> tuple[tuple[str, float], ...]:
    """Cells of the path to a net, with the time each of them takes."""
    hops = []
    while net in nets and (source := nets[net].source.get(edge)) is not None:
        at = nets[net].arrival[edge]
        before = nets[source[0]].arrival[source[1]] if source[0] in nets else 0.0
        hops.append((source[2], at - before))
        net, edge = source[0], source[1]
    return tuple(reversed(hops))


def _first_slope(circuit: Circuit) -> float:
    """The steepest slope that the tables know, for inputs and clock."""
    tables: list[Table] = [
        table
        for cell in {one.cell.name: one.cell for one in circuit.instances}.values()
        for pin in cell.outputs
        for arc in pin.arcs
        for name, table in arc.tables.items()
        if name.startswith("cell_")
    ]
    return min((table.slopes[0] for table in tables if len(table.slopes) > 1), default=0.0)
