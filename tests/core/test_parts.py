"""Operators inside operators: a part is given, judged, named, written and read like the rest.

The toy of ``toy_blur.py`` comes from outside the package; nothing but its file is added.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import toy_blur
from hardware import check
from toy_blur import ToyBlur

from holigrail_hw.arith.convert import Convert
from holigrail_hw.arith.requantize.operator import Requantize
from holigrail_hw.core import Fit, OperatorSpec, RequestError, Timing, operator, part, registry
from holigrail_hw.core.parameters import construct, leaf_parameters, leaves_of, parse_parameters
from holigrail_hw.core.registration import OPERATORS
from holigrail_hw.flow.emit import emit, manifest, recipe
from holigrail_hw.flow.explore.explore import explore
from holigrail_hw.flow.verify import replay
from holigrail_hw.formats import parse


@operator("toy-twice", summary="a toy whose part has a part, and another that may be missing")
@dataclass(frozen=True, kw_only=True)
class ToyTwice(OperatorSpec):
    """A blur, and what makes another format of its result."""

    blur: ToyBlur = part("the filter", defaults={"width": 6})
    after: Requantize | Convert | None = part(
        "what follows", derived=("accumulator", "source", "result"), words={"mode": "made"}
    )
    renamed = {"pixel": "blur.width", "last": "after", "last=no": "after=none"}

    def fit(self, part):
        if part == "blur" or self.blur.result.width > 8:
            return None
        return Fit(Convert, {"source": self.blur.result, "result": parse("fp16")})

    def check(self):
        return ["the blur must give at most 8 bits"] if self.blur.result.width > 8 else []

    def inputs(self):
        return self.blur.inputs()

    def outputs(self):
        return self.blur.outputs()

    def golden(self, **codes):
        return self.blur.golden(**codes)

    def datapath(self, plan, **wires):
        return self.blur.datapath(plan, **wires)


TOYS = (ToyBlur, ToyTwice)
# Other tests look at all operators there are.
for _cls in TOYS:
    del OPERATORS[_cls.name]


@pytest.fixture
def registered(monkeypatch):
    registry.operators()
    for cls in TOYS:
        monkeypatch.setitem(OPERATORS, cls.name, cls)
    known = dict(OPERATORS)
    monkeypatch.setattr(registry, "operators", lambda: known)


def refusal(cls, **given) -> list[str]:
    with pytest.raises(RequestError) as caught:
        construct(cls, given, who=cls.name)
    return list(caught.value.violations)


def test_every_way_to_give_a_part_makes_the_same_specification():
    wanted = ToyBlur(requantiser=Requantize(mode="shift", shift=3, shift_width=0, bias="none"))
    for given in (
        {"requantiser": {"operator": "requantize", "shift": 3}},
        {"requantiser": {"shift": "3"}},
        {"requantiser.shift": np.int64(3)},
        {"requantiser": "requantize", "requantiser.shift": "3"},
        {"requantiser": "auto", "requantiser.shift": 3},
        {"requantiser": wanted.requantiser},
    ):
        found = construct(ToyBlur, given, who="x")
        assert found == wanted and hash(found) == hash(wanted)
        assert ToyBlur(**parse_parameters(ToyBlur, given, who="x")) == wanted
    assert ToyBlur(requantiser={"shift": 3}) == wanted != ToyBlur()
    assert ToyBlur() == ToyBlur(requantiser="auto") == ToyBlur(requantiser={})


def test_the_design_decides_its_share_and_keeps_it_true():
    spec = ToyBlur(width=5, result="int5")
    assert (spec.requantiser.accumulator.name, spec.requantiser.result.name) == ("uint7", "int5")
    wider = replace(spec, width=9)
    assert wider.requantiser.accumulator.name == "uint11"
    assert ToyBlur(requantiser=Requantize(accumulator="int9")).requantiser.accumulator.width == 10


def test_refusals_carry_the_path_of_what_is_wrong():
    assert refusal(ToyBlur, **{"requantiser.scale_width": 99}) == [
        "toy-blur: requantiser.scale_width must be between 1 and 32, not 99 (bits of the scale)"
    ]
    assert refusal(ToyBlur, width=0, requantiser={"shift": "x", "clamp": "no", "speed": 1}) == [
        "toy-blur: width must be between 1 and 24, not 0 (bits of a pixel)",
        "toy-blur: requantiser.shift must be an integer, not 'x'",
        "toy-blur: requantiser.clamp must be one of constants, ports, not no",
        "toy-blur: requantiser: no parameter named 'speed'",
    ]
    # Its own rules together; of the result, which is the design's, without the path.
    assert refusal(ToyBlur, requantiser={"mode": "double", "bias": "product", "scale": 70000}) == [
        "toy-blur: requantiser.scale must fit in 16 bits, not 70000",
        "toy-blur: requantiser.bias must be added to the accumulator in mode double, not the"
        " product",
    ]
    assert refusal(ToyBlur, result="int17") == [
        "toy-blur: result must have at most 16 bits, not 17"
    ]
    assert refusal(ToyBlur, requantiser={"accumulator": "int9"}) == [
        "toy-blur: requantiser.accumulator must be left out, for the design decides it"
    ]
    for given, shown in ((Convert(), "convert"), ("mac", "mac"), (3, "3"), ("none", "none")):
        assert refusal(ToyBlur, requantiser=given) == [
            f"toy-blur: requantiser must be requantize, not {shown}"
        ]
    assert refusal(ToyBlur, requantiser={"operator": "mac"}) == [
        "toy-blur: requantiser.operator must be requantize, not mac"
    ]
    assert refusal(ToyBlur, **{"requantiser": Requantize(), "requantiser.shift": 3})[0].startswith(
        "toy-blur: requantiser must be given without requantiser.shift if it is Requantize("
    )
    assert refusal(ToyBlur, **{"width.x": 3}) == [
        "toy-blur: width must be an integer, not {'x': 3}"
    ]
    assert refusal(ToyBlur, **{"x.y": 3}) == ["toy-blur: no parameter named 'x'"]


def test_hints_name_what_there_is():
    with pytest.raises(RequestError) as caught:
        ToyTwice(after={"speed": 1})
    assert caught.value.hint == (
        "after has mode, rounding, scale, scale_width, shift, shift_width, bias, zero_point,"
        " zero_point_added, clamp, relu, minimum, maximum, multiplier, random_width, overflow,"
        " flags, tininess"
    )
    with pytest.raises(RequestError) as caught:
        ToyTwice(after={"mode": "shift"})
    assert str(caught.value) == "toy-twice: after.mode must be left out: convert has none"
    assert caught.value.hint == "after has overflow, rounding, random_width, flags, tininess"


def test_a_part_of_a_part_and_one_that_may_be_missing():
    spec = construct(
        ToyTwice, {"blur": {"requantiser.shift": 1, "requantiser": {"relu": True}}}, who="x"
    )
    same = construct(
        ToyTwice, {"blur.requantiser.relu": "true", "blur.requantiser.shift": "1"}, who="x"
    )
    assert spec == same and spec.blur.width == 6
    assert (spec.blur.requantiser.shift, spec.blur.requantiser.relu) == (1, True)
    assert construct(ToyTwice, {"after": "none"}, who="x").after is None
    assert isinstance(spec.after, Convert) and spec.after.source.name == "uint8"
    assert refusal(ToyTwice, **{"blur.requantiser.shift": 99, "after": "requantize"}) == [
        "toy-twice: blur.requantiser.shift must be between -16 and 64, not 99"
        " (constant part of the shift to the right)"
    ]
    assert refusal(ToyTwice, after="requantize") == [
        "toy-twice: after must be convert in this design, not requantize"
    ]
    assert refusal(ToyTwice, after=Requantize()) == [
        "toy-twice: after must be convert in this design, not requantize"
    ]
    assert refusal(ToyTwice, **{"after": "none", "after.rounding": "down"}) == [
        "toy-twice: after must be given without after.rounding if it is none"
    ]
    # A design that is wrong itself says so, whatever its parts are.
    assert refusal(ToyTwice, **{"blur.result": "int9"}) == [
        "toy-twice: the blur must give at most 8 bits"
    ]


def test_old_names():
    assert construct(ToyTwice, {"pixel": 4}, who="x") == ToyTwice(blur={"width": 4})
    assert construct(ToyTwice, {"last": "no"}, who="x") == ToyTwice(after=None)
    assert refusal(ToyTwice, **{"pixel": 4, "blur.width": 4}) == [
        "toy-twice: blur.width must be given once, not again as blur.width"
    ]


@pytest.mark.parametrize("cls", TOYS)
def test_leaves(cls):
    known = leaf_parameters(cls)
    for spec in (cls(), *cls().variants()):
        for name, (parameter, value) in leaves_of(spec).items():
            assert parameter.parse(value) == value
            assert known[name].name == parameter.name == name
    assert "requantiser" not in leaf_parameters(ToyBlur)
    assert "requantiser.result" not in leaf_parameters(ToyBlur)
    assert leaf_parameters(ToyTwice)["after.mode"].help.startswith("requantize: ")
    assert leaf_parameters(ToyTwice)["after.rounding"].help.startswith("requantize and convert: ")


def test_variants_are_the_samples_that_the_design_names():
    found = {tuple(spec.parameters().items()) for spec in ToyBlur().variants()}
    assert len(found) == 6
    assert {spec.requantiser.relu for spec in ToyBlur().variants()} == {False, True}
    assert all(spec.requantiser.multiplier == "rows" for spec in ToyBlur().variants())


def test_names_of_modules():
    def name(cls=ToyBlur, **given):
        return construct(cls, given, who="x").top_name()

    assert name() == "toy_blur_uint8"
    assert name(width=9, requantiser={"shift": 3}) == "toy_blur_width_9_uint8_shift_3"
    assert name(ToyTwice, after={"rounding": "down"}).startswith("toy_twice_after_rounding_down")
    assert name(ToyTwice, after="none") == "toy_twice_after_none"
    assert name(ToyTwice, blur={"result": "int5"}) == "toy_twice_result_int5"
    specs = [spec for cls in TOYS for spec in (cls(), *cls().variants())]
    specs += [ToyTwice(blur=spec) for spec in ToyBlur().variants()]
    names = {}
    for spec in dict.fromkeys(specs):
        names.setdefault(spec.top_name(), set()).add(spec)
    assert all(len(same) == 1 for same in names.values())


SPECS = [
    ToyBlur(),
    ToyBlur(width=3, requantiser={"mode": "single", "zero_point": None}),
    ToyTwice(after=None, blur={"requantiser": {"shift": 1}}),
    ToyTwice(after={"rounding": "to_odd"}),
]


@pytest.mark.parametrize("spec", SPECS)
def test_manifests_and_recipes_give_the_part_back(registered, tmp_path, spec):
    emit.generate(spec, Timing(), tmp_path, vectors=4)
    assert manifest.load(tmp_path / "manifest.json") == (spec, Timing())
    path = tmp_path / "one.toml"
    path.write_text(recipe.text(spec, Timing()))
    assert recipe.load(path) == (spec, Timing(), None)
    words = replay.command("verify", spec, Timing()).split()[3:]
    given = {name[2:]: value for name, value in zip(words[::2], words[1::2], strict=True)}
    assert construct(type(spec), given, who="x") == spec
    (text,) = tmp_path.glob("toy*[!h].v")
    assert f"// {', '.join(f'{k} = {v}' for k, v in spec.parameters().items())}\n" in (
        text.read_text()
    )


@pytest.mark.parametrize(
    ("table", "more", "wanted"),
    [
        ("blur.requantiser = {shift = 1, relu = true}", {}, {"shift": 1, "relu": True}),
        ("[parameters.blur.requantiser]\nshift = 1", {}, {"shift": 1}),
        ("blur.requantiser.shift = 1", {"blur.requantiser.shift": "5"}, {"shift": 5}),
        ("blur.requantiser.relu = true", {"blur.requantiser.shift": "5"}, {"shift": 5}),
        ("blur.requantiser.shift = 1", {"blur": "auto"}, {}),
        ('after = "none"', {"after.rounding": "down"}, {}),
        ('last = "no"', {"after.rounding": "down"}, {}),
    ],
)
def test_recipes_have_tables_and_take_options(registered, tmp_path, table, more, wanted):
    path = tmp_path / "one.toml"
    path.write_text(f'operator = "toy-twice"\n[parameters]\n{table}\n')
    spec = recipe.load(path, more).spec
    given = {f"requantiser.{name}": value for name, value in wanted.items()}
    assert spec.blur.requantiser.shift == wanted.get("shift", 2)
    if "relu" in table:
        given["requantiser.relu"] = "true"
    assert spec.blur == construct(ToyBlur, {"width": 6, **given}, who="x")
    assert spec.after is not None


def test_explore_sweeps_parameters_of_a_part():
    texts = {"requantiser.shift": "1,2,99", "width": "4"}
    points = explore(ToyBlur, texts)
    assert [point.values["requantiser.shift"] for point in points] == ["1", "2", "99"]
    assert [point.error is None for point in points] == [True, True, False]
    assert "toy-blur: requantiser.shift must be" in str(points[2].error)


@pytest.mark.parametrize("spec", [*ToyBlur().variants(), SPECS[1]])
def test_hardware_equals_golden(spec):
    check([spec])


def test_a_sum_by_hand():
    """Round(1 + 2 * 3 + 4 = 11 over 4) = 3, half to even: 2 of 10."""
    codes = {name: np.array(values) for name, values in (("a", [1, 0]), ("b", [3, 3]))}
    assert ToyBlur().golden(**codes, c=np.array([4, 4]))["result"].tolist() == [3, 2]


@pytest.fixture(scope="module")
def outside(tmp_path_factory) -> Path:
    """An installed package of one module: the toy."""
    folder = tmp_path_factory.mktemp("outside")
    shutil.copy(toy_blur.__file__, folder)
    info = folder / "toy_blur-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-blur\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[holigrail_hw.operators]\ntoy = toy_blur\n")
    return folder


@pytest.fixture
def command(outside, tmp_path):
    """Run our command line in a folder of its own, with the toy installed."""
    paths = [str(outside), *filter(None, [os.environ.get("PYTHONPATH")])]

    def call(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "holigrail_hw", *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return call


def test_from_outside_through_all_of_the_tool(command, tmp_path):
    design = ["toy-blur", "--width", "7", "--requantiser.zero-point", "-7"]
    design += ["--requantiser.relu=true", "--result", "int6"]
    made = command("generate", *design, "--json", "-o", "here")
    assert made.returncode == 0, made.stderr
    found = json.loads((tmp_path / "here/manifest.json").read_text())
    assert found["top"] == "toy_blur_width_7_int6_zero_point_n7_relu_true"
    assert found["parameters"]["requantiser.zero_point"] == "-7"
    info = json.loads(command("info", *design, "--json").stdout)
    rows = {row["name"]: row["value"] for row in info["parameters"]}
    assert rows["requantiser"] == "requantize" and rows["requantiser.relu"] == "true"
    assert "requantiser.accumulator" not in rows
    checked = command("verify", *design, "--level", "compiled", "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["levels"][0]["level"] == "compiled"
