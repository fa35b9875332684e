"""DAIS programs as integer graphs: equal wherever they can be converted, refused where not."""

from pathlib import Path

import numpy as np
import pytest
from model_files import written

from holigrail_hw.models import ModelError, read
from holigrail_hw.models.certify.certificate import certify
from holigrail_hw.models.dais.binary import dais_bytes, read_dais
from holigrail_hw.models.dais.convert import integer_graph
from holigrail_hw.models.dais.program import DaisOperation, DaisOutput, DaisProgram, DaisType
from holigrail_hw.models.passes.forms import with_forms

FILES = Path(__file__).with_name("dais_files")


def within(program, count, rng):
    """Inputs within all types that the program reads them in."""
    ends = np.full(len(program.input_shifts), 2.0)
    for operation in program.operations:
        if operation.code == -1:
            kind, shift = operation.type, program.input_shifts[operation.first]
            most = np.ldexp(
                min(-kind.least or kind.greatest, kind.greatest), -kind.fraction - shift
            )
            ends[operation.first] = min(ends[operation.first], most)
    lows = [
        0.0
        if any(not o.type.signed and o.first == i and o.code == -1 for o in program.operations)
        else -end
        for i, end in enumerate(ends)
    ]
    return rng.uniform(lows, ends, (count, len(ends)))


def test_a_network_of_da4ml_becomes_two_matrices_and_a_requantisation():
    """98 operations; halves, saturations and limits all lie in one staircase per neuron."""
    program = read_dais(FILES / "net.dais")
    graph = read(FILES / "net.dais")
    assert [node.kind for node in graph.nodes] == ["linear", "requantise", "linear"]
    assert graph.nodes[1].formula.limits() == (0, 15)
    x = within(program, 2000, np.random.default_rng(0))
    assert (graph.run(x)[:, 0] == program.run(x)).all()
    assert certify(with_forms(graph)).verdict == "exact"
    assert graph.remarks == ("net.dais: inputs beyond their range are limited, not wrapped",)


class Builder:
    """Random programs of sums, ReLUs, roundings, minima and maxima, wide enough for all results."""

    def __init__(self, rng, inputs):
        self.rng, self.operations, self.inputs = rng, [], inputs
        self.program = None
        for place in range(inputs):
            kind = DaisType(
                bool(rng.integers(2)), int(rng.integers(1, 4)), int(rng.integers(-1, 3))
            )
            self.add(-1, place, -1, 0, kind)

    def add(self, code, first, second, data, kind=None):
        """An operation; without a type, one of those that hold all results."""
        fraction = int(self.rng.integers(-1, 4))
        kind = kind or DaisType(True, 40, fraction)
        self.operations.append(DaisOperation(code, first, second, data, kind))
        return len(self.operations) - 1

    def pick(self):
        return int(self.rng.integers(len(self.operations)))

    def step(self):
        low = 0xFFFFFFFF
        match self.rng.integers(6):
            case 0 | 1:
                self.add(
                    int(self.rng.integers(2)),
                    self.pick(),
                    self.pick(),
                    int(self.rng.integers(-2, 3)) & low,
                )
            case 2:
                self.add(int(self.rng.choice([2, -2, 3, -3])), self.pick(), -1, 0)
            case 3:
                self.add(4, self.pick(), -1, int(self.rng.integers(-20, 20)))
            case _:
                # A choice by the sign of a difference, which is the lesser or the greater one.
                left, right = self.pick(), self.pick()
                if self.rng.integers(2):
                    right = self.add(5, -1, -1, int(self.rng.integers(-9, 9)))
                sides = [left, right] if self.rng.integers(2) else [right, left]
                fine = DaisType(True, 40, 8)
                condition = self.add(1, *sides, 0, fine)
                self.add(6, left, right, condition, fine)

    def made(self, steps, outputs):
        for _ in range(steps):
            self.step()
        places = [-1, *self.rng.integers(len(self.operations), size=outputs).tolist()]
        ends = tuple(DaisOutput(p, int(self.rng.integers(-2, 3)), bool(p % 2)) for p in places)
        return DaisProgram("p", tuple([0, 1, -1][: self.inputs]), tuple(self.operations), ends)


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_stay_equal(tmp_path, seed):
    rng = np.random.default_rng(seed)
    program = Builder(rng, 3).made(int(rng.integers(4, 30)), 4)
    path = written(tmp_path, dais_bytes(program), "p.dais")
    assert read_dais(path).operations == program.operations
    x = within(program, 300, rng)
    wanted = program.run(x)
    assert np.array_equal(integer_graph(program).run(x)[:, 0], wanted)
    assert np.array_equal(read(path).run(x)[:, 0], wanted)


