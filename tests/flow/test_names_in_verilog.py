"""Identifiers of emitted files: plain, unique, and words of no hardware language."""

import re

import pytest
from sample_operators import MultiplyAdd

from holigrail_hw.core import RequestError, Timing, operator
from holigrail_hw.core.identifiers import check_ports
from holigrail_hw.core.keywords import SYSTEMVERILOG, VERILOG, VHDL, is_keyword
from holigrail_hw.core.registration import OPERATORS
from holigrail_hw.flow.emit.plain_names import plain, renamed
from holigrail_hw.flow.emit.portable import portable
from holigrail_hw.flow.top import Top
from holigrail_hw.formats import parse


def test_lists_are_complete():
    """The standards have so many words; each begins like the others, in lower case."""
    assert (len(VERILOG), len(SYSTEMVERILOG), len(VHDL)) == (124, 248, 115)
    for words in (SYSTEMVERILOG, VHDL):
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", word) for word in words)
    assert is_keyword("Signal") and is_keyword("always") and is_keyword("before")
    assert not is_keyword("result")


@pytest.mark.parametrize(
    "name, wanted",
    [
        ("$12", "n12"),
        ("a.sign", "a_sign"),
        ("signal", "n_signal"),
        ("$signal", "n_signal"),
        ("Before", "n_Before"),
        ("table", "n_table"),
        ("signal$3", "signal_3"),
        ("$$", "n"),
        ("_1_", "n1"),
    ],
)
def test_plain_names(name, wanted):
    assert plain(name) == wanted


TEXT = """module top(\\in.put , clk);
  wire n_signal;
  wire signal;
  wire \\table ;
  input \\in.put ;
  wire \\in.put ;
  inner part (
    .\\in.put (\\in.put ),
    .buffer(signal)
  );
  assign \\table  = signal & n_signal & 4'hb;
endmodule
"""
INNER = """module inner(\\in.put , buffer);
  input \\in.put ;
  wire \\in.put ;
  wire in_put;
  output buffer;
  wire buffer;
  assign buffer = $signed(in_put) > 8'hab;
endmodule
"""


def test_ports_have_one_name_in_their_module_and_at_its_instances():
    outer, inner = renamed([TEXT, INNER], {})
    assert "    .in_put_2(in_put_2),\n    .n_buffer(n_signal_2)\n" in outer
    assert "  assign n_table = n_signal_2 & n_signal & 4'hb;" in outer
    assert inner.startswith("module inner(in_put_2, n_buffer);\n  input in_put_2;\n")
    assert "  wire in_put;\n" in inner
    assert "  assign n_buffer = $signed(in_put) > 8'hab;\n" in inner


