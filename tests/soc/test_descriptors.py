"""Descriptors as bytes: fields where they should be, check sums, and what is refused."""

import random
from dataclasses import fields, replace
from struct import pack, unpack

import pytest

from holigrail_hw.core import RequestError
from holigrail_hw.soc.descriptors.checks import Error, descriptor_of, error_of, load_error, load_of
from holigrail_hw.soc.descriptors.kinds import Add, Copy, End, Fill, Load, Matmul, Maximum
from holigrail_hw.soc.machine import Machine

KINDS = (End, Matmul, Add, Maximum, Copy, Fill)
MACHINE = Machine(
    rows=4,
    columns=4,
    activation_depth=64,
    accumulator_depth=16,
    scratchpad=4096,
    wide_parameters=True,
)
MATMUL = Matmul(nx=2, ny=3, nc=2, a_step_c=4, w_step_k=16, y_base=1024, y_step_x=4, p_base=512)


def drawn(cls, rng):
    """A descriptor with a random number in every field."""
    values = {}
    for item in fields(cls):
        low, high = cls.places[item.name].limits
        values[item.name] = rng.choice((low, high, rng.randint(low, high)))
    return cls(**values)


@pytest.mark.parametrize("cls", [*KINDS, Load])
def test_what_is_written_is_read(cls):
    rng = random.Random(cls.__name__)
    decode = load_of if cls is Load else descriptor_of
    for _ in range(50):
        one = drawn(cls, rng)
        record = one.encode()
        assert len(record) == (16 if cls is Load else 64)
        assert sum(record) % 256 == 0
        assert decode(record) == one


@pytest.mark.parametrize("cls", [*KINDS, Load])
def test_fields_do_not_overlap(cls):
    used = [0] * 16
    for place in cls.places.values():
        mask = place.put(-1)
        assert not used[place.word] & mask
        used[place.word] |= mask


def test_words_are_those_of_the_table():
    """Every field of MATMUL alone, against words written out by hand."""
    hand = {
        "last": (0, 1 << 4),
        "interrupt": (0, 1 << 5),
        "once": (0, 1 << 6),
        "diagonal": (0, 1 << 7),
        "nx": (1, 1),
        "ny": (1, 1 << 16),
        "fx": (2, 1 << 16),
        "fy": (2, 1 << 24),
        "groups": (3, 1 << 16),
        "a_base": (4, 1),
        "a_step_y": (5, 1 << 16),
        "a_step_group": (7, 1 << 16),
        "w_base": (8, 1),
        "w_step_n": (9, 1 << 16),
        "p_restart": (10, 1 << 24),
        "w_restart": (10, 1 << 25),
        "p_wide": (10, 1 << 26),
        "line_buffered": (10, 1 << 27),
        "y_step_group": (13, 1 << 16),
        "valid": (14, 1 << 16),
        "w_step_row": (15, 1 << 16),
        "wait": (14, 1 << 20),
    }
    zeros = {item.name: 0 for item in fields(Matmul)}
    for name, (word, bits) in hand.items():
        found = unpack("<16I", Matmul(**(zeros | {name: 1})).encode())
        expected = [1, *[0] * 14]
        expected.insert(15, 0)
        expected[word] |= bits
        expected[15] |= -sum(pack("<16I", *expected)) & 0xFF
        assert [*found] == expected, name


def test_every_changed_byte_is_seen():
    record = MATMUL.encode()
    for at in range(64):
        changed = bytearray(record)
        changed[at] ^= 0x40
        assert descriptor_of(bytes(changed)) is None
    assert error_of(MACHINE, None) is Error.RECORD


def test_an_unknown_operation_is_refused():
    record = bytearray(MATMUL.encode())
    record[0], record[60] = record[0] + 5, (record[60] - 5) % 256
    assert descriptor_of(bytes(record)) is None


def test_a_number_that_does_not_fit_is_named():
    with pytest.raises(RequestError) as caught:
        replace(MATMUL, nx=1 << 16, low=-129).encode()
    assert str(caught.value).splitlines() == [
        "descriptor MATMUL: nx must be 0 to 65535, not 65536",
        "descriptor MATMUL: low must be -128 to 127, not -129",
    ]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, Error.NONE),
        ({"nx": 0}, Error.SIZE),
        ({"groups": 0}, Error.SIZE),
        ({"nx": 16, "ny": 1}, Error.NONE),
        ({"nx": 17, "ny": 1}, Error.SIZE),
        ({"nx": 4, "ny": 4, "nc": 4}, Error.NONE),
        ({"nx": 13, "ny": 1, "nc": 5}, Error.SIZE),
        ({"valid": 5}, Error.SIZE),
        ({"valid": 4}, Error.NONE),
        ({"a_base": 3}, Error.ADDRESS),
        ({"a_step_c": 2}, Error.NONE),
        ({"a_step_c": 1}, Error.ADDRESS),
        ({"w_step_k": 18}, Error.ADDRESS),
        ({"w_base": 6}, Error.ADDRESS),
        ({"w_step_row": 6}, Error.ADDRESS),
        ({"w_step_row": 1352}, Error.NONE),
        ({"w_step_row": 1360}, Error.ADDRESS),
        ({"w_step_row": 1360, "diagonal": 1}, Error.NONE),
        ({"p_base": 516}, Error.ADDRESS),
        ({"a_base": 4096 - 8}, Error.NONE),
        ({"a_base": 4096 - 6}, Error.ADDRESS),
        ({"a_base": 4094, "a_step_c": -2}, Error.ADDRESS),
        ({"a_base": 0, "a_step_x": -4}, Error.ADDRESS),
        ({"y_base": 4096 - 8}, Error.NONE),
        ({"y_base": 4096 - 6}, Error.ADDRESS),
        ({"y_base": 4096 - 6, "valid": 2}, Error.ADDRESS),
        ({"column_tiles": 256, "groups": 256, "w_restart": 1, "p_restart": 1}, Error.SIZE),
        ({"y_base": 1 << 31}, Error.ADDRESS),
        ({"p_base": 4096 - 32}, Error.NONE),
        ({"p_base": 4096 - 24}, Error.ADDRESS),
        ({"p_base": 4096 - 32, "p_wide": 1}, Error.ADDRESS),
        ({"p_base": 4096 - 32, "groups": 2, "p_restart": 1}, Error.NONE),
        ({"p_base": 4096 - 32, "groups": 2}, Error.ADDRESS),
    ],
)
def test_errors_before_anything_is_done(changes, error):
    assert error_of(MACHINE, replace(MATMUL, **changes)) is error


