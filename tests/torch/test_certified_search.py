"""Formats of controllers with a proved error, and what a search weighed in files and reports."""

import itertools
import json
from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - only where there is torch

import holigrail_hw.torch as hgt  # noqa: E402
from holigrail_hw.core import find  # noqa: E402
from holigrail_hw.core.parameters import GivenFile  # noqa: E402
from holigrail_hw.core.views import Scatter, Table  # noqa: E402
from holigrail_hw.models import IntegerGraph, ModelError, read  # noqa: E402
from holigrail_hw.models.graph.front import Candidate, Front  # noqa: E402
from holigrail_hw.torch import search  # noqa: E402
from holigrail_hw.ui.pictures import svg_of  # noqa: E402

pytestmark = pytest.mark.xdist_group("torch")

BOX = ((-1.0, 1.0), (0.0, 0.5))


def controller(activation=nn.ReLU):
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(2, 5), activation(), nn.Linear(5, 4), activation(), nn.Linear(4, 1)
    )


def real(model, x):
    with torch.no_grad():
        return model.double()(torch.tensor(x)).numpy()


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_the_error_is_proved_and_no_sample_exceeds_it(tmp_path, activation):
    error = 2.0**-5
    found = search.certified(controller(activation), BOX, error, boxes=8)
    assert all(0 < bound <= error for bound in found.bound)
    # The checker, which shares nothing with the search, proves no more than what was asked for.
    assert all(bound <= error for bound in found.check())
    x = np.random.default_rng(0).uniform([-1, 0], [1, 0.5], (4000, 2))
    corners = np.array([*itertools.product(*BOX)])
    x = np.concatenate([x, corners])
    off = np.abs(found.graph.run(x).reshape(-1, 1) - real(controller(activation), x))
    assert off.max() <= float(found.bound[0])
    assert found.uniform_cost is None or found.cost <= found.uniform_cost
    paths = found.write(tmp_path)
    assert [path.name for path in paths] == [
        "controller.onnx",
        "controller_certified.json",
        "certificate.json",
    ]
    again = read(paths[1])
    assert isinstance(again, IntegerGraph)
    assert np.array_equal(again.run(x), found.graph.run(x))


def test_the_command_proves_the_files_again(tmp_path):
    from holigrail_hw.cli.main import main

    found = search.certified(controller(), "-1:1,0:0.5", "2^-4", boxes=4)
    found.write(tmp_path)
    assert main(["certify", "--check", str(tmp_path / "certificate.json"), "-q"]) == 0


def test_a_tampered_file_does_not_hold():
    found = search.certified(controller(), BOX, 0.125, boxes=2)
    name = "controller_certified.json"
    document = json.loads(found.files[name])
    document["remarks"] = ["changed"]
    wrong = {**found.files, name: json.dumps(document).encode()}
    object.__setattr__(found, "files", wrong)
    with pytest.raises(ModelError, match="the network must be the one that was certified"):
        found.check()


def test_what_cannot_be_certified_is_refused():
    odd = nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Sequential(nn.BatchNorm1d(3)))
    with pytest.raises(
        ModelError, match=r"controller.onnx: 1: modules must be .*, not GELU"
    ) as error:
        search.certified(odd, BOX, 0.1)
    assert len(error.value.violations) == 2
    with pytest.raises(ModelError, match="there must be a Linear layer"):
        search.certified(nn.Sequential(), BOX, 0.1)
    with pytest.raises(ModelError, match="certified: name must be letters, digits and _"):
        search.certified(controller(), BOX, 0.1, name="a/b")
    with pytest.raises(ModelError, match="error: it must be above 0"):
        search.certified(controller(), BOX, 0.0)
    with pytest.raises(ModelError, match="an error of 1/1000000000000 must be reached"):
        search.certified(controller(), BOX, str(Fraction(1, 10**12)), boxes=1)


