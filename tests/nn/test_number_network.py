"""Graphs of numbers: kernels, golden models and the matrix engine give the same codes."""

import json

import numpy as np
import pytest

from holigrail_hw.core import RequestError
from holigrail_hw.formats import parse
from holigrail_hw.kernels import Gemm, quantise
from holigrail_hw.models import ModelError
from holigrail_hw.models.source.windows import Window
from holigrail_hw.nn.number_network import Flatten, MaxPool, NumberGraph, Product, Relu, Round
from holigrail_hw.nn.number_network.bias import bias_rows
from holigrail_hw.nn.number_network.engine import NumberHost, engine_of

FP8 = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")


class GoldenLink:
    """The engine's golden model behind the interface of a link."""

    def __init__(self, spec):
        self.spec, self.found = spec, {}

    def exchange(self, items, counts):
        if items:
            self.found = self.spec.golden(**items)
            self.found["status"]["cycles"] = np.zeros(1, np.uint64)
        return {name: self.found[name] for name in counts}


def numbers(format, rng, *shape, spread=0.5):
    return quantise(format, rng.normal(0, spread, shape)).astype(np.float64)


def dense(gemm=FP8, sizes=(9, 5, 3), placement="initial", seed=0):
    rng = np.random.default_rng(seed)
    nodes, last = [], "x"
    for index, (rows, columns) in enumerate(zip(sizes, sizes[1:], strict=False)):
        bias = numbers("fp8_e4m3", rng, columns) + numbers("fp8_e4m3", rng, columns) / 16
        bias = quantise(gemm.accumulator, bias).astype(np.float64)
        weights = numbers(gemm.b, rng, rows, columns)
        nodes += [
            Round(name=f"in{index}", input=last, format=gemm.a),
            Product(
                name=f"sums{index}",
                input=f"in{index}",
                weights=weights,
                bias=bias,
                gemm=gemm,
                placement=placement,
            ),
            Relu(name=f"relu{index}", input=f"sums{index}"),
        ]
        last = f"relu{index}"
    return NumberGraph(name="dense", shape=(sizes[0],), nodes=tuple(nodes[:-1]))


def image(seed=0):
    rng = np.random.default_rng(seed)
    window = Window((3, 3), pads=(1, 1, 1, 1))
    nodes = (
        Round(name="q", input="x", format=FP8.a),
        Product(
            name="conv",
            input="q",
            weights=numbers(FP8.b, rng, 3, 2, 3, 3),
            bias=None,
            gemm=FP8,
            window=window,
        ),
        MaxPool(name="pool", input="conv", window=Window((2, 2), strides=(2, 2))),
        Flatten(name="flat", input="pool"),
        Round(name="r", input="flat", format=FP8.a),
        Product(name="y", input="r", weights=numbers(FP8.b, rng, 12, 4), bias=None, gemm=FP8),
    )
    return NumberGraph(name="image", shape=(2, 4, 4), nodes=nodes)


CASES = {
    "fused": dense(),
    "after": dense(placement="after"),
    "tiles": dense(
        Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16", chunk=2), placement="after"
    ),
    "cascade": dense(
        Gemm(a="fp8_e5m2", b="fp8_e4m3", accumulator="fp16", accumulation="cascade"), (4, 3)
    ),
    "exact": dense(
        Gemm(a="fp4_e2m1", b="fp4_e2m1", accumulator="fp16", accumulation="exact"), (5, 3), "after"
    ),
    "image": image(),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_kernels_golden_models_and_the_engine_agree(name):
    graph = CASES[name]
    x = np.random.default_rng(1).normal(0, 1, (7, *graph.shape))
    found = graph.codes(graph.evaluate(x))
    assert np.array_equal(found, graph.codes(graph.evaluate(x, golden=True)))
    spec = engine_of(graph, rows=2, columns=2)
    through = NumberHost(graph, GoldenLink(spec)).run(x)
    assert np.array_equal(graph.codes(through), found)
    assert len(np.unique(found)) > 4


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_document_gives_the_same_graph(name):
    graph = CASES[name]
    again = NumberGraph.from_json(graph.to_json())
    assert again.to_json() == graph.to_json()
    x = np.random.default_rng(2).normal(0, 1, (3, *graph.shape))
    assert np.array_equal(again.evaluate(x), graph.evaluate(x))


def test_a_bias_is_taken_apart_exactly():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 1 << 16, 400)
    bias = parse("fp16").decode(codes)
    bias = bias[np.isfinite(bias) & (bias == np.rint(bias * 2.0**18) / 2.0**18)]
    found = bias_rows(bias[np.abs(bias) < 8000], FP8)
    assert found is not None
    assert np.array_equal(found[0] @ found[1], bias[np.abs(bias) < 8000])
    assert bias_rows(np.array([2.0**-20]), FP8) is None
    assert bias_rows(np.array([np.inf]), FP8) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(numbers=2), "graph: numbers must be 1, not 2"),
        (lambda d: d["nodes"][0].update(kind="none"), r"must be a graph of numbers, .*KeyError"),
        (lambda d: d["nodes"][1].update(input="later"), "sums0: its operand must come before it"),
        (lambda d: d["nodes"][1]["gemm"].update(a="fp9"), "fp9"),
        (lambda d: d.update(nodes=d["nodes"][:1]), "there must be a product"),
    ],
)
def test_a_wrong_document_is_refused(change, message):
    document = json.loads(dense().to_json())
    change(document)
    with pytest.raises(ValueError, match=message):
        NumberGraph.from_json(json.dumps(document))


def test_what_an_engine_cannot_do_is_refused():
    with pytest.raises(RequestError, match="via must be exact, not float32"):
        engine_of(dense(Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16", via="float32")))
    with pytest.raises(RequestError, match="chunk must be the rows of the array, 4, or none"):
        engine_of(CASES["tiles"])
    graph = dense()
    mixed = (*graph.nodes[:1], Product(**{**vars(graph.nodes[1]), "bias": np.full(5, 2.0**-22)}))
    with pytest.raises(RequestError, match="biases that sums begin with must be sums of products"):
        engine_of(NumberGraph(name="fine", shape=(9,), nodes=mixed))
    with pytest.raises(RequestError, match="number host: the engine's activation must be fp8_e4m3"):
        NumberHost(graph, GoldenLink(engine_of(CASES["exact"])))
    with pytest.raises(ModelError, match=r"dense: samples must be \(samples, 9\), not \(3, 8\)"):
        graph.evaluate(np.zeros((3, 8)))


@pytest.mark.parametrize("way", [{}, {"accumulation": "cascade"}])
@pytest.mark.parametrize("chunk", [1, 3, 4])
def test_biases_leave_chunks_where_they_are(way, chunk):
    """What the engine adds up, the bias first, is what the layer says."""
    gemm = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16", chunk=chunk, **way)
    rng = np.random.default_rng(chunk)
    weights = numbers("fp8_e4m3", rng, 21, 9)
    bias = np.round(rng.normal(size=9) * 2**8) * 2.0**-8
    node = Product(name="y", input="x", weights=weights, bias=bias, gemm=gemm)
    x = numbers("fp8_e4m3", rng, 200, 21)
    assert len(node.leading[0]) % chunk == 0
    left, right = node.operands(x)
    assert np.array_equal(gemm.numbers(left, right), node.apply(x))


def test_biases_are_not_rounded_as_products():
    gemm = Gemm(
        a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16", accumulation="cascade", product="e5m2"
    )
    assert bias_rows(np.array([1.25]), gemm) is not None
    assert bias_rows(np.array([1.125]), gemm) is None
