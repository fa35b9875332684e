"""Every registered operator, with default and odd parameters, keeps the contract.

Nothing here knows an operator. The default of an operator runs with two clock requests, every
eighth variant in turn without a clock and with one of the others; compiled, the default runs as a
stream with a clock. Heavy tests run all variants without a clock and with one, the default with the
other requests, and the compiled default plain and as a stream without a clock.
"""

import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from amaranth import Module
from hardware import check

from holigrail_hw.core import Engine, OperatorSpec, RequestError, Timing, operators, parameters_of
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit import emit, manifest, recipe
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import mutants, workloads
from holigrail_hw.ui.pictures import svg_of

# Plug-ins bring their own tests, and engines have a contract of their own.
OPERATORS = {
    name: cls
    for name, cls in operators().items()
    if cls.__module__.startswith("holigrail_hw.") and not issubclass(cls, Engine)
}
COUNT = 600
PAUSES = ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.4, 0.4))


def specs(name: str) -> list[OperatorSpec]:
    """Default first, then one parameter at a time."""
    default = OPERATORS[name]()
    return [default, *dict.fromkeys(v for v in default.variants() if v != default)]


def clocks(spec: OperatorSpec) -> list[Timing]:
    """No clock, three periods down to a demanding one, and a latency."""
    period = spec.planned_figures().promise_ns
    demanding = [Timing(period_ns=round(period * part, 2)) for part in (0.7, 0.4, 0.2)]
    return [Timing(), *demanding, Timing(latency=2)]


def ident(spec: OperatorSpec) -> str:
    return spec.top_name()


@pytest.fixture(params=OPERATORS)
def name(request) -> str:
    return request.param


def plain(name: str) -> list[Compiled]:
    """The default without a clock, and with a period that takes several cycles."""
    default = specs(name)[0]
    return compile_all([(default, timing) for timing in clocks(default)[:3:2]], short=True)


def streams(name: str, timing: int) -> list[Compiled]:
    default = specs(name)[0]
    chosen = [clocks(default)[timing]]
    requests = [(default, replace(timing, shell="stream")) for timing in chosen]
    return compile_all(requests, short=True)


def _figures(plan) -> tuple:
    shape = plan.latency, plan.interval, plan.interleave, plan.flip_flops()
    return shape, plan.promise_ns, plan.estimate_ns, plan.resources


def test_figures_without_hardware_are_those_of_the_hardware(name):
    every = [spec for spec in specs(name) if spec.has_plan]
    for index, spec in enumerate(every[::8]):
        timing = clocks(spec)[index % 5]
        sketch = spec.planned_figures(timing)
        assert _figures(sketch) == _figures(spec.plan(timing))
        with pytest.raises(ValueError, match="made for its figures must not become hardware"):
            sketch.add_to(Module())


def choose(design: Compiled, count: int, seed: int) -> workloads.Workload:
    return workloads.choose(design.top.spec, count, seed, timing=design.top.timing)


def expect(design: Compiled, chosen: workloads.Workload, found: dict, what: str) -> None:
    wrong = workloads.differences(chosen, {"o": found})
    if wrong:
        spec, one = design.top.spec, {n: int(v[wrong[0].index]) for n, v in found.items()}
        raise AssertionError(
            f"{design.top.name}, {what}, {workloads.where(spec, chosen, wrong[0])}\n"
            + workloads.report(spec, chosen, wrong[0], one)
        )


def test_there_are_operators():
    assert OPERATORS


def test_description(name):
    cls = OPERATORS[name]
    assert cls.summary
    assert cls.__doc__ and len(cls.__doc__.split()) > 5
    for key, parameter in parameters_of(cls).items():
        assert parameter.help, key
    assert {field.name for field in fields(cls)} == set(parameters_of(cls))


