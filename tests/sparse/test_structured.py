"""Structured sparsity in software: packing, refusing, legalising, running a dense matrix."""

import numpy as np
import pytest

from holigrail_hw.core import RequestError
from holigrail_hw.golden.structured import expand, metadata_of, random_metadata
from holigrail_hw.sparse.structured.packing import dense_passes, legalise, masks, pack, unpack

SHAPES = [(1, 2), (2, 4), (4, 8), (1, 8), (3, 5), (3, 3), (1, 1), (15, 16)]


def random_matrix(rng, rows: int, columns: int, density: float) -> np.ndarray:
    full = rng.integers(-128, 128, (rows, columns))
    return np.where(rng.random((rows, columns)) < density, full, 0)


@pytest.mark.parametrize(("kept", "group"), SHAPES)
def test_unpacking_gives_the_matrix_back(kept, group):
    rng = np.random.default_rng(kept * group)
    for density in (0.0, 0.2, 0.7, 1.0):
        for rows, columns in ((1, 1), (group, 3), (5 * group, 2), (3 * group - 1, 7)):
            legal = legalise(random_matrix(rng, rows, columns, density), kept, group)
            packed = pack(legal, kept, group)
            assert np.array_equal(unpack(packed), legal)
            blocks = -(-rows // group)
            assert packed.values.shape == (blocks * kept, columns)
            assert packed.metadata.shape == (blocks, columns)
            assert all(int(mask).bit_count() == kept for mask in masks(packed).flat)


@pytest.mark.parametrize(
    ("places", "nibble"),
    [
        ((0, 1), 0b0100),
        ((0, 2), 0b1000),
        ((0, 3), 0b1100),
        ((1, 2), 0b1001),
        ((1, 3), 0b1101),
        ((2, 3), 0b1110),
    ],
)
def test_metadata_of_two_of_four_are_amperes_nibbles(places, nibble):
    matrix = np.zeros((4, 1), int)
    matrix[list(places)] = 7
    assert pack(matrix, 2, 4).metadata.tolist() == [[nibble]]


def test_fewer_weights_than_entries_are_padded_at_legal_places():
    for weights in ([0, 0, 0, 0], [0, 0, 0, 5], [5, 0, 0, 0], [0, 5, 0, 0]):
        packed = pack(np.array([weights]).T, 2, 4)
        assert packed.metadata[0, 0] in (0b0100, 0b1000, 0b1100, 0b1001, 0b1101, 0b1110)
        assert unpack(packed)[:, 0].tolist() == weights


def test_a_block_with_too_many_weights_is_named():
    matrix = np.zeros((12, 3), int)
    matrix[4:7, 2] = 1
    with pytest.raises(RequestError) as caught:
        pack(matrix, 2, 4)
    assert str(caught.value) == (
        "structured: column 2, block 1 (rows 4 to 7) must have at most 2 weights, not 3"
    )
    assert caught.value.hint == "legalise() keeps the largest weights of every block"
    with pytest.raises(RequestError) as caught:
        pack(np.ones((48, 1), int), 2, 4)
    assert len(caught.value.violations) == 11
    assert caught.value.violations[-1] == "structured: and 2 more blocks"


def test_what_is_no_structure_is_refused():
    with pytest.raises(RequestError, match="kept must be between 1 and group, 4, not 5"):
        pack(np.zeros((4, 4), int), 5, 4)
    with pytest.raises(RequestError, match="the matrix must have two dimensions, not 1"):
        legalise(np.zeros(4, int), 2, 4)
    for matrix, message in (
        (np.zeros((4, 0), int), "the matrix must have rows and columns, not be 4 x 0"),
        (np.zeros((0, 4), int), "the matrix must have rows and columns, not be 0 x 4"),
        ([[1, 2], [3]], "the matrix: rows must have one length, not several"),
        ([["a"]], "the matrix must hold real numbers, not NaN or anything else"),
        ([[float("nan")]], "the matrix must hold real numbers, not NaN or anything else"),
    ):
        for function in (pack, legalise, dense_passes):
            with pytest.raises(RequestError) as caught:
                function(matrix, 2, 4)
            assert str(caught.value) == f"structured: {message}"


def test_nested_lists_are_matrices():
    rows = [[3], [0], [-4], [1]]
    legal = legalise(rows, 2, 4)
    assert legal.tolist() == [[3], [0], [-4], [0]]
    assert unpack(pack(legal.tolist(), 2, 4)).tolist() == legal.tolist()


def test_the_least_integers_are_the_largest_magnitudes():
    for dtype in (np.int8, np.int64):
        least = np.iinfo(dtype).min
        assert legalise(np.array([[5], [least], [7], [0]], dtype), 1, 4)[1, 0] == least
    largest = np.iinfo(np.uint64).max
    assert legalise(np.array([[5], [largest]], np.uint64), 1, 2)[:, 0].tolist() == [0, largest]


def test_legalising_keeps_the_largest_magnitudes():
    column = np.array([[3, -128, 0, 127, 5, 5, -5, 1]], np.int8).T
    assert legalise(column, 2, 4)[:, 0].tolist() == [0, -128, 0, 127, 5, 5, 0, 0]
    assert legalise(column, 4, 4).tolist() == column.tolist()
    assert legalise(column / 2, 1, 8)[:, 0].tolist() == [0, -64, 0, 0, 0, 0, 0, 0]
    rng = np.random.default_rng(4)
    matrix = rng.integers(-128, 128, (40, 9))
    kept = legalise(matrix, 3, 8)
    blocks, before = kept.reshape(5, 8, 9), matrix.reshape(5, 8, 9)
    dropped = np.where(blocks == 0, abs(before), 0).max(axis=1)
    smallest = np.where(blocks == 0, 1 << 20, abs(blocks)).min(axis=1)
    assert (np.count_nonzero(blocks, axis=1) <= 3).all() and (dropped <= smallest).all()


@pytest.mark.parametrize(("kept", "group"), SHAPES)
def test_passes_of_a_dense_matrix_add_up_to_it(kept, group):
    matrix = np.random.default_rng(3).integers(-8, 8, (4 * group - (group > 1), 5))
    passes = dense_passes(matrix, kept, group)
    assert len(passes) == -(-group // kept)
    assert np.array_equal(sum(unpack(one) for one in passes), matrix)


def test_bits_of_the_parts():
    bits = pack(np.zeros((16, 3), int), 2, 4).bits(8)
    assert bits == {"values": 192, "indices": 48, "masks": 48, "dense": 384}
    bits = pack(np.zeros((16, 3), int), 4, 8).bits(8)
    assert bits == {"values": 192, "indices": 72, "masks": 48, "dense": 384}


def test_an_index_outside_its_window_counts_as_nothing():
    values = np.array([[3], [5]])
    for places, dense in (((2, 3), [0, 0, 3, 5]), ((3, 3), [0, 0, 0, 5]), ((2, 0), [0, 0, 3, 0])):
        words = metadata_of(np.array([[places]]), 4)
        assert expand(values, words, 2, 4)[:, 0].tolist() == dense


def test_random_metadata_is_legal_and_reaches_every_choice():
    words = random_metadata(np.random.default_rng(1), 600, 2, 4)
    assert {int(word) for word in words} == {0b0100, 0b1000, 0b1100, 0b1001, 0b1101, 0b1110}
