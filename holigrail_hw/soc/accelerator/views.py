"""Pictures of an accelerator: its parts, what they cost, the layers of a network."""

from holigrail_hw.arrays.gemm.cost import cost_of_parts
from holigrail_hw.core.target import Target
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.views import Block, BlockDiagram, Table, View, Wire
from holigrail_hw.soc.compiler.program import Program
from holigrail_hw.soc.hardware.engine import engine_of

from .cost import accelerator_cost
from .shape import AcceleratorShape
from .tables import layer_table, memory_table, network_roofline

__all__ = ["accelerator_views", "network_tables"]


def accelerator_views(
    spec: AcceleratorShape, program: Program | None, target: Target
) -> list[View]:
    """Block diagram, cost of the parts; of a network its layers, memory map and roofline."""
    found: list[View] = [_blocks(spec), _costs(spec, target.timing)]
    if program is None:
        return found
    return [*found, *network_tables(program), network_roofline(program, target)]


def network_tables(program: Program) -> list[Table]:
    """What `info` shows of a network, too."""
    return [memory_table(program), layer_table(program)]


def _costs(spec: AcceleratorShape, timing: Timing) -> Table:
    total = accelerator_cost(spec, timing)
    parts = cost_of_parts(engine_of(spec.machine, spec.lane_count, spec.style), timing)
    engine = {key: sum(part[key] for part in parts.values()) for key in total}
    rest = {key: total[key] - engine[key] for key in total}
    named = {"matrix engine": engine, "scratchpad, addresses, chains, additions": rest}
    rows = [(name, *part.values()) for name, part in (named | {"all": total}).items()]
    header = ("part", *(key.replace("_", " ") for key in total))
    return Table("Cost of the parts", header, tuple(rows), "Estimates, as above.")


def _blocks(spec: AcceleratorShape) -> BlockDiagram:
    machine, port = spec.machine, f"{2 * spec.machine.grain} bytes"
    rows, columns = f"{spec.rows} bytes", f"{spec.columns} bytes"
    blocks = [
        Block("request", "request", "input"),
        Block("chain", "chain", notes=("fetches and checks", "descriptors")),
        Block("scratchpad", "scratchpad", "memory", (f"{machine.scratchpad} bytes", "two banks")),
        Block("weights", "reader of weights", notes=("4 loops",)),
        Block("parameters", "reader of parameters", notes=("3 loops",)),
        Block("activations", "reader of activations", notes=("6 loops",)),
        Block("engine", "matrix engine", notes=(f"{spec.rows} x {spec.columns}", "int8")),
    ]
    if spec.addition:
        blocks.append(Block("adder", "adder", "memory", ("two tables",)))
    if spec.maximum:
        blocks.append(Block("windows", "maxima", notes=(f"{spec.rows} lanes",)))
    blocks += [
        Block("writer", "writer", notes=("4 loops",)),
        Block("answer", "answer", "output"),
    ]
    wires = [
        Wire("request", "scratchpad", "32 bit"),
        Wire("request", "chain", "start"),
        Wire("scratchpad", "chain", "descriptors"),
        Wire("scratchpad", "weights", port),
        Wire("scratchpad", "parameters", port),
        Wire("scratchpad", "activations", port),
        Wire("weights", "engine", columns),
        Wire("parameters", "engine", "64 bit"),
        Wire("activations", "engine", rows),
        Wire("engine", "writer", columns),
        Wire("activations", "writer", "copies"),
    ]
    if spec.addition:
        wires += [
            Wire("activations", "adder", "8 bit"),
            Wire("weights", "adder", "8 bit"),
            Wire("parameters", "adder", "tables"),
            Wire("adder", "writer", "8 bit"),
        ]
    if spec.maximum:
        wires += [Wire("activations", "windows", rows), Wire("windows", "writer", rows)]
    wires += [Wire("writer", "scratchpad", port), Wire("scratchpad", "answer", "32 bit")]
    wires.append(Wire("chain", "answer", "status"))
    return BlockDiagram(
        "Block diagram",
        tuple(blocks),
        tuple(wires),
        "Dark boxes are streams of the design; yellow ones hold a memory.",
    )
