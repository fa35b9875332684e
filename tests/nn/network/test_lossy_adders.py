"""Graphs of adders that lose bits: in integers, in hardware, in certificates and their check."""

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from graphs import coded, graph

from holigrail_hw.core import RequestError, Timing, find
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.mcm.matrix.design import MatrixRequest, design_matrix
from holigrail_hw.models import IntegerGraph, ModelError
from holigrail_hw.models.bounds.making import certified
from holigrail_hw.models.bounds.request import allowed_errors
from holigrail_hw.models.checker.adders import adder_sums_of
from holigrail_hw.models.checker.check import checked
from holigrail_hw.models.checker.document import digest, read_document, sealed, text_of
from holigrail_hw.models.graph.adder_sums import exact_part
from holigrail_hw.models.graph.forms import Multiplier
from holigrail_hw.models.graph.nodes import Adders
from holigrail_hw.models.layered import layered
from holigrail_hw.models.readers.dense import DenseLayer, dense_graph
from holigrail_hw.nn.network.lossy_adders import AdderDesigner
from holigrail_hw.nn.network.parallel.frame import Frame
from holigrail_hw.nn.network.parallel.given_adders import adders_of, circuit_of
from holigrail_hw.nn.network.parallel.matrices import Search
from holigrail_hw.nn.network.parallel.unroll import refusals

QUICK = Search(iterations=50)
RANGES = ((-8, 7), (0, 12), (-3, 20))


def design_of(seed: int, bound: int = 40, rows: int = 3):
    rng = np.random.default_rng(seed)
    request = MatrixRequest(
        matrix=rng.integers(-60, 61, (rows, 3)).tolist(),
        ranges=RANGES,
        constants=rng.integers(-200, 201, rows).tolist(),
        bounds=(bound,) * rows,
        iterations=20,
        cuts=10,
    )
    return design_matrix(request, time_limit=1000)


def node_of(design, name: str = "a") -> Adders:
    adders, targets = adders_of(design.circuit)
    return Adders(name=name, inputs=("x",), features=3, adders=adders, targets=targets)


def frames() -> np.ndarray:
    return np.stack(np.meshgrid(*(np.arange(a, b + 1) for a, b in RANGES)), -1).reshape(-1, 3)


@pytest.mark.parametrize("seed", range(6))
def test_the_node_is_the_circuit(seed):
    design = design_of(seed, (0, 5, 40)[seed % 3])
    node, x = node_of(design), frames()
    assert circuit_of(node) == design.circuit
    given = graph((3,), -8, 20, node)
    again = IntegerGraph.from_json(given.to_json())
    found = again.evaluate(x)
    assert (found == np.stack(design.circuit.evaluate([*x.T]), -1)).all()
    weights, constants = exact_part(node)
    read = adder_sums_of(node)
    assert (weights.T == np.array(design.request.matrix)).all()
    assert read.weights == design.request.matrix and [*read.bias] == constants.tolist()
    off = found - x @ weights - constants
    # Every error is within what the check finds, whose ends are those of the design.
    assert all((lost[0] <= column).all() and (column <= lost[1]).all()
               for lost, column in zip(read.lost, off.T.astype(int), strict=True))  # fmt: skip
    assert [*read.lost] == design.analysis.errors
    tensor = again.tensors["a"]
    assert (tensor.low <= found.min(axis=0)).all() and (found.max(axis=0) <= tensor.high).all()
    assert given.macs == 9


def lossy_frame(seed: int) -> tuple[Frame, Adders]:
    # Ranges of the input are those of one port.
    request = replace(design_of(seed).request, ranges=((-8, 20),) * 3)
    node = node_of(design_matrix(request, time_limit=1000))
    factor = np.array([1, 1, 1])
    form = Multiplier(factor, np.array([16, 0, 0]), np.array([5, 4, 3]), -20, 63)
    last = design_of(seed + 1, rows=2)
    first = graph((3,), -8, 20, node, coded("b", "a", form))
    ends = [
        *zip(*(e.tolist() for e in (first.tensors["b"].low, first.tensors["b"].high)), strict=True)
    ]
    again = design_matrix(replace(last.request, ranges=ends), time_limit=1000)
    behind = node_of(again, "c").changed(inputs=("b",))
    given = graph((3,), -8, 20, node, coded("b", "a", form), behind)
    assert node.adders[:, [3, 7]].any()
    return Frame(graph=given, search=Search(iterations=0)), node


