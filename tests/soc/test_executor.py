"""The executor on the whole scratchpad, against loops over Python integers."""

import random
from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
from plain_descriptors import (
    codes,
    compared,
    drawn_matmul,
    drawn_maximum,
    machine_of,
    nested,
    plain_add,
    plain_matmul,
    plain_maximum,
    rounded,
)

from holigrail_hw.golden.requantization import rescale_twice
from holigrail_hw.soc.descriptors.checks import Error
from holigrail_hw.soc.descriptors.kinds import Add, Copy, End, Fill, Load
from holigrail_hw.soc.executor.addresses import addresses
from holigrail_hw.soc.executor.execute import run
from holigrail_hw.soc.executor.lane import rescaled
from holigrail_hw.soc.machine import Machine


def test_addresses_are_those_of_nested_loops():
    rng = random.Random(1)
    for _ in range(2000):
        loops = [(rng.randint(1, 4), rng.randint(-40, 40)) for _ in range(rng.randint(1, 6))]
        base = rng.randint(0, 999)
        assert addresses(base, loops).tolist() == [*nested(base, loops)]


@pytest.mark.parametrize("once", [0, 1])
def test_the_lane_rounds_as_it_should(once):
    rng = random.Random(once)
    for _ in range(4000):
        shift = rng.randint(0, 31)
        factor = rng.choice((0, 1 << 30, (1 << 31) - 1, rng.randint(1 << 30, (1 << 31) - 1)))
        total = rng.choice((-(1 << 31), (1 << 31) - 1, rng.randint(-(1 << 31), (1 << 31) - 1)))
        total = rng.choice((total, total >> rng.randint(0, 31), (1 << shift) * rng.choice((-1, 1))))
        total = max(-(1 << 31), min((1 << 31) - 1, total))
        found = int(rescaled(np.array(total), factor, shift, once))
        assert found == rounded(total, factor, shift, once)
        if not once:
            assert found == int(rescale_twice(total, factor, shift, 31))


def test_random_products():
    rng, done = random.Random(2), 0
    for _ in range(60):
        machine = machine_of(rng)
        d = drawn_matmul(rng, machine)
        done += compared(machine, d, lambda m, d=d, k=machine: plain_matmul(k, m, d), rng)
    assert done > 30


@pytest.mark.heavy
def test_many_random_products():
    rng, done = random.Random(3), 0
    for _ in range(3000):
        machine = machine_of(rng)
        d = drawn_matmul(rng, machine)
        done += compared(machine, d, lambda m, d=d, k=machine: plain_matmul(k, m, d), rng)
    assert done > 1500


def test_random_maxima():
    rng, done = random.Random(4), 0
    for _ in range(200):
        machine = machine_of(rng)
        d = drawn_maximum(rng, machine)
        done += compared(machine, d, lambda m, d=d, k=machine: plain_maximum(k, m, d), rng)
    assert done > 150


def test_random_sums_of_two_tables():
    rng = random.Random(5)
    for _ in range(100):
        d = Add(
            nx=rng.randint(1, 40),
            ny=rng.randint(1, 5),
            a_base=rng.randint(2100, 2300),
            a_step_y=rng.randint(-40, 40),
            b_base=rng.randint(2100, 2300),
            b_step_y=rng.randint(-40, 40),
            tables=4 * rng.randint(0, 9),
            multiplier=rng.randint(1 << 30, (1 << 31) - 1),
            shift=rng.randint(0, 31),
            y_base=rng.randint(3000, 4000),
            y_step_y=rng.randint(40, 60),
            **codes(rng),
        )
        in_place = replace(d, y_base=d.a_base, y_step_y=40, a_step_y=40)
        for one in (d, in_place):
            assert compared(Machine(), one, lambda m, d=one: plain_add(m, d), rng)


def test_random_copies_and_fills():
    rng = random.Random(6)

    def steps(side):
        names = (f"{side}_step_x", f"{side}_step_y")
        return {name: rng.randint(-20, 20) for name in names}

    for _ in range(200):
        counts = {"nx": rng.randint(1, 9), "ny": rng.randint(1, 9)}
        copy = Copy(
            **counts,
            groups=rng.randint(1, 4),
            a_base=rng.randint(1000, 1100),
            a_step_group=rng.randint(-99, 99),
            y_base=rng.randint(1000, 3000),
            y_step_group=rng.randint(-99, 99),
            **steps("a"),
            **steps("y"),
        )

        def plain_copy(memory, d=copy):
            loops = [[getattr(d, f"{s}_step_{n}") for n in ("x", "y", "group")] for s in "ay"]
            counts = (d.nx, d.ny, d.groups)
            reads, writes = (
                nested(base, [*zip(counts, steps, strict=True)])
                for base, steps in zip((d.a_base, d.y_base), loops, strict=True)
            )
            for source, target in zip(reads, writes, strict=True):
                memory[target] = memory[source]

        assert compared(Machine(), copy, plain_copy, rng)
        fill = Fill(**counts, y_base=rng.randint(1000, 3000), value=-3, **steps("y"))

        def plain_fill(memory, d=fill):
            for at in nested(d.y_base, [(d.nx, d.y_step_x), (d.ny, d.y_step_y)]):
                memory[at] = 0xFD

        assert compared(Machine(), fill, plain_fill, rng)


