"""Compressed blocks: what goes in comes out, long runs take placeholders, refusals say why."""

import subprocess
import sys

import numpy as np
import pytest

from holigrail_hw.sparse.scnn.encoding import (
    BlockError,
    decode_block,
    encode_block,
    encode_blocks,
    vector_count,
)


@pytest.mark.parametrize("index_width", (1, 2, 4, 16))
@pytest.mark.parametrize("lanes", (1, 3, 4))
def test_every_block_comes_back(lanes, index_width):
    rng = np.random.default_rng(lanes)
    for size in (0, 1, 2, 17, 64, 1000):
        for density in (0, 0.02, 0.5, 1):
            block = np.where(rng.random(size) < density, rng.integers(-9, 9, size), 0)
            values, zeros = encode_block(block, lanes, index_width)
            assert values.shape == zeros.shape and values.shape[1] == lanes
            assert zeros.max(initial=0) < 1 << index_width
            assert np.array_equal(decode_block(values, zeros, size), block)


def test_a_run_longer_than_the_index_takes_placeholders():
    block = np.zeros(40, int)
    block[35], block[36] = 7, -1
    values, zeros = encode_block(block, 2, 4)
    assert values.tolist() == [[0, 0], [7, -1]]
    assert zeros.tolist() == [[15, 15], [3, 0]]
    # Exactly as many zeros as the index holds take none, one more takes one.
    assert vector_count(block[20:36], 1, 4) == 1
    assert vector_count(block[19:36], 1, 4) == 2


def test_zeros_take_no_vector_that_counts():
    assert vector_count(np.zeros(100, int), 4, 4) == 0
    values, zeros = encode_block(np.zeros(100, int), 4, 4)
    assert values.shape == (1, 4) and not values.any() and not zeros.any()


def test_blocks_in_a_row_are_marked():
    found = encode_blocks(np.array([[1, 2, 3], [0, 0, 0], [0, 4, 0]]), 2, 4)
    assert found["last"].tolist() == [0, 1, 1, 1]
    assert found["values"].tolist() == [[1, 2], [3, 0], [0, 0], [4, 0]]
    assert found["zeros"].tolist() == [[0, 0], [0, 0], [0, 0], [1, 0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: encode_block(np.zeros((2, 3), int), 2, 4),
            "encode block: it must be a row of integers, not 2 x 3 of type int64",
        ),
        (
            lambda: encode_block(np.zeros(2), 2, 4),
            "encode block: it must be a row of integers, not 2 of type float64",
        ),
        (lambda: encode_block([1], 0, 4), "encode block: lanes must be 1 or more, not 0"),
        (
            lambda: encode_block([1], 2, 17),
            "encode block: index_width must be between 1 and 16, not 17",
        ),
        (
            lambda: decode_block([[1, 2]], [[0, 3]], 4),
            "decode block: entry 1 must be within the 4 numbers of the block, not at place 4",
        ),
        (
            lambda: decode_block([[1, 2]], [[0]], 4),
            "decode block: values and zeros must have one shape, not (1, 2) and (1, 1)",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(BlockError) as caught:
        call()
    assert str(caught.value) == message


def test_the_encoder_and_the_model_need_no_hardware_library():
    modules = ("encoding", "model", "geometry")
    lines = [f"import holigrail_hw.sparse.scnn.{name}" for name in modules]
    code = "; ".join([*lines, "import sys; sys.exit('amaranth' in sys.modules)"])
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
