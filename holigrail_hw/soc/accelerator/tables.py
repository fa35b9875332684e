"""A network on an accelerator, layer by layer: where it lies, what limits it, what it moves."""

from holigrail_hw.arrays.gemm.cost import array_of, memory_bits
from holigrail_hw.arrays.shared.traffic import HELD
from holigrail_hw.core.accesses import Accesses, Moved
from holigrail_hw.core.target import Target
from holigrail_hw.core.views import Bandwidth, Roofline, Table, WorkPoint
from holigrail_hw.soc.compiler.layers import Product
from holigrail_hw.soc.compiler.plans import Step
from holigrail_hw.soc.compiler.program import Program
from holigrail_hw.soc.compiler.traffic import Traffic, traffic_of
from holigrail_hw.soc.descriptors.kinds import Matmul
from holigrail_hw.soc.hardware.engine import engine_of
from holigrail_hw.soc.machine import DESCRIPTOR_BYTES

__all__ = ["layer_table", "memory_table", "network_accesses", "network_roofline"]


def products_of(program: Program, step: Step) -> int:
    """Products of a step that a layer asks for, without those by zeros that only fill vectors."""
    layers = {layer.result: layer for layer in program.network.layers}
    layer = layers.get(step.name)
    if not isinstance(layer, Product) or _is_filled(program, step):
        return 0
    rows, columns, _ = program.network.images[step.name]
    return rows * columns * layer.macs_per_pixel


def _is_filled(program: Program, step: Step) -> bool:
    """Whether a step is not the layer of its name, but a move or a fill for it."""
    named = [one for one in program.steps if one.name == step.name]
    return step is not named[-1]


def _traffic(program: Program, step: Step) -> Traffic:
    which = program.descriptors[step.first : step.first + step.count]
    return sum((traffic_of(program.machine, one) for one in which), start=Traffic())


def _cycles(program: Program, step: Step) -> int:
    return sum(program.predicted[step.first : step.first + step.count])


def layer_table(program: Program) -> Table:
    """Layers with their descriptors, exact cycles, products, and what bounds their speed."""
    machine = program.machine
    peak, port = machine.rows * machine.columns, 2 * machine.grain
    rows = []
    for step in program.steps:
        which = program.descriptors[step.first : step.first + step.count]
        kinds = ", ".join(dict.fromkeys(type(one).__name__.upper() for one in which))
        cycles, products = _cycles(program, step), products_of(program, step)
        read = _traffic(program, step).read
        rate, bound, limit = None, None, None
        if products:
            reached = products / read
            rate, bound = f"{products / cycles:.3g}", f"{min(peak, reached):.3g}"
            limit = "array" if reached >= peak else "port"
        rows.append(
            (step.name, kinds, step.count, cycles, products, read * port, rate, bound, limit)
        )
    read = sum((_traffic(program, step) for step in program.steps), start=Traffic()).read
    products = sum(products_of(program, step) for step in program.steps)
    rate = f"{products / program.cycles:.3g}"
    count = len(program.descriptors)
    rows.append(("all", "", count, program.cycles, products, read * port, rate, None, None))
    names = ("layer", "operations", "descriptors", "cycles", "MAC", "bytes read")
    return Table(
        "Layers on the accelerator",
        (*names, "MAC a cycle", "at most", "bound by"),
        tuple(rows),
        "Cycles are those that a simulation counts, without a processor that reads beside it"
        f"{_with_loads(program)}. At most: by {peak} elements, or by {port} bytes a cycle of the"
        " scratchpad's reading port.",
    )


def _with_loads(program: Program) -> str:
    return ", waits for loads about" if program.loads else ""


def memory_table(program: Program) -> Table:
    """The scratchpad from address 0 on; of tensors the steps in which they live."""
    constants = program.start + DESCRIPTOR_BYTES * len(program.descriptors)
    rows: list[tuple[int, int, str, str]] = [
        (0, program.start, "header", "always"),
        (program.start, constants - program.start, "descriptors", "always"),
        (constants, program.resident - constants, "weights, parameters, tables", "always"),
    ]
    parts: dict[int, int] = {}
    for load in program.loads:
        parts[load.address] = max(parts.get(load.address, 0), load.length)
    rows += [(at, size, "weights that are loaded", "in turns") for at, size in parts.items()]
    lives: dict[str, list[str]] = {}
    for step in program.steps:
        for name, _ in step.live:
            lives.setdefault(name, []).append(step.name)
    for name, buffer in program.buffers.items():
        steps = lives.get(name, [name])
        when = steps[0] if steps[0] == steps[-1] else f"{steps[0]} to {steps[-1]}"
        rows.append((buffer.base, buffer.geometry.size, name, when))
    shown = [(f"{at:#x}", size, what, when) for at, size, what, when in sorted(rows)]
    free = program.machine.scratchpad - program.used
    return Table(
        "Memory map",
        ("address", "bytes", "what", "in layers"),
        tuple(shown),
        f"{free} bytes are free. Tensors that do not live at the same time share places.",
    )


def network_accesses(program: Program, lane_count: int | None) -> Accesses:
    """What a frame moves: to and from the scratchpad, the engine's memories, the flash memory."""
    machine, engine = program.machine, engine_of(program.machine, lane_count)
    moved = sum((_traffic(program, step) for step in program.steps), start=Traffic())
    bits, size = 16 * machine.grain, float(machine.scratchpad)
    inside = memory_bits(engine)
    buffer, sums = inside["activations"] / 8, inside["sums"] / 8
    products = [d for d in program.descriptors if isinstance(d, Matmul)]
    matmul = [d for d in products if not d.line_buffered]
    loaded = sum(d.groups * d.vectors * d.k_tiles for d in matmul)
    passed = sum(d.groups * d.vectors * d.k_tiles * d.column_tiles for d in matmul)
    row, total = 8 * machine.rows, engine.totals.width * machine.columns
    found = [
        Moved("weights from the scratchpad", moved.weights, bits, size),
        Moved("parameters from the scratchpad", moved.parameters, bits, size),
        Moved("activations from the scratchpad", moved.activations, bits, size),
        Moved("results to the scratchpad", moved.results, bits, size),
        Moved("activations loaded", loaded, row, buffer),
        Moved("activations read", passed, row, buffer),
        Moved("sums written", passed, total, sums),
        Moved("sums read", passed, total, sums),
    ]
    if program.loads:
        words = sum(load.length for load in program.loads) // 4
        found.append(Moved("weights from the flash memory", words, 32, None))
    count = sum(products_of(program, step) for step in program.steps)
    name = program.network.name
    return Accesses(name, count, program.cycles, array_of(engine).mac, tuple(found), HELD)


def network_roofline(program: Program, target: Target) -> Roofline:
    """Every layer of products under the array's peak and what the reading port can carry."""
    machine, clock = program.machine, target.clock_hz or 1.0
    port = Bandwidth("the scratchpad's reading port", 2.0 * machine.grain * clock)
    points = []
    for step in program.steps:
        products = products_of(program, step)
        if products:
            moved = _traffic(program, step).read * 2 * machine.grain
            rate = products / _cycles(program, step) * clock
            points.append(WorkPoint(step.name, products / moved, rate))
    when = f"at {clock / 1e6:g} MHz, {target.clock_from}" if target.clock_hz else "per cycle"
    return Roofline(
        "Roofline of the layers",
        machine.rows * machine.columns * clock,
        (port,),
        tuple(points),
        "MAC",
        "s" if target.clock_hz else "cycle",
        f"Speed {when}. A MAC is one product that the network asks for; bytes are those that the"
        " readers fetch.",
    )
