"""Golden models keep the errors that operators state, by exact arithmetic from the parameters.

A golden model may follow the circuit it belongs to; what is compared here does not.
"""

from fractions import Fraction

import numpy as np
import pytest
from test_contract import OPERATORS, specs

from holigrail_hw.core import OperatorSpec, find, parameters_of
from holigrail_hw.formats import FixedFormat, Rounding, parse

COUNT = 120
STATED = [name for name, cls in OPERATORS.items() if cls.exact is not OperatorSpec.exact]


def beyond(spec: OperatorSpec, seed: int, change=lambda answers: answers) -> list[str]:
    """Items whose golden answer is off by more than is stated."""
    codes = spec.items(COUNT, np.random.default_rng(seed))
    stated = spec.exact(**codes)
    assert stated is not None, spec
    answers = change(spec.golden(**codes))
    assert set(stated.values) == set(stated.bounds) == set(answers) == set(spec.outputs())
    wrong = []
    for name, format in spec.outputs().items():
        assert isinstance(format, FixedFormat)
        unit = Fraction(2) ** -format.fraction_width
        span = unit * (1 << format.width)
        assert len(stated.values[name]) == COUNT
        for index, (code, exact) in enumerate(zip(answers[name], stated.values[name], strict=True)):
            number = int(code)
            if format.signed and number >> (format.width - 1):
                number -= 1 << format.width
            off = abs(number * unit - exact)
            if stated.wraps:
                off = min(off % span, -off % span)
            if off > stated.bounds[name]:
                wrong.append(f"{name}[{index}] is {number * unit}, not {exact}, off by {off}")
    return wrong


def test_operators_state_their_errors():
    assert len(STATED) >= 4
    bounds = set()
    for name in STATED:
        for spec in specs(name):
            stated = spec.exact(**spec.items(4, np.random.default_rng(0)))
            bounds |= {bound > 0 for bound in stated.bounds.values()} if stated else set()
    assert bounds == {False, True}


@pytest.mark.parametrize("name", STATED)
def test_golden_keeps_the_stated_error(name):
    for seed, spec in enumerate(specs(name)):
        if spec.exact(**spec.items(1, np.random.default_rng(0))) is not None:
            assert not beyond(spec, seed), spec


def test_an_operator_with_an_allowed_error_states_it():
    """Whatever can be asked to be off says by how much."""
    for name, cls in OPERATORS.items():
        if {"error", "error_ulp", "faithful"} & set(parameters_of(cls)):
            assert name in STATED


@pytest.mark.parametrize(
    "spec",
    [
        find("mcm")(constants=(45, -107, 231), metric="one-bit-adders", error=20),
        find("mcm")(constants=(45, 107, 231), metric="one-bit-adders", faithful=True),
        find("cmvm")(matrix=((7, -3, 0), (19, 5, -21)), error=20),
        find("cmvm")(matrix=((7, 3), (-9, 5)), result=parse("int6"), rounding=Rounding.DOWN),
        find("fir")(coefficients=(7, -19, 31), result=parse("sfix9_en-3")),
    ],
    ids=str,
)
def test_a_wrong_answer_is_noticed(spec):
    """One answer moved by little more than twice the bound, which no right answer survives."""
    assert not beyond(spec, 5)
    name, format = next(iter(spec.outputs().items()))
    stated = spec.exact(**spec.items(COUNT, np.random.default_rng(5)))
    step = int(2 * stated.bounds[name] * Fraction(2) ** format.fraction_width) + 1

    def moved(answers):
        codes = answers[name].copy()
        sign = -(int(codes[3]) >> (format.width - 1)) if format.signed else 0
        number = int(codes[3]) + (sign << format.width)
        number += step if number + step <= format.maximum else -step
        codes[3] = number & ((1 << format.width) - 1)
        return {**answers, name: codes}

    assert [text.partition(" ")[0] for text in beyond(spec, 5, moved)] == [f"{name}[3]"]