def test_parts_that_are_not_there_are_refused():
    small = replace(MACHINE, maximum=False, wide_parameters=False, loader=False)
    assert error_of(MACHINE, Maximum(y_base=64)) is Error.NONE
    assert error_of(small, Maximum(y_base=64)) is Error.RECORD
    assert error_of(small, replace(MATMUL, p_wide=1)) is Error.RECORD
    assert load_error(small, Load(length=4), 99) is Error.RECORD


LINES = Matmul(
    nx=4,
    ny=2,
    fx=3,
    fy=3,
    groups=2,
    diagonal=1,
    line_buffered=1,
    a_step_x=8,
    a_step_fx=4,
    a_step_y=48,
    a_step_fy=48,
    w_step_k=4,
    y_base=1024,
    y_step_x=4,
)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, Error.NONE),
        ({"nx": 5}, Error.SIZE),
        ({"nx": 1, "a_step_x": 12}, Error.NONE),
        ({"a_step_x": 4, "nx": 7}, Error.NONE),
        ({"a_step_x": 4, "nx": 8}, Error.SIZE),
        ({"a_step_x": 12}, Error.SIZE),
        ({"a_step_y": 144}, Error.SIZE),
        ({"a_step_y": 96}, Error.NONE),
        ({"fx": 2}, Error.SIZE),
        ({"fy": 2}, Error.SIZE),
        ({"diagonal": 0}, Error.SIZE),
        ({"nc": 2}, Error.SIZE),
        ({"column_tiles": 2}, Error.SIZE),
        ({"valid": 5}, Error.SIZE),
        ({"ny": 20, "y_step_y": 4}, Error.NONE),
        ({"ny": 65535, "a_step_y": 0, "a_step_fy": 0}, Error.SIZE),
        ({"a_step_fx": 6, "a_step_x": 6}, Error.NONE),
        ({"a_step_fx": 5, "a_step_x": 5}, Error.ADDRESS),
    ],
)
def test_errors_of_the_unit_for_depthwise_layers(changes, error):
    """A row of 9 pixels fits; the engine's sizes do not matter."""
    machine = replace(MACHINE, line_buffer=9)
    assert error_of(machine, replace(LINES, **changes)) is error
    assert error_of(MACHINE, replace(LINES, **changes)) is Error.RECORD


@pytest.mark.parametrize(
    ("load", "error"),
    [
        (Load(length=0), Error.SIZE),
        (Load(length=6), Error.SIZE),
        (Load(length=64, address=4096 - 64), Error.NONE),
        (Load(length=64, address=4096 - 60), Error.ADDRESS),
        (Load(length=64, address=2), Error.ADDRESS),
        (Load(length=96, flash=900), Error.NONE),
        (Load(length=100, flash=900), Error.ADDRESS),
        (Load(length=100, flash=900, crc=0), Error.NONE),
        (None, Error.RECORD),
    ],
)
def test_errors_of_loads(load, error):
    assert load_error(MACHINE, load, 1000) is error


def test_machines_that_cannot_be_are_refused():
    with pytest.raises(RequestError) as caught:
        Machine(rows=3, activation_depth=0, scratchpad=100)
    assert str(caught.value).splitlines() == [
        "machine: rows must be one of 2, 4, 8, 16, not 3",
        "machine: activation_depth must be 1 to 65535, not 0",
        "machine: scratchpad must be a multiple of 64 of at most 16777216 bytes, not 100",
    ]
    with pytest.raises(RequestError, match="line_buffer must be 0 or 3 to 65535, not 2"):
        Machine(line_buffer=2)
    with pytest.raises(RequestError, match="at least 4, the bytes of a word, not 2 x 2"):
        Machine(rows=2, columns=2)
    with pytest.raises(RequestError, match="must differ by a factor of 2 at most, not 2 x 8"):
        Machine(rows=2, columns=8)


def test_the_digest_tells_every_size():
    sizes = (
        {"rows": 8},
        {"columns": 8},
        {"activation_depth": 65},
        {"accumulator_depth": 17},
        {"scratchpad": 8192},
        {"maximum": False},
        {"loader": False},
        {"wide_parameters": False},
        {"line_buffer": 64},
    )
    digests = {replace(MACHINE, **size).digest for size in sizes} | {MACHINE.digest}
    assert len(digests) == len(sizes) + 1
