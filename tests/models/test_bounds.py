"""Proved errors are above every error that exact arithmetic finds; planted faults are caught."""

import json
from fractions import Fraction

import numpy as np
import pytest

from holigrail_hw.models import FloatGraph, ModelError
from holigrail_hw.models.bounds import activations, errors
from holigrail_hw.models.bounds import formats as formats_module
from holigrail_hw.models.bounds import integers as integers_module
from holigrail_hw.models.bounds.analysis import Analysis
from holigrail_hw.models.bounds.formats import Formats
from holigrail_hw.models.bounds.integers import integer_network
from holigrail_hw.models.bounds.outward import above, below
from holigrail_hw.models.bounds.partition import Box, Partition
from holigrail_hw.models.bounds.programme import Pair, Table, Width, cheapest
from holigrail_hw.models.bounds.ranges import float_layers, normalised, ranges
from holigrail_hw.models.bounds.request import allowed_errors, boxed, settled_errors
from holigrail_hw.models.bounds.rounding import Companions, coded, compensated
from holigrail_hw.models.box import number, ranges_of
from holigrail_hw.models.boxes import boxes
from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.layered import layered
from holigrail_hw.models.readers.dense import DenseLayer, dense_graph

NAMES = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "none": "linear"}


def random_graph(seed: int, kinds: tuple[str, ...], inputs: int = 2) -> FloatGraph:
    """Dense layers of up to 6 numbers, weights of various sizes."""
    rng = np.random.default_rng(seed)
    sizes = [inputs, *rng.integers(2, 7, len(kinds) - 1).tolist(), 2]
    layers = [
        DenseLayer(rng.normal(0, rng.uniform(0.3, 1.5), (n, m)), rng.normal(0, 0.5, n), NAMES[kind])
        for m, n, kind in zip(sizes, sizes[1:], kinds, strict=False)
    ]
    return dense_graph(f"random{seed}", inputs, layers)


def box_of(*ends: str) -> Box:
    pairs = [pair.split(":") for pair in ends]
    return tuple((Fraction(low), Fraction(high)) for low, high in pairs)


def exact_real(graph: FloatGraph, point):
    """Outputs at a point of rationals, ReLU only, in rationals."""
    values = [*point]
    for layer in layered(graph).layers:
        sums = [
            sum((Fraction(w) * v for w, v in zip(row, values, strict=True)), b)
            for row, b in zip(layer.weights.tolist(), layer.bias, strict=True)
        ]
        values = [max(v, Fraction(0)) for v in sums] if layer.activation == "relu" else sums
    return values


def points_of(box, count: int):
    """A grid of rationals, its ends included."""
    axes = [
        [low + (high - low) * Fraction(i, count - 1) for i in range(count)] for low, high in box
    ]
    return [(a, b) for a in axes[0] for b in axes[1]]


def analysed(graph: FloatGraph, box, cuts: int = 4) -> Analysis:
    analysis = Analysis(layered(graph), box)
    for level in range(cuts):
        axis = analysis.partition.axes[level % len(analysis.partition.axes)]
        analysis.cut([(place, axis) for place in range(len(analysis.leaves))])
    return analysis


def mixed(graph: FloatGraph, seed: int, low: int, high: int) -> Formats:
    """Random fraction bits for every row and value."""
    rng = np.random.default_rng(seed)
    layers = layered(graph).layers

    def bits() -> int:
        return int(rng.integers(low, high))

    rows = tuple(tuple(bits() for _ in layer.weights) for layer in layers)
    return Formats(bits(), rows, tuple(bits() for _ in layers))


def built(graph: FloatGraph, analysis: Analysis, formats: Formats):
    made = analysis.numbers(formats)
    spread, _ = analysis.spread(made)
    whole = analysis.partition.whole
    integers = integer_network(layered(graph), made, whole, spread, ("x", "y"), "said")
    return made, integers


BOX = box_of("-1:3/4", "1/3:2")


