"""Level words: a netlist evaluated cell by cell, and when ``verify`` takes it by itself."""

from dataclasses import dataclass

import numpy as np
import pytest
from amaranth import signed
from sample_operators import MultiplyAdd

from holigrail_hw.core import DesignError, OperatorSpec, RequestError, Timing, find, operator
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.core.registration import OPERATORS
from holigrail_hw.estimate.primitives import Adder
from holigrail_hw.flow.simulate import words
from holigrail_hw.flow.simulate.word_netlist import cells
from holigrail_hw.flow.simulate.words import Words
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import verify
from holigrail_hw.flow.verify.levels import words_of
from holigrail_hw.formats import parse

WIDTHS = [(1, 1, 1), (1, 7, 3), (7, 1, 9), (9, 9, 5), (31, 31, 64), (64, 3, 64)]
KINDS = {
    "$add": lambda a, b: a + b,
    "$sub": lambda a, b: a - b,
    "$mul": lambda a, b: a * b,
    "$and": lambda a, b: a & b,
    "$or": lambda a, b: a | b,
    "$xor": lambda a, b: a ^ b,
    "$not": lambda a, _: ~a,
    "$neg": lambda a, _: -a,
}


def netlist(kind: str, a: int, b: int, y: int, signed: bool, operand: str = "\\a") -> str:
    two = KINDS[kind].__code__.co_varnames[1] == "b"
    second = [f"parameter \\B_SIGNED {int(signed)}", f"parameter \\B_WIDTH {b}", "connect \\B \\b"]
    lines = [
        *("module \\m", f"wire width {a} input 0 \\a", f"wire width {b} input 1 \\b"),
        *(f"wire width {y} output 2 \\y", f"cell {kind} $1"),
        *(f"parameter \\A_SIGNED {int(signed)}", f"parameter \\A_WIDTH {a}"),
        *(f"parameter \\Y_WIDTH {y}", f"connect \\A {operand}", *(second if two else [])),
        *("connect \\Y \\y", "end", "end"),
    ]
    return "\n".join(lines)


def number(code: int, width: int, signed: bool) -> int:
    return code - (1 << width) if signed and code >> (width - 1) else code


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_cells(kind, widths, signed):
    """Yosys's definition: operands are widened to the result by their sign, or cut to it."""
    a, b, y = widths
    rng = np.random.default_rng(1)
    codes = {}
    for name, width in (("a", a), ("b", b)):
        some = (
            rng.integers(0, 1 << width, 40, dtype=np.uint64, endpoint=False) if width < 64 else []
        )
        codes[name] = [0, (1 << width) - 1, 1 << (width - 1), *(int(c) for c in some)]
    length = min(len(values) for values in codes.values())
    codes = {name: values[:length] for name, values in codes.items()}
    codes["b"] = codes["b"][::-1]
    given = {name: np.array(values, dtype=np.uint64) for name, values in codes.items()}
    found = Words(netlist(kind, a, b, y, signed)).run(given, {"r": "y"})["r"]
    wanted = [
        KINDS[kind](number(p, a, signed), number(q, b, signed)) & ((1 << y) - 1)
        for p, q in zip(codes["a"], codes["b"], strict=True)
    ]
    assert found.tolist() == wanted


@pytest.mark.parametrize(
    "operand, wanted",
    [
        ("\\a [2]", 0b1),
        ("\\a [3:1]", 0b010),
        ("{ \\a [1:0] 2'10 \\a [3] }", 0b01100),
        ("5'10010", 0b10010),
        ("{  }", 0),
    ],
)
def test_slices(operand, wanted):
    """The first part of a list is on top."""
    text = netlist("$not", 4, 1, 8, False, operand)
    given = {"a": np.array([0b0101], np.uint64), "b": np.array([0], np.uint64)}
    assert Words(text).run(given, {"r": "y"})["r"].tolist() == [~wanted & 0xFF]


@pytest.mark.parametrize("chunk", [1, 3, 7, 8])
def test_vectors_in_chunks_and_outputs_that_are_read(monkeypatch, chunk):
    """y = a + b, z = y - b: a result is kept though its last reader has passed."""
    text = netlist("$add", 3, 3, 4, False)
    more = netlist("$sub", 4, 3, 4, False).replace("\\y", "\\z").replace("\\a", "\\y")
    both = text.removesuffix("end") + "\n".join(
        ["wire width 4 output 3 \\z", *more.splitlines()[4:]]
    )
    monkeypatch.setattr(words, "_CHUNK", chunk)
    a, b = np.arange(7, dtype=np.uint64), np.array([5, 0, 7, 1, 1, 6, 3], np.uint64)
    found = Words(both).run({"a": a, "b": b}, {"total": "y", "back": "z"})
    assert found["total"].tolist() == (a + b).tolist() and found["back"].tolist() == a.tolist()


