"""``train``: its options, what it prints and writes, and that the hardware takes what it wrote."""

import numpy as np
import pytest

from holigrail_hw.cli.completion import candidates
from holigrail_hw.models import IntegerGraph, read, shipped
from holigrail_hw.nn.plants import PLANTS, simulate, starts


def nnet(layers):
    """A file .nnet without normalisation."""
    sizes = [len(layers[0][0][0]), *(len(weights) for weights, _ in layers)]
    lines = [f"{len(layers)},{sizes[0]},{sizes[-1]},{max(sizes)}", ",".join(map(str, sizes))]
    lines += ["0"] * 5
    for weights, bias in layers:
        lines += [",".join(map(str, row)) for row in weights] + [str(value) for value in bias]
    return "\n".join(lines) + "\n"


@pytest.fixture
def model(tmp_path):
    """A controller of the pendulum: it pushes against angle and velocity."""
    path = tmp_path / "upright.nnet"
    rows = [[1.3, 0.4], [-0.7, 0.3], [0.45, 1.1]]
    path.write_text(nnet([(rows, [0.1, 0.2, -0.3]), ([[-0.55, 0.35, -0.15]], [0.05])]))
    return path


SHORT = ("--steps", "300", "--batch", "32", "--rate", "0.3", "--weight-bits", "6")
SHORT += ("--activation-bits", "8")


def test_imitation_with_a_plant(holigrail, model, tmp_path):
    words = ("train", "network", "--model", model, "--plant", "pendulum", "--starts", "3", *SHORT)
    answer = holigrail(*words, "--coefficients", "power-of-two", "-o", tmp_path / "a", "--json")
    assert answer.status == 0, answer.err
    facts = answer.json["outcome"]
    assert facts["coefficients"] == "power-of-two: 12 words of 6 bits"
    assert facts["product adders before"] == facts["product adders after"] == 0
    assert 0 < facts["MSE after"] < facts["MSE before"] / 10
    assert facts["parallel: adders"] > 0 and facts["parallel: LUTs, estimate"] > 0
    assert facts["margins"] == "least of 7 sampled trajectories; 0 <= theta <= 1 from 0.5 s to 1 s"
    plant = PLANTS["pendulum"]
    real = simulate(plant, read(model), starts(plant, 3, seed=1)).worst[0]
    assert facts["margin, real numbers (rad)"] == real
    after = read(tmp_path / "a" / "upright_power_of_two.json")
    trained = simulate(plant, after, starts(plant, 3, seed=1)).worst[0]
    assert facts["margin, after (rad)"] == trained != facts["margin, before (rad)"]
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == [*(f"closed_loop_{i}.svg" for i in range(4)), "upright_power_of_two.json"]
    graph = read(tmp_path / "a" / "upright_power_of_two.json")
    assert isinstance(graph, IntegerGraph)
    x = np.random.default_rng(4).uniform((0, -2.5), (1.3, 0.5), (400, 2))
    error = (graph.run(x[:, None]).reshape(-1) - read(model).evaluate(x[:, None]).reshape(-1)) ** 2
    assert error.mean() == pytest.approx(facts["MSE after"], rel=0.5)
    again = holigrail(*words, "--coefficients", "power-of-two", "-o", tmp_path / "b", "--json")
    assert again.json["outcome"] == facts
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    other = holigrail(*words, "-o", tmp_path / "c", "--seed", "2")
    assert other.status == 0 and "margin, after" in other.out
    trained = (tmp_path / "c" / files[-1]).read_bytes()
    assert trained != (tmp_path / "a" / files[-1]).read_bytes()


@pytest.mark.heavy
def test_hardware_takes_what_was_trained(holigrail, model, tmp_path):
    words = ("--model", model, "--box", "0:1.3,-2.5:0.5", *SHORT, "-o", tmp_path)
    assert holigrail("train", "network", *words, "--coefficients", "cost-1").status == 0
    trained = tmp_path / "upright_cost_1.json"
    answer = holigrail("verify", "network", "--model", trained, "--style", "parallel")
    assert answer.status == 0, answer.err


