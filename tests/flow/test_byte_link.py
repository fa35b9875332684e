"""The link through bytes: the whole board design, byte by byte, and what may go wrong."""

import gc
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import UnusedElaboratable
from played_board import loaded_by_nobody, serial_port
from sample_engines import Repeat

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.core import DesignError, ToolError
from holigrail_hw.flow.board import flash, linked
from holigrail_hw.flow.simulate.byte_link import ByteLink, Line, SerialLine, SimulatedLine
from holigrail_hw.flow.simulate.link_protocol import IDENTITY, ITEMS, RESET, digest, frame
from holigrail_hw.flow.verify import workloads
from holigrail_hw.hdl.stream.link.stream_link import StreamLink

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

SPEC = Repeat(width=12)
DEPTH = 8


@pytest.fixture(scope="module")
def board():
    """A simulated board with short queues, compiled once; every link resets it."""
    return SimulatedLine(SPEC, depth=DEPTH)


class Faulty(Line):
    """A line that changes what is written or read, once, after ``start`` bytes."""

    def __init__(self, inner: Line, *, write=None, read=None, start: int = 0):
        self._inner, self._write, self._read, self.start = inner, write, read, start
        self.where = inner.where

    def write(self, data):
        if self._write and self.start <= 0:
            data, self._write = self._write(data), None
        self.start -= len(data)
        self._inner.write(data)

    def read(self, seconds):
        data = self._inner.read(seconds)
        if data and self._read and self.start <= 0:
            data, self._read = self._read(data), None
        return data


def jobs(seed=0, count=200):
    return workloads.choose(SPEC, count, seed)


def test_jobs_through_bytes(board):
    for seed in range(2):
        chosen = jobs(seed)
        assert linked.check_line(SPEC, board, chosen) == len(chosen) >= 200


def test_jobs_through_a_serial_line():
    line = SimulatedLine(Repeat(width=9), depth=2, divisor=4)
    chosen = workloads.choose(Repeat(width=9), 60, 3)
    assert linked.check_line(Repeat(width=9), line, chosen) == len(chosen)
    # Ten bits of four cycles for every byte at least.
    assert line.cycles > 40 * 2 * chosen.counts["result"]


def test_any_operator():
    spec = Mac()
    items = spec.items(40, np.random.default_rng(1))
    with ByteLink(spec, SimulatedLine(spec, depth=4)) as link:
        found = link.exchange({"i": items}, {"o": 40})["o"]
    expected = spec.golden(**items)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_a_stream_at_a_standstill_stops_no_other(board):
    """Far more values than the queue holds wait for counts, which still get through."""
    with ByteLink(SPEC, board) as link:
        link.send("value", {"a": np.arange(100)})
        for count in range(100):
            link.send("count", {"n": [count % 3]})
        total = sum(count % 3 for count in range(100))
        found = link.receive("result", total)["a"]
    assert found.tolist() == np.repeat(np.arange(100), np.arange(100) % 3).tolist()


def test_items_that_do_not_come(board):
    with ByteLink(SPEC, board) as link:
        with pytest.raises(DesignError) as caught:
            link.exchange({"value": {"a": [1] * 20}, "count": {"n": [1]}}, {"result": 2})
        assert str(caught.value) == (
            "link: test-repeat: stream result must deliver 2 items, not 1 from simulation,"
            " which has gone silent"
        )
        # Eight are in the queue, one of them has been taken.
        assert caught.value.hint == "items not taken yet: 12 of value; reset() starts again"
        link.reset()
        found = link.exchange({"value": {"a": [7]}, "count": {"n": [2]}}, {"result": 2})
        assert found["result"]["a"].tolist() == [7, 7]


DAMAGED = "every byte to and from simulation must arrive, but "
TO_BOARD = f"{DAMAGED}it says that a frame arrived damaged"
FROM_BOARD = f"{DAMAGED}a frame from it arrived damaged"


def _swap(data):
    return data[:3] + data[4:5] + data[3:4] + data[5:]


@pytest.mark.parametrize(
    "write, message",
    [
        (lambda data: data[:4] + data[5:], TO_BOARD),
        (_swap, TO_BOARD),
        (lambda data: data[:3] + bytes([data[3] ^ 4]) + data[4:], TO_BOARD),
        (lambda data: data + frame(ITEMS, b"\x01\x02" * (DEPTH + 1)), "more items came than"),
        (lambda data: data + frame(ITEMS, b"\x01\x02\x03"), "ended in the middle of an item"),
        (lambda data: data + frame(ITEMS + 5, b"\x01"), "a frame had an unknown header"),
    ],
    ids=["lost", "swapped", "flipped", "too many", "unfinished", "unknown"],
)
def test_faults_on_the_way_to_the_board(board, write, message):
    """Each is reported, and a reset puts everything right."""
    line = Faulty(board)
    with ByteLink(SPEC, line) as link:
        line._write = write
        with pytest.raises(DesignError, match=message):
            link.exchange({"value": {"a": range(90, 98)}, "count": {"n": [1] * 9}}, {"result": 9})
        link.reset()
        chosen = jobs(5, 40)
        assert not workloads.differences(chosen, link.exchange(chosen.items, chosen.counts))