S4, WIDE = DaisType(True, 3, 0), DaisType(True, 15, 0)


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ((8, 0, -1, 0, WIDE), "code 8: a table must not be in it: the integer graph has no node"),
        ((9, 0, -1, 0, S4), "code 9: an operation on bits must not be in it: the integer graph"),
        ((10, 0, 1, 0, S4), "code 10: an operation on bits must not be in it: the integer graph"),
        ((7, 0, 1, 0, WIDE), "code 7: one factor must be a constant, not both be variable"),
        ((6, 0, 1, 0, S4), "code 6: the choice must be a minimum or a maximum of its operands"),
        (
            (3, 0, -1, 0, DaisType(True, 2, 0)),
            "code 3: its result must fit its type, not wrap around: -8 to 7 in 3 bits",
        ),
    ],
)
def test_what_has_no_node_is_refused_and_still_computed(tmp_path, operation, text):
    entered = tuple(DaisOperation(-1, i, -1, 0, S4) for i in range(2))
    operations = (*entered, DaisOperation(*operation))
    program = DaisProgram("p", (0, 0), operations, (DaisOutput(2, 0, False),), (tuple(range(16)),))
    path = written(tmp_path, dais_bytes(program), "p.dais")
    with pytest.raises(ModelError) as caught:
        read(path)
    assert str(caught.value).startswith(f"p.dais: operation 2, {text}")
    assert caught.value.hint == (
        "read_dais of holigrail_hw.models.dais.binary reads and computes such programs, too"
    )
    assert read_dais(path).run(np.ones((1, 2))).shape == (1, 1)


def test_all_refusals_come_at_once():
    with pytest.raises(ModelError) as caught:
        read(FILES / "functions.dais")
    codes = [line.split("code ")[1].split(":")[0] for line in caught.value.violations]
    assert codes == ["8", "8", "3", "7"]


def test_weights_that_are_too_wide_are_refused():
    entered = DaisOperation(-1, 0, -1, 0, S4)
    wide = DaisOperation(0, 0, 0, 70, DaisType(True, 100, 0))
    program = DaisProgram("p", (0,), (entered, wide), (DaisOutput(1, 0, False),))
    with pytest.raises(ModelError, match="p: weights of outputs must fit into 62 bits"):
        integer_graph(program)


def test_inputs_that_nothing_reads_and_one_that_is_read_twice():
    """The second input in two formats; the others are handed over all the same."""
    kinds = (DaisType(True, 3, 2), DaisType(True, 3, 0))
    entered = tuple(DaisOperation(-1, 1, -1, 0, kind) for kind in kinds)
    total = DaisOperation(0, 0, 1, 0, DaisType(True, 8, 2))
    outputs = (DaisOutput(2, 0, False), DaisOutput(1, 1, True))
    program = DaisProgram("p", (0, 0, 0), (*entered, total), outputs)
    x = np.random.default_rng(0).uniform(-8, 8 - 1e-6, (300, 3))
    graph = integer_graph(program)
    assert graph.inputs[0].shape == (3,)
    assert np.array_equal(graph.run(x)[:, 0], program.run(x))
