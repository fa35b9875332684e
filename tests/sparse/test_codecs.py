"""Codecs in Python: whatever is encoded comes back, and a cut frame is always found."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holigrail_hw.sparse.codecs.bitmask import Bitmask
from holigrail_hw.sparse.codecs.coded import CodecError
from holigrail_hw.sparse.codecs.compressed_columns import CompressedColumns
from holigrail_hw.sparse.codecs.huffman import Huffman, limited_lengths
from holigrail_hw.sparse.codecs.run_length import RunLength

FEW = settings(max_examples=60, deadline=None, derandomize=True)
WIDTHS = st.integers(1, 16)


@st.composite
def sparse(draw, width: int, longest: int = 90) -> list[int]:
    """Runs of zeros between values."""
    parts = draw(st.lists(st.tuples(st.integers(0, 40), st.integers(0, (1 << width) - 1))))
    return [code for zeros, value in parts for code in [0] * zeros + [value]][:longest]


def same(found, symbols) -> bool:
    return found.tolist() == list(symbols)


@FEW
@given(st.data(), WIDTHS, st.integers(1, 16), st.integers(1, 5))
def test_run_lengths_come_back(data, width, run_width, pairs):
    symbols = data.draw(sparse(width))
    codec = RunLength(width, run_width, pairs)
    words = codec.encode(symbols)
    assert same(codec.decode(words), symbols)
    for count in range(len(words["end"])):
        cut = {name: codes[:count] for name, codes in words.items()}
        if count:
            with pytest.raises(CodecError, match="ends before its end"):
                codec.decode(cut)


@FEW
@given(st.data(), WIDTHS, st.integers(1, 20))
def test_bit_masks_come_back(data, width, block):
    symbols = data.draw(sparse(width))
    codec = Bitmask(width, block)
    coded = codec.encode(symbols)
    assert same(codec.decode(coded), symbols)
    for name in ("mask", "value"):
        for count in range(1, len(coded[name])):
            cut = coded | {name: coded[name][:count]}
            if name == "value" and not coded[name][count:].any():
                # A last word that held nothing is no loss.
                assert same(codec.decode(cut), symbols)
                continue
            with pytest.raises(CodecError):
                codec.decode(cut)


@FEW
@given(st.data(), st.integers(1, 9), st.integers(9, 16), st.integers(16, 64))
def test_huffman_words_come_back(data, width, longest, word_width):
    symbols = data.draw(sparse(width))
    histogram = np.bincount([*symbols, 0], minlength=1 << width)
    codec = Huffman(limited_lengths(histogram, longest), longest, word_width)
    coded = codec.encode(symbols)
    assert same(codec.decode(coded), symbols)
    for count in range(len(coded["bits"])):
        with pytest.raises(CodecError, match="missing"):
            codec.decode(coded | {"bits": coded["bits"][:count]})


@FEW
@given(
    st.data(), WIDTHS, st.integers(1, 9), st.integers(1, 9), st.sampled_from([None, 1, 2, 4, 16])
)
def test_columns_come_back(data, width, rows, columns, index_width):
    symbols = data.draw(sparse(width))
    matrix = np.resize([*symbols, 0], (rows, columns))
    codec = CompressedColumns(rows, columns, width, index_width)
    coded = codec.encode(matrix)
    assert codec.decode(coded).tolist() == matrix.tolist()
    for count in range(1, len(coded["index"])):
        with pytest.raises(CodecError):
            codec.decode(coded | {name: coded[name][:count] for name in ("index", "value")})
    for count in range(1, len(coded["pointer"])):
        # Columns without entries at the end of a matrix may be missing: it is a narrower matrix.
        if coded["pointer"][count - 1] != coded["pointer"][-1] or count == 1:
            with pytest.raises(CodecError):
                codec.decode(coded | {"pointer": coded["pointer"][:count]})


def cost(lengths, histogram) -> int:
    return sum(length * weight for length, weight in zip(lengths, histogram, strict=True))


def test_limited_lengths_are_the_best():
    """Against every code of a few symbols, and Huffman's own where the limit is no limit."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        count, longest = int(rng.integers(2, 6)), int(rng.integers(3, 5))
        histogram = (rng.random(count) ** 6 * 1000).astype(int) + 1
        grids = np.meshgrid(*[np.arange(1, longest + 1)] * count)
        every = np.stack([grid.ravel() for grid in grids], axis=1)
        legal = every[(2.0**-every).sum(axis=1) <= 1]
        lengths = limited_lengths(histogram.tolist(), longest)
        assert max(lengths) <= longest
        assert cost(lengths, histogram) == (legal * histogram).sum(axis=1).min()
    fibonacci = [1, 1]
    while len(fibonacci) < 17:
        fibonacci.append(sum(fibonacci[-2:]))
    assert sorted(limited_lengths(fibonacci, 16)) == [*range(1, 17), 16]
    assert max(limited_lengths([*fibonacci, 10**6, 10**7], 16)) == 16


