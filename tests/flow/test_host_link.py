"""Links to an engine: one interface, whatever the engine runs on."""

from fractions import Fraction

import numpy as np
import pytest
from sample_engines import Repeat

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.core import DesignError, RequestError
from holigrail_hw.flow.simulate.host_link import SimulationLink
from holigrail_hw.flow.verify import workloads

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


@pytest.fixture
def link():
    with SimulationLink(Repeat(width=12)) as link:
        yield link


def test_jobs_one_after_the_other(link):
    for seed in range(3):
        chosen = workloads.choose(link.spec, 300, seed)
        found = link.exchange(chosen.items, chosen.counts)
        assert not workloads.differences(chosen, found)
        assert len(found["result"]["a"]) == chosen.counts["result"]


def test_streams_apart(link):
    """Items sent and received bit by bit; what is not asked for yet is kept."""
    link.send("value", {"a": [7, 8, 9]})
    link.send("count", {"n": [2, 1]})
    assert link.receive("result", 1)["a"].tolist() == [7]
    link.send("count", {"n": np.array([3])})
    rest = link.receive("result", 5)
    assert rest["a"].tolist() == [7, 8, 9, 9, 9]
    assert rest["last"].tolist() == [1, 1, 0, 0, 1]
    assert link.receive("result", 0)["a"].tolist() == []


def test_many_results_that_nobody_asked_for(link):
    count = 5000
    link.send("value", {"a": np.arange(count) % 4096})
    link.send("count", {"n": np.full(count, 15)})
    first = link.receive("result", 1)["a"]
    rest = link.receive("result", 15 * count - 1)["a"]
    assert np.array_equal(np.concatenate([first, rest]), np.repeat(np.arange(count) % 4096, 15))


def test_reset_forgets(link):
    link.send("value", {"a": [1, 2, 3]})
    link.send("count", {"n": [9, 9]})
    link.receive("result", 4)
    link.reset()
    found = link.exchange({"value": {"a": [5]}, "count": {"n": [2]}}, {"result": 2})
    assert found["result"]["a"].tolist() == [5, 5]


def test_items_that_do_not_come(link):
    with pytest.raises(DesignError) as caught:
        link.exchange({"value": {"a": [1, 2]}, "count": {"n": [3]}}, {"result": 4})
    assert str(caught.value) == (
        "link: test-repeat: stream result must deliver 4 items, not 3 within 50 cycles"
    )
    assert caught.value.hint == "items not taken yet: 1 of value; reset() starts again"


def test_any_operator():
    spec = Mac()
    items = spec.items(200, np.random.default_rng(1))
    expected = spec.golden(**items)
    with SimulationLink(spec) as link:
        found = link.exchange({"i": items}, {"o": 200})["o"]
    assert {name: codes.tolist() for name, codes in found.items()} == {
        name: [int(code) for code in codes] for name, codes in expected.items()
    }


@pytest.mark.parametrize(
    "stream, fields, message",
    [
        ("valu", {"a": [1]}, "the stream must be one of value, count, not 'valu'"),
        ("result", {"a": [1]}, "the stream must be one of value, count, not 'result'"),
        ("value", {"b": [1]}, "stream value: the fields must be a, not b"),
        ("value", {}, "stream value: the fields must be a, not none"),
        ("value", {"a": [4096]}, "stream value: field a must hold codes of 12 bits, not 4096"),
        ("value", {"a": [-1, 3]}, "stream value: field a must hold codes of 12 bits, not -1"),
        ("value", {"a": [0.5]}, "stream value: field a must hold integer codes, not float64"),
        ("value", {"a": [1, Fraction(1, 2)]}, "stream value: field a must hold integer codes, not"),
    ],
)
def test_items_that_do_not_fit(link, stream, fields, message):
    with pytest.raises(RequestError) as caught:
        link.send(stream, fields)
    assert str(caught.value).startswith(f"link: test-repeat: {message}")


def test_requests_that_cannot_be(link):
    with pytest.raises(RequestError, match=r"the stream must be one of result, not 'value'$"):
        link.receive("value", 1)
    with pytest.raises(RequestError, match=r"the count must not be negative, not -1$"):
        link.receive("result", -1)
    with SimulationLink(Mac()) as other, pytest.raises(RequestError) as caught:
        other.send("i", {"a": [1, 2], "b": [1], "clear": [0], "enable": [1]})
    assert str(caught.value) == (
        "link: mac: stream i: every field must have one length, not a has 2, b has 1, clear has 1,"
        " enable has 1"
    )


def test_a_simulator_that_does_not_exist_is_refused():
    with pytest.raises(RequestError) as caught:
        SimulationLink(Mac(), simulator="modelsim")
    assert str(caught.value) == ("link: simulator must be one of cxxrtl, verilator, not 'modelsim'")