def chain(machine, *descriptors):
    memory = np.zeros(machine.scratchpad, np.uint8)
    records = b"".join(one.encode() for one in descriptors)
    memory[: len(records)] = np.frombuffer(records, np.uint8)
    return memory


SMALL = Machine(scratchpad=2048)


def test_a_chain_ends_at_last_or_end():
    first, second = (Fill(y_base=1024 + n, value=n + 1) for n in range(2))
    for end in ((second, End()), (replace(second, last=1),)):
        memory = chain(SMALL, first, *end)
        seen = []
        outcome = run(SMALL, memory, 0, after=lambda at, d, seen=seen: seen.append(at))
        assert outcome.error is Error.NONE
        assert memory[1024:1026].tolist() == [1, 2]
        assert seen == [*range(outcome.descriptors)]


@pytest.mark.parametrize(
    ("start", "bad", "error"),
    [
        (0, Fill(nx=0), Error.SIZE),
        (0, Fill(y_base=2048), Error.ADDRESS),
        (4, Fill(), Error.ADDRESS),
        (2048, Fill(), Error.ADDRESS),
    ],
)
def test_a_chain_ends_with_an_error(start, bad, error):
    good = Fill(y_base=1024, value=9)
    memory = chain(SMALL, good, bad, replace(good, y_base=1025, last=1))
    outcome = run(SMALL, memory, start)
    assert outcome.error is error
    assert outcome.index == outcome.descriptors == (start == 0)
    assert memory[1025] == 0


def test_a_spoilt_record_ends_the_chain():
    memory = chain(SMALL, Fill(y_base=1024, value=9), End())
    memory[70] ^= 1
    assert run(SMALL, memory, 0).error is Error.RECORD


def loads(memory, at, *records):
    data = b"".join(one.encode() for one in records)
    memory[at : at + len(data)] = np.frombuffer(data, np.uint8)


BLOCK = bytes(range(64))
FLASH = BLOCK + crc32(BLOCK).to_bytes(4, "little")


@pytest.mark.parametrize("late", [False, True])
def test_loads_and_descriptors_wait_for_each_other(late):
    copy = Copy(nx=64, a_base=1024, y_base=1088, wait=1, wait_count=1)
    memory = chain(SMALL, copy, replace(copy, y_base=1152, wait_count=2, last=1))
    first = Load(length=64, address=1024)
    loads(
        memory, 512, first, replace(first, length=32, flash=32, wait=1, wait_count=1, crc=0, last=1)
    )
    outcome = run(SMALL, memory, 0, loader_start=512, flash=FLASH, late=late)
    assert (outcome.error, outcome.descriptors, outcome.loads) == (Error.NONE, 2, 2)
    assert memory[1088:1152].tobytes() == BLOCK
    assert memory[1152:1216].tobytes() == BLOCK[32:] + BLOCK[32:]


@pytest.mark.parametrize("late", [False, True])
def test_queues_that_wait_for_each_other_stand(late):
    memory = chain(SMALL, Copy(y_base=1024, wait=1, wait_count=1, last=1))
    loads(memory, 512, Load(length=64, address=1024, wait=1, wait_count=1, last=1))
    found = run(SMALL, memory, 0, loader_start=512, flash=FLASH, late=late)
    assert found.error is Error.DEADLOCK
    assert run(SMALL, memory, 0).error is Error.DEADLOCK


def test_a_spoilt_block_is_seen():
    memory = chain(SMALL, Copy(y_base=1024, wait=1, wait_count=1, last=1))
    loads(memory, 512, Load(length=64, address=1024, last=1))
    spoilt = bytes([FLASH[0] ^ 1]) + FLASH[1:]
    assert run(SMALL, memory, 0, loader_start=512, flash=spoilt).error is Error.FLASH
    memory[512] ^= 1
    assert run(SMALL, memory, 0, loader_start=512, flash=FLASH).error is Error.RECORD


@pytest.mark.parametrize("late", [False, True])
def test_more_than_256_loads_are_counted(late):
    last = Copy(nx=4, a_base=1024, y_base=1032, wait=1, wait_count=300 % 256, last=1)
    machine = Machine(scratchpad=8192)
    steps = [Fill(y_base=1028, wait=1, wait_count=n % 256) for n in range(60, 300, 60)]
    memory = chain(machine, *steps, last)
    # A queue must not be further ahead than half of what its counter can tell.
    block = Load(length=4, address=1024, crc=0, wait=1)
    records = [replace(block, flash=4 * (n % 8), wait_count=n // 60) for n in range(300)]
    records[-1] = replace(records[-1], last=1)
    loads(memory, 2048, *records)
    outcome = run(machine, memory, 0, loader_start=2048, flash=FLASH, late=late)
    assert (outcome.error, outcome.loads) == (Error.NONE, 300)
    assert memory[1032:1036].tobytes() == FLASH[12:16]
