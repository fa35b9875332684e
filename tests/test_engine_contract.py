"""Every registered engine, with default and odd parameters, keeps the contract.

Nothing here knows an engine. The default and every second variant of an engine are compiled
together; the others in the heavy run.
"""

import csv
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from holigrail_hw.core import Engine, RequestError, Timing, operators, parameters_of
from holigrail_hw.core.streams import joined
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit import emit, manifest, recipe
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import mutants, workloads

ENGINES = {
    name: cls
    for name, cls in operators().items()
    if cls.__module__.startswith("holigrail_hw.") and issubclass(cls, Engine)
}
COUNT = 400
# Small forms, whose counters and queues short jobs fill.
TABLE = Path(__file__).parents[1] / "scripts/data/mutants.csv"
SMALL = [
    (row["operator"], row["parameters"], int(row["results"] or 0) or None, row["alike"])
    for row in csv.DictReader(TABLE.read_text().splitlines()[1:])
    # It takes an hour, and too few of its chains are met: the guide says so (Verification).
    if row["operator"] != "accelerator"
]
LARGE = {"accelerator", "eie", "gemm", "network", "scnn"}
PAUSES = ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.5, 0.5))


def specs(name: str) -> list[Engine]:
    """Default first, then one parameter at a time."""
    default = ENGINES[name]()
    return [default, *dict.fromkeys(v for v in default.variants() if v != default)]


@pytest.fixture(params=ENGINES)
def name(request) -> str:
    return request.param


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.heavy)], ids=["", "others"])
def others(request) -> bool:
    """Whether the other variants are meant."""
    return request.param


@pytest.fixture(scope="module")
def compiled():
    """Every eighth variant of an engine with the default, or all others, compiled once.

    The default with a clock is among the others of large engines.
    """
    kept: dict[tuple[str, bool], list[Compiled]] = {}

    def get(name: str, others: bool) -> list[Compiled]:
        if (name, others) not in kept:
            default, *variants = specs(name)
            clocked = (default, Timing(period_ns=6.0, device="ecp5"))
            requests = [] if others else [(default, Timing())]
            requests += [clocked] if others == (name in LARGE) else []
            chosen = [v for place, v in enumerate(variants) if (place % 8 != 0) == others]
            requests += [(spec, Timing()) for spec in chosen]
            kept[name, others] = compile_all(requests, short=True) if requests else []
        return kept[name, others]

    return get


def workload(
    design: Compiled, seed: int, count: int = COUNT, timed: bool = False
) -> workloads.Workload:
    assert isinstance(design.top.spec, Engine)
    return workloads.choose(design.top.spec, count, seed, timing=design.top.timing, timed=timed)


def expect(design: Compiled, chosen: workloads.Workload, found: dict) -> None:
    wrong = workloads.differences(chosen, found)
    if wrong:
        one = {field: int(v[wrong[0].index]) for field, v in found[wrong[0].stream].items()}
        spec, text = design.top.spec, workloads.report(design.top.spec, chosen, wrong[0], one)
        place = workloads.where(spec, chosen, wrong[0])
        raise AssertionError(f"{design.top.name}: {len(wrong)} wrong, first {place}\n{text}")


def test_description(name):
    cls = ENGINES[name]
    assert cls.summary
    assert cls.__doc__ and len(cls.__doc__.split()) > 5
    assert {field.name for field in fields(cls)} == set(parameters_of(cls))
    for key, parameter in parameters_of(cls).items():
        assert parameter.help, key
        if parameter.type is int and not parameter.optional:
            for value in (parameter.low - 1, parameter.high + 1):
                with pytest.raises(RequestError, match=f"{name}: {key} must be between"):
                    cls(**{key: value})


def test_specifications_are_values(name):
    for spec in specs(name):
        assert spec == replace(spec) and hash(spec) == hash(replace(spec))
        rebuilt, timing = manifest.rebuild(spec.name, spec.parameters(), {}, who="test")
        assert (rebuilt, timing) == (spec, Timing())


def test_names_tell_variants_of_the_hardware_apart(name):
    names = {}
    for spec in specs(name):
        key = tuple(getattr(spec, field) for field, p in parameters_of(spec).items() if p.hardware)
        names.setdefault(spec.top_name(), set()).add(key)
    assert all(len(keys) == 1 for keys in names.values())


def test_streams(name):
    for spec in specs(name):
        streams = spec.streams()
        assert {stream.direction for stream in streams.values()} == {"in", "out"}
        assert all(stream.fields for stream in streams.values())
        ports = [port.name for port in Top(spec).ports()]
        assert len(set(ports)) == len(ports)


