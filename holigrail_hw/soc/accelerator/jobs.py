"""Jobs for an accelerator: bytes that fill the beginning of its scratchpad, a chain, what is left.

A job writes all that its chain reads, so that earlier jobs do not matter, and reads all of it back,
so that a byte in a wrong place shows.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from holigrail_hw.core.streams import Items, joined
from holigrail_hw.soc.descriptors.kinds import Copy, Descriptor, End, Fill, Matmul, Maximum
from holigrail_hw.soc.machine import DESCRIPTOR_BYTES, Machine

from .load_jobs import LOADS_BYTES, streamed
from .random_descriptors import random_descriptor
from .shape import PROFILE, READ, START, WRITE, AcceleratorShape

__all__ = [
    "chain_job",
    "corner_chains",
    "random_job",
    "requests",
]

_FAULTY = 0.15
_WORD = 4
_RESERVED = 4 * DESCRIPTOR_BYTES


def requests(*given: tuple[int, int, int]) -> Items:
    """Items of requests (operation, address, data)."""
    fields = zip(*given, strict=True)
    names = ("operation", "address", "data")
    return {
        "request": {n: np.array(v, np.uint64) for n, v in zip(names, fields, strict=True)},
    }


def chain_job(
    memory: np.ndarray, start: int = 0, profiles: int = 1, loads: int = 0, blocks: Any = None
) -> Items:
    """Write the bytes from address 0 on, start a chain, ask for its cycles, read all back.

    ``loads`` is the address of the first load, 0 for none; ``blocks`` are the words that loads
    bring, None for an accelerator without a loader.
    """
    words = memory.view("<u4").tolist()
    asked = [(WRITE, _WORD * place, word) for place, word in enumerate(words)]
    asked.append((START, start, loads))
    asked += [(PROFILE, index, 0) for index in range(profiles)]
    asked += [(READ, _WORD * place, 0) for place in range(len(words))]
    found = requests(*asked)
    return found if blocks is None else found | {"block": {"data": np.array(blocks, np.uint64)}}


def _whole(machine: Machine, job: Items) -> Items:
    """A job with all streams that the accelerator has."""
    empty = {"block": {"data": np.array([], np.uint64)}} if machine.loader else {}
    return empty | dict(job)


def random_job(spec: AcceleratorShape, rng: np.random.Generator, size: int) -> Items:
    """A chain of up to three descriptors, now and then a wrong one."""
    machine, most = spec.machine, int(rng.integers(1, 4))
    top, found = _RESERVED + LOADS_BYTES * machine.loader, []
    for _ in range(most):
        descriptor, end = random_descriptor(machine, rng, top, max(2, min(size // 8, 6)))
        if end > machine.scratchpad:
            break
        found.append(descriptor)
        top = end
    found.append(End())
    loads = streamed(machine, rng, found) if machine.loader else None
    if loads is not None:
        found = loads.descriptors
    records = [one.encode() for one in found]
    if rng.random() < _FAULTY:
        records = _spoiled(machine, rng, found, records, loads.last + 1 if loads else 0)
    memory = _filled(machine, rng, records, top)
    if loads is None:
        return _whole(machine, chain_job(memory))
    memory[_RESERVED : _RESERVED + len(loads.loads)] = np.frombuffer(loads.loads, np.uint8)
    return chain_job(memory, loads=_RESERVED, blocks=loads.words)


def _filled(
    machine: Machine, rng: np.random.Generator, records: Sequence[bytes], top: int
) -> np.ndarray:
    size = min(-(-top // _WORD) * _WORD, machine.scratchpad)
    memory = rng.integers(0, 256, size, dtype=np.uint8)
    chain = b"".join(records)
    memory[: len(chain)] = np.frombuffer(chain, np.uint8)
    return memory


def _spoiled(
    machine: Machine,
    rng: np.random.Generator,
    found: Sequence[Descriptor],
    records: Sequence[bytes],
    first: int,
) -> list[bytes]:
    """One descriptor, the first or a later one, with a fault that the hardware must find."""
    at, result = int(rng.integers(first, len(found))), list(records)
    one, kind = found[at], int(rng.integers(6))
    if kind == 1 and hasattr(one, "nx"):
        result[at] = replace(one, nx=0).encode()
    elif kind == 2 and hasattr(one, "y_base"):
        result[at] = replace(one, y_base=machine.scratchpad).encode()
    elif kind == 3 and isinstance(one, Matmul | Maximum):
        result[at] = replace(one, a_base=one.a_base + 1).encode()
    elif kind == 5 and isinstance(one, Matmul):
        result[at] = replace(one, line_buffered=1, fx=2).encode()
    elif kind == 4:
        result[at] = replace(one, wait=1, wait_count=3).encode()
    else:
        result[at] = bytes([result[at][0] ^ 0x20]) + result[at][1:]
    return result


def corner_chains(spec: AcceleratorShape) -> list[Items]:
    """Words at both ends of the scratchpad and beyond, empty chains, wrong starts, every fault."""
    machine, rng = spec.machine, np.random.default_rng(11)
    size = machine.scratchpad
    ends = requests(
        *((WRITE, place, 0x8000_0001 + place) for place in (0, size - 4, size)),
        *((READ, place, 0) for place in (0, size - 4, size)),
    )
    wrong = [
        requests((START, place, 0)) for place in (4, size - 32, size, (1 << 24) - 64) if place % 64
    ]
    wrong.append(requests((START, size, 0)))
    chains = [[End()], [Fill(y_base=_RESERVED, last=1)], [Copy(nx=0)], [Fill(y_base=size), End()]]
    chains.append([Fill(y_base=_RESERVED, wait=1, wait_count=0), End(wait=1, wait_count=1)])
    for chain in chains:
        records = [one.encode() for one in chain]
        wrong.append(chain_job(_filled(machine, rng, records, _RESERVED + 64)))
    # A wrong check sum, and an operation that there is not, whose sum is right.
    for first, check in ((1, 0), (9, 256 - 9)):
        record = bytes([first, *bytes(59), check, *bytes(3)])
        wrong.append(chain_job(_filled(machine, rng, [record], _RESERVED)))
    good = chain_job(_filled(machine, rng, [End().encode()], _RESERVED))
    found = [ends, *(joined([job, good]) for job in wrong)]
    return [_whole(machine, job) for job in found]
