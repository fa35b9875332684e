"""Parts on the command line: dotted options, their help and completion, and old names."""

import json

import pytest

from holigrail_hw.cli.completion import candidates


def values(answer) -> dict[str, str]:
    assert answer.status == 0, answer.err
    return {row["name"]: row["value"] for row in answer.json["parameters"]}


def test_options_of_a_part(holigrail):
    words = ["--requantiser.scale-width", "12", "--requantiser.zero-point", "-7"]
    found = values(holigrail("info", "gemm", *words, "--json"))
    assert (found["requantiser.scale_width"], found["requantiser.zero_point"]) == ("12", "-7")
    assert found["requantiser"] == "requantize"
    assert "requantiser.accumulator" not in found
    found = values(holigrail("info", "gemm", "--requantiser", "none", "--json"))
    assert found["requantiser"] == "none" and "requantiser.shift" not in found


def test_what_is_wrong_in_a_part_is_told_with_the_rest(holigrail):
    answer = holigrail("info", "gemm", "--requantiser.scale-width", "99", "--rows", "0")
    assert answer.status == 2 and answer.out == ""
    assert answer.said.splitlines() == [
        "error: gemm: rows must be between 1 and 256, not 0 (rows of the array)",
        "error: gemm: requantiser.scale_width must be between 1 and 32, not 99 (bits of the scale)",
    ]
    answer = holigrail("info", "gemm", "--requantiser.scale-widht", "9")
    assert answer.status == 2
    assert "did you mean --requantiser.scale-width?" in answer.err


def test_help_and_completion_show_new_names_only(holigrail, capsys):
    with pytest.raises(SystemExit):
        holigrail("info", "gemm", "--help")
    text = capsys.readouterr().out
    assert "--requantiser.scale-width VALUE" in text
    assert " --scale-width" not in text and "--requantiser.accumulator" not in text
    assert candidates(["info", "gemm", "--requantiser.s"]) == [
        *(f"--requantiser.{name}" for name in ("scale-width", "shift", "shift-width")),
    ]
    assert candidates(["info", "gemm", "--scale"]) == []
    assert candidates(["info", "gemm", "--requantiser.clamp", "p"]) == ["ports"]
    assert candidates(["info", "gemm", "--requantiser", ""]) == ["requantize", "convert", "none"]


def test_old_options_work_with_a_note(holigrail):
    new = holigrail("info", "gemm", "--requantiser.scale-width", "12", "--requantiser.mode=double")
    old = holigrail("info", "gemm", "--scale-width", "12", "--requantise", "double")
    assert (old.status, old.out) == (0, new.out) and new.err == ""
    assert set(old.err.splitlines()) == {
        "note: --scale-width is now --requantiser.scale-width",
        "note: --requantise is now --requantiser.mode",
    }
    one = holigrail("info", "gemm", "--requantiser", "logic")
    assert one.err == "note: --requantiser logic is now --requantiser.multiplier rows\n"
    assert holigrail("info", "gemm", "--requantise", "none", "-q").err == ""
    both = holigrail("info", "gemm", "--shift", "3", "--requantiser.shift", "4")
    assert both.status == 2
    assert "gemm: requantiser.shift must be given once, not again as " in both.err


@pytest.mark.parametrize(
    "operator, old, new",
    [
        ("cmvm", "--activation relu", "--relu true"),
        ("scnn", "--relu off", "--relu false"),
        ("requantize", "--clamp relu", "--relu true"),
        ("gemm", "--clamp relu", "--requantiser.relu true"),
        ("gemm", "--requantiser.clamp relu", "--requantiser.relu true"),
        ("mac", "--multiplier logic", "--multiplier rows"),
        ("systolic-array", "--multiplier logic", "--multiplier rows"),
        ("tensor-array", "--multiplier logic", "--multiplier rows"),
    ],
)
def test_old_words_work_with_a_note(holigrail, operator, old, new):
    found, wanted = (holigrail("info", operator, *text.split()) for text in (old, new))
    assert (found.status, found.out, wanted.err) == (0, wanted.out, "")
    assert found.err == f"note: {old} is now {new}\n"


def test_an_old_word_in_a_table_of_a_recipe(holigrail, tmp_path):
    (tmp_path / "a.toml").write_text(
        'operator = "gemm"\n[parameters.requantiser]\nclamp = "relu"\n'
    )
    found = holigrail("info", str(tmp_path / "a.toml"), "--json")
    assert values(found)["requantiser.relu"] == "true"


def test_old_keys_of_a_recipe_work_with_a_note(holigrail, tmp_path):
    (tmp_path / "a.toml").write_text(
        'operator = "gemm"\n[parameters]\nscale_width = 12\nrequantiser = "logic"\n'
    )
    (tmp_path / "b.toml").write_text(
        'operator = "gemm"\n[parameters.requantiser]\nscale_width = 12\nmultiplier = "rows"\n'
    )
    old, new = (
        holigrail("info", name, "--requantiser.shift", "2") for name in ("a.toml", "b.toml")
    )
    assert (old.status, old.out) == (0, new.out) and new.err == ""
    assert old.err.splitlines() == [
        "note: a.toml: scale_width is now requantiser.scale_width",
        "note: a.toml: requantiser = logic is now requantiser.multiplier = rows",
    ]
    found = values(holigrail("info", "b.toml", "--requantiser.shift", "2", "--json"))
    assert [found[f"requantiser.{name}"] for name in ("scale_width", "shift")] == ["12", "2"]


def test_explore_sweeps_a_part(holigrail):
    answer = holigrail("explore", "gemm", "--requantiser.scale-width", "8,12", "--json")
    points = json.loads(answer.out)["points"]
    assert [point["values"] for point in points] == [
        {"requantiser.scale_width": "8"},
        {"requantiser.scale_width": "12"},
    ]
    assert [point["error"] for point in points] == [None, None]