@pytest.fixture(scope="module")
def weighed():
    """A search, its picks, and an exported network that carries them."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    x = torch.randint(0, 8, (60, 6)) / 8
    with torch.no_grad():
        samples = x, (3 * model(x)).argmax(1)
    precision = search.Precision(
        model, samples, ["int8", "int4", "int3"], search.energy(), 0.05, measure=lambda m: 50.0
    )
    picks = [precision.solve("ilp"), precision.solve("exhaustive")]
    front = precision.front(picks, cost="energy (pJ)")
    parts = [
        hgt.Quantize("uint3", 1 / 8),
        model[0],
        nn.ReLU(),
        hgt.Quantize("uint4", 1 / 4),
        model[2],
    ]
    for layer in (model[0], model[2]):
        hgt.attach(layer, hgt.Quantize("int4", 1 / 8))
        hgt.attach(layer, hgt.Quantize("sfix12_en6"), "bias")
    network = hgt.export(nn.Sequential(*parts).eval(), x, "weighed", front=front)
    return precision, picks, network


def test_a_front_goes_with_the_file(weighed, tmp_path):
    precision, picks, network = weighed
    front = network.graph.front
    assert len(front.points) == len(precision.measured) == 9
    assert {p.label for p in front.points if p.chosen} == {
        label if len({*label.split(", ")}) > 1 else label.split(", ")[0]
        for label in map(str, picks)
    }
    network.to_json(tmp_path / "weighed.json")
    again = read(tmp_path / "weighed.json")
    assert again.front == front and again.to_json() == network.graph.to_json()


def test_the_report_shows_the_front(weighed):
    _, _, network = weighed
    spec = network.design("stream")
    views = spec.views()
    (plot,) = [view for view in views if isinstance(view, Scatter)]
    (table,) = [v for v in views if isinstance(v, Table) and v.title == "Formats that were weighed"]
    assert plot.x_label == "energy (pJ)" and len(plot.dots) == 9
    assert "<svg" in svg_of(plot) and "int3" in svg_of(plot)
    chosen = {row[0] for row in table.rows if row[4]}
    assert chosen == {dot.label for dot in network.graph.front.points if dot.chosen}
    plain = network.graph.changed(front=None)
    file = GivenFile("plain.json", plain.to_json().encode(), "plain.json")
    other = find("network")(model=file, style="stream")
    assert not any(isinstance(view, Scatter) for view in other.views())
    # What was weighed changes nothing that is computed.
    x = np.arange(18).reshape(3, 6) % 8 / 8
    assert np.array_equal(plain.run(x), network.graph.run(x))


def test_the_command_draws_it_on_one_page(weighed, tmp_path):
    from holigrail_hw.cli.main import main

    weighed[2].to_json(tmp_path / "weighed.json")
    words = ["report", "network", "--model", str(tmp_path / "weighed.json"), "--style", "stream"]
    assert main([*words, "-q", "-o", str(tmp_path / "page")]) == 0
    page = (tmp_path / "page" / "report.html").read_text()
    assert "Formats per layer" in page and "Formats that were weighed" in page
    assert "energy (pJ)" in page


def test_the_best_are_those_that_no_other_beats():
    points = tuple(Candidate(*p, "", False) for p in ((3, 9), (1, 5), (2, 5), (2, 7), (4, 8)))
    best = Front("cost", "accuracy", True, points).best
    assert [(p.cost, p.value) for p in best] == [(1, 5), (2, 7), (3, 9)]
    best = Front("cost", "loss", False, points).best
    assert [(p.cost, p.value) for p in best] == [(1, 5)]


@pytest.mark.parametrize(
    "points",
    [
        [],
        *([[number, 2, "a", False]] for number in (float("nan"), 1.7e308, "1", True, 10**400)),
        [[1, -2e100, "a", False]],
        [[1, 2, "a\n", False]],
        [[1, 2, 3, False]],
        7,
    ],
    ids=lambda points: str(points)[:20],
)
def test_a_front_that_is_none_is_refused(weighed, points):
    document = json.loads(weighed[2].graph.to_json())
    document["front"]["points"] = points
    with pytest.raises(ModelError):
        IntegerGraph.from_json(json.dumps(document), "broken.json")


def test_a_front_of_floats_is_refused(weighed):
    how = hgt.Arithmetic(forward=hgt.Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16"))
    model = nn.Sequential(hgt.Linear(6, 3, arithmetic=how)).eval()
    with pytest.raises(ModelError, match="floats: a front must go with a network of integers"):
        hgt.export(model, torch.zeros(2, 6), "floats", front=weighed[2].graph.front)
