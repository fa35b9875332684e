"""Four ways to use zeros on one plot: what is known of each is on it."""

import pytest

from holigrail_hw.sparse.shared.crossovers import (
    DENSITIES,
    crossovers,
    guarded,
    speed_ups,
    structured,
)


def at(name, density):
    (values,) = (values for key, values in speed_ups().items() if key.startswith(name))
    return values[DENSITIES.index(density)]


def test_guarding_takes_no_time_away():
    assert guarded(0.1) == guarded(1.0) == 1


@pytest.mark.parametrize(
    ("density", "expected"), [(0.05, 8), (0.125, 8), (0.126, 4), (0.25, 4), (0.5, 2), (0.51, 1)]
)
def test_a_structure_holds_the_density(density, expected):
    assert structured(density) == expected


def test_published_points_of_scnn():
    """Parashar et al., 2017: 0.79 when all is dense, 1 at about 0.85, 24 at a tenth."""
    assert at("SCNN", 1.0) == pytest.approx(0.79, rel=0.06)
    assert at("SCNN", 0.1) == pytest.approx(24, rel=0.03)
    assert at("SCNN", 0.7) > 1 > at("SCNN", 0.9)


def test_an_eie_like_engine_is_never_slower_than_dense():
    assert at("EIE", 1.0) == 1
    # At most the inverse of the share of products that count.
    assert all(1 <= at("EIE", d) <= 1.2 / d**2 for d in DENSITIES)


def test_the_plot_has_all_of_them():
    view = crossovers()
    assert [len(line.y) for line in view.lines] == [len(view.x)] * 4
    assert "k of 8 weights, structured: faster up to a density of 0.5." in view.caption
    assert "zero guarding (energy, no time): never faster." in view.caption
