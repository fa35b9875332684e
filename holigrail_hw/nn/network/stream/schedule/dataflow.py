"""A network of units and edges, as far as time is concerned.

An edge is a queue of a depth, whose beats can be read from the cycle after they were written, or a
wire (depth 0), over which a beat goes in the cycle in which it is emitted. A unit whose output has
several readers writes to all of their queues at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..flow import Flow

__all__ = ["OUTSIDE", "UNBOUNDED", "WIRE", "Dataflow", "Edge", "Run"]

OUTSIDE = -1
UNBOUNDED = -1
WIRE = 0


@dataclass(frozen=True)
class Edge:
    """From a unit to an input of another; ``OUTSIDE`` is where frames come from and go to."""

    producer: int
    consumer: int
    side: int = 0


@dataclass(frozen=True, eq=False)
class Dataflow:
    """Units in an order in which every one stands after those it reads from.

    Parameters
    ----------
    flows : tuple of Flow
    edges : tuple of Edge
        One of them leads outside.
    tokens : int
        Beats of a frame that come from outside.
    gated : bool
        Whether no beat of a frame leaves in or before the cycle in which its last one came in.
    """

    flows: tuple[Flow, ...]
    edges: tuple[Edge, ...]
    tokens: int
    gated: bool = False

    @property
    def cycles(self) -> int:
        """Cycles per frame of the slowest unit."""
        return max([self.tokens, *(flow.cycles for flow in self.flows)])

    @property
    def end(self) -> int:
        """The edge that leads outside."""
        return next(at for at, edge in enumerate(self.edges) if edge.consumer == OUTSIDE)

    @property
    def results(self) -> int:
        """Beats of a frame that leave."""
        return self.flows[self.edges[self.end].producer].outputs

    def readers(self, unit: int) -> list[int]:
        """Edges that read from a unit, or from outside."""
        return [at for at, edge in enumerate(self.edges) if edge.producer == unit]

    def feeds(self, unit: int) -> list[int]:
        """Edges into a unit, in the order of its inputs."""
        found = [at for at, edge in enumerate(self.edges) if edge.consumer == unit]
        return sorted(found, key=lambda at: self.edges[at].side)


@dataclass(frozen=True, eq=False)
class Run:
    """What happened to some frames.

    Parameters
    ----------
    complete : bool
        Whether all came out; else nothing could move any more.
    cycles : int
        From the first one to the one in which the last beat left.
    taken : int
        Beats that came in.
    first, last : tuple of int
        The cycles in which the first and last beat of every frame left.
    levels : tuple of int
        For every edge the most beats in its queue.
    full : tuple of int
        For every edge the cycle in which it first had so many.
    held : tuple of int
        For every unit the cycles in which no output could start for want of room.
    emissions, acceptances : tuple of sequences of int
        For every unit the cycles of its outputs, for every edge those in which beats were read; if
        they were asked for.
    """

    complete: bool
    cycles: int
    taken: int
    first: tuple[int, ...]
    last: tuple[int, ...]
    levels: tuple[int, ...]
    full: tuple[int, ...]
    held: tuple[int, ...]
    emissions: tuple[Sequence[int], ...] = ()
    acceptances: tuple[Sequence[int], ...] = ()

    @property
    def intervals(self) -> tuple[int, ...]:
        """Cycles from frame to frame at the output."""
        return tuple(b - a for a, b in zip(self.last, self.last[1:], strict=False))
