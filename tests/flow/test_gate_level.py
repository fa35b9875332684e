"""``verify --level gates``: no C++ compiler; wrong items are told apart."""

import numpy as np
import pytest
from sample_engines import Repeat
from sample_operators import Accumulate, Broken, MultiplyAdd

from holigrail_hw.core import DesignError, Timing, find
from holigrail_hw.flow import tools
from holigrail_hw.flow.simulate import lane_streams
from holigrail_hw.flow.simulate.gates import Network
from holigrail_hw.flow.top import RESET, Top
from holigrail_hw.flow.verify import verify, workloads

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


def run(spec, timing=None, **options):
    return verify.run(spec, timing, levels=["gates"], **options).levels[0]


@pytest.fixture(autouse=True)
def without_compiler(monkeypatch):
    original = tools.find
    monkeypatch.setattr(tools, "find", lambda n: None if n in ("g++", "make") else original(n))


def test_plain_ports():
    level = run(MultiplyAdd())
    assert (level.simulator, level.exhaustive, level.vectors) == ("numpy", True, 1 << 9)
    level = run(MultiplyAdd(a_width=12, b_width=12), Timing(latency=3))
    assert (level.exhaustive, level.vectors) == (False, 4000)
    assert run(Accumulate(), count=300).vectors == 300


@pytest.mark.parametrize(
    "shell, latency",
    [
        ("stream", None),
        ("axi-stream", 2),
        pytest.param("stream", 2, marks=pytest.mark.heavy),
        pytest.param("axi-stream", None, marks=pytest.mark.heavy),
        pytest.param("wishbone", None, marks=pytest.mark.heavy),
        pytest.param("wishbone", 2, marks=pytest.mark.heavy),
    ],
)
def test_streams_of_operators(shell, latency):
    level = run(Accumulate(), Timing(latency=latency, shell=shell), count=40)
    assert level.vectors >= lane_streams.LANES * 40


@pytest.mark.parametrize(
    "name", ["csc-decoder", pytest.param("bitmask-encoder", marks=pytest.mark.heavy)]
)
def test_engines(name):
    assert run(find(name)(), count=10).vectors >= lane_streams.LANES * 10


@pytest.mark.parametrize("timing", [Timing(), Timing(latency=2), Timing(shell="stream")])
def test_a_wrong_result(timing):
    with pytest.raises(DesignError) as caught:
        run(Broken(), timing, count=4096 if timing.shell == "stream" else None)
    text = str(caught.value)
    assert "a = 0xb (11)   b = 0xd (13)" in text
    assert "WRONG" in text and "verify test-broken" in text and "--level gates" in text


def lanes(spec, patterns, change, **options):
    """Lanes of a design some of whose gates were changed."""
    top = Top(spec)
    network = Network.of(top)
    change(network)
    chosen = workloads.choose(spec, 30, 1)
    sides = lane_streams.lanes_of(top, chosen)
    pauses = {stream.name: np.array(patterns) for stream in top.handshakes()}
    return lane_streams.run_lanes(network, sides, len(patterns[0]), pauses, **options)


def test_a_standstill_and_a_result_too_many():
    spec = Repeat()
    (sink,) = (stream for stream in Top(spec).handshakes() if stream.direction == "out")

    def tie(value):
        def change(network):
            network.outputs[sink.valid, 0] = value

        return change

    never = [[False, False]]
    assert lanes(spec, never, lambda network: None, most=3000).reason == ["", ""]
    stuck = lanes(spec, never, tie(0), most=500)
    assert stuck.reason == ["it stands still before this result"] * 2
    assert stuck.stream == [sink.name] * 2 and stuck.index.tolist() == [0, 0]
    eager = lanes(spec, never, tie(1), most=3000)
    assert set(eager.reason) <= {lane_streams.WRONG, "there is one result too many"}


def test_a_reset_that_clears_nothing_is_noticed_where_there_was_something_to_clear():
    """A lane that is cut after its first item, a lane cut before any, and lanes never cut."""
    cuts = [np.array([12, 1])]
    pauses = [[False, False], [False, True], [False, True]]
    assert lanes(Repeat(), pauses, lambda network: None, most=3000, cuts=cuts).reason == ["", ""]

    def no_reset(network):
        del network.inputs[RESET, 0]

    assert lanes(Repeat(), pauses, no_reset, most=3000).reason == ["", ""]
    cut = lanes(Repeat(), pauses, no_reset, most=3000, cuts=cuts)
    assert cut.reason[0] and not cut.reason[1]


def test_a_reset_while_sources_offer_is_noticed():
    """What comes in the cycle of a reset must be forgotten: only an offer in it tells."""
    network = Network.of(Top(Repeat()))
    streams = Top(Repeat()).handshakes()
    source = next(stream for stream in streams if stream.direction == "in")
    reset, valid = network.inputs[RESET, 0], network.inputs[source.valid, 0]
    offered = []
    evaluate = network.evaluate

    def watched(values):
        evaluate(values)
        offered.append(int(values[reset >> 1, 0] & values[valid >> 1, 0]) & 1)

    object.__setattr__(network, "evaluate", watched)
    sides = lane_streams.lanes_of(Top(Repeat()), workloads.choose(Repeat(), 30, 1))
    pauses = {stream.name: np.array([[False]]) for stream in streams}
    cuts = [np.array([0])] * 4
    found = lane_streams.run_lanes(network, sides, 1, pauses, most=3000, cuts=cuts)
    assert found.reason == [""] and offered.count(1) == 2


def test_runs_that_a_reset_ends_have_work_of_their_own():
    """Jobs that are cut are judged, too: other work there makes the same lanes wrong."""
    top = Top(Repeat())
    network, pauses = Network.of(top), {s.name: np.array([[False]]) for s in top.handshakes()}
    one, other = (
        lane_streams.lanes_of(top, workloads.choose(Repeat(), 30, seed)) for seed in (1, 2)
    )
    cuts = [np.array([25])] * 3
    found = lane_streams.run_lanes(network, one, 1, pauses, most=3000, cuts=cuts, begun=[other])
    assert found.reason == [""]
    (name,) = other.expected
    low, high, mask = other.expected[name]
    other.expected[name] = ~low, ~high, mask
    found = lane_streams.run_lanes(network, one, 1, pauses, most=3000, cuts=cuts, begun=[other])
    assert found.reason == [lane_streams.WRONG]
