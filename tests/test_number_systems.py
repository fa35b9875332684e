"""A number system is added from outside: three files of its own, and no other line anywhere."""

import ast
import json
import math
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import fraction_operators
import numpy as np
import pytest
import sign_magnitude_format
import sign_magnitude_golden
import sign_magnitude_hardware
from fraction_reference import MODES, round_fraction
from hardware import check, make
from sign_magnitude_format import SignMagnitudeFormat

import holigrail_hw
from holigrail_hw.core import RequestError, Timing, operators, parameters_of
from holigrail_hw.core.parameters.format_name import FormatName
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit.emit import verilog
from holigrail_hw.flow.top import Top
from holigrail_hw.formats import BinaryFormat, Format, FormatError, named, parse, patterns
from holigrail_hw.formats.rules import Rules
from holigrail_hw.golden import rules as golden_rules
from holigrail_hw.hdl.number import operation
from holigrail_hw.hdl.number.project import has_hardware

ROOT = Path(holigrail_hw.__file__).parent
TOY = "smfix8_en3"
FILES = (sign_magnitude_format, sign_magnitude_golden, sign_magnitude_hardware)


def decode(format, code):
    """The number of a code, in a second way."""
    if not isinstance(format, SignMagnitudeFormat):
        return fraction_operators.decode(format, code)
    digits = f"{code:0{format.width}b}"
    magnitude = int(digits[1:], 2) / Fraction(2) ** format.fraction_width
    return -magnitude if digits[0] == "1" else magnitude


def encode(format, value, spec, word):
    """The code of a number, in a second way."""
    if not isinstance(format, SignMagnitudeFormat):
        return fraction_operators.encode(format, value, spec, word)
    top = 2 ** (format.width - 1) - 1
    if value != value:
        return 0
    if math.isinf(value):
        whole = top if value > 0 else -top
    else:
        scaled = Fraction(value) * Fraction(2) ** format.fraction_width
        whole = round_fraction(scaled, str(spec.rounding), word, spec.random_width)
        whole = max(-top, min(top, whole))
    return int(f"{int(whole < 0)}{abs(whole):0{format.width - 1}b}", 2)


CASES = [
    ("convert", {"source": TOY, "result": "fp8_e4m3"}),
    ("convert", {"source": "fp8_e5m2", "result": TOY, "rounding": "to_odd"}),
    ("convert", {"source": "int6", "result": "smfix4_en-2", "rounding": "nearest_away"}),
    ("convert", {"source": TOY, "result": "smfix5_en1", "rounding": "down"}),
    ("convert", {"source": TOY, "result": "smfix4_en1", "rounding": "stochastic"}),
    ("convert", {"source": TOY, "result": "ternary"}),
    ("compare", {"a": TOY}),
    ("compare", {"a": TOY, "b": "fp8_e4m3"}),
    ("compare", {"a": "smfix5_en7", "b": "uint4"}),
    ("add", {"a": TOY, "b": TOY}),
    ("add", {"a": TOY, "b": "int5", "operation": "subtract", "result": "smfix6_en1"}),
    ("add", {"a": "smfix6_en2", "b": "fp8_e4m3"}),
    ("multiply", {"a": TOY, "b": TOY}),
    ("multiply", {"a": TOY, "b": "smfix6_en0", "result": TOY}),
    ("multiply", {"a": TOY, "b": "ternary", "result": "smfix6_en2", "rounding": "up"}),
    ("multiply", {"a": TOY, "b": "fp8_e4m3", "result": "bf16"}),
    ("fma", {"a": "smfix5_en2", "b": "smfix5_en1", "c": "smfix6_en3"}),
    ("fma", {"a": "smfix5_en2", "b": "int4", "c": "smfix6_en3", "result": "smfix7_en2"}),
    ("fma", {"a": "smfix5_en2", "b": "int4", "c": "fp8_e4m3"}),
    ("max", {"format": "smfix6_en2"}),
    ("min", {"format": TOY}),
]
SUMS = [
    {"a": "smfix5_en2", "b": "smfix4_en1", "accumulator": "sfix24_en3"},
    {"a": "smfix5_en2", "b": "int4", "accumulator": "smfix11_en3"},
    {"a": "smfix5_en2", "b": "fp8_e4m3", "accumulator": "fp16"},
    {"a": "smfix5_en2", "b": "int4", "accumulator": "smfix9_en1", "accumulation": "exact"},
    {"a": "smfix5_en2", "b": "fp8_e5m2", "accumulator": "fp16", "accumulation": "cascade",
     "product": "smfix9_en2"},
]  # fmt: skip


