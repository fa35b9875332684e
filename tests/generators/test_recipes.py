"""Every recipe that comes with the package: same bytes twice, right results, the promised clock."""

import pytest
from hardware import check
from model_files import shared_model

from holigrail_hw.core.errors import RequestError
from holigrail_hw.flow.board.board import board
from holigrail_hw.flow.emit import emit, recipe
from holigrail_hw.flow.explore.catalogue import recipe_folder
from holigrail_hw.flow.simulate.compiled import compile_all
from holigrail_hw.flow.synth import devices, measure
from holigrail_hw.flow.synth.capacity import excesses
from holigrail_hw.flow.verify import workloads

# Models of others, which do not come with the package.
MODELS = {"jet_ulx3s": "qonnx_jet_qkeras_6b.onnx", "kws_ulx3s": "tiny_kws_int8.tflite"}
RECIPES = [path for path in sorted(recipe_folder().glob("*.toml")) if path.stem not in MODELS]

# These two are placed and routed whenever the output shown in README.md is compared.
MEASURED_ELSEWHERE = {"mac_int4", "mac_fp8_fp16"}

# Engines on boards: minutes of place and route each, which `holigrail build` does.
PLACED_ALWAYS = {"mac_int8", "multiply_fp8", "fir_half_band"}
BUILT_FOR_BOARDS = {"digits_icebreaker", "digits_ulx3s", "gemm_icebreaker", "gemm_ulx3s"}
# Compiled for long, and such networks and engines have tests of their own.
LONG = {"digits_icebreaker", "digits_ulx3s", "gemm_icebreaker", "gemm_ulx3s"}


def by_name(path):
    return path.stem


def test_there_are_recipes():
    assert len(RECIPES) >= 8 and MEASURED_ELSEWHERE < {path.stem for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES, ids=by_name)
def test_a_recipe_is_complete_and_read_back(path, tmp_path):
    spec, timing, board_name = recipe.load(path)
    assert timing.period_ns is not None
    if board_name is not None:
        assert board(board_name).model == timing.device
    copy = tmp_path / "copy.toml"
    copy.write_text(recipe.text(spec, timing, board_name))
    assert recipe.load(copy) == (spec, timing, board_name)


@pytest.mark.parametrize("name", MODELS)
def test_a_recipe_for_a_model_of_others(name):
    """It says which file is missing; with it there is a design that the board is promised to run.

    How fast the larger one is takes a search of a minute to tell.
    """
    path = recipe_folder() / f"{name}.toml"
    with pytest.raises(RequestError, match=f"must be a readable file, not {MODELS[name]}"):
        recipe.load(path)
    model = shared_model(MODELS[name])
    spec, timing, board_name = recipe.load(path, {"model": str(model)})
    assert board_name == "ulx3s" and timing.device == "ecp5" and timing.period_ns <= 40
    if spec.style == "stream":
        assert spec.clock(timing).met
        assert excesses(spec, timing, devices.target("ecp5-85k")) == []


@pytest.mark.sampled
@pytest.mark.parametrize("path", RECIPES, ids=by_name)
def test_the_same_bytes_twice(path, tmp_path):
    spec, timing, _ = recipe.load(path)
    first, second = (
        {file.name: file.read_bytes() for file in emit.generate(spec, timing, folder).files}
        for folder in (tmp_path / "one", tmp_path / "two")
    )
    assert first == second
    assert str(tmp_path).encode() not in b"".join(first.values())


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=[pytest.mark.heavy] if p.stem in LONG else []) for p in RECIPES],
    ids=by_name,
)
def test_results_are_right(path):
    spec, timing, _ = recipe.load(path)
    if spec.planned:
        check([spec], timing)
        return
    (design,) = compile_all([(spec, timing)], short=True)
    chosen = workloads.choose(spec, 300, seed=1, corners=False)
    run = design.run_streams(chosen.items, chosen.counts)
    assert not workloads.differences(chosen, run.results)
    assert run.cycles == spec.cycles(timing, **chosen.items)


@pytest.mark.synth
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[] if path.stem in PLACED_ALWAYS else pytest.mark.heavy)
        for path in RECIPES
        if path.stem not in MEASURED_ELSEWHERE | BUILT_FOR_BOARDS
    ],
    ids=by_name,
)
def test_the_period_is_met_and_the_model_is_near(path, tmp_path):
    spec, timing, _ = recipe.load(path)
    device = next(name for name, t in devices.TARGETS.items() if t.model == timing.device)
    measured = measure.measure(spec, timing, device, tmp_path)
    assert measured.result.fmax_mhz and measured.failures == [] and measured.notes == []
