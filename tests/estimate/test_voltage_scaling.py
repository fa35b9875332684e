"""Voltage, accuracy and frequency: the formulas on numbers that can be worked out by hand."""

import pytest

from holigrail_hw.estimate.voltage_scaling import (
    METHODS,
    AlphaPower,
    Measured,
    energy_per_product,
)

# Without a threshold and with alpha 2 a path takes a time of 1/V: half the supply, twice the time.
INVERSE = AlphaPower(nominal_v=1.0, threshold_v=0.0, alpha=2.0, least_v=0.125)
FULL = Measured(products=1, energy=100.0, path=8.0)


def test_delay_follows_the_law():
    model = AlphaPower(nominal_v=1.2, threshold_v=0.2, alpha=1.0, least_v=0.3)
    # V / (V - 0.2): 1.2 at the nominal supply, 3 at 0.3 V.
    assert model.slowdown(1.2) == 1
    assert model.slowdown(0.3) == pytest.approx(2.5)
    assert model.voltage(2.5) == pytest.approx(0.3)
    # V / (V - 0.2) = 1.8 at 0.45 V.
    assert model.voltage(1.5) == pytest.approx(0.45)


@pytest.mark.parametrize(
    "model", [AlphaPower(least_v=0.5), INVERSE, AlphaPower(1.8, 0.5, 1.3, 0.6)]
)
def test_voltage_meets_the_time_and_no_more(model):
    for slack in (1.01, 1.3, 1.9, 2.3):
        v = model.voltage(slack)
        assert model.least_v < v < model.nominal_v
        assert model.slowdown(v) == pytest.approx(slack)
    assert model.voltage(1e9) == model.least_v
    assert model.voltage(1.0) == model.voltage(0.5) == model.nominal_v


def test_every_method_by_hand():
    gated, four = Measured(1, 20.0, 4.0), Measured(4, 40.0, 4.0)
    assert energy_per_product("DAS", FULL, gated, INVERSE).per_product == 20
    # Half the path: half the voltage, a quarter of the energy.
    dvas = energy_per_product("DVAS", FULL, gated, INVERSE)
    assert (dvas.per_product, dvas.scaled_v) == pytest.approx((5.0, 0.5))
    # Half the path and four times the period: an eighth of the voltage, for four products.
    dvafs = energy_per_product("DVAFS", FULL, four, INVERSE)
    assert (dvafs.per_product, dvafs.scaled_v) == pytest.approx((40 / 64 / 4, 0.125))


def test_logic_that_does_not_scale():
    gated, four = Measured(1, 20.0, 4.0), Measured(4, 40.0, 4.0)
    assert energy_per_product("DAS", FULL, gated, INVERSE, 10.0).per_product == 30
    dvas = energy_per_product("DVAS", FULL, gated, INVERSE, 10.0)
    assert (dvas.per_product, dvas.other_v) == pytest.approx((15.0, 1.0))
    # Four products share it, at a quarter of the voltage.
    dvafs = energy_per_product("DVAFS", FULL, four, INVERSE, 16.0)
    assert dvafs.other_v == pytest.approx(0.25)
    assert dvafs.per_product == pytest.approx(40 / 64 / 4 + 16 / 16 / 4)


@pytest.mark.parametrize("method", METHODS)
def test_full_precision_is_what_was_measured(method):
    assert energy_per_product(method, FULL, FULL, AlphaPower(), 7.0).per_product == 107


def test_a_longer_path_does_not_raise_the_voltage():
    longer = Measured(1, 90.0, 9.0)
    assert energy_per_product("DVAS", FULL, longer, AlphaPower()).scaled_v == 1.1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((1.1, 0.4, 1.4, 0.3), "voltages must be 0 <= threshold < least <= nominal, not 0.4, 0.3"),
        ((1.1, 0.4, 1.4, 1.2), "voltages must be 0 <= threshold < least <= nominal, not 0.4, 1.2"),
        ((1.1, 0.4, 2.5, 0.6), "alpha must be between 1 and 2, not 2.5"),
    ],
)
def test_refused_models(values, message):
    with pytest.raises(ValueError) as caught:
        AlphaPower(*values)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("v", [0.4, 0.1, float("nan")])
def test_no_delay_below_the_threshold(v):
    with pytest.raises(ValueError, match="a supply must be above the threshold of 0.4 V, not"):
        AlphaPower().slowdown(v)


def test_refused_methods():
    with pytest.raises(ValueError) as caught:
        energy_per_product("DVFS", FULL, FULL, AlphaPower())
    assert str(caught.value) == "method must be one of DAS, DVAS, DVAFS, not DVFS"
    with pytest.raises(ValueError) as caught:
        energy_per_product("DVAS", FULL, Measured(4, 40.0, 4.0), AlphaPower())
    assert str(caught.value) == "DVAS makes one product of an item, not 4"
