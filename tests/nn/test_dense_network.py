"""The operator dense-network: against exact rational arithmetic, saved vectors, wrong requests."""

from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from hardware import check

from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.parameters import parse_parameters, to_text
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.formats import parse
from holigrail_hw.nn.dense_network import layer_datapath, offset_sums
from holigrail_hw.nn.dense_network.operator import DenseNetwork

BASELINE = Path(__file__).resolve().parents[3] / "shared" / "models" / "baseline"
NETWORKS = {"jet_qkeras": "jet_real", "jet_random": "jet_random"}


def network(weights, biases, input="int5", activation="ufix4_en2", fraction=2, **options):
    return DenseNetwork(
        weights=weights,
        biases=biases,
        input=parse(input),
        activation=parse(activation),
        weight_fraction=fraction,
        iterations=options.pop("iterations", 20),
        **options,
    )


def random_network(sizes, seed, bits=4, **options):
    rng = np.random.default_rng(seed)
    edge = 1 << (bits - 1)

    def draw(*shape):
        values = rng.integers(-edge, edge, shape)
        return values * (rng.random(shape) < 0.8)

    pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
    weights = tuple(tuple(map(tuple, draw(*pair).tolist())) for pair in pairs)
    biases = tuple(tuple(draw(columns).tolist()) for _, columns in pairs)
    return network(weights, biases, **options)


def exact(spec, inputs):
    """The network on one vector of numbers, in fractions."""
    values = [Fraction(value) for value in inputs]
    unit = Fraction(1, 1 << spec.weight_fraction)
    activation = spec.activation
    place = Fraction(1, 1 << activation.fraction_width)
    for index, (matrix, biases) in enumerate(zip(spec.weights, spec.biases, strict=True)):
        sums = [
            sum(
                (v * row[column] * unit for v, row in zip(values, matrix, strict=True)), bias * unit
            )
            for column, bias in enumerate(biases)
        ]
        if index == len(spec.weights) - 1:
            return sums
        codes = [floor(total / place + Fraction(1, 2)) for total in sums]
        values = [min(max(c, activation.minimum), activation.maximum) * place for c in codes]
    raise AssertionError


ODD = [
    random_network((1, 1), 0),
    random_network((1, 1, 1), 1, input="uint3", activation="uint1"),
    random_network((3, 5, 2), 2, activation="sfix4_en3"),
    random_network((2, 7, 1, 3), 3, bits=6, input="sfix6_en4", activation="ufix6_en6", fraction=5),
    random_network((4, 3, 3), 4, activation="ufix8_en7", fraction=0),
    random_network((3, 4, 2), 5, bits=1, input="int1", activation="uint2"),
    random_network((2, 3, 2), 6, bits=12, input="sfix9_en2", activation="ufix5_en9", fraction=9),
    network((((0, 0),), ((0,), (0,))), ((3, -4), (7,))),
    network((((0, 5, -7), (0, 0, 3)),), ((1, -1, 0),)),
    network((((-8, 1),), ((1, 0), (0, -1))), ((0, 0), (-100, 100)), activation="int2"),
    network((((1, -1, 2), (1, 1, -2)),), ((0, 0, 0),), input="int1"),
]


@pytest.mark.parametrize("spec", ODD, ids=lambda spec: f"{spec.input}-{spec.activation}")
class TestOddNetworks:
    def test_golden_is_the_definition(self, spec):
        codes = spec.items(40, np.random.default_rng(1))
        golden = spec.golden(**codes)
        input = spec.input
        for item in range(40):
            vector = []
            for code in codes.values():
                value = int(code[item])
                value -= (value >> (input.width - 1) << input.width) if input.signed else 0
                vector.append(Fraction(value, 1 << input.fraction_width))
            for (name, format), wanted in zip(
                spec.outputs().items(), exact(spec, vector), strict=True
            ):
                code = wanted * (1 << format.fraction_width)
                assert code.denominator == 1 and format.minimum <= code <= format.maximum
                assert int(golden[name][item]) == int(code) % (1 << format.width)

    def test_hardware(self, spec):
        check([spec], count=1500)


