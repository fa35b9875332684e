"""Matrices of an EIE-like engine: lossless, refused where they must be; and the queue model."""

import numpy as np
import pytest

from holigrail_hw.formats import FixedFormat
from holigrail_hw.sparse.eie.encoding import EieSizes, codebook_of, encode
from holigrail_hw.sparse.eie.model import efficiency, queue_cycles, random_work, work_of

SIZES = EieSizes(pes=3, columns=40, rows=30, entries=600, weight=FixedFormat(8))


def sparse(rng: np.random.Generator, shape: tuple[int, int], density: float) -> np.ndarray:
    """Few different values, some rows and columns with nothing and with everything."""
    matrix = rng.integers(-7, 8, shape) * (rng.random(shape) < density)
    matrix[rng.random(shape[0]) < 0.1] = 0
    matrix[:, rng.random(shape[1]) < 0.1] = 0
    matrix[rng.random(shape[0]) < 0.1] = 5
    return matrix


@pytest.mark.parametrize("density", [0.0, 0.02, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("index_width", [1, 4, 7])
def test_encoding_loses_nothing(density, index_width):
    rng = np.random.default_rng(4)
    for pes in (1, 2, 7, 64):
        sizes = EieSizes(
            pes=pes,
            columns=20,
            rows=90,
            entries=2000,
            weight=FixedFormat(8),
            index_width=index_width,
        )
        for shape in ((1, 1), (1, 20), (90, 1), (50, 13)):
            matrix = sparse(rng, shape, density)
            encoded = encode(sizes, matrix)
            assert np.array_equal(encoded.dense(), matrix)
            work, real = work_of(matrix != 0, pes, index_width)
            assert np.array_equal(encoded.work, work)
            assert real == np.count_nonzero(matrix)


def test_runs_longer_than_an_index_have_fillers():
    """15 zeros fit an index of four bits; 16 take a filler, which stands for all of them."""
    sizes = EieSizes(pes=1, columns=1, rows=90, entries=9, weight=FixedFormat(8))
    for zeros, fillers in ((0, 0), (15, 0), (16, 1), (31, 1), (32, 2), (79, 4), (80, 5)):
        matrix = np.zeros((90, 1), int)
        matrix[zeros] = 3
        encoded = encode(sizes, matrix)
        assert encoded.indices[0].tolist() == [15] * fillers + [zeros % 16]
        assert encoded.codebook[encoded.codes[0]].tolist() == [0] * fillers + [3]
        assert np.array_equal(encoded.dense(), matrix)


def test_words_and_bits():
    matrix = np.array([[5, 0], [0, -5], [0, 5]])
    sizes = EieSizes(pes=2, columns=2, rows=2, entries=5, weight=FixedFormat(6), code_width=2)
    encoded = encode(sizes, matrix, (5, -5, 0))
    codebook, first, second = [5, 64 - 5, 0, 0], [0, 1, 2, 0, 4 * 1], [0, 0, 1, 1]
    assert encoded.words().tolist() == codebook + first + second
    assert sizes.word_width == 6
    assert encoded.bits == 4 * 6 + 6 * 3 + 3 * 6


@pytest.mark.parametrize(
    ("matrix", "codebook", "message"),
    [
        (
            np.zeros(3, int),
            None,
            "a matrix must have two dimensions and integers, not 1 dimensions of int64",
        ),
        (
            np.zeros((2, 2)),
            None,
            "a matrix must have two dimensions and integers, not 2 dimensions of float64",
        ),
        (
            np.zeros((91, 41), int),
            None,
            "a matrix must have 1 to 90 rows and 1 to 40 columns, not be 91 x 41",
        ),
        (
            np.zeros((0, 4), int),
            None,
            "a matrix must have 1 to 90 rows and 1 to 40 columns, not be 0 x 4",
        ),
        (
            np.array([[0, 3], [0, 4]]),
            (0, 3),
            "every value must be in the codebook, not 4 in row 1, column 1",
        ),
        (
            np.arange(17)[None],
            None,
            "a codebook must have at most 16 values, not 17",
        ),
        (
            np.array([[0, 128]]),
            None,
            "values of the codebook must be between -128 and 127, not 128 at 1",
        ),
        (
            np.array([[0, 1]]),
            (0, 1, 2.5),
            "values of the codebook must be a whole number, not 2.5 at 2",
        ),
        (
            np.ones((90, 21), int),
            None,
            "element 0 must have at most 600 entries, not 630, 0 of them fillers",
        ),
        (
            np.eye(90, 1, -89, int),
            tuple(range(1, 17)),
            "the codebook must hold 0 for fillers, as there are runs of more than 15 zeros",
        ),
    ],
)
def test_refusals(matrix, codebook, message):
    with pytest.raises(ValueError) as caught:
        encode(SIZES, matrix, codebook)
    assert str(caught.value) == f"eie encoder: {message}"


def test_a_codebook_may_lack_zero_and_repeat_values():
    matrix = np.array([[4, 0, 9], [9, 9, 0]])
    encoded = encode(SIZES, matrix, (9, 4, 9, 9, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 14))
    assert np.array_equal(encoded.dense(), matrix)
    assert codebook_of(matrix) == (0, 4, 9)


def stepwise(work: np.ndarray, depth: int) -> int:
    """The queues, cycle by cycle."""
    left, queues, cycle = [row.tolist() for row in work], [[] for _ in work[0]], 0
    while left or any(queues):
        if left and all(len(queue) < depth for queue in queues):
            for queue, entries in zip(queues, left.pop(0), strict=True):
                queue.append(max(entries, 1))
        for queue in queues:
            if queue:
                queue[0] -= 1
                if not queue[0]:
                    queue.pop(0)
        cycle += 1
    return cycle


def test_the_queue_model_is_what_happens_cycle_by_cycle():
    rng = np.random.default_rng(5)
    for depth in (1, 2, 3, 8, 16):
        for pes, most in ((1, 4), (3, 1), (4, 6), (16, 3)):
            work = rng.integers(0, most + 1, (60, pes))
            assert queue_cycles(work, depth) == stepwise(work, depth)
    assert queue_cycles(np.zeros((0, 4), int), 3) == 0


def test_queues_even_out_the_load():
    """A deeper queue is never slower; no queue beats the fullest element."""
    work, real = random_work(np.random.default_rng(6), 800, 600, (0.1, 0.5), 16)
    assert work.sum() >= real > 0
    cycles = [queue_cycles(work, depth) for depth in (1, 2, 4, 8, 16, 1000)]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] > 1.2 * cycles[3] and cycles[-1] >= np.maximum(work, 1).sum(axis=0).max()
    assert efficiency(work, cycles[0]) < efficiency(work, cycles[3]) <= 1