def test_names():
    toy = parse(TOY)
    assert isinstance(toy, SignMagnitudeFormat) and parse(toy.name) == toy
    assert TOY in named() and patterns()["smfix{W}_en{F}"][0] == "sign-magnitude"
    with pytest.raises(FormatError, match=r"^no format named 'smfix1_en3'$"):
        parse("smfix1_en3")


def test_traits_follow():
    toy = parse("smfix6_en2")
    assert toy.integer_range == (-31, 31) and toy.least_place == -2
    assert not toy.is_integer and parse("smfix6_en0").is_integer
    assert not (toy.codes_are_integers or toy.has_nan or toy.has_infinity)


@pytest.mark.parametrize("mode", MODES)
def test_codes_against_fractions(mode):
    spec = make(operators()["convert"], source="fp32", result="smfix6_en2", rounding=mode)
    toy = spec.target
    codes = np.arange(64)
    numbers = [decode(toy, int(code)) for code in codes]
    assert [Fraction(x) for x in toy.unpack(codes).to_fractions()] == numbers
    values = [Fraction(n, 24) for n in range(-220, 221)]
    found = toy.encode(values, rounding=mode).tolist()
    assert found == [encode(toy, value, spec, 0) for value in values]


@pytest.mark.parametrize(("name", "given"), CASES)
def test_golden_against_fractions(name, given):
    spec = make(operators()[name], **given)
    codes = spec.items(300, np.random.default_rng(1))
    answers = spec.golden(**codes)
    ports = {port: format for port, format in spec.inputs().items() if port != "random"}
    for index in range(300):
        numbers = [decode(format, int(codes[port][index])) for port, format in ports.items()]
        wanted = fraction_operators.OPERATORS[name](spec, *numbers)
        word = int(codes["random"][index]) if "random" in codes else 0
        for port, format in spec.outputs().items():
            if isinstance(wanted, dict):
                code = wanted[port]
            elif name in ("max", "min"):
                code = encode(format, wanted, make(operators()["add"]), 0)
            else:
                code = encode(format, wanted, spec, word)
            assert int(answers[port][index]) == code, (port, numbers, wanted)


@pytest.mark.parametrize(("name", "given"), CASES)
def test_hardware_equals_golden(name, given):
    check([make(operators()[name], **given)], count=1500)


@pytest.mark.parametrize("given", SUMS)
def test_running_sums(given):
    check([make(operators()["mac"], **given)], count=1500)


def test_sums_against_fractions():
    spec = make(operators()["mac"], **SUMS[1])
    codes = spec.items(400, np.random.default_rng(2))
    total, top = Fraction(0), spec.accumulator.number_range[1]
    for index, code in enumerate(spec.golden(**codes)["result"].tolist()):
        a, b = (decode(f, int(codes[n][index])) for n, f in (("a", spec.a), ("b", spec.b)))
        clear, enable = int(codes["clear"][index]), int(codes["enable"][index])
        total = 0 if clear else total
        total = max(-top, min(top, total + a * b)) if enable else total
        assert decode(spec.accumulator, code) == total


def test_own_rules_are_asked():
    toys = [parse(TOY)] * 3
    assert golden_rules.OPERATIONS["multiply"].find(*toys) is sign_magnitude_golden.product
    assert operation.OPERATIONS["multiply"].find(*toys) is sign_magnitude_hardware.product
    text = verilog(Top(make(operators()["multiply"], a=TOY, b=TOY, result=TOY), Timing()))
    assert "a_magnitude" in text


@pytest.mark.parametrize("timing", [Timing(), Timing(latency=2, shell="stream")])
def test_verilog(timing):
    spec = make(operators()["fma"], a=TOY, b=TOY, c=TOY, result=TOY)
    text = verilog(Top(spec, timing))
    assert text == verilog(Top(spec, timing)) and "smfix8" in text.split("(")[0]


class UnknownFormat(SignMagnitudeFormat):
    is_fixed_like = False


UNKNOWN = UnknownFormat(8, 3)


def test_what_has_no_hardware_is_refused():
    assert has_hardware(parse(TOY)) and not has_hardware(UNKNOWN)
    with pytest.raises(RequestError) as caught:
        operators()["compare"](a=UNKNOWN)
    assert "a must be a format that operators have hardware for, not smfix8_en3" in str(
        caught.value
    )


# Codecs move codes and never read them as numbers.
FORMATS = [
    (name, key)
    for name, cls in operators().items()
    if cls.__module__.startswith("holigrail_hw.") and not name.endswith("coder")
    for key, parameter in parameters_of(cls).items()
    if isinstance(parameter.kind, FormatName)
]


