"""From an integer graph to a program for an accelerator of given sizes.

Weights stay in the scratchpad if there is room. Else those of the largest layers are loaded from
the flash memory, part by part, into two buffers: one is filled while the other is used.
"""

from collections.abc import Callable, Sequence
from struct import pack
from zlib import crc32

import numpy as np

from holigrail_hw.core.errors import InternalError, RequestError
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.softmax import powers_of
from holigrail_hw.soc.descriptors.checks import error_of
from holigrail_hw.soc.descriptors.kinds import Descriptor, Load
from holigrail_hw.soc.machine import Machine

from .constant_channels import pruned
from .cycles import cycles_before, descriptor_cycles, with_waits
from .layers import Network, Shares
from .layouts import Layout, laid_out, placed, streamed, too_large
from .lowering.network import network_of
from .plans import Chunk, Emission, plan_of
from .program import FLASH, HEADER_BYTES, MAGIC, NONE, Program, header, sealed

__all__ = ["compiled"]

_CODES = 256
_SUM_BYTES = 4


def compiled(
    graph: IntegerGraph,
    machine: Machine,
    *,
    cycles: Callable[[Machine, Descriptor], int] = descriptor_cycles,
    before: Callable[[Machine, Descriptor], int] = cycles_before,
    flash: int = FLASH,
    flash_clock: int = 1,
    constant_channels: bool = True,
) -> Program:
    """The program of a network.

    Parameters
    ----------
    graph : IntegerGraph
        Of a network with one input and one output of int8 codes.
    machine : Machine
    cycles : callable
        Cycles of a descriptor, for the prediction.
    before : callable
        Those of them before it can wait for a load.
    flash : int
        Where the image will begin in the flash memory.
    flash_clock : int
        Cycles of a clock of that memory, for the prediction.
    constant_channels : bool
        Whether channels that cannot change leave the network.

    Raises
    ------
    RequestError
        With one line for every node that the machine cannot do; or if the network does not fit,
        with what is too large and what would help.
    """
    network = network_of(pruned(graph) if constant_channels else graph)
    if not network.layers:
        raise RequestError(f"{network.name}: there must be a layer for the accelerator, not none")
    plan = plan_of(machine, network)
    powers = _powers(network.shares)
    made = laid_out(machine, plan, powers)
    tried = [made]
    if made.end > machine.scratchpad and machine.loader:
        tried += [*streamed(machine, plan, powers)]
        fitting = [one for one in tried if one.end <= machine.scratchpad]
        if fitting:
            # The fewest bytes that travel, then the fewest parts.
            made = min(fitting, key=lambda x: (x.loaded, len(x.emission.chunks)))
    if made.end > machine.scratchpad:
        raise too_large(machine, min(tried, key=lambda x: x.end), made)
    made = placed(machine, made)
    return _program(machine, network, made, powers, (cycles, before), flash, flash_clock)


def _powers(shares: Shares | None) -> tuple[int, ...]:
    """exp of how far a code is below the greatest one; entries behind the last are 0."""
    if shares is None:
        return ()
    found = powers_of(-np.arange(_CODES), shares.mantissa, shares.shift)
    count = int(np.max(np.flatnonzero(found), initial=0)) + 1
    return tuple(int(v) for v in found[:count])


def _program(
    machine: Machine,
    network: Network,
    layout: Layout,
    powers: tuple[int, ...],
    cycles: Sequence[Callable[[Machine, Descriptor], int]],
    flash: int,
    flash_clock: int,
) -> Program:
    emission = layout.emission
    loads, blocks = _loads(emission.chunks, layout, flash)
    _check_queues(emission.chunks, loads)
    _check_descriptors(machine, emission)
    ends = [emission.input, emission.output]
    places = [(one.base, int(np.prod(one.geometry.image))) for one in ends]
    whole = sealed(
        _resident(machine, network, layout, powers, places, loads, sum(map(len, blocks)))
    )
    return Program(
        machine=machine,
        network=network,
        descriptors=tuple(emission.descriptors),
        loads=tuple(loads),
        start=HEADER_BYTES,
        loader_start=layout.loads_at if loads else None,
        steps=tuple(emission.steps),
        buffers=emission.buffers,
        input=places[0],
        output=places[1],
        powers=powers,
        flash=flash,
        image=whole + pack("<I", crc32(whole)) + b"".join(blocks),
        resident=layout.resident,
        used=layout.end,
        predicted=with_waits(
            machine,
            emission.descriptors,
            *([count(machine, one) for one in emission.descriptors] for count in cycles),
            loads=loads,
            clock=flash_clock,
        ),
    )