def test_classes_from_data(holigrail, tmp_path):
    """The digits that come with the package, with two data sets."""
    words = ("--model", "digits-float", "--data", "digits-calibration", "--test", "digits")
    more = (
        "--steps",
        "40",
        "--rate",
        "0.1",
        "--coefficients",
        "-9,-5,-2,0,1,3,7",
        "--activation-bits",
        "4",
    )
    answer = holigrail("train", "network", *words, *more, "--estimate", "false", "-o", tmp_path)
    assert answer.status == 0, answer.err
    rows = dict(line.split("  ", 1) for line in answer.out.splitlines())
    accuracies = [float(rows[f"accuracy, {name} (%)"]) for name in ("before", "after")]
    assert accuracies[1] > accuracies[0] > 50
    assert rows["coefficients"].strip() == "-9,-5,-2,0,1,3,7: 7 words of 8 bits"
    assert "parallel: adders" not in rows
    graph = read(tmp_path / "digits_float__9__5__2_0_1_3_7.json")
    weights = {int(w) for n in graph.nodes if n.kind == "linear" for w in n.weights.reshape(-1)}
    assert weights == {-9, -5, -2, 0, 1, 3, 7}
    with np.load(shipped.data("digits")) as data:
        right = graph.run(data["x"][:, None]).reshape(360, 10).argmax(axis=1) == data["y"]
    assert round(100 * right.mean(), 2) == accuracies[1]


REFUSED = [
    ((), "network: model must be given"),
    (
        ("--model", "m.nnet"),
        "network: data must be given, or a box to imitate the model on, or a plant, not nothing",
    ),
    (
        ("--model", "m.nnet", "--box", "1,2", "--data", "digits"),
        "network: box must be left out beside data, or the reverse",
    ),
    (
        ("--model", "m.nnet", "--box", "1,2", "--test", "digits"),
        "network: test must be left out without data",
    ),
    (
        ("--model", "m.nnet", "--box", "1,2,3"),
        "network: box: there must be a range for each of 2 inputs, not 3",
    ),
    (
        ("--model", "m.nnet", "--plant", "acc"),
        "network: m.nnet: the plant must have 2 observations, not 5",
    ),
    (
        ("--model", "digits-float", "--data", "digits", "--plant", "tora"),
        "network: digits_float.onnx: the plant must have 64 observations, not 4",
    ),
    (
        ("--model", "m.nnet", "--plant", "car"),
        "network: plant must be one of acc, pendulum, tora, tora-sigmoid, cart-pole, not car",
    ),
    (
        ("--model", "m.nnet", "--plant", "pendulum", "--coefficients", "3"),
        "network: coefficients must be two or more integers from -128 to 127, not 3 alone",
    ),
    (
        ("--model", "m.nnet", "--plant", "pendulum", "--rate", "fast"),
        "network: rate must be a number from 1e-06 to 100, not 'fast'",
    ),
    (
        ("--model", "m.nnet", "--plant", "pendulum", "--penalty", "-1"),
        "network: penalty must be a number from 0 to 1e+06, not '-1'",
    ),
    (
        ("--model", "digits-float", "--data", "only_x.npz"),
        "network: only_x.npz: data must have arrays x and y, not x",
    ),
    (
        ("--model", "digits-float", "--data", "no.npz"),
        "network: no.npz: data must be a readable file of NumPy, not no.npz (damaged: File is not"
        " a zip file)",
    ),
    (
        ("--model", "digits-float", "--box", ",".join(["0:16"] * 3)),
        "network: box: there must be a range for each of 64 inputs, not 3",
    ),
    (("--model", "m.nnet", "--box", "1,2", "--speed", "4"), "train: no option named '--speed'"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_refusals(holigrail, model, tmp_path, words, message):
    (tmp_path / "m.nnet").write_bytes(model.read_bytes())
    np.savez(tmp_path / "only_x.npz", x=np.zeros(3))
    (tmp_path / "no.npz").write_text("nothing")
    answer = holigrail("train", "network", *words)
    assert answer.status == 2
    assert answer.err.splitlines()[-1 if "hint" not in answer.err else 0] == f"error: {message}"


def test_operators_that_are_not_trained(holigrail):
    answer = holigrail("train", "mac")
    assert (answer.status, answer.said) == (2, "error: train: mac must be something to train\n")
    answer = holigrail("train")
    assert answer.status == 2
    assert answer.err.startswith("error: train: an operator must be given\n")


def test_help_and_completion(holigrail, capsys):
    for words, text in ((("train", "--help"), "OPERATOR"), (("train", "network", "-h"), "--plant")):
        with pytest.raises(SystemExit):
            holigrail(*words)
        assert text in capsys.readouterr().out
    found = candidates(["train", "network", "--co"])
    assert found == ["--coefficients"]
    assert candidates(["train", "network", "--plant", "t"]) == ["tora", "tora-sigmoid"]
    assert "--period" not in candidates(["train", "network", "--"])
