"""Rates, intervals and budgets of streaming networks: what becomes of them, what is refused."""

import pytest

from holigrail_hw.cli.arguments import read_design
from holigrail_hw.cli.session import Session
from holigrail_hw.core import RequestError, Site, Timing
from holigrail_hw.flow.synth.devices import TARGETS
from holigrail_hw.nn.network.operator import TrainedNetwork
from holigrail_hw.nn.network.stream.style import choice_of, design_of


def digits(**given: int) -> TrainedNetwork:
    return TrainedNetwork(model="digits", **given)


def test_a_rate_is_an_interval_of_the_clock():
    """25 MHz for 20,000 frames are 1250 cycles; what fits has the same folding."""
    spec = digits(rate=20_000, clock_hz=25_000_000)
    assert choice_of(spec).interval == 1250
    assert choice_of(spec).options == choice_of(digits(interval=1250)).options
    assert design_of(spec, Timing()).interval <= 1250


def test_the_clock_of_a_rate_is_that_of_the_site():
    spec = digits(rate=20_000)
    assert spec.on(Site()) is spec
    built = spec.on(Site(25e6))
    assert isinstance(built, TrainedNetwork) and built.clock_hz == 25_000_000
    assert built.on(Site(1e6)) is built
    assert digits(interval=64).on(Site(25e6)) == digits(interval=64)


@pytest.mark.parametrize(
    ("verb", "words", "clock"),
    [
        ("build", ["--board", "ulx3s"], 25_000_000),
        ("build", ["--board", "ulx3s", "--period", "40", "--best-effort"], 25_000_000),
        ("info", ["--period", "16"], 62_500_000),
        ("info", ["--period", "16", "--clock-hz", "2000000"], 2_000_000),
    ],
)
def test_verbs_know_the_clock(verb, words, clock):
    """The period that is asked for, else the board's clock."""

    def configure(parser):
        if verb == "build":
            parser.add_argument("--board")

    words = ["network", "--model", "digits", "--rate", "5000", *words]
    _, design = read_design(words, Session(f"holigrail {verb}", verb=verb), configure)
    assert isinstance(design.spec, TrainedNetwork) and design.spec.clock_hz == clock


def test_a_budget_alone_asks_for_the_fastest():
    """Queues count: all that the design takes lies within the budget, and nothing is faster."""
    spec = digits(luts=2500, brams=2, dsps=0)
    use = design_of(spec, Timing(device="ecp5")).use()
    assert use["luts"] <= 2500 and use["memories"] <= 2 and use["dsps"] == 0
    assert choice_of(spec).interval < choice_of(digits(luts=1600, dsps=0)).interval
    assert choice_of(digits(dsps=0)).options == choice_of(digits(dsps=0, interval=1 << 30)).options


def test_a_share_of_the_device_is_a_budget():
    """Of an ECP5-12k 20 percent: what is given beside it stays."""
    room = {"luts": 12_144, "memory_bits": 32 * 18_432, "dsps": 28}
    spec = digits(fill=20)
    assert spec.on(Site()) is spec
    built = spec.on(Site(None, room))
    assert (
        built == digits(fill=20, luts=2428, brams=6, dsps=5) and built.on(Site(None, {})) == built
    )
    use = design_of(built, Timing(device="ecp5")).use()
    assert use["luts"] <= 2428 and use["memories"] <= 6 and use["dsps"] <= 5
    assert digits(fill=20, dsps=0).on(Site(None, room)).dsps == 0
    words = ["network", "--model", "digits", "--fill", "20", "--device", "ecp5-12k"]
    _, design = read_design(words, Session("holigrail info", verb="info"))
    assert design.spec == built
    assert all(target.room for name, target in TARGETS.items() if name != "generic")


def test_a_share_needs_a_device():
    with pytest.raises(RequestError) as caught:
        digits(fill=70).streams()
    assert str(caught.value) == (
        "network: fill must be given with a device, 70 percent alone say no number of LUTs"
    )
    assert caught.value.hint == "--device NAME, --board NAME or --luts N"


def test_within_an_interval_the_cheapest_that_fits():
    """DSP blocks may take the place of look-up tables."""
    cheap = choice_of(digits(interval=576))
    fits = choice_of(digits(interval=576, luts=cheap.use["luts"] + 500))
    assert cheap.options == fits.options and fits.interval == 576


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        (
            {"interval": 10, "dsps": 0},
            "model digits: layer conv1 takes at least 64 cycles per frame, so the interval must not"
            " be less, not 10",
            "--interval 64",
        ),
        (
            {"rate": 400_000, "clock_hz": 25_000_000},
            "model digits: layer conv1 takes at least 64 cycles per frame, so the interval must not"
            " be less, not 62",
            "--rate 390625",
        ),
        (
            {"interval": 64, "luts": 1000, "dsps": 0},
            "model digits: the layers must fit within 64 cycles per frame and 1000 luts, 0 dsps",
            "--interval 2304 or --luts 2927",
        ),
        (
            {"luts": 100},
            "model digits: the layers must fit within 4608 cycles per frame and 100 luts",
            "--luts 721",
        ),
        (
            {"rate": 5, "interval": 5},
            "interval must be left out where rate gives it",
            None,
        ),
        ({"clock_hz": 5}, "clock_hz must be left out without rate", None),
        (
            {"rate": 7, "clock_hz": 5},
            "rate must be at most the clock's 5 Hz, not 7",
            None,
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest_figures(given, message, hint):
    with pytest.raises(RequestError) as caught:
        digits(**given)
    assert str(caught.value) == f"network: {message}"
    assert caught.value.hint == hint


def test_the_nearest_figures_are_met():
    """What a hint names is granted, queues included, and a little less is not."""
    for asked in ({"interval": 64, "luts": 2927}, {"interval": 2304, "luts": 1000}):
        spec = digits(**asked, dsps=0)
        assert choice_of(spec).interval == asked["interval"]
        assert design_of(spec, Timing(device="ecp5")).use()["luts"] <= asked["luts"]
    for asked in ({"interval": 64, "luts": 2926}, {"interval": 2303, "luts": 1000}):
        with pytest.raises(RequestError, match="must fit within"):
            choice_of(digits(**asked, dsps=0))


def test_queues_that_do_not_fit_are_said_with_what_they_take():
    """No block is left for the pixels of a queue; found when the queues are known."""
    spec = digits(luts=1500, brams=0, dsps=0)
    with pytest.raises(RequestError) as caught:
        choice_of(spec)
    assert "the layers and their queues must fit within the limits, not take" in str(caught.value)
    assert caught.value.hint == "--brams 1"


def test_a_rate_without_a_clock_is_refused_where_cycles_are_needed():
    with pytest.raises(RequestError) as caught:
        digits(rate=20_000).streams()
    assert str(caught.value) == (
        "network: rate must be given with a clock, 20000 frames per second alone say no number of"
        " cycles"
    )
    assert caught.value.hint == "--period NS, --board NAME or --clock-hz N"


@pytest.mark.parametrize("name", ["rate", "clock_hz", "luts", "brams", "fill"])
def test_style_parallel_has_no_budget(name):
    with pytest.raises(RequestError, match=f"{name} must be left out in style parallel"):
        TrainedNetwork(model="digits", style="parallel", **{name: 64})
