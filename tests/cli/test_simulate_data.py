"""``simulate --data``: a user's own arrays through hardware, and what the results say of them."""

import json

import numpy as np
import pytest

from holigrail_hw.models import read, shipped


@pytest.fixture
def frames(tmp_path):
    """Six frames of the example, whose true classes are right four times."""
    graph = read(shipped.path("example"))
    x = np.random.default_rng(4).integers(0, 8, (6, 4, 4))
    outputs = graph.evaluate(graph.codes(x)).reshape(6, -1)
    y = outputs.argmax(axis=1)
    y[[1, 4]] = (y[[1, 4]] + 1) % outputs.shape[1]
    np.savez(tmp_path / "frames.npz", x=x, y=y.astype(float))
    return tmp_path / "frames.npz"


def test_classes_behind_a_shell_that_packs_its_streams(holigrail, frames):
    words = ("network", "--data", str(frames), "--shell", "axi-stream", "--json")
    answer = holigrail("simulate", *words)
    assert answer.status == 0, answer.err
    shown = json.loads(answer.out)
    outcome = shown["outcome"]
    assert outcome["wrong items"] == 0 and outcome["cycles"] == shown["cycles"]
    assert (outcome["samples"], outcome["right"], outcome["accuracy (%)"]) == (6, 4, 66.67)
    assert all(row["equals_golden"] for row in shown["items"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("network", "--data", "nothing"),
            "--data: the file must be digits, digits-training, digits-calibration, .npy or .npz,"
            " not nothing",
        ),
        (
            ("mac", "--data", "nothing"),
            "--data: the file must be .npy or .npz, not nothing",
        ),
        (
            ("network", "--data", "absent.npz"),
            "--data: the file must be a readable NumPy file, not absent.npz (No such file or"
            " directory)",
        ),
        (
            ("network", "--data", "digits", "--value", "x_value0=1"),
            "simulate: --data must be left out beside --value, or the reverse",
        ),
    ],
)
def test_refusals(holigrail, words, message):
    answer = holigrail("simulate", *words)
    assert answer.status == 2
    assert answer.err.splitlines()[0] == f"error: {message}"


def test_an_operator_without_meaning_for_arrays(holigrail, frames):
    answer = holigrail("simulate", "mac", "--data", str(frames))
    assert answer.status == 2
    assert answer.err == (
        "error: mac: data must be left out, for the operator has no meaning for arrays\n"
        "  hint: `simulate --value NAME=LIST` gives operands\n"
    )
