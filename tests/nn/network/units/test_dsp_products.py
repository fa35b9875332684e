"""Products in DSP blocks: exact, a register behind every block, no more blocks than are counted."""

import numpy as np
import pytest
from timed import check

from holigrail_hw.core.timing import Timing
from holigrail_hw.estimate.primitives import DspMultiplier, device_model
from holigrail_hw.models.graph import forms
from holigrail_hw.nn.network.stream.units.elementwise.datapath import requantiser_plan
from holigrail_hw.nn.network.stream.units.elementwise.shape import Requantiser
from holigrail_hw.nn.network.stream.units.unit import Integers

# Bits of the input on both sides of a block's 17, and the widest that is cut in two.
INPUTS = [
    Integers(-(1 << 16), (1 << 16) - 1),
    Integers(-(1 << 17), (1 << 17) - 1),
    Integers(-(1 << 19), (1 << 18) + 5),
    Integers(0, (1 << 22) - 1),
    Integers(-(1 << 33), (1 << 33) - 1),
    Integers(-(1 << 35), (1 << 35) - 1),
]


def unit(wide, channels, signs=(1,), device="ecp5", period=12.0, bits=15):
    rng = np.random.default_rng(3)
    factor = rng.integers(1 << bits - 1, 1 << bits, channels) * rng.choice(signs, channels)
    shift = np.full(channels, wide.width + bits - 7)
    form = forms.Multiplier(factor, rng.integers(-99, 99, channels), shift, -100, 100, 0)
    return Requantiser.of(
        form,
        (4, channels),
        input=wide,
        output=Integers(-100, 100),
        elements=4 * channels,
        lanes=1,
        timing=Timing(period_ns=period, device=device),
        multiplier="dsp",
    )


@pytest.mark.parametrize("wide", INPUTS)
@pytest.mark.parametrize("signs", [(1,), (-1, 1)])
def test_products_are_exact(wide, signs):
    check(unit(wide, 3, signs), frames=2, stalls=wide.width == 20)


@pytest.mark.parametrize("wide", INPUTS[1:3])
def test_both_factors_may_be_wide(wide):
    check(unit(wide, 3, (-1, 1), bits=23), frames=2, stalls=False)
    one, model = unit(wide, 3, (-1, 1), bits=23), device_model("ecp5")
    made = [p for _, p, _ in requantiser_plan(one, 0).resources if isinstance(p, DspMultiplier)]
    assert all(p.is_one_block(model) for p in made)
    assert len(made) == one.cost("ecp5")["dsps"] == (4 if wide.width > 18 else 2)


@pytest.mark.parametrize("device", ["ecp5", "ice40up5k", "ice40hx8k", "generic"])
@pytest.mark.parametrize("wide", INPUTS)
def test_blocks_are_those_that_are_counted(wide, device):
    one, model = unit(wide, 3, device=device, period=60.0), device_model(device)
    plan = requantiser_plan(one, 0)
    made = [p for _, p, _ in plan.resources if isinstance(p, DspMultiplier)]
    assert sum(p.dsps(model) for p in made) <= one.cost(device)["dsps"]
    if device == "ecp5":
        assert sum(p.dsps(model) for p in made) == one.cost(device)["dsps"]
        assert all(p.is_one_block(model) for p in made) == (wide.width <= 34)


def test_nothing_is_added_before_the_register():
    """The sum of two parts, and the constant, come in the cycle after the products."""
    plan = requantiser_plan(unit(INPUTS[2], 3, period=1000.0), 0)
    cycles = {name: cycle for name, _, cycle in plan.resources}
    assert cycles["product_low"] == cycles["product_high"] == cycles["product"] - 1
