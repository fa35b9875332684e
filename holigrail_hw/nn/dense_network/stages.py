"""Where to cut a graph of adders with registers: few bits, and a limit on the adders in between.

Every node gets a level above those of its operands; levels 1 to L are stage 0, the next L are
stage 1, and so on. A value is held from its own stage to that of its last reader. Levels start as
early, or as late, as possible; then single nodes move as long as this saves register bits.
"""

from collections.abc import Sequence

__all__ = ["stage_count", "stages"]


def stage_count(operands: Sequence[Sequence[int]], adders: Sequence[int], most: int) -> int:
    """The number of stages such that none has more than ``most`` adders on a path."""
    return max(1, -(-max(_early(operands, adders)) // most))


def stages(
    operands: Sequence[Sequence[int]],
    adders: Sequence[int],
    widths: Sequence[int],
    results: Sequence[int],
    most: int,
    *,
    held: bool,
) -> list[int]:
    """The stage of every node.

    Parameters
    ----------
    operands : for each node the earlier nodes it reads; none for an input, which is in stage 0
    adders : for each node 1, or 0 if it is wiring
    widths : for each node its bits
    results : nodes that are read after the last stage
    most : adders on a path within a stage
    held : whether a register follows the last stage anyway
    """
    count = stage_count(operands, adders, most)
    readers: list[list[int]] = [[] for _ in operands]
    for node, sources in enumerate(operands):
        for source in sources:
            readers[source].append(node)
    wanted = set(results)

    def stage(level: int) -> int:
        return max(0, level - 1) // most

    def bits(levels: list[int], node: int) -> int:
        last = max((stage(levels[reader]) for reader in readers[node]), default=0)
        if node in wanted:
            last = max(last, count if held else count - 1)
        return widths[node] * max(0, last - stage(levels[node]))

    def improved(levels: list[int]) -> tuple[int, list[int]]:
        moved = True
        while moved:
            moved = False
            for node in [*range(len(operands)), *reversed(range(len(operands)))]:
                sources = operands[node]
                if not sources:
                    continue
                low = max(levels[source] for source in sources) + adders[node]
                high = min(
                    (levels[reader] - adders[reader] for reader in readers[node]),
                    default=count * most,
                )
                touched = {node, *sources}
                before = levels[node]
                options = []
                for level in {low, high, *range(-(-low // most) * most, high, most)}:
                    levels[node] = level
                    options.append((sum(bits(levels, n) for n in touched), level))
                levels[node] = before
                cost, best = min(options)
                if cost < sum(bits(levels, n) for n in touched):
                    levels[node] = best
                    moved = True
        return sum(bits(levels, node) for node in range(len(operands))), levels

    early = _early(operands, adders)
    late = [count * most] * len(operands)
    for node in reversed(range(len(operands))):
        for reader in readers[node]:
            late[node] = min(late[node], late[reader] - adders[reader])
        if not operands[node]:
            late[node] = 0
    _, levels = min(improved(early), improved(late))
    return [stage(level) for level in levels]


def _early(operands: Sequence[Sequence[int]], adders: Sequence[int]) -> list[int]:
    levels: list[int] = []
    for sources, own in zip(operands, adders, strict=True):
        levels.append(own + max((levels[source] for source in sources), default=-own))
    return levels
