"""Proofs for every history of inputs: a reader's queue loses nothing, its marks are right.

The emitted Verilog beside what watches it becomes an and-inverter graph; property directed
reachability (Een, Mishchenko and Brayton, 2011) shows that ``wrong`` never is 1, or finds how.
"""

import re
import subprocess

import pytest
from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.flow import tools
from holigrail_hw.flow.emit.verilog import companion
from holigrail_hw.soc.cycles.readers import READ
from holigrail_hw.soc.hardware import reader as reader_module
from holigrail_hw.soc.hardware.reader import Reader

# Places of the queue that is proved; of eight, as hardware has them, the proof takes too long.
QUEUE = 3
BLOCK = (2, 3)
PASSES = (
    *("read_verilog top.v", "prep -flatten -top top", "memory -nordff", "opt -full", "techmap"),
    *("opt_expr", "dfflegalize -cell $_DFF_P_ 01", "opt_clean", "setundef -zero", "aigmap"),
    *("opt_clean", "write_aiger -symbols -zinit top.aig"),
)


class Watched(wiring.Component):
    """A reader whose port grants, and whose sink takes, whenever it likes.

    ``wrong``: more is promised than the queue holds, an item comes that nobody asked for, one that
    was asked for does not come, or a mark is not at the end of a block.
    """

    def __init__(self):
        super().__init__(
            {
                **{"starts": In(1), "grants": In(1), "takes": In(1), "found": In(1)},
                "wrong": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = Reader((2, 2, 1), 2, 1)
        granted, taken, idle = Signal(), Signal(), Signal()
        asked, since, place = (
            Signal(range(QUEUE + 2)),
            Signal(range(READ + 1), init=READ),
            Signal(range(6)),
        )
        is_lost, is_extra, is_marked, begun = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            idle.eq(begun & ~reader.request & (asked == 0)),
            reader.start.eq(self.starts & idle),
            reader.counts.n0.eq(BLOCK[0]),
            reader.counts.n1.eq(BLOCK[1]),
            reader.counts.n2.eq(1),
            reader.inner.eq(0b011),
            granted.eq(reader.request & self.grants),
            reader.grant.eq(granted),
            reader.found.eq(self.found),
            reader.o.ready.eq(self.takes),
            taken.eq(reader.o.valid & self.takes),
            is_extra.eq(reader.o.valid & (asked == 0)),
            is_lost.eq((asked != 0) & (since == READ) & ~reader.o.valid),
            is_marked.eq(reader.o.valid & (reader.o.payload.last != (place == 5))),
            self.wrong.eq((asked > QUEUE) | is_extra | is_lost | is_marked),
        ]
        m.d.sync += [
            asked.eq(asked + granted - taken),
            since.eq(0),
            begun.eq(1),
        ]
        with m.If(~granted & (since != READ)):
            m.d.sync += since.eq(since + 1)
        with m.Elif(~granted):
            m.d.sync += since.eq(READ)
        with m.If(taken):
            m.d.sync += place.eq(0)
            with m.If(place != 5):
                m.d.sync += place.eq(place + 1)
        return m


def verdict(folder) -> str:
    """``proved`` or ``refuted``, whatever the inputs are, resets included."""
    (folder / "top.v").write_text(companion(Watched(), "top"))
    found = tools.require("yosys", "yosys-abc", who="test")
    yosys, abc = (found[name].command for name in ("yosys", "yosys-abc"))
    environment = tools.environment()
    for command in ([*yosys, "-q", "-p", "; ".join(PASSES)], None):
        ran = subprocess.run(
            command or [*abc, "-c", "read top.aig; strash; pdr -T 100"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not ran.returncode, ran.stderr + ran.stdout
    if re.search(r"^Property proved\b", ran.stdout, re.M):
        return "proved"
    assert re.search(r"^Output \d+ .*was asserted", ran.stdout, re.M), ran.stdout
    return "refuted"


@pytest.fixture(autouse=True)
def short_queue(monkeypatch):
    monkeypatch.setattr(reader_module, "QUEUE", QUEUE)


def test_a_reader_loses_nothing_and_marks_the_ends_of_blocks(tmp_path):
    assert verdict(tmp_path) == "proved"


@pytest.mark.parametrize("fault", ["credit", "last", "carry"])
def test_faults_are_refuted(fault, tmp_path, monkeypatch):
    """A credit too many; a mark that one loop does not hold back; a loop that does not go on."""
    if fault == "credit":
        whole = reader_module.fifo.SyncFIFOBuffered
        small = lambda *, width, depth: whole(width=width, depth=depth - 2)  # noqa: E731
        monkeypatch.setattr(reader_module.fifo, "SyncFIFOBuffered", small)
    elif fault == "last":
        whole = Reader.elaborate

        def hasty(self, platform):
            m = whole(self, platform)
            m.d.comb += m.submodules.queue.w_data[-1].eq(self._loops.ends[0])
            return m

        monkeypatch.setattr(Reader, "elaborate", hasty)
    else:
        whole = reader_module.Loops.elaborate

        def stuck(self, platform):
            m = whole(self, platform)
            with m.If(self.step & self.ends[0]):
                m.d.sync += self.busy.eq(0)
            return m

        monkeypatch.setattr(reader_module.Loops, "elaborate", stuck)
    assert verdict(tmp_path) == "refuted"