def test_jobs_are_codes_and_stand_alone(name):
    """Golden gives codes, and several jobs in a row give their answers in a row."""
    rng = np.random.default_rng(1)
    for spec in specs(name):
        jobs = [*spec.corner_jobs()[:3], *(spec.job(rng, size) for size in (1, 9, 40))]
        streams = spec.streams()
        answers = []
        for job in jobs:
            assert set(job) == {n for n, s in streams.items() if s.direction == "in"}
            answers.append(spec.golden(**job))
            for stream, values in [*job.items(), *answers[-1].items()]:
                assert set(values) == set(streams[stream].fields)
                for field, codes in values.items():
                    width = streams[stream].fields[field].width
                    assert codes is None or all(0 <= int(code) < 1 << width for code in codes)
        whole = spec.golden(**joined(jobs))
        for stream, values in whole.items():
            for field, codes in values.items():
                if codes is not None:
                    parts = [answer[stream][field] for answer in answers]
                    assert np.array_equal(codes, np.concatenate(parts)), (stream, field)


def test_cost_is_present(name):
    keys = {"adders", "one_bit_adders", "luts", "flip_flops", "dsps", "memory_bits"}
    for spec in specs(name):
        for timing in (Timing(), Timing(period_ns=6.0, device="ecp5")):
            cost = spec.cost(timing)
            assert set(cost) == keys
            assert all(isinstance(value, int) and value >= 0 for value in cost.values())
            assert sum(cost.values()) > 0


def test_views_have_titles_and_captions(name):
    for spec in specs(name)[:3]:
        for view in spec.views():
            assert view.title and view.caption


def test_hardware_equals_golden(name, others, compiled):
    """The main clause: variants, pauses on all sides, and as many cycles as promised."""
    rng = np.random.default_rng(2)
    for place, design in enumerate(compiled(name, others)):
        spec = design.top.spec
        for idle, stall in PAUSES if place < 2 else (PAUSES[0], PAUSES[3]):
            # Only jobs whose cycles are promised where nobody waits.
            chosen = workload(design, seed=place, timed=not idle and not stall)
            pauses = {
                stream.name: rng.random(251) < (idle if stream.direction == "in" else stall)
                for stream in design.top.handshakes()
            }
            run = design.run_streams(
                chosen.items, chosen.counts, pauses=pauses, quiet=spec.quiet_cycles
            )
            expect(design, chosen, run.results)
            if not idle and not stall:
                promised = spec.cycles(design.top.timing, **chosen.items)
                assert promised in (None, run.cycles), design.top.name


def test_a_reset_in_the_middle_leaves_no_trace(name, others, compiled):
    for design in compiled(name, others):
        quiet = design.top.spec.quiet_cycles
        first, second = workload(design, 5), workload(design, 6, 40)
        for cycles in (3, 17, 101):
            design.run_streams(first.items, first.counts, cycles=cycles, quiet=quiet)
            run = design.run_streams(second.items, second.counts, quiet=quiet)
            expect(design, second, run.results)


@pytest.mark.sampled
def test_generated_folder_gives_the_design_back(name, tmp_path):
    spec, timing = specs(name)[-1], Timing(period_ns=8.0, device="ecp5")
    generated = emit.generate(spec, timing, tmp_path / "a", vectors=8)
    assert manifest.load(tmp_path / "a" / "manifest.json") == (spec, timing)
    path = tmp_path / "one.toml"
    path.write_text(recipe.text(spec, timing))
    assert recipe.load(path) == (spec, timing, None)
    again = emit.generate(spec, timing, tmp_path / "b", vectors=8)
    for one, two in zip(generated.files, again.files, strict=True):
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.heavy
def test_what_becomes_verilog_is_the_same_in_every_process():
    code = (
        "import hashlib\n"
        "from holigrail_hw.core import Timing, operators\n"
        "from holigrail_hw.flow.top import Top\n"
        f"for name in {sorted(ENGINES)!r}:\n"
        "    text = Top(operators()[name](), Timing()).rtlil\n"
        "    print(name, hashlib.sha256(text.encode()).hexdigest())\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=tools.environment(PYTHONHASHSEED=seed),
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) == len(ENGINES)


def test_there_is_a_small_form_of_every_engine():
    assert {name for name, *_ in SMALL} == set(ENGINES) - {"accelerator"}


@pytest.mark.parametrize(
    ("engine", "parameters", "results", "alike"),
    [
        pytest.param(*one, marks=() if one[0] == "run-length-decoder" else pytest.mark.heavy)
        for one in SMALL
    ],
)
def test_planted_faults_are_noticed(engine, parameters, results, alike):
    """In control and data, or proved to change nothing; scripts/bench_mutants says how many."""
    values = dict(pair.split("=") for pair in parameters.split())
    spec, _ = manifest.rebuild(engine, values, {}, who="test")
    result = mutants.run(spec, faults=33, count=results, seed=18)
    survived = [fault for fault in result.survived if str(fault) not in alike.split("; ")]
    left = [(str(fault), result.reasons[fault]) for fault in survived]
    assert len(left) <= 0.05 * (len(result.killed) + len(left)), left
