"""Chains of descriptors with loads beside them, whose end does not depend on when words come.

What a descriptor reads may come by a load, for which it waits. A load that must fail waits for all
descriptors before the one that waits for it; a descriptor that must fail comes behind all loads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from holigrail_hw.soc.descriptors.checks import spans
from holigrail_hw.soc.descriptors.kinds import LOAD_BYTES, Descriptor, End, Load
from holigrail_hw.soc.machine import Machine

__all__ = ["LOADS_BYTES", "Streamed", "streamed"]

_OFTEN, _FAULTY = 0.6, 0.2
_WORD, _FLASH = 4, 1 << 24
LOADS_BYTES = 4 * LOAD_BYTES
"""Room for the records of a job."""


@dataclass(frozen=True)
class Streamed:
    """Descriptors, records of loads, the words that come, and the last descriptor that waits."""

    descriptors: list[Descriptor]
    loads: bytes
    words: np.ndarray
    last: int


def streamed(
    machine: Machine, rng: np.random.Generator, found: Sequence[Descriptor]
) -> Streamed | None:
    """Some descriptors with loads for what they read; None if there is nothing to load."""
    descriptors, loads, blocks, last = [], [], [], -1
    for at, one in enumerate(found):
        read = [span for span in spans(machine, one) if span[0] != "Y"]
        if isinstance(one, End) or not read or rng.random() > _OFTEN:
            descriptors.append(one)
            continue
        _, low, end = read[int(rng.integers(len(read)))]
        length = (end - low) // _WORD * _WORD
        if not length:
            descriptors.append(one)
            continue
        loads.append(_load(rng, low, length, at))
        block = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
        blocks.append(block + crc32(block).to_bytes(4, "little") * loads[-1].crc)
        descriptors.append(replace(one, wait=1, wait_count=len(loads)))
        last = at
    if not loads:
        return None
    loads[-1] = replace(loads[-1], last=1)
    if rng.random() < _FAULTY:
        _spoil(machine, rng, loads, blocks, last)
    words = np.frombuffer(b"".join(blocks), "<u4").astype(np.uint64)
    return Streamed(descriptors, b"".join(one.encode() for one in loads), words, last)


def _load(rng: np.random.Generator, address: int, length: int, at: int) -> Load:
    """It waits for some of the descriptors before the one that needs it, or for none."""
    waits = int(rng.integers(2))
    return Load(
        flash=int(rng.integers(_FLASH - length - _WORD)),
        address=address,
        length=length,
        wait=waits,
        wait_count=int(rng.integers(at + 1)) if waits else int(rng.integers(256)),
        crc=int(rng.integers(2)),
    )


def _spoil(
    machine: Machine, rng: np.random.Generator, loads: list[Load], blocks: list[bytes], last: int
) -> None:
    """The last load fails; nothing that must be done before is left undone."""
    one = replace(loads[-1], wait=1, wait_count=last)
    kind = int(rng.integers(4))
    if kind:
        # No word comes for a load that is refused.
        blocks.pop()
        wrong = [{"length": 0}, {"length": one.length + 2}, {"address": machine.scratchpad}]
        one = replace(one, **wrong[kind - 1])
    else:
        size = one.length
        sound = blocks[-1][:size]
        spoilt = bytes([sound[0] ^ 1, *sound[1:]])
        blocks[-1] = spoilt + crc32(sound).to_bytes(4, "little")
        one = replace(one, crc=1)
    loads[-1] = one
