"""Sweeps: which combinations are looked at, where, and how many of them are computed at all."""

import itertools
import os
import signal
import subprocess
import sys

import pytest

from holigrail_hw.core import DesignError, RequestError, Timing, ToolError, find
from holigrail_hw.core.store import kinds
from holigrail_hw.core.store.records import state_of
from holigrail_hw.flow.explore.explore import Sweep, explore
from holigrail_hw.flow.explore.sweep import kept as kept_module
from holigrail_hw.flow.explore.sweep import point as point_module
from holigrail_hw.flow.explore.sweep import samplers
from holigrail_hw.flow.explore.sweep.kept import KeptPoints, store_path
from holigrail_hw.flow.explore.sweep.objectives import read
from holigrail_hw.flow.explore.sweep.point import How
from holigrail_hw.flow.explore.sweep.space import Space, spread

ADD = find("add")
LISTS = {"a": "int2..int6", "b": "int2..int5"}
WHERE = ("a.width >= b.width",)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "cache"))
    yield
    assert kinds.losses() == []


HUGE = dict.fromkeys(("a", "b", "result"), "e2m1..e8m20")
NO_CLOCK = (Timing(),)


def space(lists=LISTS, where=(), timings=NO_CLOCK, cls=ADD):
    return Space(cls, spread(cls, lists), timings, where)


def swept(again=False, how=None, **options):
    """The points by their places, and how many were found and computed."""
    how = how or How(ADD)
    with KeptPoints(how, again=again) as kept:
        sweep = Sweep(options.pop("space", None) or space(), how, kept=kept, **options)
        points = sorted(sweep.points(), key=lambda point: point.index)
    return points, (sweep.found, sweep.computed)


def test_a_space_counts_in_mixed_radix():
    wide = space(LISTS | {"result": "int7,int8"}, timings=(Timing(), Timing(period_ns=3)))
    assert (wide.size, wide.sizes, wide.swept) == (80, (5, 4, 2, 2), ["a", "b", "result"])
    assert [wide.index(wide.digits(index)) for index in range(80)] == [*range(80)]
    rows = [wide.question(index) for index in range(80)]
    names = [spread(ADD, LISTS | {"result": "int7,int8"})[name] for name in wide.lists]
    expected = [row for row in itertools.product(*names) for _ in range(2)]
    assert [tuple(row.values.values()) for row in rows if row is not None] == expected


def test_conditions_leave_the_others_out():
    points = explore(ADD, LISTS, where=WHERE)
    shown = [(point.values["a"], point.values["b"]) for point in points]
    every = itertools.product(range(2, 7), range(2, 6))
    assert shown == [(f"int{a}", f"int{b}") for a, b in every if a >= b]


def test_conditions_on_what_is_derived_and_on_timing():
    found = explore(ADD, LISTS, where=["result.width == 6"])
    assert {p.values["a"] for p in found} == {"int2", "int3", "int4", "int5", "int6"} - {
        p.values["a"] for p in explore(ADD, LISTS, where=["result.width != 6"])
    } | {p.values["a"] for p in found}
    timings = [Timing(latency=cycles) for cycles in (0, 1, 2)]
    found = explore(ADD, {"a": "int4", "b": "int4"}, timings, where=["latency != 1"])
    assert [point.figures["latency"] for point in found] == [0, 2]


def test_an_illegal_combination_is_shown_whatever_the_condition():
    points = explore(ADD, {"a": "int4,int5,int99", "b": "int4"}, where=["a.width > 4"])
    assert [point.error for point in points] == [
        None,
        "add: a: int99: width must be between 1 and 64, not 99",
    ]


@pytest.mark.parametrize(
    ("lists", "where", "message"),
    [
        ({"a": "int4..fp16"}, (), "add: a must have a range between names that differ in their"),
        ({"c": "1,2"}, (), "add: no parameter named 'c'"),
        (LISTS, ("a.width > 99",), "add: at least one combination must meet the conditions, not"),
        (LISTS, ("a >",), "explore: --where 'a >': the condition must be an expression"),
    ],
)
def test_what_is_wrong_with_a_space(lists, where, message):
    with pytest.raises(RequestError) as caught:
        explore(ADD, lists, where=where)
    assert str(caught.value).startswith(message)


