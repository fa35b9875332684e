"""Certificates are checked by means of their own: what is edited, or unproved, is refused."""

import importlib.util
import json
from decimal import Decimal, localcontext
from fractions import Fraction
from importlib.machinery import SourceFileLoader
from pathlib import Path

import numpy as np
import pytest
from model_files import SHARED

from holigrail_hw.models import IntegerGraph, ModelError
from holigrail_hw.models.bounds import errors
from holigrail_hw.models.bounds.analysis import Analysis
from holigrail_hw.models.bounds.cost import COSTS, Price
from holigrail_hw.models.bounds.making import Unreachable, certified
from holigrail_hw.models.bounds.request import allowed_errors
from holigrail_hw.models.certify.certificate import certify
from holigrail_hw.models.checker import functions
from holigrail_hw.models.checker.check import checked
from holigrail_hw.models.checker.document import digest, read_document, sealed, text_of
from holigrail_hw.models.graph.forms import Multiplier
from holigrail_hw.models.graph.nodes import Requantise
from holigrail_hw.models.layered import layered
from holigrail_hw.models.passes.forms import with_forms
from holigrail_hw.models.readers.dense import DenseLayer, dense_graph

ROOT = Path(__file__).resolve().parents[2]
ENDS = (("-1", "1"), ("0", "2"), ("7/5", "7/5"))
BOX = tuple((Fraction(low), Fraction(high)) for low, high in ENDS)
CONTENT = b"the file of the model"


def network_of(kind: str = "Relu", seed: int = 3, sizes: tuple[int, ...] = (3, 5, 4, 2)):
    rng = np.random.default_rng(seed)
    layers = []
    for index, (m, n) in enumerate(zip(sizes, sizes[1:], strict=False)):
        activation = kind if index < len(sizes) - 2 else "linear"
        # A constant keeps some of the numbers below 0 over the whole box.
        bias = rng.normal(0, 0.5, n) - 3.0 * (np.arange(n) == 1)
        layers.append(DenseLayer(rng.normal(0, 0.7, (n, m)), bias, activation))
    return dense_graph("small.nnet", 3, layers, (), [("Mul", np.array(2.0))])


def made_of(source, error: str = "2^-6", **options):
    return certified(
        source,
        CONTENT,
        BOX,
        allowed_errors(error, 2, source.name),
        asked=error,
        operator="network",
        file="small.json",
        **{"boxes": 16, **options},
    )


@pytest.fixture(scope="module")
def source():
    return network_of()


@pytest.fixture(scope="module")
def made(source):
    return made_of(source)


def check(source, certificate: str, network: str, content: bytes = CONTENT):
    document = read_document(certificate, "it")
    lines = []
    return checked(document, layered(source), content, network.encode(), lines.append, "it")


def refusal(*given) -> str:
    with pytest.raises(ModelError) as error:
        check(*given)
    return str(error.value)


def edited(certificate: str, network: str | None = None, **changes) -> str:
    """A certificate with other fields, and a seal that fits; of a network, its digest too."""
    document = json.loads(certificate) | changes
    if network is not None:
        document["network"] = document["network"] | {"sha256": digest(network.encode())}
    return text_of(sealed(document))


def test_it_holds(source, made):
    proved = check(source, made.certificate_text, made.network_text)
    assert all(p <= b <= Fraction(1, 64) for p, b in zip(proved, made.bound, strict=True))
    # Both ways to the bound agree.
    assert all(p > b * Fraction(999, 1000) for p, b in zip(proved, made.bound, strict=True))
    assert (made.worst > 0).all() and (made.worst <= [float(b) for b in made.bound]).all()
    best, whole, uniform = made.costs
    assert uniform is not None and best < whole < uniform
    assert any(len(rows) < n for rows, n in zip(
        json.loads(made.certificate_text)["kept"], (5, 4, 2), strict=True))  # fmt: skip


