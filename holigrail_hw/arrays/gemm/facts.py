"""What is known of a matrix product on an engine before anything runs."""

from typing import TYPE_CHECKING, Any

from holigrail_hw.core.accesses import Accesses, Moved
from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.timing import Timing

from ..shared.traffic import HELD
from ..systolic_array.operator import SystolicArray
from .cost import array_of, float_sums, memory_bits

if TYPE_CHECKING:
    from .schedule import Command

from .shape import GemmShape

__all__ = ["ORDERS_OF_ITEMS", "gemm_accesses", "gemm_facts", "split", "unsplit"]

_IMAGES = "vectors (M) or pixels outer, then tiles of K or blocks of channels"

ORDERS_OF_ITEMS = {
    "order of activations": "tiles of K outer, then vectors (M); an item has a tile's K",
    "order of weights": "tiles of N outer, tiles of K inner, then rows (K); an item has a tile's N",
    "order of parameters": "columns (N), one after the other",
    "order of results": "tiles of N outer, then vectors (M); an item has a tile's N",
}
"""Which item of a stream comes when, outermost first."""


def split(spec: GemmShape, m: int, k: int, n: int) -> "list[Command]":
    """The commands for a product of M x K and K x N, in blocks along M; none if it cannot be split.

    Blocks are as few as fit, and about equal: one is loaded while the one before is computed. Where
    sums can go on, a block may be cut along K, too: its commands come one after the other, and all
    but the last keep their sums. It is, where that makes fewer blocks, for which all weights come
    again; then into as few parts as make so few.
    """
    from .feeders import GOOD
    from .schedule import Command

    k_tiles, n_tiles = -(-k // spec.rows), -(-n // spec.columns)
    parts, block = _parts(spec, m, k_tiles, n_tiles)
    if not block:
        return []

    def commands(height: int) -> "list[Command]":
        each, more = divmod(k_tiles, parts)
        return [
            Command(
                height,
                tiles,
                n_tiles,
                GOOD,
                height * tiles,
                tiles * n_tiles * spec.rows,
                n_tiles * spec.columns if part == parts - 1 else 0,
                resume=part > 0,
                keep=part < parts - 1,
            )
            for part in range(parts)
            for tiles in (each + (part < more),)
        ]

    count = -(-m // block)
    height, higher = divmod(m, count)
    # One object for all equal commands: a long product has a million of them.
    return commands(height + 1) * higher + commands(height) * (count - higher)


def unsplit(spec: GemmShape, k: int, n: int) -> str:
    """Why there are no commands for a product."""
    widest = spec.most_tiles * spec.columns
    if n > widest:
        return f"products must have at most {widest} columns, not {n}"
    longest = spec.rows * min(spec.activation_depth, spec.most_tiles)
    return f"sums must have at most {longest} products, not {k}"


def _parts(spec: GemmShape, m: int, k_tiles: int, n_tiles: int) -> tuple[int, int]:
    """Parts along K, and the vectors of a block; 0 vectors if even one does not fit."""

    def block(parts: int) -> int:
        rows = spec.accumulator_depth // (n_tiles if parts > 1 else 1)
        tiles = -(-k_tiles // parts)
        if max(tiles, n_tiles) > spec.most_tiles:
            return 0
        return min(m, rows, spec.activation_depth // tiles)

    most = block(1)
    if not spec.resumable:
        return 1, most
    # The fewest parts for every height of a block.
    heights = range(1, spec.accumulator_depth + 1)
    tiles = (min(spec.activation_depth // height, spec.most_tiles) for height in heights)
    counts = sorted({1, *(-(-k_tiles // most) for most in tiles if most)})
    return min(
        ((parts, block(parts)) for parts in counts if block(parts)),
        key=lambda found: (-(-m // found[1]), found[0]),
        default=(1, 0),
    )


def gemm_facts(spec: GemmShape, timing: Timing) -> dict[str, Any]:
    """Cycles, use, traffic, memories; and the dataflow whose array alone takes fewest cycles."""
    from .schedule import total_cycles

    m, k, n = spec.m, spec.k, spec.n
    bits = memory_bits(spec)
    facts: dict[str, Any] = {
        "multipliers": spec.rows * spec.columns,
        "sums": spec.totals.limit(goes_on=spec.resumable),
        "memory": ", ".join(f"{name} {count} bits" for name, count in bits.items()),
    }
    commands = split(spec, m, k, n)
    product = f"{m} x {k} x {n}"
    if not commands:
        facts[product] = unsplit(spec, k, n)
    else:
        cycles = total_cycles(spec, timing, commands)
        moved = _words(spec, commands)
        use = m * k * n / (cycles * spec.rows * spec.columns)
        facts[product] = f"{len(commands)} commands, {cycles} cycles, {100 * use:.1f} % used"
        facts["words per cycle"] = ", ".join(
            f"{name} {count / cycles:.2f}" for name, count in moved.items()
        )
    flows = _dataflows(spec, timing)
    best = min(flows, key=lambda flow: flows[flow])
    facts["array alone"] = ", ".join(f"{flow} {cycles}" for flow, cycles in flows.items())
    orders = ORDERS_OF_ITEMS | ({"order of activations": _IMAGES} if spec.windows else {})
    facts |= {
        order: text
        for order, text in orders.items()
        if order != "order of parameters" or "parameter" in spec.streams()
    }
    facts["best dataflow"] = f"{best}, in cycles of the array alone for this product"
    return facts


def _words(spec: GemmShape, commands: "list[Command]") -> dict[str, int]:
    """Words loaded into the buffer, read from it, of weights, of sums and of results."""
    return {
        "loaded": sum(c.arriving for c in commands) * spec.rows,
        "activation": sum(c.arriving * c.n_tiles for c in commands) * spec.rows,
        "weight": sum(c.tiles for c in commands) * spec.rows * spec.columns,
        "sum": sum(c.arriving * c.n_tiles for c in commands) * spec.columns,
        "result": sum(c.vectors * c.n_tiles for c in commands if not c.keep) * spec.columns,
    }


def gemm_accesses(spec: GemmShape, timing: Timing) -> Accesses | None:
    """Of the product asked about: its two memories, and what crosses the border of the engine.

    For every tile along K each sum is read and written.
    """
    from .schedule import total_cycles

    commands = split(spec, spec.m, spec.k, spec.n)
    if not commands:
        return None
    words, bits = _words(spec, commands), memory_bits(spec)
    buffer, sums = bits["activations"] / 8, bits["sums"] / 8
    activation, total = spec.activation.width, spec.totals.width
    result = next(f.width for n, f in spec.streams()["result"].fields.items() if n != "last")
    moved = (
        Moved("activations loaded", words["loaded"], activation, buffer),
        Moved("activations read", words["activation"], activation, buffer),
        Moved("sums written", words["sum"], total, sums),
        Moved("sums read", words["sum"], total, sums),
        Moved("activations", words["loaded"], activation, None),
        Moved("weights", words["weight"], spec.weight.width, None),
        Moved("results", words["result"], result, None),
    )
    job = f"{spec.m} x {spec.k} x {spec.n}"
    cycles = total_cycles(spec, timing, commands)
    return Accesses(job, spec.m * spec.k * spec.n, cycles, array_of(spec).mac, moved, HELD)


def _dataflows(spec: GemmShape, timing: Timing) -> dict[str, int]:
    """Cycles of an array of the same size for the product, by dataflow."""
    rows, columns = spec.rows, spec.columns
    m, k, n = spec.m, spec.k, spec.n

    def folds(a: int, b: int) -> int:
        return -(-a // rows) * -(-b // columns)

    tiles = {
        "weight-stationary": (m, folds(k, n)),
        "input-stationary": (n, folds(k, m)),
        "output-stationary": (k, folds(m, n)),
    }
    found = {}
    for flow, (length, count) in tiles.items():
        array = SystolicArray(
            rows=rows,
            columns=columns,
            dataflow=flow,
            activation=spec.activation,
            weight=spec.weight,
            multiplier=spec.multiplier,
            products=max(k, 1),
            **float_sums(spec),
        )
        # Tiles of one length reach a steady pace at once: two of them tell it.
        few = min(count, 4)
        try:
            cycles = [array.tile_cycles(timing, [length] * i) for i in range(few + 1)]
        except RequestError:
            # A sum that takes several cycles to add to cannot stay in an element.
            continue
        more = (count - few) * (cycles[few] - cycles[few - 1])
        found[flow] = cycles[few] + more
    return found