class TestPortable:
    def test_initial_values_are_statements(self):
        text = portable("  reg at_time_zero = 0;\n  reg [3:0] count = 4'h3;\n  reg other;\n")
        assert "  reg at_time_zero;\n" in text
        assert "  initial at_time_zero <= 1'h0;\n" in text
        assert "  reg [3:0] count;\n  initial count = 4'h3;\n  reg other;\n" in text

    def test_a_case_without_a_default_gets_one(self):
        whole = "    casez (a)\n      1'h0:\n          b = c;\n    endcase\n"
        empty = "      default:\n          /* empty */;\n    endcase\n"
        assert portable(whole) == whole.replace("    endcase\n", empty)
        assert portable(portable(whole)) == portable(whole)

    @pytest.mark.parametrize(
        "labels, last",
        [
            (["1'h0:", "1'h1:"], "1'h1:"),
            (["1'h0:"], "default:"),
            (["6'h00:", "6'h04:"], "default:"),
            (["2'h0, 2'h1:", "2'h2, 2'h3:"], "2'h2, 2'h3:"),
            (["2'h0:", "2'h1, 2'h3:"], "default:"),
            (["3'b1??:", "3'b01?:", "3'b00?:"], "3'b00?:"),
            (["3'b1??:", "3'b01?:"], "default:"),
        ],
    )
    def test_the_last_value_of_a_full_case_that_lists_only_some_is_its_default(self, labels, last):
        def text(labels):
            values = "".join(f"      {label}\n          b = c;\n" for label in labels)
            return f"    (* full_case = 32'd1 *)\n    casez (a)\n{values}    endcase\n"

        assert portable(text(labels)) == text([*labels[:-1], last])
        assert portable(portable(text(labels))) == portable(text(labels))

    def test_the_case_inside_a_case(self):
        inside = "    casez (a)\n      1'h0:\n          casez (b)\n          endcase\n    endcase\n"
        assert portable(inside).count("default:") == 2

    def test_signals_without_bits_disappear(self):
        assert portable("  wire [-1:0] none;\n  wire [1:0] some;\n") == "  wire [1:0] some;\n"
        used = "  wire [-1:0] none;\n  assign none = a;\n"
        assert portable(used) == used

    @pytest.mark.parametrize(
        "comparison, result",
        [
            ("two > 2'h3", "1'h0"),
            ("two > 3'h7", "1'h0"),
            ("two > 2'h2", None),
            ("two <= 2'h3", "1'h1"),
            ("two < 2'h0", "1'h0"),
            ("two >= 2'h0", "1'h1"),
            ("two >= 2'h3", None),
            ("two < 2'h3", None),
            ("one > 1'h1", "1'h0"),
            ("one > 1'h0", None),
            ("wide[4:3] > 2'h3", "1'h0"),
            ("wide[4] > 1'h1", "1'h0"),
            ("wide > 2'h3", None),
            ("unknown > 1'h1", None),
            ("one + two > 2'h3", None),
            ("two > 2'h3 + one", None),
        ],
    )
    def test_comparisons_with_one_answer(self, comparison, result):
        head = "  wire [1:0] two;\n  wire one;\n  reg [8:0] wide;\n"
        text = portable(f"{head}  assign n1 = {comparison};\n")
        assert text == f"{head}  assign n1 = {result or comparison};\n"


REFUSED = [
    ("signal", "z", "be no word of Verilog, SystemVerilog or VHDL, not 'signal'"),
    ("Before", "z", "be no word of Verilog, SystemVerilog or VHDL, not 'Before'"),
    ("clk", "z", "be other than those of clock and reset, not 'clk'"),
    ("a", "A", "differ by more than upper and lower case, not 'A' again"),
    ("a_", "z", "be letters, digits and single '_', a letter first, not 'a_'"),
]


@pytest.mark.parametrize("first, second, why", REFUSED)
def test_ports_have_names_of_every_language(monkeypatch, first, second, why):
    monkeypatch.setattr(MultiplyAdd, "inputs", lambda self: {first: parse("uint4")})
    monkeypatch.setattr(MultiplyAdd, "outputs", lambda self: {second: parse("uint4")})
    with pytest.raises(RequestError) as caught:
        Top(MultiplyAdd())
    assert str(caught.value) == f"test-multiply-add: the name of a port must {why}"
    assert caught.value.exit_code == 2


def test_everything_wrong_with_names_is_said_at_once():
    with pytest.raises(RequestError) as caught:
        check_ports("mine", ["buffer", "good", "1st"])
    assert len(caught.value.violations) == 2
    assert "'buffer'" in str(caught.value) and "'1st'" in str(caught.value)


def test_prefixes_of_a_shell_make_a_name_of_a_word(monkeypatch):
    """Behind valid and ready the port of ``signal`` is ``i_signal``."""
    monkeypatch.setattr(MultiplyAdd, "inputs", lambda self: {"signal": parse("uint4")})
    monkeypatch.setattr(MultiplyAdd, "outputs", lambda self: {"r": parse("uint4")})
    monkeypatch.setattr(MultiplyAdd, "datapath", lambda self, plan, signal: {"r": signal})
    top = Top(MultiplyAdd(), Timing(shell="stream"))
    assert [port.name for port in top.inputs()] == ["i_signal"]


@pytest.mark.parametrize("name", ["buffer", "table", "map"])
def test_operators_have_no_words_for_names(name):
    with pytest.raises(ValueError, match=f"operator '{name}': the name must be no word of"):
        operator(name, summary="a word")(MultiplyAdd)
    assert name not in OPERATORS
