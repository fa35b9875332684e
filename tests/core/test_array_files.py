"""Arrays and documents from files: right values, and one message for each kind of damage."""

import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from holigrail_hw.core import RequestError, array_files, find
from holigrail_hw.core.array_files import ArrayFileError, read_array, read_arrays
from holigrail_hw.core.documents import parse_json, parse_toml
from holigrail_hw.core.parameters import construct


def _npy(header, body=b"", version=(1, 0)):
    text = header.encode()
    text += b" " * ((-len(text) - 11) % 64) + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(text)) + text + body


def _described(shape, descr="<i8"):
    return f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"


@pytest.mark.parametrize("kind", ["<i8", ">i2", "u1", "<f4", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back(tmp_path, kind, order):
    array = np.array([[1, 0, 1], [0, 1, 1]], dtype=kind, order=order)
    np.save(tmp_path / "a.npy", array)
    assert np.array_equal(read_array(tmp_path / "a.npy"), array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_come_back_by_natural_order(tmp_path, save):
    save(tmp_path / "a.npz", **{f"W{i}": np.full((1, 1), i) for i in (10, 9, 2)})
    assert [int(array[0, 0]) for array in read_arrays(tmp_path / "a.npz")] == [2, 9, 10]


def test_text_in_an_archive_is_passed_over(tmp_path):
    texts = {"W1": np.array(["in", "out"]), "note": np.array("text"), "bytes": np.array([[b"a"]])}
    np.savez(tmp_path / "a.npz", W0=np.array([3, 4]), W2=np.array([[5]]), **texts)
    assert [array.tolist() for array in read_arrays(tmp_path / "a.npz")] == [[3, 4], [[5]]]
    np.savez(tmp_path / "a.npz", **texts)
    assert read_arrays(tmp_path / "a.npz") == []
    np.save(tmp_path / "a.npy", texts["W1"])
    with pytest.raises(ArrayFileError, match="must hold integers or real numbers"):
        read_array(tmp_path / "a.npy")


DAMAGED = {
    "empty": (b"", "it does not begin as a NumPy array does"),
    "text": (b"hello world", "it does not begin as a NumPy array does"),
    "version": (_npy(_described((1, 1)), bytes(8), (9, 0)), "its version 9.0 is none of"),
    "cut off": (_npy(_described((2, 2)), bytes(31)), "needs 32 bytes, and there are 31"),
    "huge": (_npy(_described((10**12, 1000))), "needs 8000000000000000 bytes, and there are 0"),
    "negative": (_npy(_described((-1, 2))), "its shape (-1, 2) needs"),
    "type": (_npy(_described((1, 1), "nonsense"), bytes(8)), "not a valid dtype descriptor"),
    "complex": (_npy(_described((1, 1), "<c16"), bytes(16)), "must hold integers or real numbers"),
    "objects": (_npy(_described((1, 1), "|O"), bytes(8)), "must hold integers or real numbers"),
    "deep": (_npy("[" * 3000), "its header is no description of an array"),
    "call": (_npy("__import__('os').system('true')"), "("),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_arrays(tmp_path, name):
    content, reason = DAMAGED[name]
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(ArrayFileError) as caught:
        read_array(path)
    assert str(caught.value).startswith(f"{path} (") and reason in str(caught.value)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("b.npy", content)
    with pytest.raises(ArrayFileError) as caught:
        read_arrays(tmp_path / "a.npz")
    assert str(caught.value).startswith(f"{tmp_path / 'a.npz'} (b.npy: ")


def _flagged_as_encrypted(data):
    data = bytearray(data)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(mark) + offset] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[: len(data) // 2], "damaged: File is not a zip file"),
        (lambda data: data.replace(b"\x07", b"\x08"), "W.npy: damaged: Bad CRC-32"),
        (_flagged_as_encrypted, "is encrypted"),
    ],
)
def test_damaged_archives(tmp_path, change, reason):
    path = tmp_path / "a.npz"
    np.savez(path, W=np.full((3, 3), 7))
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ArrayFileError) as caught:
        read_arrays(path)
    assert reason in str(caught.value)


def test_nothing_is_allocated_for_what_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(array_files, "LARGEST", 1 << 22)
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", _npy(_described((1 << 23,)), bytes(1 << 26)))
    tracemalloc.start()
    with pytest.raises(ArrayFileError, match="needs 67108864 bytes, and 4194304 are read at most"):
        read_arrays(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    np.savez(path, a=np.zeros(1 << 18), b=np.zeros((1 << 18) + 1))
    with pytest.raises(ArrayFileError, match=r"b.npy: .*, and 2097152 are read at most"):
        read_arrays(path)


def test_files_that_are_not_there(tmp_path):
    for name in ("none.npy", "a" * 300 + ".npy", "a\0b.npy"):
        for read in (read_array, read_arrays):
            with pytest.raises(ArrayFileError):
                read(tmp_path / name)


def test_integers_only(tmp_path):
    path = tmp_path / "m.npy"
    np.save(path, np.array([[1.0, -2.0], [1e15, 0.0]]))
    cmvm = find("cmvm")
    assert construct(cmvm, {"matrix": str(path)}, who="x").matrix == ((1, -2), (10**15, 0))
    np.save(path, np.array([[True, False]]))
    assert construct(cmvm, {"matrix": str(path)}, who="x").matrix == ((1, 0),)
    for value, message in (
        (0.5, "matrix must be integers, not 0.5, unless coefficient_format is given"),
        (np.nan, "matrix must hold finite numbers in "),
        (np.inf, "matrix must hold finite numbers in "),
    ):
        np.save(path, np.array([[value]]))
        with pytest.raises(RequestError, match=message):
            construct(cmvm, {"matrix": str(path)}, who="x")


def test_a_matrix_from_either_kind_of_file(tmp_path):
    matrix = np.array([[3, -5], [7, 1]])
    np.save(tmp_path / "m.npy", matrix)
    np.savez(tmp_path / "m.npz", anything=matrix)
    np.savez(tmp_path / "rows.npz", W0=matrix[0], W1=matrix[1])
    cmvm = find("cmvm")
    for name in ("m.npy", "m.npz", "rows.npz"):
        assert construct(cmvm, {"matrix": str(tmp_path / name)}, who="x").matrix == (
            (3, -5),
            (7, 1),
        )


@pytest.mark.parametrize("empty", [(0, 3), (0, 0)])
def test_empty_matrices_are_refused(tmp_path, empty):
    np.save(tmp_path / "e.npy", np.zeros(empty, int))
    for operator, name in (("thresholds", "thresholds"), ("cmvm", "matrix")):
        with pytest.raises(RequestError) as caught:
            construct(find(operator), {name: str(tmp_path / "e.npy")}, who=operator)
        assert str(caught.value) == f"{operator}: {name} must have at least one row"


def test_documents_that_are_nested_too_deeply():
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json("[" * 100_000 + "]" * 100_000)
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_toml("a = " + "[" * 5000 + "]" * 5000)
    assert parse_json('{"a": [1]}') == {"a": [1]} == parse_toml("a = [1]")