@pytest.mark.parametrize("kind", ["Tanh", "Sigmoid"])
def test_functions_hold(kind):
    source = network_of(kind)
    made = made_of(source, "2^-4,5%", boxes=4)
    check(source, made.certificate_text, made.network_text)
    graph = IntegerGraph.from_json(made.network_text)
    wrong = json.loads(made.network_text)
    node = next(n for n in wrong["nodes"] if n["kind"] == "requantise")
    node["formula"]["factor"]["values"] = [2 * v for v in node["formula"]["factor"]["values"]]
    assert graph.nodes[1].formula.kind == "function"
    text = regraphed(wrong)
    message = refusal(source, edited(made.certificate_text, text), text)
    assert message == "it: layer 1: its function must be that of the model, as certified"


def regraphed(document) -> str:
    """The text of an edited network, its ranges made to follow."""
    document["tensors"] = {}
    for _ in range(2):
        try:
            return IntegerGraph.from_json(json.dumps(document)).to_json()
        except ModelError:
            document = with_ranges(document)
    raise AssertionError


def with_ranges(document):
    """Ranges as the graph itself finds them, wherever the file states others."""
    from holigrail_hw.models.graph import documents

    keep = documents._as_stated
    documents._as_stated = lambda stated, tensor: True
    try:
        return json.loads(IntegerGraph.from_json(json.dumps(document)).to_json())
    finally:
        documents._as_stated = keep


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("bound", ["1/1000", "1/64"], "it: output 0 must be off by 0.001 at most, not by up to"),
        ("bound", ["1/10", "1/64"], "it: bounds must be within the error that was asked for"),
        ("bound", ["1/64"], "it: there must be a bound for each of 2 outputs"),
        ("bound", ["1e9", "1"], "it: numbers must be rationals as text, not 1e9"),
        ("box", [["-2", "1"], ["0", "2"], ["7/5", "7/5"]], "it: inputs must not saturate within"),
        ("box", [["1", "0"], ["0", "2"], ["7/5", "7/5"]], "it: the box must not be empty"),
        ("box", [["-1", "1"], ["0", "2"]], "it: the box must have two ends for each of 3 inputs"),
        ("boxes", [0, -1], "it: boxes must be one tree of halves"),
        ("boxes", [-1, -1], "it: boxes must be one tree of halves"),
        ("boxes", [9], "it: boxes must be cut along axes of the input"),
        ("kept", [[0], [0], [0, 1]], "it: layer 1: the network must have a matrix of its shape"),
        ("kept", [[], [0], [0]], "it: there must be formats for each row, and rows that are kept"),
        ("kept", [[0], [0], [0]], "it: rows may be left out before a ReLU only"),
    ],
)
def test_numbers_that_are_edited(source, made, field, value, message):
    found = refusal(source, edited(made.certificate_text, **{field: value}), made.network_text)
    assert found.startswith(message) and "\n" not in found


def test_formats_that_are_edited(source, made):
    formats = json.loads(made.certificate_text)["formats"]
    for name, message in (
        ("input", "it: inputs must be rounded to multiples of"),
        ("values", "it: layer 1: its sums must be rounded to multiples of"),
        ("weights", "it: layer 1: its sums must be rounded to multiples of"),
    ):
        changed = json.loads(json.dumps(formats))
        if name == "input":
            changed[name] += 1
        elif name == "values":
            changed[name][0] += 1
        else:
            changed[name][0] = [bits + 1 for bits in changed[name][0]]
        text = edited(made.certificate_text, formats=changed)
        assert refusal(source, text, made.network_text).startswith(message)
    text = edited(made.certificate_text, formats=formats | {"input": -1})
    assert refusal(source, text, made.network_text) == "it: fraction bits must be 0 to 200, not -1"


