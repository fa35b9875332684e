"""``holigrail certify``: from a model file to a folder whose certificate holds."""

import json
from typing import Any

import numpy as np
import pytest

from holigrail_hw.core import find, operators
from holigrail_hw.core.parameters import leaf_parameters
from holigrail_hw.models.checker.document import sealed, text_of

# Two inputs, three numbers with a ReLU, one output; nothing is normalised.
TEXT = "2,2,1,3\n2,3,1\n0\n0\n0\n0\n0\n1,2\n0,1\n-1,0.5\n0.5\n0\n1\n1,1,-2\n0.25\n"
BOX = "speed=-1:1,rate=0:2"


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "small.nnet"
    path.write_text(TEXT)
    return path


@pytest.fixture
def folder(holigrail, model, tmp_path):
    words = ["--box", BOX, "--error", "2^-5", "--effort", "8", "-o", tmp_path / "out", "-q"]
    answer = holigrail("certify", "network", "--model", model, *words)
    assert (answer.status, answer.err) == (0, "")
    return tmp_path / "out"


def test_a_network_that_every_verb_takes(holigrail, folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "certificate.json",
        "small.nnet",
        "small_certified.json",
    ]
    values = {"model": str(folder / "small_certified.json"), "style": "parallel"}
    network: Any = find("network")(**values)
    assert "over the box of its certificate" in network.remarks()[0]
    samples = np.random.default_rng(0).uniform([-1, 0], [1, 2], (200, 2))
    sums = samples @ np.array([[1, 2], [0, 1], [-1, 0.5]]).T + [0.5, 0, 1]
    wanted = np.maximum(sums, 0) @ [1, 1, -2] + 0.25
    found = network.graph.run(samples).reshape(-1)
    assert 0 < np.abs(found - wanted).max() <= 2**-5
    words = ["--model", folder / "small_certified.json", "--style", "parallel", "--count", "4"]
    answer = holigrail("simulate", "network", *words, "-q")
    assert answer.status == 0


def test_what_is_told(holigrail, model):
    words = ["--box", BOX, "--error", "2^-5", "--effort", "8", "--json"]
    answer = holigrail("certify", "network", "--model", model, *words)
    facts = answer.json["facts"]
    assert answer.json["folder"] == "out/small_certified"
    assert float(facts["worst of samples"]) <= float(facts["bound"]) <= 2**-5
    assert facts["cost (bits)"] > 0 and facts["samples"] == 5000
    assert [name for name in facts if name.startswith("cost of uniform ")]


def test_sums_that_lose_bits(holigrail, model, tmp_path):
    words = ["--box", BOX, "--error", "2^-4", "--effort", "4", "--truncate"]
    answer = holigrail(
        "certify", "network", "--model", model, *words, "-o", tmp_path / "t", "--json"
    )
    facts = answer.json["facts"]
    assert facts["one-bit adders, exact"] > 0 and facts["layers that lose bits"] >= 0
    answer = holigrail("certify", "--check", tmp_path / "t" / "certificate.json", "-q")
    assert answer.status == 0 and answer.out.startswith("certificate  holds\n")


def test_a_certificate_is_checked_where_it_lies(holigrail, folder):
    answer = holigrail("certify", "--check", folder / "certificate.json", "-q", "--json")
    assert answer.status == 0 and answer.json["facts"]["certificate"] == "holds"
    words = ["--model", folder / "small.nnet", "--box", BOX, "--error", "2^-5"]
    answer = holigrail("certify", "network", *words, "--check", folder / "certificate.json", "-q")
    assert answer.status == 0 and answer.out.startswith("certificate  holds\n")


def test_what_does_not_hold(holigrail, folder, model, tmp_path):
    path = folder / "certificate.json"

    def refused(*words) -> str:
        answer = holigrail("certify", f"--check={path}", *words, "-q")
        assert (answer.status, answer.out) == (1, "")
        return answer.err

    other = tmp_path / "other.nnet"
    other.write_text(TEXT.replace("0.25", "0.375"))
    assert refused("--model", other) == (
        "error: certificate.json: the model must be the one that was certified, not another\n"
    )
    assert refused("--box", "speed=-1:1,rate=0:3") == (
        "error: certificate.json: the box must be the one that was certified, not another\n"
    )
    assert refused("--error", "2^-6") == (
        "error: certificate.json: the error must be 2^-5, as was certified, not 2^-6\n"
    )
    document = json.loads(path.read_text())
    path.write_text(text_of(sealed(document | {"asked": "2^-9"})))
    assert refused("--error", "2^-9") == (
        "error: certificate.json: the error must be 2^-9, as it says, not 1/32\n"
    )
    document["bound"] = ["1/1000000"]
    path.write_text(json.dumps(document))
    assert refused() == (
        "error: certificate.json: the seal must be that of its content, not of another: edited\n"
    )
    path.write_text(json.dumps(document | {"operator": "network", "kind": "recipe"}))
    assert refused() == (
        "error: certificate.json: must be a certificate of formats, not another document\n"
    )


def test_files_that_are_missing(holigrail, folder, tmp_path):
    answer = holigrail("certify", "--check", "none.json")
    assert answer.status == 2
    assert answer.said == "error: --check: the file must be a certificate, not none.json\n"
    (folder / "small.nnet").unlink()
    answer = holigrail("certify", "--check", folder / "certificate.json", "-q")
    assert answer.status == 2
    assert answer.err.startswith("error: certify: small.nnet must lie beside the certificate: ")
    assert answer.err.endswith("\n  hint: --model FILE takes the model from elsewhere\n")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ("--box 0=1:0,1=0:1 --error 1", 2, "network: small.nnet: box: 0 must run from its least"),
        ("--box 0:1", 2, "certify: --error must be given"),
        ("--box 0:1 --error 0", 2, "network: small.nnet: error: it must be above 0, not 0"),
        ("--box 0:1 --error 1 --cost gates", 2, "network: small.nnet: the cost must be one of"),
        ("--box 0:1 --error 1 --truncate --cost luts", 2, "network: cost: it must be adders where"),
        ("--box 0:1 --error 1 --weight-bits 4", 2, "network: weight_bits must be left out, for"),
        ("--box 0:1 --error 2^-90", 1, "network: small.nnet: an error of 2^-90 must be reached"),
    ],
)
def test_requests_that_are_refused(holigrail, model, words, status, message):
    answer = holigrail("certify", "network", "--model", model, *words.split(), "-q")
    assert (answer.status, answer.out) == (status, "")
    assert answer.err.startswith(f"error: {message}")


def test_a_model_is_needed(holigrail):
    answer = holigrail("certify", "network", "--box", "0:1", "--error", "1", "-q")
    assert answer.status == 2
    assert answer.said == (
        "error: network: a model must be given, for formats are found from its real numbers\n"
    )
    answer = holigrail("certify", "network", "--model", "example", "--box", "1", "--error", "1")
    assert answer.said == (
        "error: network: example.json: the model must have real numbers, not integers already\n"
    )


def test_an_operator_without_formats(holigrail):
    answer = holigrail("certify", "cmvm", "--error", "1")
    assert (answer.status, answer.said) == (
        2,
        "error: certify: the operator must find formats with a proved error, which cmvm does not\n",
    )


@pytest.mark.parametrize("name", [*operators()])
def test_options_of_the_verb_are_no_parameters(name):
    cls = operators()[name]
    taken = {"box", "error", "cost", "effort", "truncate", "check"} & {*leaf_parameters(cls)}
    assert not (cls.certifier() and taken)
    assert (cls.certifier() is not None) == (name == "network")