@pytest.mark.parametrize("seed", range(12))
def test_no_error_of_a_grid_is_above_its_bound(seed):
    """Exact rationals on both sides: nothing is forgiven."""
    graph = random_graph(seed, ("relu",) * (1 + seed % 3) + ("none",))
    analysis = analysed(graph, BOX)
    made, integers = built(graph, analysis, mixed(graph, seed, 2, 9))
    bound = [Fraction(float(v)) for v in analysis.error(made).size.max(axis=0)]
    points = points_of(BOX, 9)
    unit = Fraction(1, 1 << made.formats.input)
    codes = np.array([[(v / unit + Fraction(1, 2)).__floor__() for v in p] for p in points])
    found = integers.evaluate(codes)
    scale = Fraction(1, 1 << made.formats.values[-1])
    worst = [Fraction(0)] * 2
    for point, row in zip(points, found.tolist(), strict=True):
        real = exact_real(graph, point)
        worst = [max(w, abs(code * scale - y)) for w, code, y in zip(worst, row, real, strict=True)]
    assert all(w <= b for w, b in zip(worst, bound, strict=True))
    # And the bound says something.
    assert max(worst) > 0 and max(bound) < 200 * max(worst)


@pytest.mark.parametrize("kind", ["tanh", "sigmoid"])
@pytest.mark.parametrize("seed", range(4))
def test_functions_are_within_their_bound(seed, kind):
    graph = random_graph(seed, (kind, kind, "none" if seed % 2 else kind))
    analysis = analysed(graph, BOX)
    made, integers = built(graph, analysis, mixed(graph, seed, 3, 8))
    bound = analysis.error(made).size.max(axis=0)
    rng = np.random.default_rng(seed)
    samples = rng.uniform([-1, 1 / 3], [0.75, 2], (3000, 2))
    error = np.abs(integers.run(samples) - graph.evaluate(samples)).reshape(-1, 2).max(axis=0)
    assert (error <= bound).all() and (bound < 100 * error).all()


@pytest.mark.parametrize("seed", range(6))
def test_ranges_hold_every_sum(seed):
    kinds = [("relu", "relu", "none"), ("tanh", "relu", "none"), ("sigmoid", "tanh", "none")]
    graph = random_graph(seed, kinds[seed % 3])
    network = layered(graph)
    box = box_of("-2:1", "0:3/2")
    found = ranges(float_layers(network.layers), normalised(network, [box]))
    values = np.random.default_rng(seed).uniform([-2, 0], [1, 1.5], (2000, 2))
    for layer, one in zip(network.layers, found, strict=True):
        sums = values @ layer.weights.T + np.array([*map(float, layer.bias)])
        assert (sums >= one.sum_low - 1e-12).all() and (sums <= one.sum_high + 1e-12).all()
        kind = layer.activation
        values = {
            "relu": np.maximum(sums, 0),
            "tanh": np.tanh(sums),
            "sigmoid": 1 / (1 + np.exp(-sums)),
            "none": sums,
        }[kind]
        assert (values >= one.low - 1e-12).all() and (values <= one.high + 1e-12).all()


@pytest.mark.parametrize("kind", ["relu", "tanh", "sigmoid"])
def test_lines_and_slopes_enclose_an_activation(kind):
    rng = np.random.default_rng(0)
    low = rng.normal(0, 2, 200)
    high = low + rng.exponential(1.5, 200)
    around = activations.lines(kind, low, high)
    least, most = activations.slopes(kind, low, high)
    at = low + (high - low) * np.linspace(0, 1, 101)[:, None]
    value, above_it = activations.values(kind, at, at)
    middle = (value + above_it) / 2
    assert (around.lower[0] * at + around.lower[1] <= middle + 1e-12).all()
    assert (around.upper[0] * at + around.upper[1] >= middle - 1e-12).all()
    rises = np.diff(middle, axis=0) / np.diff(at, axis=0)
    assert (rises >= least - 1e-6).all() and (rises <= most + 1e-6).all()


def test_floats_around_rationals():
    values = [Fraction(1, 3), Fraction(-1, 3), Fraction(5), Fraction(1, 10**30)]
    for value, low, high in zip(values, below(values), above(values), strict=True):
        assert Fraction(float(low)) <= value <= Fraction(float(high))
    assert below(values)[2] == above(values)[2] == 5


