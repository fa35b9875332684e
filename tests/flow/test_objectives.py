"""Objectives by the names of figures, and the Pareto front against its definition."""

import math

import numpy as np
import pytest

from holigrail_hw.core import RequestError
from holigrail_hw.flow.explore.sweep.objectives import front, read, resolve

FIGURES = ("latency", "luts", "dsps", "promised_fmax_mhz", "delay_ns", "energy_pj", "error_ulp")
MEASURED = (*FIGURES, "measured_luts", "measured_fmax_mhz", "measured_delay_ns")


def by_definition(points):
    def beats(one, other):
        return all(a <= b for a, b in zip(one, other, strict=True)) and one != other

    return [
        all(map(math.isfinite, point)) and not any(beats(other, point) for other in points)
        for point in points
    ]


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [0, 1, 2, 60, 400])
def test_the_front_is_what_nobody_beats(count, dimensions):
    rng = np.random.default_rng(count + dimensions)
    for levels in (2, 5, 1000):
        points = [
            tuple(map(float, row)) for row in rng.integers(-levels, levels, (count, dimensions))
        ]
        points = [
            tuple(math.inf if rng.random() < 0.02 else one for one in point) for point in points
        ]
        assert front(points) == by_definition(points)


def test_equal_points_are_all_in_the_front():
    assert front([(1, 2), (1, 2), (0, 3), (2, 2)]) == [True, True, True, False]


@pytest.mark.parametrize(
    ("asked", "figures", "found"),
    [
        ("luts,max:fmax", FIGURES, "min:luts max:promised_fmax_mhz"),
        ("luts,fmax", MEASURED, "min:measured_luts max:measured_fmax_mhz"),
        ("promised_fmax_mhz", MEASURED, "max:promised_fmax_mhz"),
        ("promised-fmax", MEASURED, "max:promised_fmax_mhz"),
        ("min:fmax", FIGURES, "min:promised_fmax_mhz"),
        ("energy, error", FIGURES, "min:energy_pj min:error_ulp"),
        ("max:latency", FIGURES, "max:latency"),
        ("rate_per_second", ("rate_per_second",), "max:rate_per_second"),
    ],
)
def test_names(asked, figures, found):
    assert " ".join(one.title for one in resolve(read([asked]), figures)) == found


def test_defaults_are_those_that_there_are():
    assert [one.figure for one in resolve([], FIGURES)] == ["luts", "delay_ns", "dsps"]
    measured = ["measured_luts", "measured_delay_ns", "dsps"]
    assert [one.figure for one in resolve([], MEASURED)] == measured
    assert [one.figure for one in resolve([], ("luts",))] == ["luts"]


def test_a_point_without_the_figure_is_never_good():
    (fmax,) = resolve(read(["fmax"]), FIGURES)
    assert fmax.of({"promised_fmax_mhz": 100.0}) == -100
    for figures in ({}, {"promised_fmax_mhz": None}, {"promised_fmax_mhz": math.nan}):
        assert fmax.of(figures) == math.inf


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["least:luts"], "explore: --objective must be NAME, min:NAME or max:NAME, not least:luts"),
        (["luts,"], "explore: --objective must name a figure, not ''"),
        (["max:"], "explore: --objective must name a figure, not 'max:'"),
        (["luts", "max:luts"], "explore: --objective luts must be given once, not twice"),
    ],
)
def test_what_is_no_objective(texts, message):
    with pytest.raises(RequestError) as caught:
        read(texts)
    assert str(caught.value) == message


def test_a_figure_that_no_point_has():
    with pytest.raises(RequestError) as caught:
        resolve(read(["energi_pj"]), FIGURES)
    assert str(caught.value) == "explore: no figure named 'energi_pj' for --objective"
    assert caught.value.hint == f"did you mean energy_pj? there are {', '.join(FIGURES)}"