class TestKept:
    def test_a_second_run_asks_only_what_is_new(self):
        first, counts = swept()
        assert counts == (0, 20)
        second, counts = swept()
        assert counts == (20, 0) and second == first
        wider, counts = swept(space=space(LISTS | {"a": "int2..int8"}))
        assert counts == (20, 8) and wider[:20] == first

    def test_it_may_be_asked_again(self):
        first, _ = swept()
        second, counts = swept(again=True)
        assert counts == (0, 20) and second == first and state_of(store_path()) == (20, 0)

    def test_what_is_asked_counts_not_how_it_is_written(self):
        swept(space=space({"a": "int4", "b": "int4", "rounding": "down"}))
        _, counts = swept(space=space({"rounding": "down", "b": "int4", "a": "sfix4_en0"}))
        assert counts == (1, 0)

    @pytest.mark.parametrize(
        "changes",
        [
            {"how": How(ADD, best_effort=True)},
            {"how": How(ADD, room={"luts": 5})},
            {"space": space(timings=[Timing(latency=1)])},
            {"space": space(timings=[Timing(device="ecp5")])},
        ],
    )
    def test_another_question_has_another_answer(self, changes):
        swept()
        assert swept(**changes)[1] == (0, 20)

    def test_other_code_is_asked_anew(self, monkeypatch):
        swept()
        monkeypatch.setattr(kept_module, "fingerprint", lambda cls: "other")
        assert swept()[1] == (0, 20)

    def test_a_file_counts_by_its_content(self, tmp_path):
        cls = find("huffman-decoder")
        file = tmp_path / "lengths.csv"
        for text, counts in (("1,2,2\n", (0, 1)), ("1,2,2\n", (1, 0)), ("2,2,1\n", (0, 1))):
            file.write_text(text)
            one = space({"lengths": str(file), "symbol": "uint2"}, cls=cls)
            assert swept(how=How(cls), space=one)[1] == counts

    @pytest.mark.parametrize("stop", [1, 7, 16, 19])
    def test_an_interrupted_run_goes_on(self, stop):
        with KeptPoints(How(ADD)) as kept:
            points = Sweep(space(), How(ADD), kept=kept).points()
            seen = [*itertools.islice(points, stop)]
            points.close()
        assert len(seen) == stop
        assert swept()[1] == (stop, 20 - stop)

    def test_ctrl_c_leaves_the_points_of_before(self, monkeypatch):
        right, seen = point_module.answer, []

        def interrupted(*arguments):
            seen.append(1)
            if len(seen) == 8:
                raise KeyboardInterrupt
            return right(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(point_module, "answer", interrupted)
            with pytest.raises(KeyboardInterrupt):
                swept()
        assert swept()[1] == (7, 13)

    def test_a_damaged_record_is_computed_again(self):
        import sqlite3

        first, _ = swept()
        base = sqlite3.connect(store_path())
        with base:
            base.execute("UPDATE records SET body = replace(body, 'luts', 'guts')")
        base.close()
        second, counts = swept()
        assert counts == (0, 20) and second == first
        assert kinds.losses() == [f"20 records dropped, not as written: {store_path()}"]

    def test_failures_of_designs_are_kept_and_those_of_tools_are_not(self, monkeypatch):
        lists, period = {"a": "int2,int99", "b": "int2"}, [Timing(period_ns=0.1)]
        with pytest.raises(DesignError, match="at least one combination must succeed, not none"):
            swept(space=space(lists, timings=period))
        assert state_of(store_path()) == (2, 0)

        def broken(*_):
            raise ToolError("yosys: must be there")

        monkeypatch.setattr(point_module, "_estimates", broken)
        points, _ = swept(space=space({"a": "int2..int4", "b": "int2"}))
        assert [point.failure for point in points] == [ToolError] * 3
        assert state_of(store_path()) == (2, 0)

    def test_two_processes_share_the_work(self, tmp_path):
        """Every point is computed by one of them; both have all of them."""
        program = (
            "import sys\n"
            "from holigrail_hw.core import find, Timing\n"
            "from holigrail_hw.flow.explore.explore import Sweep\n"
            "from holigrail_hw.flow.explore.sweep.kept import KeptPoints\n"
            "from holigrail_hw.flow.explore.sweep.point import How\n"
            "from holigrail_hw.flow.explore.sweep.space import Space, spread\n"
            "cls = find('add')\n"
            "space = Space(cls, spread(cls, {'a': 'int2..int14', 'b': 'int2..int14'}))\n"
            "with KeptPoints(How(cls)) as kept:\n"
            "    print('ready', flush=True); sys.stdin.readline()\n"
            "    sweep = Sweep(space, How(cls), kept=kept)\n"
            "    print(len([*sweep.points()]), sweep.found, sweep.computed)\n"
        )
        command = [sys.executable, "-c", program]
        children = [
            subprocess.Popen(command, stdin=-1, stdout=-1, text=True, cwd=tmp_path)
            for _ in range(2)
        ]
        for child in children:
            assert child.stdout is not None and child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        rows = [[int(word) for word in child.communicate()[0].split()] for child in children]
        assert all(total == 169 == found + computed for total, found, computed in rows)
        assert rows[0][2] + rows[1][2] == 169


class TestProcesses:
    def test_the_points_are_those_of_one_process(self):
        here, _ = swept()
        many, counts = swept(again=True, jobs=2)
        assert many == here and counts == (0, 20)

    def test_a_process_that_dies_is_one_line(self):
        lists = {"a": "int2..int40", "b": "int2..int40"}
        with pytest.raises(ToolError) as caught, KeptPoints(How(ADD)) as kept:
            import multiprocessing

            sweep = Sweep(space(lists), How(ADD), kept=kept, jobs=1)
            sweep.jobs = 2
            for _ in sweep.points():
                for child in multiprocessing.active_children():
                    assert child.pid is not None
                    os.kill(child.pid, signal.SIGKILL)
        assert str(caught.value) == (
            "explore: every one of the 2 processes must live to its end, not die"
        )
        assert state_of(store_path())[0] == sweep.computed > 0

    @pytest.mark.heavy
    def test_they_end_with_a_parent_that_is_killed(self):
        program = (
            "import multiprocessing, os, signal\n"
            "from holigrail_hw.core import find\n"
            "from holigrail_hw.flow.explore.explore import Sweep\n"
            "from holigrail_hw.flow.explore.sweep.point import How\n"
            "from holigrail_hw.flow.explore.sweep.space import Space, spread\n"
            "if __name__ == '__main__':\n"
            "    cls = find('add')\n"
            "    lists = spread(cls, {'a': 'int2..int60', 'b': 'int2..int60'})\n"
            "    for point in Sweep(Space(cls, lists), How(cls), jobs=2).points():\n"
            "        print(*(c.pid for c in multiprocessing.active_children()), flush=True)\n"
            "        os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        # Its end of the pipe is also that of its children: it closes when all of them are gone.
        answer = subprocess.run([sys.executable, "-c", program], stdout=-1, text=True, check=False)
        assert answer.returncode == -signal.SIGKILL and len(answer.stdout.split()) == 2


class TestSamplers:
    def test_chance_is_fair_and_never_the_same_twice(self):
        numbers = [*samplers._shuffled(50, 3)]
        assert sorted(numbers) == [*range(50)] and numbers != sorted(numbers)
        assert numbers == [*samplers._shuffled(50, 3)] != [*samplers._shuffled(50, 4)]
        firsts = [next(samplers._shuffled(4, seed)) for seed in range(400)]
        assert all(60 < firsts.count(number) < 140 for number in range(4))

    def test_a_budget_for_all_is_all(self, monkeypatch):
        monkeypatch.setattr(samplers, "_optimised", None)
        for name in samplers.SAMPLERS:
            assert len(swept(sampler=name, budget=20)[0]) == 20

    def test_a_budget_is_of_combinations_that_meet_the_conditions(self):
        points, _ = swept(space=space(where=WHERE), budget=5)
        assert len(points) == 5
        width = {name: int(name[3:]) for name in ("int2", "int3", "int4", "int5", "int6")}
        assert all(width[p.values["a"]] >= width[p.values["b"]] for p in points)
        assert len(swept(space=space(where=WHERE), budget=19)[0]) == 14

    def test_a_huge_space_is_no_matter(self):
        lists = HUGE
        wide = space(lists)
        assert wide.size > 1_000_000
        points, _ = swept(space=wide, budget=3)
        assert len(points) == 3

    @pytest.mark.parametrize("name", ["random", "tpe", "nsga2"])
    def test_samplers_ask_for_no_more_than_the_budget(self, name):
        lists = {"a": "int2..int12", "b": "int2..int12", "rounding": "up,down"}
        options = {"sampler": name, "budget": 60, "objectives": read(["luts,max:fmax"])}
        first, _ = swept(space=space(lists), **options)
        assert len({point.index for point in first}) == 60 == len(first)
        again, counts = swept(space=space(lists), **options)
        assert again == first and counts == (60, 0)
        other, _ = swept(space=space(lists), seed=2, **options)
        assert other != first

    @pytest.mark.parametrize("name", ["tpe", "nsga2"])
    def test_an_optimiser_finds_what_it_looks_for(self, name):
        """The one design of fewest LUTs among 2304, of which it sees 150."""
        lists = {"a": "int3..int50", "b": "int3..int50"}
        points, _ = swept(
            space=space(lists), sampler=name, budget=150, objectives=read(["max:luts"])
        )
        best = max(point.figures["luts"] for point in points)
        chance, _ = swept(space=space(lists), sampler="random", budget=24)
        assert best > max(point.figures["luts"] for point in chance)

    def test_an_optimiser_stands_what_is_not_possible(self):
        lists = {"a": "int2..int99", "b": "int2"}
        points, _ = swept(space=space(lists), sampler="tpe", budget=40)
        assert len(points) == 40 and any(point.error for point in points)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"sampler": "grid", "budget": 5},
                "explore: --sampler grid must have a budget for the whole grid, 20 combinations,"
                " not 5",
            ),
            (
                {"sampler": "tpe"},
                "explore: --sampler tpe must come with --budget, not without",
            ),
            (
                {"space": space(HUGE)},
                "explore: the grid must have at most 1000000 combinations without --budget,"
                " not 2744000",
            ),
        ],
    )
    def test_what_cannot_be_sampled(self, options, message):
        with pytest.raises(RequestError) as caught:
            swept(**options)
        assert str(caught.value) == message

    def test_without_optuna(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "optuna", None)
        with pytest.raises(ToolError) as caught:
            swept(sampler="tpe", budget=5)
        assert str(caught.value) == (
            "explore: this sampler needs the Python package optuna, which is missing"
        )
        assert caught.value.hint == "pip install 'holigrail_hw[explore]', or --sampler random"