def _check_descriptors(machine: Machine, emission: Emission) -> None:
    for at, descriptor in enumerate(emission.descriptors):
        error = error_of(machine, descriptor)
        if error:
            step = next(s for s in emission.steps if s.first <= at < s.first + s.count)
            raise InternalError(
                f"compile: node {step.name}: descriptor {at} must be sound, not end in error"
                f" {int(error)}"
            )


def _resident(
    machine: Machine,
    network: Network,
    layout: Layout,
    powers: tuple[int, ...],
    places: list[tuple[int, int]],
    loads: Sequence[Load],
    loaded: int,
) -> bytes:
    """What stays in the scratchpad: header, descriptors, loads, constants, table of powers.

    ``places``: where input and output lie and how large they are; ``loaded``: bytes of the blocks
    that come later.
    """
    emission = layout.emission
    words = {
        0: MAGIC,
        1: machine.digest,
        2: layout.resident,
        4: HEADER_BYTES,
        5: layout.loads_at if loads else NONE,
        6: places[0][0],
        7: places[0][1],
        8: places[1][0],
        9: places[1][1],
        10: places[1][1] if network.shares else 0,
        11: layout.table,
        12: len(powers),
        13: layout.resident + _SUM_BYTES + loaded,
        14: len(emission.descriptors),
        15: len(loads),
    }
    resident = bytearray(layout.resident)
    for at, data in (
        (0, header(words)),
        (HEADER_BYTES, b"".join(_encoded(emission))),
        (layout.loads_at, b"".join(load.encode() for load in loads)),
        (layout.constants, bytes(emission.constants)),
        (layout.table, pack(f"<{len(powers)}i", *powers)),
    ):
        resident[at : at + len(data)] = data
    return bytes(resident)


def _encoded(emission: Emission) -> list[bytes]:
    """All descriptors as bytes; numbers that do not fit are told with their layer."""
    found = []
    for step in emission.steps:
        try:
            for one in emission.descriptors[step.first : step.first + step.count]:
                found.append(one.encode())
        except RequestError as error:
            lines = [f"compile: node {step.name}: {line}" for line in error.violations]
            raise RequestError(lines, hint="a smaller image, or fewer channels") from None
    return found


def _loads(chunks: Sequence[Chunk], layout: Layout, flash: int) -> tuple[list[Load], list[bytes]]:
    """The loads, and the blocks of the image that they fetch."""
    loads, blocks, at = [], [], flash + layout.resident + _SUM_BYTES
    for number, chunk in enumerate(chunks):
        data = chunk.data + bytes(-len(chunk.data) % 4)
        # The part before the last one is done with once its last descriptor is.
        waits = {"wait": 1, "wait_count": (chunks[number - 2].last + 1) % 256} if number > 1 else {}
        loads.append(
            Load(
                flash=at,
                address=layout.streams[number % 2],
                length=len(data),
                last=int(number == len(chunks) - 1),
                crc=1,
                **waits,
            )
        )
        blocks.append(data + pack("<I", crc32(data)))
        at += len(blocks[-1])
    return loads, blocks


def _check_queues(chunks: Sequence[Chunk], loads: Sequence[Load]) -> None:
    """That counters of 8 bits tell enough: no queue gets 128 ahead of what the other waits for."""
    done = 0
    for number, (chunk, load) in enumerate(zip(chunks, loads, strict=True)):
        if load.wait and chunk.first - (chunks[number - 2].last + 1) >= 128:
            raise InternalError(f"compile: load {number} must not wait for so many descriptors")
        done = max(done, chunk.last)