def parts_of(graph: FloatGraph) -> list[Formats]:
    """Formats in which one kind of signal is coarse, so that its errors alone count."""
    layers = layered(graph).layers
    found = []
    for coarse in range(3):
        bits = [3 if kind == coarse else 16 for kind in range(3)]
        rows = tuple((bits[1],) * len(layer.weights) for layer in layers)
        found.append(Formats(bits[0], rows, (*(bits[2],) * (len(layers) - 1), 16)))
    return found


def worst_share() -> float:
    """The greatest error of samples over all cases, as a share of its bound."""
    share = 0.0
    for seed in range(4):
        graph = random_graph(seed, ("relu", "relu", "none") if seed % 2 else ("relu", "none"))
        samples = np.random.default_rng(seed).uniform([-1, 1 / 3], [0.75, 2], (1000, 2))
        wanted = graph.evaluate(samples)
        for formats in parts_of(graph):
            for cuts in (0, 5):
                analysis = analysed(graph, BOX, cuts)
                made, integers = built(graph, analysis, formats)
                bound = analysis.error(made).size.max(axis=0)
                error = np.abs(integers.run(samples) - wanted).reshape(-1, 2).max(axis=0)
                share = max(share, float((error / bound).max()))
    return share


def without_slopes(kind, low, high):
    """An open ReLU is taken for a closed one."""
    least, most = REAL_SLOPES(kind, low, high)
    return least, np.where(kind == "relu", least, most)


def without_weights(*given):
    """Errors of weights are forgotten."""
    return tuple(0 * end for end in REAL_SHIFTED(*given))


def downward(factor, offset, low, high, rounding):
    """Hardware that truncates."""
    assert rounding == "nearest_up"
    return Affine(factor, offset, low, high, "down")


def as_nearest(weights, bits, companions):
    """Weights that were moved count as if they were the nearest."""
    return compensated(weights, bits, companions)[0], coded(weights, bits)[1]


REAL_SLOPES, REAL_SHIFTED = activations.slopes, errors.shifted


def test_what_is_left_as_it_is():
    assert 0.5 < worst_share() <= 1


@pytest.mark.parametrize(
    ("module", "name", "fault"),
    [
        (errors, "slopes", without_slopes),
        (errors, "shifted", without_weights),
        (errors, "_sloped", lambda j, least, most: (j[0] * least, j[1] * least)),
        (errors, "_through", lambda j, weights: tuple(0.5 * end @ weights for end in j)),
        (formats_module, "compensated", as_nearest),
        (formats_module, "half_ulps", lambda kind, bits, sums: np.zeros(len(sums))),
        (integers_module, "Affine", downward),
    ],
)
def test_a_step_that_is_left_out_is_noticed(monkeypatch, module, name, fault):
    """Some error is then above its bound."""
    monkeypatch.setattr(module, name, fault)
    assert worst_share() > 1


def values_of_few(rng, count: int, inputs: int) -> np.ndarray:
    """Values that depend on few numbers, as those behind a layer over a box do."""
    return np.maximum(rng.uniform(-1, 1, (500, inputs)) @ rng.normal(0, 1, (inputs, count)), 0)


@pytest.mark.parametrize("seed", range(4))
def test_errors_of_a_row_cancel(seed):
    """Over samples other than those that chose, too, and more of them with fewer inputs."""
    rng = np.random.default_rng(seed)
    weights, bits = rng.normal(0, 1, (20, 40)), np.full(20, 6)
    for inputs, factor in ((2, 0.25), (4, 0.5)):
        values = values_of_few(rng, 40, inputs)
        _, found = compensated(weights, bits, Companions(values[:300], np.zeros(40)))
        away = values[300:] - values[:300].mean(axis=0)
        off, plain = (away @ errors.T for errors in (found, coded(weights, bits)[1]))
        assert np.abs(off).max() < factor * np.abs(plain).max()


