"""Jobs for an accelerator: bytes that fill the beginning of its scratchpad, a chain, what is left.

A job writes all that its chain reads, so that earlier jobs do not matter, and reads all of it back,
so that a byte in a wrong place shows.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from holigrail_hw.core.streams import Items, joined
from holigrail_hw.soc.descriptors.checks import spans
from holigrail_hw.soc.descriptors.kinds import Add, Copy, Descriptor, End, Fill, Matmul, Maximum
from holigrail_hw.soc.descriptors.matmul import SIDE
from holigrail_hw.soc.machine import DESCRIPTOR_BYTES, Machine

from .load_jobs import LOADS_BYTES, streamed
from .shape import PROFILE, READ, START, WRITE, AcceleratorShape

__all__ = [
    "chain_job",
    "corner_chains",
    "placed",
    "random_descriptor",
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


def placed(machine: Machine, descriptor: Descriptor, top: int) -> tuple[Descriptor, int]:
    """Bases such that every span lies alone, from ``top`` on; and the first address behind."""
    bases = {"A": "a_base", "B": "b_base", "T": "tables", "W": "w_base", "P": "p_base"}
    bases["Y"] = "y_base"
    for letter, low, end in spans(machine, descriptor):
        start = -(-top // 16) * 16
        descriptor = replace(descriptor, **{bases[letter]: start - low})
        top = start + end - low
    return descriptor, top


def random_descriptor(
    machine: Machine, rng: np.random.Generator, top: int, most: int
) -> tuple[Descriptor, int]:
    """A descriptor with bytes of its own from ``top`` on."""
    kinds = [_matmul, _matmul, _copy, _fill]
    kinds += [_add] * machine.addition + [_maximum] * machine.maximum
    kinds += [_lines] * 2 * bool(machine.line_buffer)
    return placed(machine, kinds[int(rng.integers(len(kinds)))](machine, rng, most), top)


def _steps(rng: np.random.Generator, unit: int, *names: str, most: int = 4) -> dict[str, int]:
    return {name: unit * int(rng.integers(-most, most + 1)) for name in names}


def _codes(rng: np.random.Generator) -> dict[str, int]:
    low, high = sorted(rng.integers(-128, 128, 2).tolist())
    if rng.random() < 0.5:
        low, high = -128, 127
    zero = int(rng.integers(-128, 128))
    return {"low": low, "high": high, "zero_point": zero, "once": int(rng.integers(2))}


def _matmul(machine: Machine, rng: np.random.Generator, most: int) -> Matmul:
    def count(limit: int) -> int:
        return int(rng.integers(1, limit + 1))

    nx, ny = count(most), count(2)
    if nx * ny > machine.accumulator_depth:
        nx = ny = 1
    nc, fx, fy = count(2), count(2), count(2)
    if nx * ny * nc * fx * fy > machine.activation_depth:
        nc = fx = fy = 1
    tiles, groups = count(2), count(3)
    is_diagonal, apart = int(rng.integers(2)), machine.columns * int(rng.integers(4))
    tile = machine.columns * (1 if is_diagonal else machine.rows)
    step_k = tile * int(rng.integers(2))
    grain, columns = machine.grain, machine.columns
    pitch = columns + grain * int(rng.integers(2))
    return Matmul(
        nx=nx,
        ny=ny,
        nc=nc,
        fx=fx,
        fy=fy,
        column_tiles=tiles,
        groups=groups,
        **_steps(rng, grain, *(f"a_step_{n}" for n in ("x", "y", "c", "fx", "fy", "group"))),
        w_step_k=step_k,
        w_step_row=apart,
        w_step_n=nc * fx * fy * step_k,
        w_restart=int(rng.integers(2)),
        p_restart=int(rng.integers(2)),
        p_wide=int(machine.wide_parameters and rng.integers(2)),
        diagonal=is_diagonal,
        y_step_x=pitch,
        y_step_y=nx * pitch,
        y_step_column=nx * ny * pitch,
        y_step_group=nx * ny * tiles * pitch * int(rng.choice([1, -1])),
        valid=int(rng.integers(0, min(columns, 15) + 1)),
        **_codes(rng),
    )


def _lines(machine: Machine, rng: np.random.Generator, most: int) -> Matmul:
    """For the unit for depthwise layers: steps of pixels, and of windows."""
    grain, columns = machine.grain, machine.columns
    strides = [int(n) for n in rng.integers(1, 3, 2)]
    longest = (machine.line_buffer - SIDE) // strides[1] + 1
    nx, ny = int(rng.integers(1, min(most, longest) + 1)), int(rng.integers(1, 4))
    groups, pixel = int(rng.integers(1, 4)), grain * int(rng.integers(-2, 4))
    row = grain * int(rng.integers(-8, 9))
    pitch = columns + grain * int(rng.integers(2))
    return Matmul(
        nx=nx,
        ny=ny,
        fx=SIDE,
        fy=SIDE,
        groups=groups,
        diagonal=1,
        line_buffered=1,
        a_step_x=strides[1] * pixel,
        a_step_fx=pixel,
        a_step_y=strides[0] * row,
        a_step_fy=row,
        a_step_group=grain * int(rng.integers(-4, 5)),
        w_step_k=columns * int(rng.integers(3)),
        w_step_n=columns * int(rng.integers(12)),
        w_restart=int(rng.integers(2)),
        p_restart=int(rng.integers(2)),
        y_step_x=pitch,
        y_step_y=nx * pitch,
        y_step_group=nx * ny * pitch * int(rng.choice([1, -1])),
        valid=int(rng.integers(0, min(columns, 15) + 1)),
        **_codes(rng),
    )


def _maximum(machine: Machine, rng: np.random.Generator, most: int) -> Maximum:
    nx, ny, groups = (int(rng.integers(1, limit + 1)) for limit in (most, 2, 2))
    names = (f"a_step_{n}" for n in ("x", "y", "fx", "fy", "group"))
    codes = _codes(rng)
    return Maximum(
        nx=nx,
        ny=ny,
        fx=int(rng.integers(1, 4)),
        fy=int(rng.integers(1, 3)),
        groups=groups,
        **_steps(rng, machine.grain, *names),
        **_steps(rng, machine.grain, *(f"y_step_{n}" for n in ("x", "y", "group"))),
        valid=int(rng.integers(0, min(machine.rows, 15) + 1)),
        low=codes["low"],
        high=codes["high"],
    )


def _add(machine: Machine, rng: np.random.Generator, most: int) -> Add:
    return Add(
        nx=int(rng.integers(1, 2 * most + 1)),
        ny=int(rng.integers(1, 3)),
        **_steps(rng, 1, "a_step_y", "b_step_y", "y_step_y", most=9),
        multiplier=int(rng.integers(0, 1 << 31)),
        shift=int(rng.integers(20, 32)),
        **_codes(rng),
    )


def _rows(machine: Machine, rng: np.random.Generator, most: int, *sides: str) -> dict[str, int]:
    """Loops x and y of bytes anywhere, or of whole vectors one after the other."""
    names = [f"{side}_step" for side in sides]
    if rng.integers(2):
        vector = 2 * machine.grain
        found = {f"{name}_x": 1 for name in names} | {"nx": vector * int(rng.integers(1, 4))}
        return found | _steps(rng, machine.grain, *(f"{name}_y" for name in names))
    found = {"nx": int(rng.integers(1, 2 * most + 1))}
    return found | _steps(rng, 1, *(f"{n}_{axis}" for n in names for axis in "xy"), most=7)


def _copy(machine: Machine, rng: np.random.Generator, most: int) -> Copy:
    rows, unit = _rows(machine, rng, most, "a", "y"), int(rng.choice([1, machine.grain]))
    ny, groups = (int(rng.integers(1, limit + 1)) for limit in (3, 2))
    groups_apart = _steps(rng, unit, "a_step_group", "y_step_group")
    return Copy(ny=ny, groups=groups, **rows, **groups_apart)


def _fill(machine: Machine, rng: np.random.Generator, most: int) -> Fill:
    ny, value = int(rng.integers(1, 4)), int(rng.integers(-128, 128))
    return Fill(ny=ny, value=value, **_rows(machine, rng, most, "y"))


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
