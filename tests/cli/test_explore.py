"""``holigrail explore`` as people use it: recipes, ranges, conditions, objectives, what is kept."""

import json

import pytest

from holigrail_hw.flow.explore.sweep import kept

OWN = """\
operator = "mac"
name = "mine"
[parameters]
a = "int4..int6"
b = ["int4", "int8"]
[timing]
period_ns = 10
device = "ecp5"
"""


def test_a_recipe_of_the_package(holigrail):
    answer = holigrail("explore", "generators/mac_int8.toml", "--a", "int4..int6", "--json").json
    assert [point["values"]["a"] for point in answer["points"]] == ["int4", "int5", "int6"]
    assert {point["values"]["b"] for point in answer["points"]} == {"int8"}
    assert all(point["error"] is None for point in answer["points"])


def test_a_recipe_with_lists_and_ranges(holigrail, tmp_path):
    (tmp_path / "own.toml").write_text(OWN)
    answer = holigrail("explore", "own.toml", "--where", "a.width < b.width", "--json").json
    values = [(point["values"]["a"], point["values"]["b"]) for point in answer["points"]]
    assert values == [("int4", "int8"), ("int5", "int8"), ("int6", "int8")]
    assert answer["device"] == "ecp5-85k" and answer["combinations"] == 6
    assert {point["values"]["period_ns"] for point in answer["points"]} == {"10"}
    answer = holigrail("explore", "own.toml", "--a", "int7", "--period", "20", "--json").json
    assert [point["values"]["period_ns"] for point in answer["points"]] == ["20", "20"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("int4..int6", "int4..fp16"), "mac: a must have a range between names that differ in"),
        (("a = ", "c = "), "mac: no parameter named 'c'"),
        (('"mac"', '"mag"'), "recipe own.toml: no operator named 'mag'"),
        (("period_ns = 10", "period_ns = 'x'"), "recipe own.toml: timing: period_ns must be a nu"),
        (("[parameters]", "[parameter]"), "recipe own.toml: no key named 'parameter'; there are"),
    ],
)
def test_what_is_wrong_with_a_recipe(holigrail, tmp_path, change, message):
    (tmp_path / "own.toml").write_text(OWN.replace(*change))
    answer = holigrail("explore", "own.toml")
    assert answer.status == 2 and answer.err.startswith(f"error: {message}")


def test_the_front_by_other_objectives(holigrail):
    words = ["explore", "add", "--a", "int2..int5", "--b", "int2"]
    answer = holigrail(
        *words, "--objective", "max:luts", "--objective", "flip-flops", "--json"
    ).json
    assert answer["objectives"] == ["max:luts", "min:flip_flops"]


def test_energy_is_there_if_it_is_asked_for(holigrail):
    words = ["explore", "add", "--a", "int2,int9", "--b", "int2", "--json"]
    assert all("energy_pj" not in point for point in holigrail(*words).json["points"])
    answer = holigrail(*words, "--objective", "energy,luts").json
    low, high = (point["energy_pj"] for point in answer["points"])
    assert 0 < low < high and answer["objectives"][0] == "min:energy_pj"
    assert answer["computed"] == 2 and holigrail(*words, "--energy").json["known"] == 2


def test_a_second_call_computes_nothing(holigrail):
    words = ["explore", "add", "--a", "int2..int5", "--b", "int2", "--json"]
    first, second = holigrail(*words).json, holigrail(*words).json
    assert (first.pop("known"), first.pop("computed")) == (0, 4)
    assert (second.pop("known"), second.pop("computed")) == (4, 0)
    assert first == second
    assert holigrail(*words, "--again").json["computed"] == 4


def test_what_was_lost_is_said(holigrail):
    kept.store_path().write_bytes(b"x" * 9999)
    answer = holigrail("explore", "add", "--a", "int2", "--b", "int2")
    assert answer.status == 0
    assert answer.err == (
        f"warning: add: {kept.store_path()} is dropped, for it is damaged"
        " (file is not a database)\n"
    )


def test_many_rows_are_the_front_alone(holigrail):
    words = ["explore", "add", "--a", "int2..int12", "--b", "int2..int12"]
    lines = holigrail(*words).out.splitlines()
    assert len(lines) < 20
    assert lines[-1] == (
        "1 of 121 combinations are in the front (min:luts, min:delay_ns, min:dsps);"
        " --all prints the others"
    )
    assert len(holigrail(*words, "--all").out.splitlines()) == 122