def test_pipelines():
    spec = random_network((3, 6, 4, 2), 9, bits=6, fraction=4)
    check([spec], Timing(latency=3), 600)
    depths = [design.circuit.graph.depth for design in spec.designs]
    for levels in (1, 3, max(depths) + 1):
        staged = random_network((3, 6, 4, 2), 9, bits=6, fraction=4, stage_levels=levels)
        check([staged], count=600)
        least = sum(-(-depth // levels) for depth in depths) - 1
        most = sum(-(-(depth + 1) // levels) for depth in depths) - 1
        assert least <= staged.plan().latency <= most


def test_depths_are_kept():
    spec = random_network((6, 6, 4), 11, bits=8, depths=(5, 5), iterations=100)
    assert all(design.circuit.graph.depth <= 5 for design in spec.designs)
    check([spec], count=300)


def test_wide_numbers():
    big = (1 << 62) + 12345
    spec = network((((big, -big),), ((3,), (big,))), ((big, 1), (-big,)), "int8", "ufix64_en20", 40)
    check([spec], count=200)


def test_an_output_that_depends_on_nothing_is_its_bias():
    spec = network((((0, 1),),), ((-3, 0),), "int4")
    codes = {"x0": np.arange(16, dtype=np.uint64)}
    name, format = next(iter(spec.outputs().items()))
    assert set(spec.golden(**codes)[name]) == {-3 % (1 << format.width)}
    check([spec])


@pytest.mark.parametrize("fault", ["offset", "round", "saturate"])
def test_a_planted_fault_is_noticed(fault, monkeypatch):
    spec = random_network((3, 5, 2), 2)
    if fault == "offset":
        offset = offset_sums._offset
        monkeypatch.setattr(offset_sums, "_offset", lambda *args: offset(*args) + 1)
    elif fault == "round":
        row = layer_datapath._Row.__init__

        def without_half(self, layer, index, graph, nodes, activation):
            row(self, layer, index, graph, nodes, activation)
            self.constant ^= 1 << 2

        monkeypatch.setattr(layer_datapath._Row, "__init__", without_half)
    else:
        row = layer_datapath._Row.__init__

        def unsigned(self, layer, index, graph, nodes, activation):
            row(self, layer, index, graph, nodes, activation)
            self.signed = False

        monkeypatch.setattr(layer_datapath._Row, "__init__", unsigned)
    with pytest.raises((AssertionError, TypeError)):
        check([spec], count=1500)


def refusal(**changes):
    with pytest.raises(RequestError) as caught:
        network(**{"weights": (((1, 2),),), "biases": ((0, 0),), **changes})
    return list(caught.value.violations)


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"weights": ()},
            "weights must have at least one matrix",
        ),
        (
            {"weights": (((),),)},
            "weights must be one matrix or more, each of one row and column or more",
        ),
        ({"biases": ((0, 0), (1,))}, "biases must be 1 rows, not 2"),
        ({"biases": ((0,),)}, "biases 0 must be 2, not 1"),
        (
            {"weights": (((1, 2), (1,)),)},
            "rows of weights 0 must be equally long, not [1, 2]",
        ),
        (
            {"weights": (((1, 2),), ((1, 1),)), "biases": ((0, 0), (0, 0))},
            "weights 1 must have 2 rows, not 1",
        ),
        ({"input": "fp16"}, "input must be an integer or fixed point, not fp16"),
        (
            {"activation": "ufix4_en-1"},
            "activation must have no negative fraction width, not ufix4_en-1",
        ),
        (
            {"weights": (((1, 1 << 64),),)},
            f"weights and biases must have at most 64 bits, not {1 << 64}",
        ),
        ({"depths": (1, 1)}, "depths must be 1, one per layer, not 2"),
        (
            {"weights": (((1, 2), (3, 1)),), "depths": (1,)},
            "depth of layer 0 must be 2 or more, not 1",
        ),
    ],
)
def test_wrong_requests(changes, message):
    assert f"dense-network: {message}" in refusal(**changes)