def test_a_seal_that_is_broken(made):
    text = made.certificate_text.replace('"network": {"name"', '"network": {"Name"')
    with pytest.raises(ModelError) as error:
        read_document(text, "it")
    assert str(error.value) == "it: the seal must be that of its content, not of another: edited"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it: must be a certificate, not broken JSON"),
        ("[]", "it: must be a certificate of formats, not another document"),
        ('{"kind": "certificate of formats", "schema": 2}', "it: the schema must be 1, not 2"),
        (
            '{"kind": "certificate of formats", "schema": 1}',
            "it: a certificate must have its fields, not a wrong operator",
        ),
    ],
)
def test_what_is_no_certificate(text, message):
    with pytest.raises(ModelError) as error:
        read_document(text, "it")
    assert str(error.value) == message


def test_another_model(source, made):
    given = (made.certificate_text, made.network_text)
    assert refusal(source, *given, b"other") == (
        "it: the model must be the one that was certified, not another"
    )
    # Even if its digest were the same: the weights count.
    assert refusal(network_of(seed=4), *given).startswith("it: ")


def test_another_network(source, made):
    text = made.network_text.replace('"bias"', ' "bias"')
    assert refusal(source, made.certificate_text, text) == (
        "it: the network must be the one that was certified, not another"
    )


@pytest.mark.parametrize("what", ["weights", "bias"])
def test_integers_that_are_edited(source, made, what):
    """Their digest and the seal fit; what is proved for them does not."""
    document = json.loads(made.network_text)
    values = document["nodes"][0][what]["values"]
    values[0] += 1 << max(abs(v) for v in values).bit_length() - 2
    text = regraphed(document)
    found = refusal(source, edited(made.certificate_text, text), text)
    assert "must be off by" in found or "must not saturate" in found or "left out" in found


def test_forms_that_are_added(source, made):
    """What is behind a form would have its ranges: hardware for fewer numbers than there are."""
    graph = IntegerGraph.from_json(made.network_text)
    narrow = Multiplier(np.array([1]), np.array([0]), np.array([60]), 0, 3)
    nodes = (graph.nodes[0], graph.nodes[1].changed(form=narrow), *graph.nodes[2:])
    changed = graph.changed(nodes=nodes)
    assert changed.tensors[nodes[1].name].high.max() < graph.tensors[nodes[1].name].high.max()
    text = changed.to_json()
    found = refusal(source, edited(made.certificate_text, text), text)
    assert found == "it: layer 1: codes must have a formula alone, not a form"
    # Hardware is made from the formulas.
    again = with_forms(IntegerGraph.from_json(text), prefer="multiplier")
    assert again.to_json() == with_forms(graph, prefer="multiplier").to_json()


def test_limits_that_are_edited(source, made):
    document = json.loads(made.network_text)
    document["nodes"][1]["formula"]["high"] >>= 2
    text = regraphed(document)
    found = refusal(source, edited(made.certificate_text, text), text)
    assert found == "it: codes of layer 1 must not saturate within the box"
    document = json.loads(made.network_text)
    document["nodes"][1]["formula"]["rounding"] = "down"
    text = regraphed(document)
    found = refusal(source, edited(made.certificate_text, text), text)
    assert found.startswith("it: layer 1: its sums must be rounded to multiples of")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("_sloped", lambda j, least, most: (0.5 * j[0] * most, 0.5 * j[1] * most)),
        ("_through", lambda jacobian, weights: tuple(0.5 * end @ weights for end in jacobian)),
    ],
)
def test_a_planted_fault_of_the_analysis_is_refused(monkeypatch, source, name, fault):
    """The checker shares nothing with it."""
    monkeypatch.setattr(errors, name, fault)
    made = made_of(source)
    found = refusal(source, made.certificate_text, made.network_text)
    assert "must be off by" in found or "left out" in found


def test_an_error_out_of_reach():
    source = network_of("Tanh")
    with pytest.raises(Unreachable) as error:
        made_of(source, "2^-30", boxes=1)
    assert str(error.value) == (
        "small.nnet: an error of 2^-30 must be reached with at most 34 fraction bits and sums of 62"
        " bits, not with more"
    )


