"""Pictures of a matrix engine: its parts, its work on the product asked about, limits, cost."""

from holigrail_hw.core import Target
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.views import Block, BlockDiagram, Table, View, Wire

from ..shared.occupancy import Occupancy, Span, occupancy_views, used_elements
from ..shared.tiling import Tiling
from ..systolic_array.views import product_roofline
from .cost import cost_of_parts, memory_bits
from .facts import split
from .schedule import Command, tile_spans, total_cycles
from .shape import GemmShape

__all__ = ["gemm_occupancy", "gemm_views"]

# The most tiles that are drawn.
_MOST_TILES = 1 << 17


def gemm_views(spec: GemmShape, target: Target) -> list[View]:
    """Block diagram, occupancy, roofline, cost of the parts."""
    found: list[View] = [_blocks(spec)]
    commands = split(spec, spec.m, spec.k, spec.n)
    product = f"{spec.m} x {spec.k} x {spec.n}"
    if commands and sum(command.tiles for command in commands) <= _MOST_TILES:
        occupancy = gemm_occupancy(spec, target.timing, commands)
        found += occupancy_views(occupancy, product)
        streams = spec.streams().values()
        per_cycle = sum(stream.width for stream in streams) / 8
        found.append(
            product_roofline(
                product,
                spec.rows * spec.columns,
                spec.m * spec.k * spec.n,
                _moved(spec, commands),
                occupancy.cycles,
                per_cycle,
                target,
            )
        )
    parts = cost_of_parts(spec, target.timing)
    keys = list(next(iter(parts.values())))
    rows = [(name, *(part[key] for key in keys)) for name, part in parts.items()]
    rows.append(("all", *(sum(part[key] for part in parts.values()) for key in keys)))
    header = ("part", *(key.replace("_", " ") for key in keys))
    return [*found, Table("Cost of the parts", header, tuple(rows), "Estimates, as above.")]


def gemm_occupancy(spec: GemmShape, timing: Timing, commands: list[Command]) -> Occupancy:
    """The work of every element for the product that the parameters ask about, as commands."""
    cycles = total_cycles(spec, timing, commands)
    entered = iter(tile_spans(spec, timing, commands))
    spans: list[Span] = []
    for command in commands:
        tiling = Tiling(
            "weight-stationary", spec.rows, spec.columns, command.vectors, spec.k, spec.n
        )
        for tile in range(command.tiles):
            first, last, vectors = next(entered)
            size = used_elements(tiling, tile)
            spans += [Span(first, vectors - 1, *size), Span(last, 1, *size)]
    return Occupancy(spans, spec.rows, spec.columns, spec.pace(timing).step, cycles)


def _moved(spec: GemmShape, commands: list[Command]) -> float:
    """Bytes over the border: what commands load, with the zeros that fill up tiles, and results."""
    channel = spec.streams().get("parameter")
    bits = 0
    for command in commands:
        bits += command.arriving * spec.rows * spec.activation.width
        bits += command.tiles * spec.rows * spec.columns * spec.weight.width
        bits += command.n_tiles * spec.columns * (channel.width if channel else 0)
        bits += command.vectors * command.n_tiles * spec.columns * spec.final.width
    return bits / 8


def _blocks(spec: GemmShape) -> BlockDiagram:
    bits, streams = memory_bits(spec), spec.streams()
    rows, columns, depth = spec.rows, spec.columns, spec.activation_depth
    vector = f"{rows} x {spec.activation.name}"
    weights = f"{columns} x {spec.weight.name}"
    partial = f"{columns} x {spec.sums.final.width} bit"
    sums = f"{columns} x {spec.totals.width} bit"
    result = f"{columns} x {spec.final.name}"
    blocks = [
        Block("command", "command", "input"),
        Block("activation", "activation", "input"),
        Block("weight", "weight", "input"),
        Block("loader", "loader", notes=("checks sizes", "and marks")),
        Block(
            "buffer",
            "activation buffer",
            "memory",
            (f"2 x {depth} vectors", f"{bits['activations']} bits"),
        ),
        Block("feeder", "weight feeder"),
        Block("sequencer", "sequencer", notes=("tile by tile",)),
        Block(
            "array",
            f"{rows} x {columns} elements",
            notes=("weight-stationary", f"hold 2 x {spec.weight.width} bit weights"),
        ),
        Block(
            "sums",
            "sums over tiles",
            "memory",
            (f"{spec.accumulator_depth} rows of {sums}", f"{bits['sums']} bits"),
        ),
        Block("results", "queue of results", "memory"),
        Block("statuses", "queue of statuses", "memory"),
        Block("result", "result", "output"),
        Block("status", "status", "output"),
    ]
    wires = [
        Wire("command", "loader", f"{streams['command'].width} bit"),
        Wire("activation", "loader", vector),
        Wire("loader", "buffer", vector),
        Wire("loader", "feeder", "job"),
        Wire("weight", "feeder", weights),
        Wire("buffer", "sequencer", vector),
        Wire("loader", "sequencer", "job"),
        Wire("sequencer", "array", vector),
        Wire("feeder", "array", weights),
        Wire("array", "sums", partial),
        Wire("sequencer", "statuses", "code"),
        Wire("statuses", "status", f"{streams['status'].width} bit"),
        Wire("results", "result", result),
    ]
    if spec.lanes is None:
        wires.append(Wire("sums", "results", result))
    else:
        _add_lanes(spec, blocks, wires, (sums, result))
    if "parameter" in streams:
        _add_parameters(spec, blocks, wires, f"{streams['parameter'].width} bit")
    return BlockDiagram(
        "Block diagram",
        tuple(blocks),
        tuple(wires),
        "Dark boxes are streams of the design; yellow ones hold a memory.",
    )


def _add_lanes(
    spec: GemmShape, blocks: list[Block], wires: list[Wire], rows: tuple[str, str]
) -> None:
    """Requantisation, between rows of sums and rows of results."""
    mode = getattr(spec.requantiser, "mode", "rounding")
    note = (f"{spec.columns // spec.lane_cycles} lanes, {mode}",)
    blocks.insert(9, Block("lanes", "requantisation", notes=note))
    wires += [Wire("sums", "lanes", rows[0]), Wire("lanes", "results", rows[1])]


def _add_parameters(spec: GemmShape, blocks: list[Block], wires: list[Wire], width: str) -> None:
    note = (f"2 x {spec.columns} channels",)
    blocks.insert(3, Block("parameter", "parameter", "input"))
    blocks.insert(7, Block("parameters", "parameter feeder", notes=note))
    wires += [
        Wire("parameter", "parameters", width),
        Wire("loader", "parameters", "job"),
        Wire("parameters", "lanes", width),
    ]