@pytest.mark.parametrize(("name", "key"), FORMATS)
def test_every_operator_refuses_what_has_no_hardware(name, key):
    """With its own operands, or floats and rounded products; or it needs none, and is right."""
    floats = {"activation": "fp8_e4m3", "weight": "fp8_e4m3", "a": "fp8_e4m3"}
    others = {**floats, "accumulation": "cascade"}
    known = parameters_of(operators()[name])
    if "accumulation" in known and "cascade" not in known["accumulation"].legal:
        others["accumulation"] = "chunked"
    said = []
    for given in ({}, {k: text for k, text in others.items() if k in known}):
        if key == "product" and "accumulation" not in given:
            continue  # It counts where products are rounded only.
        try:
            spec = make(operators()[name], **{**given, key: UNKNOWN})
        except RequestError as error:
            said.append(str(error))
        else:
            # What looks codes up in a table takes any format, and its hardware is right.
            check([spec], count=300)
            return
    assert any(UNKNOWN.name in text for text in said), said


def test_nearest_rule_counts_and_no_two_for_one():
    rules = Rules("test")
    rules.rule(Format, BinaryFormat)(test_names)
    rules.rule(BinaryFormat, Format)(test_verilog)
    binary, ternary = parse("binary"), parse("ternary")
    assert rules.find(binary, binary) is test_verilog and rules.find(ternary, binary) is test_names
    assert rules.find(ternary, ternary) is None
    with pytest.raises(ValueError, match="test: Format, BinaryFormat must have one rule, not"):
        rules.rule(Format, BinaryFormat)(test_verilog)


def python(folder, program):
    environment = tools.environment(PYTHONPATH=f"{folder}:{ROOT.parent}")
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_entry_points(tmp_path):
    for module in FILES:
        shutil.copy(module.__file__, tmp_path)
    (tmp_path / "broken.py").write_text("raise OSError('no licence')\n")
    info = tmp_path / "toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[holigrail_hw.formats]\n"
        "signs = sign_magnitude_format\nsigns-golden = sign_magnitude_golden\nwrong = broken\n"
        "[holigrail_hw.numbers]\nsigns = sign_magnitude_hardware\n"
    )
    program = (
        "import json; from holigrail_hw.flow.explore.catalogue import formats\n"
        "from holigrail_hw.arith.multiply import Multiply; from holigrail_hw.core import Timing\n"
        "from holigrail_hw.flow.emit.emit import verilog; from holigrail_hw.flow.top import Top\n"
        "spec = Multiply(a='smfix4_en1', b='smfix4_en1', result='smfix4_en1')\n"
        "print(json.dumps([formats(), verilog(Top(spec, Timing()))]))"
    )
    rows, text = json.loads(python(tmp_path, program))
    kinds = {row["name"]: (row["kind"], row["summary"]) for row in rows}
    assert kinds[TOY][0] == "sign-magnitude" and "a_magnitude" in text
    assert kinds["wrong"] == ("unavailable", "OSError: no licence")
    program = (
        "from holigrail_hw.formats import FormatError, parse\n"
        "try:\n    parse('xyzzy')\nexcept FormatError as error:\n    print(error.hint)"
    )
    said = "those of wrong could not be loaded: OSError: no licence\n"
    assert python(tmp_path, program).endswith(f"; {said}")


def asked_kinds(path):
    """Where a file decides by the class or the kind of a scalar format."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            classes = {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}
            if classes & {"FloatFormat", "BinaryFormat", "TernaryFormat"}:
                found.append((path.relative_to(ROOT).as_posix(), ast.unparse(node)))
        if isinstance(node, ast.Compare):
            words = {word.value for word in ast.walk(node) if isinstance(word, ast.Constant)}
            if words & {"float", "fixed", "binary", "ternary"} and ".kind" in ast.unparse(node):
                found.append((path.relative_to(ROOT).as_posix(), ast.unparse(node)))
    return found


def test_nothing_else_asks_which_format_it_is():
    found = [
        each
        for path in sorted(ROOT.rglob("*.py"))
        if "formats" not in path.relative_to(ROOT).parts
        for each in asked_kinds(path)
    ]
    # MPTorch's rule, and what is proved of sums by way of float32, are about floats only.
    assert {path for path, _ in found} <= {"golden/gemm.py", "kernels/certificates.py"}, found


def test_a_question_for_the_kind_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "new.py"
    path.write_text("x = isinstance(f, FixedFormat | FloatFormat)\ny = f.kind not in ('float',)\n")
    assert len(asked_kinds(path)) == 2
