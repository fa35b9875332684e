"""Parameters that are the content of a file: the content counts, never the place."""

import shutil

import pytest

from holigrail_hw.core import RequestError, Timing, find
from holigrail_hw.core.parameters import given_file
from holigrail_hw.flow.emit import emit, manifest
from holigrail_hw.models import shipped


@pytest.fixture
def model(tmp_path):
    """A network in a file of the user's."""
    folder = tmp_path / "here"
    folder.mkdir()
    return shutil.copy(shipped.path("example"), folder / "My net-1.json")


def test_the_name_of_a_design_follows_from_the_content(model, tmp_path):
    network = find("network")
    elsewhere = shutil.copy(model, tmp_path / "My net-1.json")
    one, other = network(model=str(model)), network(model=elsewhere)
    assert one == other and hash(one) == hash(other)
    assert one.top_name() == other.top_name() and "my_net_1" in one.top_name()
    assert str(model) in one.parameters()["model"]
    model.write_text(model.read_text() + "\n")
    changed = network(model=str(model))
    assert changed != one and changed.top_name() != one.top_name()


def test_a_generated_folder_holds_the_file(model, tmp_path):
    spec, timing = find("network")(model=str(model)), Timing()
    made = emit.generate(spec, timing, tmp_path / "made", vectors=8)
    assert (tmp_path / "made" / "My net-1.json").read_bytes() == model.read_bytes()
    for file in made.files:
        assert str(tmp_path).encode() not in file.read_bytes(), file
    # It can be moved, and the file that it came from may go.
    shutil.move(tmp_path / "made", tmp_path / "moved")
    shutil.rmtree(model.parent)
    assert manifest.load(tmp_path / "moved" / "manifest.json") == (spec, timing)


def test_a_shipped_file_is_known_by_its_word(tmp_path):
    spec = find("network")(model="example")
    emit.generate(spec, Timing(), tmp_path, vectors=8)
    assert not (tmp_path / "example.json").exists()
    assert manifest.load(tmp_path / "manifest.json") == (spec, Timing())


def test_refusals(tmp_path, monkeypatch):
    network = find("network")
    words = "digits, digits-float, example, or the path of a file .onnx, .tflite, .nnet, .mat"
    for given, text in (
        ("notes.md", f"must be {words}, .json or .dais, not 'notes.md'"),
        ("absent.onnx", "must be a readable file, not absent.onnx (No such file or directory)"),
        ("a\0b.onnx", "must be a readable file, not a\0b.onnx (embedded null byte)"),
        (str(tmp_path) + ".onnx/x.onnx", "must be a readable file, not"),
    ):
        with pytest.raises(RequestError) as caught:
            network(model=given)
        assert str(caught.value).startswith(f"network: model {text}"), given
    monkeypatch.setattr(given_file, "LARGEST", 1 << 20)
    (tmp_path / "large.onnx").write_bytes(bytes((1 << 21) + 1))
    with pytest.raises(RequestError, match="network: model must have at most 1 MiB, not 2, in"):
        network(model=str(tmp_path / "large.onnx"))