class TestFiles:
    def given(self, **texts):
        return parse_parameters(DenseNetwork, texts, who="dense-network")

    def test_an_archive(self, tmp_path):
        path = tmp_path / "net.npz"
        arrays = {f"W{i}": np.full((2, 2), i) for i in (10, 9, 0)}
        arrays |= {f"b{i}": np.array([float(i), -i]) for i in (10, 9, 0)}
        np.savez(path, **arrays, note=np.array("text"), names=np.array([["a"]]))
        found = self.given(weights=str(path), biases=str(path))
        assert [matrix[0][0] for matrix in found["weights"]] == [0, 9, 10]
        assert found["biases"] == ((0, 0), (9, -9), (10, -10))

    def test_text_there_and_back(self):
        spec = ODD[2]
        texts = {"weights": to_text(spec.weights), "biases": to_text(spec.biases)}
        assert self.given(**texts) == {"weights": spec.weights, "biases": spec.biases}

    @pytest.mark.parametrize(
        "arrays, message",
        [
            ({"W0": np.zeros(2)}, "weights must have arrays of rank 2 in"),
            ({"W0": np.full((1, 1), 0.5)}, "weights must hold integers in"),
        ],
    )
    def test_wrong_archives(self, tmp_path, arrays, message):
        path = tmp_path / "net.npz"
        np.savez(path, **arrays)
        with pytest.raises(RequestError, match=message):
            self.given(weights=str(path))

    def test_no_archive(self, tmp_path):
        path = tmp_path / "net.npz"
        with pytest.raises(RequestError, match="weights must be a readable NumPy file, not"):
            self.given(weights=str(path))
        path.write_text("no archive")
        with pytest.raises(RequestError, match="weights must be a readable NumPy file, not"):
            self.given(weights=str(path))

    def test_no_matrix(self):
        with pytest.raises(RequestError, match="weights must be matrices separated by bars, or"):
            self.given(weights="1,2|x")


def baseline(name):
    path = BASELINE / f"{name}_int.npz"
    if not path.is_file():
        pytest.skip("the weights in ../shared are not there")
    texts = {"weights": str(path), "biases": str(path), "weight_fraction": 5}
    texts |= {"input": "sfix8_en4", "activation": "ufix6_en6", "iterations": 0}
    saved = np.load(BASELINE / f"{NETWORKS[name]}_vectors_in8_4.npz")
    codes = {f"x{i}": (column & 255).astype(np.uint64) for i, column in enumerate(saved["x"].T)}
    return parse_parameters(DenseNetwork, texts, who="dense-network"), codes, saved["y"] * 2.0**11


def agree(spec, found, wanted):
    for index, (name, format) in enumerate(spec.outputs().items()):
        code = wanted[:, index].astype(np.int64) & ((1 << format.width) - 1)
        assert (found[name].astype(np.int64) == code).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_saved_vectors(name):
    values, codes, wanted = baseline(name)
    spec = DenseNetwork(**values)
    assert wanted.shape == (2000, 5)
    agree(spec, spec.golden(**codes), wanted)


@pytest.mark.heavy
def test_saved_vectors_in_hardware():
    """The last two layers as gates, on what the first two make of the vectors."""
    values, codes, wanted = baseline("jet_qkeras")
    hidden = np.stack(list(codes.values())).astype(np.int64)
    hidden = hidden - ((hidden >> 7) << 8)
    for index, fraction in ((0, 4), (1, 6)):
        matrix, biases = np.array(values["weights"][index]), np.array(values["biases"][index])
        total = matrix.T @ hidden + (biases << fraction)[:, None]
        drop = fraction - 1
        hidden = np.clip((total + (1 << (drop - 1))) >> drop, 0, 63)
    rest = {**values, "input": parse("ufix6_en6")}
    rest |= {name: values[name][2:] for name in ("weights", "biases")}
    spec = DenseNetwork(**rest)
    given = {f"x{i}": row.astype(np.uint64) for i, row in enumerate(hidden)}
    agree(spec, Gates(spec, Timing()).run(given), wanted)


@pytest.mark.parametrize(
    ("formats", "biases"),
    [
        (("sfix2_en11", "sfix2_en11"), ((1, 0), (4, -7))),
        (("int1", "int1"), ((1, 0), (4, -7))),
        (("int2", "int2"), ((-100, 100), (4, -7))),
        (("int2", "int2"), ((-4, -6), (4, -7))),
        (("uint1", "uint3"), ((-900, 900), (4, -7))),
    ],
)
def test_values_that_are_always_the_same(formats, biases):
    """One number, negative ones too, is the range of a value, or all its digits are dropped."""
    for first in (((3, -5), (7, 1)), ((0, 1), (0, -1))):
        for fraction in (0, 3, 6):
            spec = network((first, ((2, -1), (-3, 6))), biases, *formats, fraction=fraction)
            check([spec], count=300)