def test_parameters_out_of_range_are_refused(name):
    cls = OPERATORS[name]
    for key, parameter in parameters_of(cls).items():
        if parameter.type is int:
            for value in (parameter.low - 1, parameter.high + 1):
                with pytest.raises(RequestError) as caught:
                    cls(**{key: value})
                assert f"{name}: {key} must be between" in str(caught.value)
        elif parameter.choices or parameter.type is bool:
            with pytest.raises(RequestError, match=f"{name}: {key} must be "):
                cls(**{key: "no-such-value"})
        else:
            with pytest.raises(RequestError, match=f"{name}: {key}(: no| must be) "):
                cls(**{key: "no-such-value"})


def test_specifications_are_values(name):
    for spec in specs(name):
        assert spec == replace(spec)
        assert hash(spec) == hash(replace(spec))
        rebuilt, timing = manifest.rebuild(spec.name, spec.parameters(), {}, who="test")
        assert (rebuilt, timing) == (spec, Timing())


def test_names_tell_variants_of_the_hardware_apart(name):
    names = {}
    for spec in specs(name):
        key = tuple(getattr(spec, field) for field, p in parameters_of(spec).items() if p.hardware)
        names.setdefault(spec.top_name(), set()).add(key)
    assert all(len(keys) == 1 for keys in names.values())


def test_ports(name):
    for spec in specs(name)[::3]:
        top = Top(spec)
        ports = {port.name: port for port in top.ports()}
        assert len(ports) == len(top.ports())
        assert top.clocked == (spec.stateful or top.latency > 0)
        for port, format in {**spec.inputs(), **spec.outputs()}.items():
            assert (ports[port].width, ports[port].format) == (format.width, format)
        assert not set(spec.inputs()) & set(spec.outputs())
        for port, corner in spec.corner_cases().items():
            width = spec.inputs()[port].width
            assert corner and all(0 <= code < 1 << width for code in corner)


def test_golden_takes_and_gives_codes(name):
    for spec in specs(name):
        codes = spec.items(40, np.random.default_rng(1))
        answers = spec.golden(**codes)
        assert set(answers) == set(spec.outputs())
        for port, format in spec.outputs().items():
            sides = answers[port] if isinstance(answers[port], tuple) else (answers[port],)
            for side in sides:
                assert len(side) == 40
                assert all(0 <= int(code) < 1 << format.width for code in side)


def test_golden_is_the_same_for_further_axes(name):
    """Arrays of any shape are independent items, or independent sequences along axis 0."""
    for spec in specs(name)[:3]:
        codes = spec.items(24, np.random.default_rng(2))
        square = spec.golden(**{port: values.reshape(6, 4) for port, values in codes.items()})
        for column in range(4):
            one = spec.golden(
                **{port: values.reshape(6, 4)[:, column] for port, values in codes.items()}
            )
            for port in spec.outputs():
                assert np.array_equal(np.asarray(square[port])[:, column], np.asarray(one[port]))


def test_cost_is_present(name):
    keys = {"adders", "one_bit_adders", "luts", "flip_flops", "dsps", "memory_bits"}
    for spec in specs(name):
        cost = spec.cost()
        assert set(cost) == keys
        assert all(isinstance(value, int) and value >= 0 for value in cost.values())
        assert sum(cost.values()) > 0
    assert spec.cost(Timing(latency=3))["flip_flops"] > 0


def test_views_can_be_drawn(name):
    """Titles, captions in words, and the same drawing twice."""
    for view in OPERATORS[name]().views():
        assert view.title and view.caption
        drawing = svg_of(view)
        assert drawing == svg_of(view)
        assert drawing.startswith("<svg") if drawing else len(view.rows[0]) == len(view.header)


@pytest.mark.sampled
def test_shorter_periods_take_more_cycles(name):
    for spec in specs(name)[:2]:
        plans = [spec.plan(timing) for timing in clocks(spec)[:4]]
        latencies = [plan.latency for plan in plans]
        assert latencies == sorted(latencies)
        assert plans[-1].promise_ns <= plans[0].promise_ns
        assert spec.plan(Timing(latency=2)).latency == 2


