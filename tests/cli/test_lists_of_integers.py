"""Parameters that are lists of integers: signs, sweeps, and every way of getting them wrong."""

import re

import pytest

from holigrail_hw.core import operators
from holigrail_hw.core.parameters import brief, parameters_of, to_text
from holigrail_hw.core.parameters.integers import Rows
from holigrail_hw.flow.explore.sweep.space import spread

LISTS = [
    (name, parameter.name, isinstance(parameter.kind, Rows))
    for name, cls in operators().items()
    for parameter in parameters_of(cls).values()
    if parameter.type is tuple
]


def test_there_are_such_parameters():
    assert {rows for _, _, rows in LISTS} == {False, True}


@pytest.mark.parametrize("words", [["--constants", "-7,19"], ["--constants=-7,19"]])
def test_a_negative_first_integer_is_no_option(holigrail, words):
    shown = holigrail("info", "mcm", *words, "--json").json
    values = {row["name"]: row["value"] for row in shown["parameters"]}
    assert values["constants"] == "-7,19"


def test_one_negative_integer(holigrail):
    shown = holigrail("info", "mcm", "--input", "int4", "--constants", "-7", "--json").json
    assert [port["name"] for port in shown["ports"]] == ["x", "result0"]


def test_rows_may_begin_with_a_negative_integer(holigrail):
    shown = holigrail("info", "cmvm", "--matrix", "-1,2;3,-4", "--json").json
    values = {row["name"]: row["value"] for row in shown["parameters"]}
    assert values["matrix"] == "-1,2;3,-4"


def test_info_shows_long_lists_by_size_and_digest(holigrail):
    """Whole only for programs."""
    constants = ",".join(map(str, range(-100, 27)))
    words = ("info", "thresholds", "--result", "uint7", "--thresholds", constants)
    answer = holigrail(*words)
    assert re.search(r"^thresholds +1 x 127 numbers, sha256 [0-9a-f]{12}  ", answer.out, re.M)
    assert "-100,-99" not in answer.out
    rows = {row["name"]: row["value"] for row in holigrail(*words, "--json").json["parameters"]}
    assert rows["thresholds"] == constants


@pytest.mark.parametrize(
    "value, size",
    [
        (tuple(range(1000, 1100)), "100 numbers"),
        ((tuple(range(100)),) * 3, "3 x 100 numbers"),
        ((tuple(range(100)), (1, 2)), "2 rows of 2 to 100 numbers"),
        ((((1000,) * 50,),), "1 matrix"),
        ((((1000,) * 50,), ((7,),)), "2 matrices"),
    ],
)
def test_brief_of_what_is_long(value, size):
    """Equal values have equal digests, others have others."""
    found = brief(value)
    assert re.fullmatch(rf"{size}, sha256 [0-9a-f]{{12}}", found)
    assert found == brief(tuple(value)) and found[-12:] != brief((*value, value[0]))[-12:]


def test_brief_of_what_is_short():
    for value in ((1, 2), ((1, 2), (3, 4)), 10**300, "x" * 300, None, True, ()):
        assert brief(value) == to_text(value)


def test_a_negative_number_where_none_is_legal(holigrail):
    answer = holigrail("list", "--seed", "-3")
    assert answer.status == 2 and "--seed: must be 0 or more, not -3" in answer.err


def test_explore_keeps_lists_together(holigrail):
    shown = holigrail(
        "explore", "mcm", "--constants", "-7,19:3,5", "--input", "int4,int6", "--json"
    )
    values = [point["values"] for point in shown.json["points"]]
    assert [(v["constants"], v["input"]) for v in values] == [
        ("-7,19", "int4"),
        ("-7,19", "int6"),
        ("3,5", "int4"),
        ("3,5", "int6"),
    ]
    assert all(point["error"] is None for point in shown.json["points"])


@pytest.mark.parametrize(("operator", "name", "rows"), LISTS)
def test_every_list_is_split_at_colons_only(operator, name, rows):
    text = "1,2;3,4" if rows else "1,2,3"
    cls = operators()[operator]
    assert spread(cls, {name: text}) == {name: [text]}
    assert spread(cls, {name: f"{text}:5,6"}) == {name: [text, "5,6"]}


def test_a_recipe_keeps_lists_together(holigrail, tmp_path):
    recipe = tmp_path / "two.toml"
    for text in ('"-7,19"', "[-7, 19]"):
        recipe.write_text(f'operator = "mcm"\n[parameters]\nconstants = {text}\n')
        shown = holigrail("info", recipe, "--json").json
        values = {row["name"]: row["value"] for row in shown["parameters"]}
        assert values["constants"] == "-7,19"


WRONG = [
    (
        ["mcm", "--constants", ""],
        "mcm: constants must be numbers separated by commas, or the path of a .npy, .npz, .csv or "
        ".txt file, not ''",
    ),
    (
        ["mcm", "--constants", "7,2.5"],
        "mcm: constants must be integers, not 2.5, unless coefficient_format is given",
    ),
    (
        ["mcm", "--constants", f"3,{1 << 64}"],
        f"mcm: constants must have at most 64 bits, not {1 << 64}",
    ),
    (
        ["mcm", "--constants", "7", "--metric", "one-bit-adders", "--error", "-1"],
        f"mcm: error must be between 0 and {1 << 80}, not -1",
    ),
    (
        ["mcm", "--constants", "815,3", "--depth", "2"],
        "mcm: depth must be 3 or more, not 2",
    ),
    (
        ["mcm", "--constants", "7", "--engine", "sat"],
        "mcm: engine must be one of ",
    ),
    (
        ["mcm", "--constants", "7,19,45", "--engine", "ilp", "--solver", "nobody"],
        "mcm: solver must be one of HiGHS, ",
    ),
    (
        ["cmvm", "--matrix", "weights.npy"],
        "cmvm: matrix must be a readable NumPy file, not weights.npy (",
    ),
    (
        ["cmvm", "--matrix", "1,2;3,x"],
        "cmvm: matrix must be numbers separated by commas, in rows separated by semicolons, "
        "or the path of a .npy, .npz, .csv or .txt file, not '1,2;3,x'",
    ),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
@pytest.mark.parametrize("verb", ["info", "generate"])
def test_wrong_lists(holigrail, tmp_path, verb, words, message):
    answer = holigrail(verb, *words)
    assert answer.status == 2 and answer.out == ""
    assert answer.err.startswith(f"error: {message}")
    assert not list(tmp_path.iterdir())
