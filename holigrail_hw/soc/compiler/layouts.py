"""Where everything lies in the scratchpad, and which weights stay there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from holigrail_hw.core.errors import RequestError
from holigrail_hw.soc.descriptors.kinds import LOAD_BYTES
from holigrail_hw.soc.machine import DESCRIPTOR_BYTES, Machine

from .emission import emitted
from .geometries import rounded_up
from .plans import Emission, Plan, sizes_of
from .program import HEADER_BYTES

__all__ = ["Layout", "laid_out", "placed", "streamed", "too_large"]

_UNIT = 64
# How many bytes of weights one of the two buffers may hold: tried from the largest on.
_PARTS = (1 << 15, 1 << 14, 1 << 13, 1 << 12, 1 << 11, 1 << 10)


@dataclass(frozen=True, eq=False)
class Layout:
    """Addresses, and a walk: at first that which counted, then that with the addresses."""

    emission: Emission
    plan: Plan
    loads_at: int
    constants: int
    table: int
    resident: int
    streams: tuple[int, int]
    end: int

    @property
    def loaded(self) -> int:
        """Bytes that travel for a frame."""
        return sum(len(chunk.data) for chunk in self.emission.chunks)


def laid_out(machine: Machine, plan: Plan, powers: Sequence[int]) -> Layout:
    """Header, descriptors, loads, constants, table, two buffers of parts, tensors."""
    counted = emitted(machine, plan, 0, (0, 0), 0)
    loads_at = HEADER_BYTES + DESCRIPTOR_BYTES * len(counted.descriptors)
    constants = rounded_up(loads_at + LOAD_BYTES * len(counted.chunks), _UNIT)
    table = rounded_up(constants + len(counted.constants), _UNIT)
    resident = rounded_up(table + 4 * len(powers), _UNIT)
    longest = max((len(chunk.data) for chunk in counted.chunks), default=0)
    size = rounded_up(longest, _UNIT)
    streams = (resident, resident + size)
    # Addresses of 64 bytes more leave the gaps between tensors as they are.
    end = resident + 2 * size + counted.end
    return Layout(counted, plan, loads_at, constants, table, resident, streams, end)


def placed(machine: Machine, layout: Layout) -> Layout:
    """The walk once more, with the addresses that came of the first one."""
    size = layout.streams[1] - layout.streams[0]
    arena = layout.resident + 2 * size
    made = emitted(machine, layout.plan, layout.constants, layout.streams, arena)
    return replace(layout, emission=made)


def streamed(machine: Machine, plan: Plan, powers: Sequence[int]) -> list[Layout]:
    """Layouts in which more and more layers do not stay, the largest ones first."""
    diagonal = {x.result for x in plan.network.layers if getattr(x, "is_diagonal", False)}
    sizes = {n: s for n, s in sizes_of(plan).items() if n not in diagonal}
    order = sorted(sizes, key=lambda name: -sizes[name])
    found = []
    for part in _PARTS:
        if part > machine.scratchpad // 2:
            continue
        for count in range(1, len(order) + 1):
            chosen = replace(plan, streamed=frozenset(order[:count]), part=part)
            made = laid_out(machine, chosen, powers)
            found.append(made)
            if made.end <= machine.scratchpad:
                break
    return found


def too_large(machine: Machine, least: Layout, resident: Layout) -> RequestError:
    """Which buffer does not fit, by how many bytes, and what would help."""
    emission = least.emission
    step = next(s for s in emission.steps if s.name == emission.largest)
    live = sorted(step.live, key=lambda pair: -pair[1])
    over = least.end - machine.scratchpad
    tensors = ", ".join(f"{name} {size}" for name, size in live)
    constants = least.resident - least.constants
    parts = least.streams[1] - least.streams[0]
    helps = [f"a scratchpad of {rounded_up(least.end, _UNIT)} bytes"]
    if not machine.loader:
        helps.append("a loader, so that weights need not stay")
    elif least.emission.chunks:
        helps.append(f"with {rounded_up(resident.end, _UNIT)} bytes all weights stay")
    return RequestError(
        f"{least.plan.network.name}: scratchpad must have {least.end} bytes, not"
        f" {machine.scratchpad}: buffer {live[0][0]} lies {over} bytes beyond its end; at layer"
        f" {step.name} there are tensors of {tensors} bytes, beside descriptors of"
        f" {least.constants} bytes, constants of {constants}, and two buffers for weights of"
        f" {parts} each",
        hint="; ".join(helps),
    )