@pytest.mark.parametrize("seed", range(4))
def test_errors_of_weights_are_exact(seed):
    """Whatever their sizes; zeros stay zeros."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 1, (6, 12)) * 2.0 ** rng.choice([0, -8, -70], (6, 12))
    weights[rng.random((6, 12)) < 0.2] = 0
    bits = rng.integers(4, 30, 6)
    together = Companions(values_of_few(rng, 12, 2), np.zeros(12))
    codes, found = compensated(weights, bits, together)
    assert (codes[weights == 0] == 0).all() and (codes == np.rint(codes)).all()
    assert (codes != coded(weights, bits)[0]).any()
    for row, unit in enumerate(bits.tolist()):
        for code, error, weight in zip(codes[row], found[row], weights[row], strict=True):
            exact = Fraction(float(code)) / 2**unit - Fraction(float(weight))
            assert Fraction(float(error)) == exact


def test_halves_cover_a_box():
    partition = Partition(box_of("0:1", "0:2", "3:3"))
    first, second = partition.cut(0, 1)
    partition.cut(second, 0)
    assert partition.axes == (0, 1) and partition.preorder() == [1, -1, 0, -1, -1]
    assert partition.boxes[first] == box_of("0:1", "0:1", "3:3")
    assert len(partition.leaves()) == 3


def test_the_programme_takes_the_cheapest():
    alone = [np.array([0.0, 1.0, 4.0]), np.array([0.0, 2.0])]
    sizes = [np.array([[4.0], [2.0], [1.0]]), np.array([[3.0], [1.0]])]
    tables = [Table(-size, size) for size in sizes]

    def found(limit, pairs=(), widths=()):
        return cheapest(alone, pairs, widths, tables, np.array([limit]), [0, 0])

    assert found(7.0) == [0, 0] and found(5.0) == [1, 0] and found(3.0) == [1, 1]
    assert found(1.9) is None
    assert found(5.0, [Pair(0, 1, np.array([[0, 0], [9, 0], [9, 9]]))]) == [0, 1]
    assert found(5.0, (), [Width(0, 1, ((0, 9, 1), (0, 9)), 5)]) == [2, 0]
    # Errors of known signs may cancel.
    tables[0] = Table(np.array([[-4.0], [2.0], [1.0]]), np.array([[-3.0], [2.0], [1.0]]))
    assert found(3.0) == [1, 1] and found(7.0) == [0, 0]


TEXTS = {
    "30": Fraction(30),
    "-1.25": Fraction(-5, 4),
    "1e-3": Fraction(1, 1000),
    "1/3": Fraction(1, 3),
    "2^-8": Fraction(1, 256),
    "-2^3": Fraction(-8),
}


@pytest.mark.parametrize(("text", "value"), TEXTS.items())
def test_numbers(text, value):
    assert number(text, "x") == value


@pytest.mark.parametrize("text", ["", "nan", "1/0", "2^^3", "0^-1", "1:2", "9" * 70])
def test_what_is_no_number(text):
    with pytest.raises(ModelError, match="a number must be as 0.01, 1/3 or 2\\^-8, not "):
        number(text, "x")


def test_boxes(tmp_path):
    network = layered(random_graph(0, ("relu", "none")))
    wanted = box_of("0:1", "-2:-2")
    for text in ("0=0:1,1=-2", "1=-2:-2, 0=0:1", "speed=0:1,rate=-2"):
        assert boxed(text, network, {})[0] == wanted
    assert boxed("1/3:2^2", network, {})[0] == box_of("1/3:4", "1/3:4")
    path = tmp_path / "box.json"
    path.write_text('{"box": {"speed": "0:1", "rate": "-2"}}')
    assert boxed(str(path), network, {}) == (wanted, ("speed", "rate"))
    assert boxed("word", network, {"word": path})[0] == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0=1:0,1=0:1", "random0: box: 0 must run from its least to its greatest, not 1:0"),
        ("a=0:1", "random0: box: there must be a range for each of 2 inputs, not 1"),
        ("0=0:1,2=0:1", "random0: box: places must be all of 0 to 1, not 0, 2"),
        ("a=0:1,a=0:1", "random0: box: a must be given once, not twice"),
        ("0:1,0=0:1", "random0: box: 0 must be given once, not twice"),
        ("a=0:x,b=1", "random0: box: a: a number must be as 0.01, 1/3 or 2^-8, not 'x'"),
        ("a=1:2:3,b=1", "random0: box: a: a number must be as 0.01, 1/3 or 2^-8, not '2:3'"),
        ("a=inf,b=1", "random0: box: a: a number must be as 0.01, 1/3 or 2^-8, not 'inf'"),
        ("", "random0: box: 0: a number must be as 0.01, 1/3 or 2^-8, not ''"),
        ("none.json", "random0: box: the file must be readable: No such file or directory"),
    ],
)
def test_boxes_that_are_refused(text, message):
    with pytest.raises(ModelError) as refusal:
        boxed(text, layered(random_graph(0, ("relu", "none"))), {})
    assert str(refusal.value) == message


@pytest.mark.parametrize("text", ["[]", "{", '{"a": [0, 1]}', '{"box": 3}'])
def test_files_of_boxes_that_are_refused(tmp_path, text):
    path = tmp_path / "box.json"
    path.write_text(text)
    with pytest.raises(ModelError, match="box: box.json must be an object of names and ranges as"):
        boxed(str(path), layered(random_graph(0, ("relu", "none"))), {})


@pytest.mark.parametrize("word", boxes())
def test_boxes_of_the_project(word):
    given = json.loads(boxes()[word].read_text())["box"]
    count = len(given)
    network = layered(
        dense_graph("any", count, [DenseLayer(np.eye(count), np.ones(count), "Relu")])
    )
    box, names = boxed(word, network, boxes())
    assert names == (*given,) and any(low < high for low, high in box)


def test_inputs_with_names():
    names = ("gap", "speed")
    for text in ("1,2:3", "gap=1,2:3", "speed=2:3,gap=1", "1=2:3,0=1", "1,speed=2:3"):
        found = ranges_of(text, 2, "box", names=names)
        assert found == (box_of("1:1", "2:3"), found[1]) and {*found[1]} <= {*names, "0", "1"}
    with pytest.raises(ModelError, match="box: an input must be one of gap, speed, not rate"):
        ranges_of("gap=1,rate=2", 2, "box", names=names)


def test_limits_of_a_file_hold_for_its_box():
    layer = DenseLayer(np.eye(2), np.zeros(2), "linear")
    before = [("Max", np.array([0.0, -1.0])), ("Min", np.array([4.0, 1.0]))]
    network = layered(dense_graph("clipped", 2, [layer], before))
    assert boxed("0=0:4,1=-1:1", network, {})[0] == box_of("0:4", "-1:1")
    with pytest.raises(ModelError) as refusal:
        boxed("0=0:5,1=-2:1", network, {})
    assert str(refusal.value).splitlines() == [
        "clipped: box: 0 must be within 0 to 4, as in the file, not 0 to 5",
        "clipped: box: 1 must be within -1 to 1, as in the file, not -2 to 1",
    ]


def test_errors_of_outputs():
    assert allowed_errors("2^-8", 2, "x") == ((Fraction(1, 256), False),) * 2
    allowed = allowed_errors("0.5, 1%", 2, "x")
    assert settled_errors(allowed, [(0, 1), (-1.0, 3.0)], "x") == (Fraction(1, 2), Fraction(1, 25))
    for text, message in (
        ("0", "x: error: it must be above 0, not 0"),
        ("1,2,3", "x: error: there must be one for all or one for each of 2 outputs, not 3"),
    ):
        with pytest.raises(ModelError) as refusal:
            allowed_errors(text, 2, "x")
        assert str(refusal.value) == message
    with pytest.raises(ModelError, match="output 0 must vary for a share of its range"):
        settled_errors(allowed_errors("1%", 1, "x"), [(2.0, 2.0)], "x")


def test_layers_that_have_no_proof():
    layer = DenseLayer(np.eye(2), np.zeros(2), "Elu")
    with pytest.raises(ModelError, match="elu0, Elu: it must be one of .* for a proved bound"):
        layered(dense_graph("elu", 2, [layer]))
    between = dense_graph("scaled", 2, [layer], (), [("Mul", np.array([2.0, 3.0]))])
    nodes = [n if n.operator != "Elu" else n.__class__(**{**n.__dict__, "operator": "Relu"})
             for n in between.nodes]  # fmt: skip
    found = layered(between.changed(nodes=tuple(nodes)))
    assert found.leave[0] == (2, 3) and found.layers[0].activation == "relu"
