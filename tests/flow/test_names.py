"""Names of modules tell designs apart: one name, one text, for tops and for all that is in them."""

import random
import re
import runpy
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from amaranth import Module, Signal
from amaranth.back import rtlil

from holigrail_hw.core import OperatorSpec, RequestError, Timing, find, operators
from holigrail_hw.core.naming import LONGEST
from holigrail_hw.core.parameters import construct
from holigrail_hw.core.shell_registry import shell_names
from holigrail_hw.flow.emit import verilog as emit_verilog
from holigrail_hw.flow.top import Top

CLOCKS = (
    Timing(),
    Timing(device="ecp5"),
    Timing(period_ns=4.0),
    Timing(period_ns=4.000001),
    Timing(period_ns=7.0, device="ecp5"),
    Timing(period_ns=7.0, device="ice40up5k"),
    Timing(period_ns=1000 / 12),
    Timing(latency=1),
    Timing(latency=2, device="ice40hx8k"),
    Timing(latency=2),
)
SHELLS = shell_names()
FURTHER = runpy.run_path(str(Path(__file__).resolve().parents[2] / "scripts/emitted_designs.py"))[
    "FURTHER"
]


def request(name: str, timing: Timing | None = None, **texts: str) -> tuple[OperatorSpec, Timing]:
    return construct(find(name), texts, who=name), timing or Timing()


# Requests that were once given one name for two designs, or look much alike.
_FP8 = {"a": "fp8_e4m3", "b": "fp8_e4m3", "accumulator": "fp16"}
_CASCADE = {"a": "fp8_e4m3", "b": "fp8_e4m3", "accumulation": "cascade"}
ALIKE = [
    request("mac", Timing(latency=4), **_FP8),
    request("mac", Timing(period_ns=12), **_FP8),
    request("mac", Timing(period_ns=20, device="ecp5"), **_FP8),
    request("mac", Timing(period_ns=12.0000001), **_FP8),
    request("mac", **_CASCADE, accumulator="fp16"),
    request("mac", **_CASCADE, accumulator="fp32", product="fp16"),
    *(request("thresholds", result="uint2", thresholds=t) for t in ("1,2,3", "1;2;3", "-1,2,3")),
    *(request("mcm", constants=c) for c in ("7,19,31", "7,1931", "719,31", "-7,19,31", "7,-19,31")),
    *(request("mcm", constants="7,19", output_bits=bits) for bits in ("9", "none")),
    *(request("fir", coefficients=c) for c in ("7,-19", "7,19", "-7,19", "0,7,19")),
    *(request("cmvm", matrix=m, iterations="0") for m in ("7,19;3,5", "7;19;3;5", "7,19,3,5")),
    *(request("convert", source="sfix8_en-2", result=r) for r in ("sfix6_en-2", "sfix6_en2")),
    *(request("multiply", a=a, result="fp16") for a in ("e4m3_bias-7", "e4m3_bias8", "e4m3")),
    *(request("gemm", m=m, result=r) for m, r in (("1", "int8"), ("64", "int7"))),
    *(request("huffman-decoder", lengths=text) for text in ("1,2,2", "none")),
]


def samples(count: int, seed: int) -> list[tuple[OperatorSpec, Timing]]:
    """So many variants of operators, each at all clocks, and behind all shells at one clock."""
    specs: list[OperatorSpec] = []
    for cls in operators().values():
        default = cls()
        specs += dict.fromkeys([default, *default.variants()])
    rng, found = random.Random(seed), []
    for spec in rng.sample(specs, count):
        shell, clock = rng.choice(SHELLS), rng.choice(CLOCKS)
        found += [(spec, replace(each, shell=shell)) for each in CLOCKS]
        found += [(spec, replace(clock, shell=each)) for each in SHELLS]
    return found


def modules(spec: OperatorSpec, timing: Timing) -> dict[str, str]:
    """Plain names of all modules of a design, with their texts in terms of these."""
    text = Top(spec, timing).rtlil
    names = re.findall(r"^module \\(\S+)$", text, re.M)
    plain = [re.sub(r"\W+", "_", name) for name in names]
    assert len(set(plain)) == len(plain), names
    bodies = re.split(r"^module \\\S+$", text, flags=re.M)[1:]
    return dict(zip(plain, bodies, strict=True))


def compare(requests: list[tuple[OperatorSpec, Timing]]) -> dict[str, set[str]]:
    """Texts by name, of all requests that are legal; fails where a name has two texts."""
    found: dict[str, str] = {}
    tops: dict[str, set[str]] = {}
    for spec, timing in requests:
        try:
            design = modules(spec, timing)
        except RequestError:
            continue
        top = next(iter(design))
        assert top == spec.top_name(timing)
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-zA-Z0-9]+)*", top)
        assert len(top) <= LONGEST + len("_100p000001ns_ice40up5k_axi_stream")
        for name, text in design.items():
            assert found.setdefault(name, text) == text, name
        tops.setdefault(design[top], set()).add(top)
    return tops


