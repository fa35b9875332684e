"""The script that trains the digits network: its gradients, its integers, what it needs."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from holigrail_hw.core.array_files import read_named_arrays
from holigrail_hw.models import IntegerGraph, read, shipped

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPTS / "train_digits"))


def weights(script, rng):
    found = {}
    for name, (rows, columns) in script["SHAPES"].items():
        found[name] = rng.normal(0, np.sqrt(2 / rows), (rows, columns))
        found[f"{name}_bias"] = rng.normal(0, 0.1, columns)
    return found


def loss(script, w, x, y):
    logits, _ = script["forward"](w, script["Bits"](), x)
    logits = logits - logits.max(1, keepdims=True)
    return (np.log(np.exp(logits).sum(1)) - logits[np.arange(len(y)), y]).mean()


def test_gradients_are_slopes_of_the_loss(script):
    rng = np.random.default_rng(3)
    w, bits = weights(script, rng), script["Bits"]()
    x, y = rng.uniform(0, 1, (8, 8, 8)), rng.integers(0, 10, 8)
    logits, kept = script["forward"](w, bits, x)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    error = powers / powers.sum(1, keepdims=True)
    error[np.arange(8), y] -= 1
    slopes = script["gradients"](w, bits, kept, error / 8)
    assert slopes.keys() == w.keys()
    for name, values in w.items():
        index = np.unravel_index(int(np.abs(slopes[name]).argmax()), values.shape)
        pair = []
        for step in (1e-5, -1e-5):
            changed = {**w, name: values.copy()}
            changed[name][index] += step
            pair.append(loss(script, changed, x, y))
        assert (pair[0] - pair[1]) / 2e-5 == pytest.approx(slopes[name][index], rel=1e-3)


def test_the_integers_are_what_was_trained(script):
    """With biases in units of the sums, every logit of training is that of the integer graph."""
    rng = np.random.default_rng(4)
    w, bits = weights(script, rng), script["Bits"]()
    images = rng.integers(0, 17, (50, 8, 8))
    seen = script["forward"](w, bits, images / 16)[1]
    bits.start(w, {name: seen[name][3] for name in ("conv1", "conv2")})
    unit = 4
    for name in script["LAYERS"]:
        unit += bits.weights[name]
        w[f"{name}_bias"] = np.rint(w[f"{name}_bias"] * 2.0**unit) / 2.0**unit
        last, unit = unit, bits.activations.get(name, 0)
    graph = script["integers"](w, bits)
    assert isinstance(graph, IntegerGraph)
    logits = script["forward"](w, bits, images / 16)[0]
    assert (graph.run(images).reshape(50, 10) == logits * 2.0**last).all()
    assert graph.macs == read(shipped.path("digits")).macs


def test_training_makes_the_loss_smaller(script):
    rng = np.random.default_rng(5)
    w, bits = weights(script, rng), script["Bits"]()
    x, y = read_named_arrays(shipped.data("digits-calibration")).values()
    x = x / 16
    before = loss(script, w, x, y)
    script["train"](w, bits, (x, y), 30, 0.02, rng)
    assert loss(script, w, x, y) < 0.5 * before


@pytest.mark.parametrize("name", ["train_digits", "make_shipped_models"])
def test_without_its_images_a_script_says_what_to_type(name, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    options = ["--images", "--out", str(tmp_path)] if name == "make_shipped_models" else []
    monkeypatch.setattr(sys, "argv", [name, *options])
    assert runpy.run_path(str(SCRIPTS / name))["main"]() == 3
    assert capsys.readouterr().err == (
        "error: the Python package scikit-learn must be installed, not missing\n"
        "  hint: pip install scikit-learn\n"
    )
    assert not [*tmp_path.iterdir()]