@pytest.mark.parametrize("timing", [None, Timing(period_ns=4.0)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hardware(seed, timing):
    spec, node = lossy_frame(seed)
    design = Gates(spec, timing)
    codes = spec.items(20 * 30, np.random.default_rng(seed))
    if design.top.clocked:
        codes = {name: values.reshape(20, 30) for name, values in codes.items()}
    found, wanted = design.run(codes), spec.golden(**codes)
    assert all((found[name] == wanted[name]).all() for name in wanted)
    assert spec.facts()["matrices"] == 2 and spec.facts()["adders of the matrices"] > 0
    # The same with one bit more, or fewer, is other hardware.
    place = np.argwhere(node.adders[:, [3, 7]])[0]
    wrong = node.adders.copy()
    wrong[place[0], (3, 7)[place[1]]] -= 1
    nodes = (node.changed(adders=wrong), *spec.graph.nodes[1:])
    golden = Frame(graph=spec.graph.changed(nodes=nodes)).golden(**codes)
    assert any((found[name] != golden[name]).any() for name in wanted)


BOX = ((Fraction(-1), Fraction(1)), (Fraction(0), Fraction(2)))


@pytest.fixture(scope="module")
def source():
    rng = np.random.default_rng(5)
    layers = [
        DenseLayer(rng.normal(0, 0.7, (6, 2)), rng.normal(0, 0.5, 6), "Relu"),
        DenseLayer(rng.normal(0, 0.7, (5, 6)), rng.normal(0, 0.5, 5), "Relu"),
        DenseLayer(rng.normal(0, 0.7, (1, 5)), rng.normal(0, 0.5, 1), "linear"),
    ]
    return dense_graph("small.nnet", 2, layers)


def made_of(source, designer):
    return certified(
        source,
        b"model",
        BOX,
        allowed_errors("2^-7", 1, "small"),
        asked="2^-7",
        operator="network",
        file="small.json",
        cost="adders",
        boxes=4,
        designer=designer,
    )


@pytest.fixture(scope="module")
def made(source):
    return made_of(source, AdderDesigner(lambda line: None, QUICK))


def check(source, certificate: str, network: str) -> list[Fraction]:
    document = read_document(certificate, "it")
    return checked(document, layered(source), b"model", network.encode(), lambda line: None, "it")


def test_a_certificate(source, made):
    facts = made.facts
    assert facts["layers that lose bits"] > 0
    assert facts["one-bit adders"] < facts["one-bit adders, exact"]
    graph = IntegerGraph.from_json(made.network_text)
    lossy = [node for node in graph.nodes if isinstance(node, Adders)]
    assert len(lossy) == facts["layers that lose bits"]
    assert all(node.adders[:, [3, 7]].any() for node in lossy)
    proved = check(source, made.certificate_text, made.network_text)
    assert 0 < made.worst[0] <= float(proved[0]) <= float(made.bound[0]) <= 2**-7


def altered(made, change) -> tuple[str, str]:
    """Certificate and network with an edited node of adders, and digests that fit."""
    graph = IntegerGraph.from_json(made.network_text)
    nodes = [*graph.nodes]
    at = next(index for index, node in enumerate(nodes) if isinstance(node, Adders))
    node = nodes[at]
    arrays = node.adders.copy(), node.targets.copy()
    change(*arrays)
    nodes[at] = node.changed(adders=arrays[0], targets=arrays[1])
    text = graph.changed(nodes=tuple(nodes)).to_json()
    document = json.loads(made.certificate_text)
    document["network"]["sha256"] = digest(text.encode())
    return text_of(sealed(document)), text


@pytest.mark.parametrize("what", ["more lost bits", "another sign", "another constant"])
def test_an_altered_graph_is_refused(source, made, what):
    def change(adders, targets):
        if what == "more lost bits":
            # As many again, wherever bits are lost.
            adders[:, [3, 7]] += 3 * (adders[:, [3, 7]] > 0)
        elif what == "another sign":
            place = int(np.flatnonzero((adders[:, 2] == 1) & (adders[:, 6] == 1))[-1])
            adders[place, 6] = -1
        else:
            targets[0, 3] += 1 << 14

    with pytest.raises(ModelError, match="it: .*(must be off by|must not saturate|left out)"):
        check(source, *altered(made, change))


def test_losses_that_are_not_told_are_found(source, monkeypatch):
    """A designer whose adders lose more than they say: the check refuses what it makes."""
    real = AdderDesigner(lambda line: None, QUICK)

    def liar(wanted, *, quick):
        more = tuple(20 * bound for bound in wanted.bounds)
        return real(replace(wanted, bounds=more), quick=quick)

    wrong = made_of(source, liar)
    assert wrong.facts["layers that lose bits"] > 0
    with pytest.raises(ModelError, match="it: output 0 must be off by"):
        check(source, wrong.certificate_text, wrong.network_text)


def test_styles(made, tmp_path):
    path = tmp_path / "small.json"
    path.write_text(made.network_text)

    def network(**more):
        return find("network")(
            **parse_parameters(find("network"), {"model": str(path), **more}, who="it")
        )

    with pytest.raises(RequestError, match="adders must be left to style parallel, which builds"):
        network(style="stream")
    with pytest.raises(RequestError, match="stage_levels must be left out, for node layer"):
        network(style="parallel", stage_levels="2")
    found = network(style="parallel", iterations="0")
    assert found.companions() == {} and "adders" in found.facts()["layers"]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (0, 9, "adder 0: operands must come before it, not 9 and"),
        (1, 62, "adder 0: shifts and lost bits must be 0 to 61, not 62"),
        (2, 0, "adder 0: signs must be 1 or -1, not both -1, not 0 and"),
    ],
)
def test_documents_that_are_no_graphs(column, value, message):
    given = graph((3,), -8, 20, node_of(design_of(0)))
    document = json.loads(given.to_json())
    document["nodes"][0]["adders"]["values"][column] = value
    with pytest.raises(ModelError) as error:
        IntegerGraph.from_json(json.dumps(document))
    assert message in str(error.value)


def test_sums_that_are_too_wide():
    node = node_of(design_of(0))
    wide = node.adders.copy()
    wide[-1, 1] = 60
    with pytest.raises(ModelError, match="sums must fit into 62 bits"):
        _ = graph((3,), -8, 20, node.changed(adders=wide)).tensors


def test_constants_that_are_no_wiring():
    """Such a graph has a meaning, but no hardware."""
    node = node_of(design_of(1))
    odd = node.adders.copy()
    odd[-1, 9] += 5
    given = graph((3,), -8, 20, node.changed(adders=odd))
    assert refusals(given)[0].startswith("node a: constants of its adders must be wiring: adder ")
