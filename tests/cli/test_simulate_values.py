"""``simulate --value`` on engines and behind shells: given items in, decoded results out."""

import json

import numpy as np
import pytest

from holigrail_hw.core import Engine, find, operators
from holigrail_hw.core.shell_registry import shell_names

ENCODE = ("run-length-encoder", "--value", "symbol_value=0,0,5,0,-3")
LAST = ("--value", "symbol_last=0,0,0,0,1")
HINT = "  hint: --count 1 shows a random job, item by item; `info` says what the fields are\n"


def results(answer, stream):
    """The fields of every item of a stream, as numbers; all must be as golden says."""
    assert answer.status == 0, answer.err
    found = json.loads(answer.out)["items"]
    assert all(row["equals_golden"] for row in found)
    rows = [row["fields"] for row in found if row["stream"] == stream]
    return [{name: number(text) for name, text in row.items()} for row in rows]


def number(text):
    return float(text.split("(")[1].rstrip(")"))


@pytest.mark.parametrize(
    ("shell", "stream"),
    [("plain", "word"), ("axi-stream", "m_axis_word"), ("wishbone", "word")],
)
def test_an_engine_behind_every_shell(holigrail, shell, stream):
    answer = holigrail("simulate", *ENCODE, *LAST, "--shell", shell, "--json")
    # Two zeros before the 5, one before the -3, and the third pair of the word is free.
    word = {"run0": 2, "value0": 5, "run1": 1, "value1": -3, "run2": 0, "value2": 0}
    assert results(answer, stream) == [{**word, "end": 1, "last": 1}]


def test_a_product_of_two_matrices(holigrail):
    left, right = np.array([[1, 3], [-2, 4]]), np.array([[1, 5], [0x7F, -7]])
    values = {
        "activation_a0": left[:, 0],
        "activation_a1": left[:, 1],
        "activation_last": [0, 1],
        "weight_w0": right[:, 0],
        "weight_w1": right[:, 1],
    }
    words = [
        word
        for name, numbers in values.items()
        for word in ("--value", f"{name}={','.join(map(str, numbers))}")
    ]
    size = ("--rows", "2", "--columns", "2", "--json")
    answer = holigrail("simulate", "systolic-array", *size, *words)
    found = results(answer, "result")
    assert [[row["sum0"], row["sum1"]] for row in found] == (left @ right).tolist()


@pytest.mark.parametrize(
    ("shell", "stream"), [("stream", None), ("axi-stream", "m_axis_o"), ("wishbone", "o")]
)
def test_an_operator_behind_every_shell(holigrail, shell, stream):
    words = ("mac", "--a", "int8", "--b", "int4", "--value", "a=1,-2,0x7f", "--value", "b=-4")
    answer = holigrail("simulate", *words, "--value", "enable=1", "--shell", shell, "--json")
    if stream is None:
        sums = [number(row["result"]) for row in json.loads(answer.out)["items"]]
    else:
        sums = [row["result"] for row in results(answer, stream)]
    assert sums == [-4, 4, 4 - 508]


def test_random_items_are_decoded_behind_axi_streams(holigrail):
    answer = holigrail("simulate", "add", "--shell", "axi-stream", "--count", "3", "--json")
    rows = json.loads(answer.out)["items"]
    assert {(row["stream"], *row["fields"]) for row in rows} == {
        ("s_axis_i", "a", "b"),
        ("m_axis_o", "result"),
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["run-length-encoder", "--value", "value=1"],
            "run-length-encoder: --value must name a field of a stream (symbol_value,"
            " symbol_last), not 'value'\n",
        ),
        (
            [*ENCODE, "--value", "symbol_last=0,1"],
            "run-length-encoder: every --value list of stream symbol must have one length,"
            " not value has 5, last has 2\n",
        ),
        (
            [*ENCODE],
            "run-length-encoder: --value must give items that have a result, not none:"
            f" symbol has 5 items\n{HINT}",
        ),
        (
            ["eie", "--value", "command_load=1", "--shell", "wishbone"],
            "eie: --value must give whole jobs, on all streams, not others: command has 1 items,"
            f" matrix has 0 items, activation has 0 items\n{HINT}",
        ),
        (
            [*ENCODE, "--value", "symbol_last=0x2"],
            "run-length-encoder: symbol_last: a code must have at most 1 bits, not 0x2\n",
        ),
        (
            [*ENCODE, "--value", "symbol_value=40000", "--value", "symbol_last=2"],
            "run-length-encoder: --value must be given once for symbol_value, not twice\n"
            "error: run-length-encoder: symbol_last: a value must fit uint1 (1-bit unsigned"
            " integer, 0 to 1), not 2\n",
        ),
        (
            ["mac", "--shell", "axi-stream", "--value", "i_a=1"],
            "mac: --value must name an operand (a, b, clear, enable), not 'i_a'\n",
        ),
    ],
)
def test_a_wrong_request(holigrail, words, message):
    answer = holigrail("simulate", *words)
    assert (answer.status, answer.out, answer.said) == (2, "", f"error: {message}")


def test_items_that_no_result_needs(holigrail):
    words = ("run-length-encoder", "--value", f"symbol_value=7,{','.join('0' * 90)}")
    answer = holigrail("simulate", *words, "--value", f"symbol_last=1,{','.join('0' * 90)}")
    assert answer.status == 0
    note, taken = answer.err.split(" items of stream symbol were not taken: no result needs them")
    assert taken == "\n" and 0 < int(note.removeprefix("note: ")) < 90


def test_a_value_that_is_rounded(holigrail):
    answer = holigrail(
        "simulate", *ENCODE[:1], "--value", "symbol_value=2.75", *LAST[:1], "symbol_last=1"
    )
    assert answer.status == 0
    assert answer.err == "note: run-length-encoder: symbol_value: 2.75 is rounded to 0x0003 (3)\n"


def test_a_difference_is_found(holigrail, monkeypatch):
    cls = find("run-length-encoder")
    right = cls.golden

    def wrong(self, **items):
        answer = right(self, **items)
        answer["word"]["run1"] = answer["word"]["run1"] ^ 1
        return answer

    monkeypatch.setattr(cls, "golden", wrong)
    answer = holigrail("simulate", *ENCODE, *LAST, "--shell", "axi-stream")
    assert answer.status == 1
    assert "must equal the golden model, not differ in 1 of 1 items" in answer.err
    assert answer.out.splitlines()[-1].split()[-1] == "no"


@pytest.mark.heavy
@pytest.mark.parametrize("shell", [shell for shell in shell_names() if shell != "stream"])
@pytest.mark.parametrize("name", [n for n, cls in operators().items() if issubclass(cls, Engine)])
def test_a_random_job_of_every_engine_by_values(holigrail, name, shell):
    spec = find(name)()
    job = spec.job(np.random.default_rng(3), 6)
    words = [
        word
        for stream, fields in job.items()
        for field, codes in fields.items()
        for word in ("--value", f"{stream}_{field}={','.join(hex(int(c)) for c in codes)}")
        if len(codes)
    ]
    answer = holigrail("simulate", name, "--shell", shell, "--json", *words)
    assert answer.status == 0, answer.err
    inputs = [row for row in json.loads(answer.out)["items"] if "m_axis" not in row["stream"]]
    for stream, fields in job.items():
        told = [row["fields"] for row in inputs if row["stream"].endswith(stream)]
        for field, codes in fields.items():
            assert [int(row[field].split()[0], 0) for row in told] == [int(c) for c in codes]
