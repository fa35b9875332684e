"""Clocks that boards make themselves: dividers within limits; clocks that cannot be made."""

import pytest

from holigrail_hw.core.errors import RequestError
from holigrail_hw.flow.board.phase_locked_loop import Ecp5Loop, Ice40Loop, loop_for


def test_the_dividers_are_those_of_the_vendors_calculators():
    # What ecppll -i 25 -o 75 and icepll -i 12 -o 24 print.
    assert loop_for("ecp5", 25, 75, "build") == Ecp5Loop(25, 1, 3, 8)
    loop = loop_for("ice40", 12, 24, "build")
    assert loop == Ice40Loop(12, 0, 63, 5) and loop.filter_range == 1


@pytest.mark.parametrize("family, first, low, high", [("ecp5", 25, 75, 400), ("ice40", 12, 9, 200)])
def test_all_clocks_of_a_range_are_made_within_the_limits(family, first, low, high):
    oscillators = {"ecp5": (400, 800), "ice40": (533, 1066)}[family]
    for wanted in range(low, high, 7):
        loop = loop_for(family, first, wanted, "build")
        assert abs(loop.output_mhz - wanted) <= 0.01 * wanted
        assert oscillators[0] <= loop.oscillator_mhz <= oscillators[1]


@pytest.mark.parametrize(
    "family, wanted, message",
    [
        ("ecp5", 2000.0, "build: the clock must be one that a loop makes of 25 MHz, not 2000 MHz"),
        ("ice40", 3.0, "build: the clock must be one that a loop makes of 25 MHz, not 3 MHz"),
        ("gowin", 50.0, "build: the clock must be the board's 25 MHz: there is no loop for gowin"),
    ],
)
def test_a_clock_that_cannot_be_made_is_refused(family, wanted, message):
    with pytest.raises(RequestError) as caught:
        loop_for(family, 25.0, wanted, "build")
    assert str(caught.value) == message