def test_alike_requests_have_names_of_their_own():
    names = [spec.top_name(timing) for spec, timing in ALIKE]
    assert len(set(names)) == len(names)
    compare(ALIKE)


@pytest.mark.heavy
def test_a_sample_of_operators_at_all_clocks_and_behind_all_shells():
    assert len(compare(samples(8, seed=7))) > 50


@pytest.mark.heavy
def test_many_operators_at_all_clocks_and_behind_all_shells():
    assert len(compare(samples(90, seed=8))) > 600


@pytest.mark.parametrize("count, names", [(3, 600), pytest.param(9, 1000, marks=pytest.mark.heavy)])
def test_one_or_two_other_parameters_give_another_name_or_the_same_text(count, names):
    """Of all operators, at no clock; only what shares a name is written."""
    by_name: dict[str, list[OperatorSpec]] = {}
    for name, cls in operators().items():
        default, rng = cls(), random.Random(name)
        specs = [*dict.fromkeys([default, *default.variants()])]
        specs += [construct(cls, texts, who=name) for texts in FURTHER.get(name, ())]
        for spec in rng.sample(specs, min(count, len(specs))):
            others = spec.variants()
            specs += rng.sample(others, min(count, len(others)))
        for spec in dict.fromkeys(specs):
            # A function may turn out to have no design when it is looked for.
            with suppress(RequestError):
                by_name.setdefault(spec.top_name(), []).append(spec)
    assert len(by_name) > names
    shared = [(spec, Timing()) for specs in by_name.values() if len(specs) > 1 for spec in specs]
    assert shared
    compare(shared)


def test_effort_is_no_part_of_a_name_but_what_was_found_is():
    one, two = (request("mcm", search_time=seconds)[0] for seconds in ("7", "20"))
    assert one != two
    assert one.top_name() == two.top_name()
    assert emit_verilog.verilog(Top(one)) == emit_verilog.verilog(Top(two))
    matrix = ";".join(",".join(str(5 * i * j % 97 - 40) for j in range(6)) for i in range(6))
    quick, slow = (request("cmvm", matrix=matrix, iterations=n)[0] for n in ("0", "40"))
    assert quick.outcome() != slow.outcome()
    assert quick.top_name() != slow.top_name()


def test_questions_are_no_part_of_a_name():
    one, two = (request("tensor-array", m=size, k="8", n="8")[0] for size in ("8", "64"))
    assert one.top_name() == two.top_name()
    assert emit_verilog.verilog(Top(one)) == emit_verilog.verilog(Top(two))


def test_long_names_are_cut_at_a_word_and_end_in_a_digest():
    numbers = [str(n * n + 3) for n in range(63)]
    names = []
    for last in ("3847", "3848"):
        texts = {"thresholds": ",".join([*numbers[:-1], last]), "result": "uint6"}
        spec, timing = request("thresholds", Timing(latency=1, shell="wishbone"), **texts)
        names.append(spec.top_name(timing))
    assert names[0] != names[1]
    begin = r"thresholds_int12_uint6_thresholds_3_4_7_12_19_28(_\d+)*_[0-9a-f]{12}_l1_wishbone"
    assert all(re.fullmatch(begin, name) and len(name) < 80 for name in names)


def test_shells_and_clocks_have_output_folders_of_their_own():
    spec, _ = request("mac")
    names = {spec.top_name(replace(c, shell=s)) for c, s in product(CLOCKS, SHELLS)}
    assert len(names) == len(CLOCKS) * len(SHELLS)
    engine, _ = request("gemm")
    assert engine.top_name(Timing(shell="stream")) == engine.top_name()


def test_one_plain_form_of_two_module_names():
    def leaf(constant: int) -> Module:
        m = Module()
        m.d.sync += Signal(8, name="count").eq(constant)
        return m

    m, inner = Module(), Module()
    inner.submodules.b = leaf(3)
    m.submodules.a, m.submodules.a_b = inner, leaf(5)
    top = Top(request("add")[0])
    top.rtlil = rtlil.convert(m, name=top.name, ports=[], emit_src=False)
    text = emit_verilog.verilog(top)
    names = re.findall(r"^module (\w+)", text, re.M)
    assert sorted(names) == [top.name, *(f"{top.name}_{part}" for part in ("a", "a_b", "a_b_1"))]
