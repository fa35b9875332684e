"""``verify --level gates``: no C++ compiler; wrong items are told apart."""

import numpy as np
import pytest
from sample_engines import Repeat
from sample_operators import Accumulate, Broken, MultiplyAdd

from holigrail_hw.core import DesignError, Timing, find
from holigrail_hw.flow import lane_streams, tools, verify, workloads
from holigrail_hw.flow.gates import Network
from holigrail_hw.flow.top import RESET, Top


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
