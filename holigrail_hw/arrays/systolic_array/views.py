"""Pictures of a systolic array: its parts, its work on the product asked about, its limits."""

import numpy as np

from holigrail_hw.core import Target
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.views import Bandwidth, Block, BlockDiagram, Roofline, View, Wire, WorkPoint

from ..shared.occupancy import Occupancy, Span, occupancy_views, used_elements
from ..shared.tiling import SETTLED, Tiling
from .accumulating import pair_ends
from .shape import ArrayShape
from .stationary import tile_starts

__all__ = ["array_occupancy", "array_views", "product_roofline"]

# The most tiles that are drawn.
_MOST_TILES = 1 << 17


def array_views(spec: ArrayShape, target: Target) -> list[View]:
    """The block diagram and, for a product, occupancy and roofline."""
    found: list[View] = [_blocks(spec)]
    if spec.m is None or spec.k is None or spec.n is None:
        return found
    tiling = Tiling(spec.dataflow, spec.rows, spec.columns, spec.m, spec.k, spec.n)
    product = f"{spec.m} x {spec.k} x {spec.n}, {spec.dataflow}"
    if tiling.tiles <= _MOST_TILES:
        found += occupancy_views(array_occupancy(spec, target.timing, tiling), product)
    streams = spec.streams()
    bits = {
        "activation": spec.activation.width,
        "weight": spec.weight.width,
        "result": streams["result"].fields["sum0"].width,
    }
    moved = sum(count * bits[name] for name, count in tiling.words.items()) / 8
    cycles = spec.product_cycles(target.timing, tiling)
    per_cycle = sum(stream.width for stream in streams.values()) / 8
    elements = spec.rows * spec.columns
    return [
        *found,
        product_roofline(product, elements, tiling.products, moved, cycles, per_cycle, target),
    ]


def array_occupancy(spec: ArrayShape, timing: Timing, tiling: Tiling) -> Occupancy:
    """The work of every element for a whole product."""
    cycles = spec.product_cycles(timing, tiling)
    length, tiles = tiling.length, tiling.tiles
    counted = min(tiles, SETTLED)
    if spec.is_stationary:
        step = spec.pace(timing).step
        firsts = [start + 1 for start in tile_starts([length] * counted, spec.rows, step)]
        ends = [first + length - 1 for first in firsts]
    else:
        step = 1
        ends = pair_ends([length] * counted, spec.rows)
        firsts = [0, *(end + 1 for end in ends[:-1])]
    if tiles > counted:
        more = np.arange(1, tiles - counted + 1) * (ends[-1] - ends[-2])
        firsts += (firsts[-1] + more).tolist()
        ends += (ends[-1] + more).tolist()
    spans: list[Span] = []
    for tile, (first, end) in enumerate(zip(firsts, ends, strict=True)):
        rows, columns = used_elements(tiling, tile)
        # The lowest row of an output-stationary array gets the first component.
        rows = rows if spec.is_stationary else -rows
        # Only the last may come after a pause.
        spans += [Span(first, length - 1, rows, columns), Span(end, 1, rows, columns)]
    return Occupancy(spans, spec.rows, spec.columns, step, cycles)


def product_roofline(
    product: str,
    elements: int,
    products: int,
    moved: float,
    cycles: int,
    per_cycle: float,
    target: Target,
) -> Roofline:
    """Peak of the elements, what streams and links can carry, and where the product lies.

    Parameters
    ----------
    elements : int
        Products in a cycle at most.
    products, moved, cycles : numbers
        Of the whole job: useful products, bytes over the border, and cycles if streams never wait.
    per_cycle : float
        Bytes that all streams together can carry in a cycle.
    """
    clock = target.clock_hz or 1.0
    intensity = products / moved
    streams = Bandwidth("all streams, an item of each in every cycle", per_cycle * clock)
    rate = products / cycles * clock
    points = [WorkPoint(f"{product}, streams never wait", intensity, rate)]
    points += [
        WorkPoint(f"the same over the {link.name}", intensity, min(rate, intensity * link.rate))
        for link in target.links
    ]
    when = f"at {clock / 1e6:g} MHz, {target.clock_from}" if target.clock_hz else "per cycle"
    return Roofline(
        "Roofline",
        elements * clock,
        (streams, *target.links),
        tuple(points),
        "MAC",
        "s" if target.clock_hz else "cycle",
        f"Speed {when}. A MAC is one product added to a sum; bytes are those of operands and"
        " results at the border of the design, without marks and padding bits.",
    )


def _blocks(spec: ArrayShape) -> BlockDiagram:
    streams = spec.streams()
    activation, weight, result = (
        f"{len([n for n in streams[name].fields if n != 'last'])} x {format.name}"
        for name, format in (
            ("activation", spec.activation),
            ("weight", spec.weight),
            ("result", streams["result"].fields["sum0"]),
        )
    )
    grid = f"{spec.rows} x {spec.columns} elements"
    if spec.is_stationary:
        moves, stays = ("activation", "weight")
        if spec.dataflow == "input-stationary":
            moves, stays = stays, moves
        held = spec.sums.b.width
        blocks = [
            Block("skew", "skew", notes=("row i: i steps late",)),
            Block("write", "row writer", notes=("one row per cycle",)),
            Block("array", grid, notes=(f"hold 2 x {held} bit {stays}s", f"sums of {spec.rows}")),
            Block("align", "alignment", notes=("columns in step", "sums rounded")),
        ]
        inner = [Wire(moves, "skew"), Wire(stays, "write")]
        inner += [Wire("skew", "array"), Wire("write", "array")]
    else:
        width = spec.mac.accumulator.width
        blocks = [
            Block("rows", "row skew", notes=("row i: i cycles late",)),
            Block("columns", "column skew", notes=("column j: j cycles late",)),
            Block("array", grid, notes=(f"each sums in {width} bit", "copies fall down")),
            Block("align", "alignment", notes=("columns in step",)),
        ]
        inner = [Wire("activation", "rows"), Wire("weight", "columns")]
        inner += [Wire("rows", "array"), Wire("columns", "array")]
    labels = {"activation": activation, "weight": weight}
    inner = [Wire(w.source, w.target, labels.get(w.source, "")) for w in inner]
    return BlockDiagram(
        "Block diagram",
        (
            Block("activation", "activation", "input"),
            Block("weight", "weight", "input"),
            *blocks,
            Block("result", "result", "output"),
        ),
        (*inner, Wire("array", "align"), Wire("align", "result", result)),
        "Dark boxes are streams of the design, with what an item of them holds.",
    )
