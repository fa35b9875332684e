"""Descriptors carried out by nested loops and integers of Python, and random ones."""

from fractions import Fraction
from itertools import product
from math import floor

import numpy as np

from holigrail_hw.soc.descriptors.checks import error_of
from holigrail_hw.soc.descriptors.kinds import Matmul, Maximum
from holigrail_hw.soc.executor.execute import carry_out
from holigrail_hw.soc.machine import Machine


def signed(byte):
    return byte - 256 if byte > 127 else byte


def nested(base, loops):
    """Addresses by loops within loops; the innermost loop is given first."""
    for places in product(*(range(count) for count, _ in reversed(loops))):
        yield base + sum(at * step for at, (_, step) in zip(places, reversed(loops), strict=True))


def rounded(total, multiplier, shift, once):
    exact = Fraction(total * multiplier, 1 << (31 + shift))
    if once:
        return floor(exact + Fraction(1, 2))
    half = Fraction(total * multiplier, 1 << 31)
    # gemmlowp cuts towards zero after its nudge.
    nudge = Fraction(1, 2) if half >= 0 else Fraction(1, 1 << 31) - Fraction(1, 2)
    nudged = half + nudge
    high = int(nudged)
    last = Fraction(high, 1 << shift)
    size = floor(abs(last) + Fraction(1, 2))
    return size if last >= 0 else -size


def clamped(value, low, high):
    return max(low, min(high, value))


def number(memory, at, size):
    return int.from_bytes(memory[at : at + size], "little")


def plain_matmul(machine, memory, d):
    rows, columns = machine.rows, machine.columns
    size = 16 if d.p_wide else 8
    a = nested(
        d.a_base,
        [
            (d.nx, d.a_step_x),
            (d.ny, d.a_step_y),
            (d.nc, d.a_step_c),
            (d.fx, d.a_step_fx),
            (d.fy, d.a_step_fy),
            (d.groups, d.a_step_group),
        ],
    )
    y = nested(
        d.y_base,
        [
            (d.nx, d.y_step_x),
            (d.ny, d.y_step_y),
            (d.column_tiles, d.y_step_column),
            (d.groups, d.y_step_group),
        ],
    )
    m, k_tiles, step = d.nx * d.ny, d.nc * d.fx * d.fy, d.w_step_row or columns
    for group in range(d.groups):
        found = [[next(a) for _ in range(m)] for _ in range(k_tiles)]
        vectors = [[[signed(memory[p + r]) for r in range(rows)] for p in t] for t in found]
        for column in range(d.column_tiles):
            tile = column + (0 if d.w_restart else group * d.column_tiles)
            weights = []
            for k in range(k_tiles):
                at = d.w_base + tile * d.w_step_n + k * d.w_step_k
                for r in range(rows):
                    for c in range(columns):
                        if not d.diagonal:
                            weights.append(signed(memory[at + r * step + c]))
                        else:
                            weights.append(signed(memory[at + c]) if r == c else 0)
            codes = []
            for v in range(m):
                for c in range(columns):
                    total = sum(
                        vectors[k][v][r] * weights[(k * rows + r) * columns + c]
                        for k in range(k_tiles)
                        for r in range(rows)
                    )
                    place = column + (0 if d.p_restart else group * d.column_tiles)
                    at = d.p_base + size * (place * columns + c)
                    if d.p_wide:
                        factor = number(memory, at, 4) & 0x7FFFFFFF
                        shift = number(memory, at + 4, 4) & 31
                        bias = int.from_bytes(memory[at + 8 : at + 12], "little", signed=True)
                    else:
                        record = number(memory, at, 8)
                        factor, shift = record & 0x7FFFFFFF, record >> 31 & 31
                        bias = record >> 36
                        bias -= (bias >> 27) << 28
                    total = (total + bias + (1 << 31)) % (1 << 32) - (1 << 31)
                    code = d.zero_point + rounded(total, factor, shift, d.once)
                    codes.append(clamped(code, d.low, d.high))
            width = columns
            if column == d.column_tiles - 1 and d.valid:
                width = d.valid
            for v in range(m):
                at = next(y)
                for c in range(width):
                    memory[at + c] = codes[v * columns + c] % 256


