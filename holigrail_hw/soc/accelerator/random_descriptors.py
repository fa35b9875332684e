"""Random descriptors that a machine can carry out, each with bytes of its own."""

from dataclasses import replace

import numpy as np

from holigrail_hw.soc.descriptors.checks import spans
from holigrail_hw.soc.descriptors.kinds import Add, Copy, Descriptor, Fill, Matmul, Maximum
from holigrail_hw.soc.descriptors.matmul import SIDE
from holigrail_hw.soc.machine import Machine

__all__ = ["placed", "random_descriptor"]


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
