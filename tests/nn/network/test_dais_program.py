"""DAIS programs of unrolled networks: the integers of the graph, for every rule; read back."""

from dataclasses import replace

import numpy as np
import pytest
from graphs import FORMS, WINDOWS, coded, dense, graph, linear, multiplier, thresholds

from holigrail_hw.core import Timing, find
from holigrail_hw.flow.emit import emit
from holigrail_hw.models import ModelError
from holigrail_hw.models.dais.binary import dais_bytes, read_dais
from holigrail_hw.models.dais.convert import integer_graph
from holigrail_hw.models.graph.nodes import Add, Move, Pool
from holigrail_hw.models.source.windows import Window
from holigrail_hw.nn.network.parallel.dais import program as module
from holigrail_hw.nn.network.parallel.dais.program import dais_program
from holigrail_hw.nn.network.parallel.frame import Frame
from holigrail_hw.nn.network.parallel.matrices import Search


def outputs(program, x):
    """Integers: codes of the outputs in units of one."""
    codes = program.evaluate(x.reshape(len(x), -1).astype(float)).astype(float)
    places = [o.shift - program.operations[o.place].type.fraction for o in program.outputs]
    return np.ldexp(codes, places)


def program_of(given):
    frame = Frame(graph=given, search=Search(iterations=0))
    return dais_program("network", frame.unrolled, frame.designs)


def check(given, count=300):
    port, rng = given.inputs[0], np.random.default_rng(7)
    x = rng.integers(port.low, port.high, (count, *port.shape), endpoint=True)
    x[0], x[1] = port.low, port.high
    program, wanted = program_of(given), given.evaluate(x).reshape(count, -1)
    np.testing.assert_array_equal(outputs(program, x), wanted)
    return program


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("most", [1 << 12, 0])
def test_forms(name, most, monkeypatch):
    """As tables, and as comparisons."""
    monkeypatch.setattr(module, "_MOST_ENTRIES", most)
    for seed, (low, high, zero) in enumerate(((-8, 7, 0), (0, 16, 3), (-1, 0, 1))):
        check(dense(seed, FORMS[name], FORMS[name], low, high, zero))


@pytest.mark.parametrize("index", range(3))
def test_windows(index):
    rng = np.random.default_rng(index)
    window, group, zero = WINDOWS[index]
    operand = linear(rng, "a", "x", (4, 4), window=window, group=group, zero=zero, edge=4)
    check(graph((5, 4, 4), -2, 5, operand, coded("b", "a", multiplier(rng, 4, 3))), 60)


def test_maxima_and_moves():
    rng = np.random.default_rng(4)
    nodes = (
        linear(rng, "a", "x", (2, 2), window=Window((2, 1))),
        coded("b", "a", multiplier(rng, 2)),
        Pool(name="p", inputs=("a",), how="maximum", window=Window((2, 2))),
        coded("e", "p", thresholds(rng, 2)),
        Move(name="f", inputs=("b",), how="select", numbers=(0,)),
        Move(name="g", inputs=("e",), how="select", numbers=(0,)),
        Move(name="u", inputs=("f",), how="select", numbers=(0,)),
        Add(name="s", inputs=("p", "p"), factors=(3, -2)),
    )
    given = graph((3, 3, 2), -2, 1, *nodes[:4], nodes[7])
    program = check(given)
    assert any(operation.code == 6 for operation in program.operations)


def test_a_constant_output():
    given = dense(1, lambda rng, n: replace(thresholds(rng, n), values=np.full((1, n), 500)))
    program = check(given)
    assert len(program.outputs) == 2 and {o.code for o in program.operations} == {-1, 5}


def test_files_give_the_program_and_the_graph_back(tmp_path):
    network = find("network")(model="example", style="parallel", iterations=0)
    program = check(network.graph, 100)
    path = tmp_path / "example.dais"
    path.write_bytes(dais_bytes(program))
    read = read_dais(path)
    assert read.operations == program.operations and read.outputs == program.outputs
    again = integer_graph(read)
    x = np.random.default_rng(1).integers(0, 8, (50, *network.graph.inputs[0].shape))
    found = again.run(x.reshape(50, -1).astype(float)).reshape(50, -1)
    np.testing.assert_array_equal(found, network.graph.evaluate(x).reshape(50, -1))
    # The operator takes the file as any other model.
    taken = find("network")(model=path, style="parallel", iterations=0)
    results = taken.graph.run(x.reshape(50, -1).astype(float))
    np.testing.assert_array_equal(results.reshape(50, -1), found)


def test_generate_writes_the_program(tmp_path):
    network = find("network")(model="example", style="parallel", iterations=0)
    generated = emit.generate(network, Timing(), tmp_path, vectors=2)
    (path,) = tmp_path.glob("*.dais")
    assert path in generated.files
    assert read_dais(path).operations == program_of(network.graph).operations


@pytest.mark.heavy
def test_da4ml_computes_the_same_of_the_digits():
    binary = pytest.importorskip("da4ml._binary", reason="the package da4ml is not installed")
    network = find("network")(model="digits", style="parallel", iterations=0)
    x = np.random.default_rng(0).integers(0, 17, (300, 8, 8))
    words = np.frombuffer(dais_bytes(program_of(network.graph)), np.int32).copy()
    found = binary.dais_bin.run_interp(words, x.reshape(300, -1).astype(np.float64))
    wanted = network.graph.evaluate(x.reshape(300, *network.graph.inputs[0].shape))
    np.testing.assert_array_equal(np.reshape(found, (300, -1)), wanted.reshape(300, -1))


@pytest.mark.parametrize("fault", ["shift", "limit", "parity"])
def test_planted_faults_are_noticed(monkeypatch, fault):
    if fault == "shift":
        right = module._shifted
        monkeypatch.setattr(
            module,
            "_shifted",
            lambda nodes, o: replace(right(nodes, o), exponent=nodes[o.node].exponent),
        )
    elif fault == "limit":
        monkeypatch.setattr(module, "_RELU", 3)
    else:
        right = module.Writer.plus
        monkeypatch.setattr(module.Writer, "plus", lambda self, x, c: right(self, x, c + (c == 3)))
    with pytest.raises((AssertionError, ModelError)):
        for seed in range(4):
            check(dense(seed, FORMS["odd limits, to even"], FORMS["factors"]))