def plain_add(memory, d):
    def table(place, byte):
        at = d.tables + 1024 * place + 4 * byte
        return int.from_bytes(memory[at : at + 4], "little", signed=True)

    before = bytes(memory)
    for y in range(d.ny):
        for x in range(d.nx):
            a = before[d.a_base + y * d.a_step_y + x]
            b = before[d.b_base + y * d.b_step_y + x]
            total = (table(0, a) + table(1, b) + (1 << 31)) % (1 << 32) - (1 << 31)
            code = d.zero_point + rounded(total, d.multiplier, d.shift, d.once)
            memory[d.y_base + y * d.y_step_y + x] = clamped(code, d.low, d.high) % 256


def plain_maximum(machine, memory, d):
    before = bytes(memory)
    for g, y, x in product(range(d.groups), range(d.ny), range(d.nx)):
        width = (d.valid or machine.rows) if g == d.groups - 1 else machine.rows
        at = d.a_base + g * d.a_step_group + y * d.a_step_y + x * d.a_step_x
        for lane in range(width):
            most = max(
                signed(before[at + v * d.a_step_fy + u * d.a_step_fx + lane])
                for v in range(d.fy)
                for u in range(d.fx)
            )
            to = d.y_base + g * d.y_step_group + y * d.y_step_y + x * d.y_step_x
            memory[to + lane] = clamped(most, d.low, d.high) % 256


def machine_of(rng):
    rows = rng.choice((2, 4, 8))
    columns = rng.choice([c for c in (2, 4, 8) if 4 <= max(rows, c) <= 2 * min(rows, c)])
    return Machine(
        rows=rows,
        columns=columns,
        activation_depth=rng.choice((16, 256)),
        accumulator_depth=rng.choice((8, 64)),
        scratchpad=8192,
        wide_parameters=True,
    )


def codes(rng):
    low = rng.randint(-128, 127)
    return {
        "once": rng.randint(0, 1),
        "zero_point": rng.randint(-128, 127),
        "low": low,
        "high": rng.randint(low, 127),
    }


def drawn_matmul(rng, machine):
    """Operands in the lower half, results in the upper one."""
    grain, columns = machine.grain, machine.columns

    def few(most=3):
        return rng.choice((1, rng.randint(1, most)))

    def step():
        return grain * rng.randint(-6, 6)

    return Matmul(
        nx=few(5),
        ny=few(),
        nc=few(),
        fx=few(),
        fy=few(),
        column_tiles=few(),
        groups=few(),
        a_base=grain * (1024 // grain + rng.randint(0, 9)),
        a_step_x=step(),
        a_step_y=step(),
        a_step_c=step(),
        a_step_fx=step(),
        a_step_fy=step(),
        a_step_group=step(),
        w_base=columns * (2048 // columns + rng.randint(0, 9)),
        w_step_k=columns * rng.randint(0, 8),
        w_step_n=columns * rng.randint(0, 16),
        w_step_row=columns * rng.choice((0, rng.randint(1, 6))),
        w_restart=rng.randint(0, 1),
        diagonal=rng.randint(0, 1),
        p_base=8 * rng.randint(0, 9),
        p_restart=rng.randint(0, 1),
        p_wide=rng.randint(0, 1),
        y_base=6144 + grain * rng.randint(0, 9),
        y_step_x=step(),
        y_step_y=step(),
        y_step_column=step(),
        y_step_group=step(),
        valid=rng.randint(0, columns - 1),
        **codes(rng),
    )


def drawn_maximum(rng, machine):
    one = drawn_matmul(rng, machine)
    names = set(Maximum.places) & set(Matmul.places) - {"valid"}
    values = {name: getattr(one, name) for name in names}
    return Maximum(**values, valid=rng.randint(0, machine.rows - 1))


def compared(machine, descriptor, plain, rng):
    memory = np.frombuffer(rng.randbytes(machine.scratchpad), np.uint8).copy()
    expected = bytearray(memory.tobytes())
    error = error_of(machine, descriptor)
    if error:
        return False
    carry_out(machine, memory, descriptor)
    plain(expected)
    assert memory.tobytes() == bytes(expected), descriptor
    return True