def test_an_unfinished_frame_is_over_at_the_next_flag(board):
    line = Faulty(board)
    with ByteLink(SPEC, line) as link:
        line._write = lambda data: data[:5]
        with pytest.raises(DesignError, match="which has gone silent"):
            link.exchange({"value": {"a": [1]}}, {"result": 1})
        link.reset()
        chosen = jobs(6, 40)
        assert not workloads.differences(chosen, link.exchange(chosen.items, chosen.counts))


class Lossy(Line):
    """A line that loses one byte of the results."""

    where = "simulation"

    def __init__(self, inner: Line):
        self._inner, self.countdown = inner, 0

    def write(self, data):
        self._inner.write(data)

    def read(self, seconds):
        data = self._inner.read(seconds)
        if self.countdown:
            self.countdown -= 1
            return data if self.countdown else self._inner.read(seconds)
        return data


def test_a_byte_lost_on_the_way_to_the_host(board):
    line = Lossy(board)
    with ByteLink(SPEC, line) as link:
        line.countdown = 3
        with pytest.raises(DesignError, match=FROM_BOARD):
            link.exchange({"value": {"a": range(9)}, "count": {"n": [2] * 9}}, {"result": 18})
        link.reset()
        chosen = jobs(7, 40)
        assert not workloads.differences(chosen, link.exchange(chosen.items, chosen.counts))


def test_too_much_credit_is_noticed(board):
    """A host that believes in more room than there is."""
    with ByteLink(SPEC, board) as link:
        link._credit["value"] += 3
        with pytest.raises(DesignError, match="more items came than there was credit for"):
            link.exchange({"value": {"a": range(20)}, "count": {"n": []}}, {"result": 1})


def test_wrong_results_are_reported():
    spec = Repeat(fault="value")
    chosen = workloads.choose(spec, 100, 1)
    with pytest.raises(DesignError) as caught:
        linked.check_line(spec, SimulatedLine(spec, depth=8), chosen)
    text = str(caught.value)
    assert text.startswith("test-repeat: the results from simulation must equal the golden model")
    assert "of stream result" in text and "WRONG" in text


def test_digest_tells_designs_apart():
    designs = [Repeat(), Repeat(width=9), Repeat(fault="stuck"), Mac()]
    assert len({digest(spec) for spec in designs}) == len(designs)
    # A parameter that changes no hardware makes no other design.
    assert digest(Repeat(question=5)) == digest(Repeat())


def test_another_design_is_refused(board):
    with pytest.raises(DesignError) as caught:
        ByteLink(Repeat(width=13), board)
    assert str(caught.value) == (
        f"link: test-repeat: the board must hold the design {digest(Repeat(width=13)).hex()},"
        f" not {digest(SPEC).hex()}"
    )


def test_another_version_is_refused():
    class Old(Line):
        where = "somewhere"

        def write(self, data):
            self.answer = frame(IDENTITY, b"HG\x00" + data[2:3] + bytes(3) + digest(SPEC))
            assert data[1] == RESET

        def read(self, seconds):
            return self.answer

    old = Old()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(DesignError) as caught:
        patch.setattr("secrets.randbelow", lambda top: 1)
        ByteLink(SPEC, old)
    assert str(caught.value) == (
        "link: test-repeat: the board must speak version 1 of the protocol, not 0"
    )


@pytest.mark.heavy
def test_a_serial_port(board):
    chosen = jobs(8, 60)
    with serial_port(board) as path:
        assert linked.check_line(SPEC, SerialLine(path, 115200), chosen) == len(chosen)


def test_flash_checks_an_engine(board, tmp_path, monkeypatch):
    """Load, then jobs: a stand-in for the loader, the simulated board behind the port."""
    image = loaded_by_nobody(tmp_path, monkeypatch)
    with serial_port(board) as path:
        check = flash.Check(SPEC, seed=3, count=40)
        result = flash.run(image, "icebreaker", check=check, serial=path)
    assert result.items >= 40 and result.answer == ""


def test_a_board_that_stays_silent():
    with serial_port(None) as path, pytest.raises(DesignError) as caught:
        ByteLink(SPEC, SerialLine(path, 115200), patience_s=0.3)
    assert str(caught.value) == (
        f"link: test-repeat: the board at {path} must answer, not stay silent"
    )


def test_a_port_that_goes_away():
    ours, theirs = os.openpty()
    line = SerialLine(Path(os.ttyname(theirs)), 115200)
    os.close(theirs)
    os.close(ours)
    with pytest.raises(ToolError, match="must stay open, not fail"):
        ByteLink(SPEC, line)


@pytest.mark.parametrize(
    "sources, sinks, digest, depth, message",
    [
        ({}, {"o": 1}, bytes(8), 4, "there must be 1 to 64 streams each way, not 0"),
        ({"i": 1}, {"o": 1}, bytes(8), 1, "depth must be 2 to 65535 items, not 1"),
        ({"i": 1}, {"o": 1}, bytes(7), 4, "digest must be 8 bytes, not 7"),
    ],
)
def test_links_that_cannot_be(sources, sinks, digest, depth, message):
    with warnings.catch_warnings():
        # The component that could not be made is not used either; Amaranth remarks on that.
        warnings.simplefilter("ignore", UnusedElaboratable)
        with pytest.raises(ValueError, match=message) as caught:
            StreamLink(sources, sinks, digest=digest, depth=depth)
        del caught
        gc.collect()