@pytest.mark.parametrize(
    "old, new",
    [
        ("cell $add", "cell $shl"),
        ("parameter \\B_SIGNED 1", "parameter \\B_SIGNED 0"),
        ("connect \\A \\a", "connect \\A 3'0x1"),
        ("connect \\A \\a", "connect \\A \\y"),
        ("connect \\A \\a", "connect \\A \\unknown"),
        ("wire width 3 input 0 \\a", "wire width 3 \\a"),
        ("wire width 3 input 0 \\a", "wire width 65 input 0 \\a"),
        ("connect \\Y \\y", "connect \\Y \\y [1:0]"),
        ("module \\m", "memory width 3 size 4 \\a"),
        ("module \\m", "process $1"),
    ],
)
def test_what_is_not_covered(old, new):
    """Other cells, mixed signs, unknown bits, loops, missing drivers, wide wires, memories."""
    text = netlist("$add", 3, 3, 4, True)
    assert Words.covering(text) is not None and old in text
    assert Words.covering(text.replace(old, new)) is None


def test_registers_streams_and_parts_are_not_covered():
    for timing in (Timing(latency=2), Timing(shell="stream")):
        assert words_of(Top(MultiplyAdd(), timing)) is None
    with pytest.raises(RequestError, match="level words must have a netlist of sums") as caught:
        verify.run(MultiplyAdd(), Timing(latency=2), levels="words")
    assert caught.value.hint == "level gates takes any design"


def graph(matrix: str, **more: str) -> OperatorSpec:
    cls = find("cmvm")
    return cls(**parse_parameters(cls, {"matrix": matrix, **more}, who="test"))


MATRIX = "7,-3,0;19,5,-21;1,1,1"


@pytest.mark.parametrize("input", ["int1", "uint1", "int3", "uint7", "sfix9_en3", "int17"])
def test_adder_graphs(input):
    (level,) = verify.run(graph(MATRIX, input=input), levels="words").levels
    assert (level.simulator, level.exhaustive) == ("numpy", input in ("int1", "uint1", "int3"))


@operator("test-broken-graph", summary="a sum that golden calls wrong for one code of a")
@dataclass(frozen=True, kw_only=True)
class BrokenGraph(OperatorSpec):
    """a + b; eight of all pairs are judged wrong."""

    def inputs(self):
        return {"a": parse("int8"), "b": parse("uint3")}

    def outputs(self):
        return {"r": parse("int10")}

    def golden(self, a, b):
        a = (np.asarray(a).astype(np.int64) ^ 0x80) - 0x80
        total = a + np.asarray(b).astype(np.int64) + (a == 77)
        return {"r": (total & 0x3FF).astype(np.uint64)}

    def datapath(self, plan, a, b):
        r = plan.step("r", signed(10), lambda a, b: a + b, a, b, using=Adder(10))
        return {"r": r}

    def cost(self):
        return {}


# Other tests look at all operators there are.
del OPERATORS[BrokenGraph.name]


class TestChoice:
    def test_a_small_netlist_is_compiled(self, monkeypatch):
        taken = self._taken(monkeypatch)
        found = verify.run(graph(MATRIX))
        assert taken == ["compiled", "cocotb"] and found.note == ""

    def test_a_large_one_is_not(self, monkeypatch):
        taken, spec = self._taken(monkeypatch), graph(MATRIX)
        count = cells(Top(spec).rtlil)
        monkeypatch.setattr(verify, "LARGE", count)
        found = verify.run(spec)
        assert taken == ["words"]
        assert f"would take long for {count} cells" in found.note
        assert found.note.endswith("--level compiled --level cocotb compiles")
        monkeypatch.setattr(verify, "LARGE", count + 1)
        assert verify.run(spec).note == "" and taken[1:] == ["compiled", "cocotb"]

    def test_what_was_asked_for_stays_true(self, monkeypatch):
        taken = self._taken(monkeypatch)
        monkeypatch.setattr(verify, "LARGE", 1)
        assert verify.run(graph(MATRIX), levels="compiled").note == ""
        assert taken == ["compiled"]

    def test_what_words_does_not_cover_is_compiled(self, monkeypatch):
        taken = self._taken(monkeypatch)
        monkeypatch.setattr(verify, "LARGE", 1)
        assert verify.run(graph(MATRIX), Timing(latency=2)).note == ""
        assert taken == ["compiled", "cocotb"]

    @pytest.mark.parametrize("large", [1, 10**9])
    def test_both_ways_find_a_fault(self, monkeypatch, large):
        monkeypatch.setattr(verify, "LARGE", large)
        with pytest.raises(DesignError, match="differs from the golden model at vector") as caught:
            verify.run(BrokenGraph())
        level = "words" if large == 1 else "compiled"
        assert f"({level}, 8 wrong in all)" in str(caught.value)
        assert f"--level {level} " in str(caught.value)

    @staticmethod
    def _taken(monkeypatch) -> list[str]:
        taken: list[str] = []

        def stand_in(level):
            def run(self):
                taken.append(level)
                return "none", 1, False, 1

            return run

        for level in verify.LEVELS:
            monkeypatch.setattr(verify.Levels, level, stand_in(level))
        return taken