def test_hardware_equals_golden(name):
    """The main clause: every eighth variant, two clocks."""
    default, *others = specs(name)
    for timing in clocks(default)[:3:2]:
        check([default], timing, COUNT)
    for index, spec in enumerate(others[::8]):
        first, *more = clocks(spec)
        check([spec], more[index // 2 % len(more)] if index % 2 else first, COUNT)


@pytest.mark.heavy
def test_every_variant_with_and_without_a_clock(name):
    default, *others = specs(name)
    for timing in clocks(default):
        check([default], timing, COUNT)
    for index, spec in enumerate(others):
        first, *more = clocks(spec)
        check([spec], first, COUNT)
        check([spec], more[index % len(more)], COUNT)


@pytest.mark.heavy
def test_compiled_hardware_equals_golden(name):
    """Compiled as C++ as well; and a reset leaves no trace."""
    for design in plain(name):
        chosen = choose(design, COUNT, seed=11)
        expect(design, chosen, design.run(chosen.items["i"]), "plain")
        first = choose(design, 23, seed=12)
        second = choose(design, 60, seed=13)
        design.run(first.items["i"])
        expect(design, second, design.run(second.items["i"]), "after a reset")


@pytest.mark.sampled
@pytest.mark.parametrize("timing", [2, pytest.param(0, marks=pytest.mark.heavy)])
def test_streams(name, timing):
    """Stalls on both sides, full speed without any, a reset in mid-stream.

    The run loop itself checks the rules of the handshake.
    """
    rng = np.random.default_rng(14)
    for design in streams(name, timing):
        chosen = choose(design, 300, seed=15)
        for idle, stall in PAUSES:
            run = design.run_stream(
                chosen.items["i"], idle=rng.random(61) < idle, stall=rng.random(53) < stall
            )
            expect(design, chosen, run.results, f"idle {idle}, stall {stall}")
            if not idle and not stall:
                assert run.cycles == len(chosen) + design.latency
        cut = design.run_stream(chosen.items["i"], stall=[0, 0, 1], cycles=design.latency + 11)
        assert cut.received < len(chosen)
        other = choose(design, 60, seed=17)
        found = design.run_stream(other.items["i"], idle=[1, 0, 0])
        expect(design, other, found.results, "after a reset in mid-stream")


@pytest.mark.sampled
def test_generated_folder_gives_the_design_back(name, tmp_path):
    spec = specs(name)[-1]
    timing = replace(clocks(spec)[2], shell="stream")
    generated = emit.generate(spec, timing, tmp_path / "a", vectors=8)
    assert manifest.load(tmp_path / "a" / "manifest.json") == (spec, timing)
    path = tmp_path / "one.toml"
    path.write_text(recipe.text(spec, timing))
    assert recipe.load(path) == (spec, timing, None)
    again = emit.generate(spec, timing, tmp_path / "b", vectors=8)
    for one, two in zip(generated.files, again.files, strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_what_becomes_verilog_is_the_same_in_every_process():
    """Every second operator in one process for each hash seed, as Yosys reads them."""
    names = sorted(OPERATORS)[::2]
    code = (
        "import hashlib\n"
        "from holigrail_hw.core import Timing, operators\n"
        "from holigrail_hw.flow.top import Top\n"
        f"names = {names!r}\n"
        "for name in names:\n"
        "    text = Top(operators()[name](), Timing(latency=2)).rtlil\n"
        "    print(name, hashlib.sha256(text.encode()).hexdigest())\n"
    )
    outputs = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=tools.environment(PYTHONHASHSEED=seed),
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) == len(names)


@pytest.mark.sampled
def test_planted_faults_are_noticed(name):
    """Of a sample, not counting those that SAT proves to change nothing.

    All where every operand code was tried.
    """
    result = mutants.run(OPERATORS[name](), faults=24, seed=18)
    assert result.killed
    least = 1 if workloads.is_exhaustive(OPERATORS[name]()) else 0.95
    assert result.rate >= least, [str(fault) for fault in result.survived]


@pytest.mark.heavy
def test_nearly_all_of_many_planted_faults_are_noticed(name):
    for spec in specs(name)[:4]:
        result = mutants.run(spec, faults=150, seed=19)
        assert result.rate >= 0.95, [str(fault) for fault in result.survived]