def test_a_cost_that_is_unknown(source):
    with pytest.raises(ModelError, match="the cost must be one of bits, adders, luts, not gates"):
        made_of(source, cost="gates")


@pytest.mark.parametrize("cost", ["adders", "luts"])
def test_other_costs(cost):
    source = network_of(sizes=(3, 3, 2))
    other = made_of(source, "2^-4", cost=cost, boxes=2)
    check(source, other.certificate_text, other.network_text)
    best, _, uniform = other.costs
    assert uniform is not None and best < uniform


@pytest.mark.parametrize("cost", COSTS)
def test_the_cost_of_a_small_network(cost):
    layer = DenseLayer(np.array([[1.0, 0.75], [0.5, 0.0]]), np.zeros(2), "linear")
    network = layered(dense_graph("tiny", 2, [layer]))
    analysis = Analysis(network, ((Fraction(0), Fraction(1)),) * 2)
    price = Price(network, cost, analysis.entering, analysis.found)
    made = analysis.plain_numbers(formats_of(4, 3, 2))
    # Inputs count for 4 products, so do weights, and outputs; 3/4 has two digits, 1 and 1/2 one.
    wanted = {
        "bits": 4 * 4 + 3 * 4 + 2 * 4,
        "adders": 4 * (4 + 1) + 2 * (3 + 4 + 4),
        "luts": 4 * (1.4 + 0.35 * 4),
    }
    assert price.total(made.formats, made.kept) == pytest.approx(wanted[cost])


def formats_of(entering: int, weights: int, values: int):
    from holigrail_hw.models.bounds.formats import Formats

    return Formats(entering, ((weights,) * 2,), (values,))


def test_forms_of_wide_codes_are_proved(made):
    """More codes than can be compared one by one: the formula is a product and a shift itself."""
    graph = IntegerGraph.from_json(made.network_text)
    formed = with_forms(graph)
    nodes = [node for node in formed.nodes if isinstance(node, Requantise)]
    assert len(nodes) == 3
    for node in nodes:
        assert node.form is not None
        ends = formed.tensors[node.inputs[0]]
        low, high = int(ends.low.min()), int(ends.high.max())
        sums = np.random.default_rng(0).integers(low, high, (500, *ends.shape), endpoint=True)
        assert (node.form.apply(sums) == node.formula.apply(sums)).all()
    assert {entry.verdict for entry in certify(formed).entries} == {"exact", "proved"}


@pytest.mark.parametrize("kind", ["tanh", "sigmoid"])
def test_enclosures_of_functions(kind):
    unit = 1 << functions.UNIT
    with localcontext() as context:
        context.prec = 80
        for at in (0, 1, -1, unit // 3, -unit, 5 * unit, -40 * unit, 100 * unit):
            x = Decimal(at) / unit
            power = (-2 * x if kind == "tanh" else -x).exp()
            exact = (1 - power) / (1 + power) if kind == "tanh" else 1 / (1 + power)
            low, high = functions.enclosed(kind, at)
            assert Decimal(low) <= exact * unit <= Decimal(high) and high - low <= 4


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("file", "error"), [("ctl_acc_5x20.mat", "2^-8"), ("acasxu_1_1.onnx", "2^-6")]
)
def test_controllers_of_others(file, error):
    """Their certificates hold; ACC costs at most what its specification asks for."""
    if not SHARED.is_dir():
        pytest.skip("the model files in ../shared are not there")
    loader = SourceFileLoader("bench", str(ROOT / "scripts" / "bench_controllers"))
    spec = importlib.util.spec_from_loader("bench", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    assert module.MODELS == SHARED
    found = module.row(file, error, 64, True)
    assert module.failures(found) == [] and found["check (s)"] > 0
    assert found["saving (%)"] >= 20