def test_special_alphabets():
    assert limited_lengths([0, 5, 0]) == (0, 1, 0)
    assert limited_lengths([1] * 8, 3) == (3,) * 8
    one = Huffman((0, 1), word_width=8)
    assert same(one.decode(one.encode([1] * 20)), [1] * 20)
    with pytest.raises(ValueError, match="too few"):
        limited_lengths([1] * 9, 3)
    with pytest.raises(ValueError, match="not only zeros"):
        limited_lengths([0, 0])
    with pytest.raises(ValueError, match="Kraft"):
        Huffman((1, 1, 1))
    with pytest.raises(ValueError, match="0 to 16"):
        Huffman((17,))
    with pytest.raises(ValueError, match="which 0 has not"):
        one.encode([0])


def test_ratios():
    """All zero, all dense, and the Eyeriss word."""
    codec = RunLength()
    assert codec.word_width == 64
    assert codec.ratio([0] * 31 * 30) == 31 * 30 * 16 / 640
    assert codec.ratio([7] * 30) == 30 * 16 / 640
    assert Bitmask(8, 8).ratio([0] * 800) == 6400 / (100 * 8 + 64)
    assert Bitmask(8, 8).ratio([1] * 800) == 8 / 9
    assert Huffman((1, 2, 2)).ratio([0] * 320, 16) == 320 * 16 / (16 + 320)
    assert CompressedColumns(32, 1).ratio([[0]] * 32) == 32 * 8 / (2 * 16 + 12)


def test_wrong_symbols_are_refused():
    with pytest.raises(ValueError, match="codes of 3 bits, not 8"):
        RunLength(3).encode([1, 8])
    with pytest.raises(ValueError, match="integer codes, not float64"):
        RunLength(3).encode([0.5])
    for codec in (RunLength(3), Bitmask(3), Huffman((1, 1))):
        with pytest.raises(ValueError, match=r"must be a sequence, not of shape \(1, 2\)"):
            codec.encode([[1, 0]])
        with pytest.raises(ValueError, match="rows must have one length"):
            codec.encode([[1], [0, 1]])
    with pytest.raises(ValueError, match=r"must be a matrix, not of shape \(2,\)"):
        CompressedColumns(4).encode([1, 0])
    for counts, message in (
        ([0.5, 0.5], "a histogram must hold integer codes, not float64"),
        ([3, -1], "a histogram must hold codes of 64 bits, not -1"),
    ):
        with pytest.raises(ValueError, match=message):
            limited_lengths(counts)
    with pytest.raises(ValueError, match="4 rows and 1 to 256 columns, not be 3 x 1"):
        CompressedColumns(4).encode([[0]] * 3)
    with pytest.raises(ValueError, match="must hold the number of entries"):
        CompressedColumns(4, pointer_width=2).encode([[1]] * 4)


def test_codecs_need_no_hardware_language():
    names = ("bitmask", "coded", "compressed_columns", "huffman", "run_length")
    program = "".join(f"import holigrail_hw.sparse.codecs.{name}\n" for name in names)
    program += "import sys; print('amaranth' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"