def test_files(holigrail, tmp_path):
    words = ["explore", "add", "--a", "int2..int4", "--b", "int2", "--plot", "--page"]
    answer = holigrail(*words, "-o", "here")
    assert answer.out.endswith(
        "plot     here/pareto.svg\npicture  here/pareto.png\npage     here/explore.html\n"
    )
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == [
        "explore.html",
        "pareto.png",
        "pareto.svg",
    ]
    page = (tmp_path / "here/explore.html").read_text()
    assert "holigrail explore add --a int2..int4 --b int2 --plot --page -o here" in page


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (
            ["--a", "int4..uint8"],
            2,
            "add: a must have a range between names that differ in their"
            " numbers only, not int4..uint8\n",
        ),
        (
            ["--where", "a.width >"],
            2,
            "explore: --where 'a.width >': the condition must be an"
            " expression, not broken (invalid syntax)\n"
            '  hint: for example --where "a.width >= b.width"\n',
        ),
        (["--where", "c > 1"], 2, "explore: --where 'c > 1': no parameter named 'c'\n"),
        (
            ["--where", "a.width > 99"],
            2,
            "add: at least one combination must meet the conditions, not none of 1\n"
            "  hint: a condition less, or longer lists: --where 'a.width > 99'\n",
        ),
        (["--objective", "speed"], 2, "explore: no figure named 'speed' for --objective\n"),
        (
            ["--objective", "least:luts"],
            2,
            "explore: --objective must be NAME, min:NAME or max:NAME, not least:luts\n",
        ),
        (
            ["--sampler", "best"],
            2,
            "explore: --sampler: must be one of grid, random, tpe, nsga2, not 'best'\n",
        ),
        (
            ["--sampler", "tpe"],
            2,
            "explore: --sampler tpe must come with --budget, not without\n"
            "  hint: --budget N looks at N combinations\n",
        ),
        (["--budget", "0"], 2, "explore: --budget: must be 1 or more, not 0\n"),
        (["--periods", "5,x"], 2, "explore: --periods: must be positive numbers of ns, not 5,x\n"),
        (["--latencies", "2..99"], 2, "explore: --latencies: must be between 0 and 64, not 65\n"),
        (
            ["--periods", "5", "--latencies", "1"],
            2,
            "explore: --periods and --latencies must not be given together\n",
        ),
        (
            ["--periods", "5", "--latency", "1"],
            2,
            "explore: --periods and --latency must not be given together\n",
        ),
        (
            ["--latencies", "1,2", "--period", "5"],
            2,
            "explore: --period and --latencies must not be given together\n",
        ),
        (
            ["--scheduler", "nowhere"],
            2,
            "explore: --scheduler must be local or an address such as"
            " tcp://host:8786, not nowhere\n",
        ),
    ],
)
def test_messages(holigrail, words, status, message):
    given = [] if "--a" in words else ["--a", "int4"]
    answer = holigrail("explore", "add", *given, "--b", "int4", *words)
    assert answer.status == status and answer.out == ""
    assert answer.err.startswith(f"error: {message}") and "Traceback" not in answer.err


def test_periods_and_latencies(holigrail):
    words = ["explore", "add", "--a", "int8", "--b", "int8", "--device", "ecp5", "--json"]
    answer = holigrail(*words, "--latencies", "0..3")
    assert [point["latency"] for point in json.loads(answer.out)["points"]] == [0, 1, 2, 3]
    answer = holigrail(*words, "--periods", "5,20")
    assert [p["values"]["period_ns"] for p in json.loads(answer.out)["points"]] == ["5", "20"]


def test_kept_points_are_listed_and_cleared(holigrail, monkeypatch, tmp_path):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "cache" / "explorations" / "points-1.sqlite"
    monkeypatch.setattr(kept, "store_path", lambda: file)
    holigrail("explore", "add", "--a", "int2..int5", "--b", "int2")
    assert "points of explorations: 4" in holigrail("cache", "--kind", "points").out
    assert holigrail("cache", "verify", "--kind", "points").status == 0
    import sqlite3

    base = sqlite3.connect(file)
    with base:
        base.execute("UPDATE records SET digest = '' WHERE key = (SELECT min(key) FROM records)")
    base.close()
    answer = holigrail("cache", "verify", "--kind", "points")
    assert answer.status == 1 and "1 of its 4 records are not as written; removed" in answer.out
    assert "points of explorations: 3" in holigrail("cache", "--kind", "points").out
    assert holigrail("cache", "clear", "--kind", "points").status == 0
    assert [*file.parent.iterdir()] == []


def test_other_mistakes_leave_ranges_alone(holigrail):
    answer = holigrail("explore", "add", "--a", "int2..int4", "--b", "int2,int3", "--speed", "9")
    assert answer.status == 2
    assert answer.err.splitlines()[0] == "error: explore: no option named '--speed'"
    assert "int2" not in answer.err


class TestSeveral:
    WORDS = ("--b", "int4", "--device", "ecp5", "--objective", "luts,fmax", "--json")

    def test_operators_share_one_front(self, holigrail):
        both = holigrail("explore", "multiply", "fma", "--a", "int4,int8", *self.WORDS).json
        assert both["operator"] == "multiply, fma" and both["combinations"] == 4
        alone = [
            holigrail("explore", name, "--a", "int4,int8", *self.WORDS).json["points"]
            for name in ("multiply", "fma")
        ]
        assert [p["values"]["design"] for p in both["points"]] == ["multiply"] * 2 + ["fma"] * 2
        assert [p["luts"] for p in both["points"]] == [p["luts"] for ps in alone for p in ps]
        # An addition more is never smaller or faster: the front of one is not that of both.
        assert any(p["front"] for p in alone[1])
        assert [p["front"] for p in both["points"]][2:] == [False, False]

    def test_recipes_are_rows_by_their_names(self, holigrail, tmp_path):
        for name, width in (("narrow", 4), ("wide", 9)):
            text = f'operator = "add"\n[parameters]\na = "int{width}"\nb = "int4"\n'
            (tmp_path / f"{name}.toml").write_text(text)
        answer = holigrail("explore", "narrow.toml", "wide.toml", "--plot", "--page", "-o", "here")
        lines = answer.out.splitlines()
        assert [line.split()[0] for line in lines[:3]] == ["design", "narrow", "wide"]
        assert "narrow" in (tmp_path / "here" / "explore.html").read_text()
        assert (tmp_path / "here" / "pareto.svg").exists()

    def test_messages(self, holigrail):
        answer = holigrail("explore", "add", "add")
        assert (answer.status, answer.err.splitlines()[0]) == (
            2,
            "error: explore: each operator or recipe must be named once, not add twice",
        )
        answer = holigrail("explore", "add", "mac", "--accumulator", "int20")
        assert answer.err.startswith("error: explore: no option named '--accumulator'")
