"""Networks compiled and executed: every layer and the answer against the integer graph."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from models.tflite_builder import cases, connected, moves
from random_networks import INT32, Builder, random_network

from holigrail_hw.core import DesignError, RequestError
from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.formulas.functions import Function
from holigrail_hw.models.formulas.rounded_floats import DoubleAway
from holigrail_hw.models.formulas.twice_rounded import TwiceRounded
from holigrail_hw.models.graph.nodes import Add, Linear, Move, Requantise
from holigrail_hw.models.reading import read
from holigrail_hw.soc.compiler import weights
from holigrail_hw.soc.compiler.buffers import Arena, Geometry
from holigrail_hw.soc.compiler.compare import answer, executed, first_difference, loaded
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.constant_channels import pruned
from holigrail_hw.soc.compiler.cycles import descriptor_cycles, with_waits
from holigrail_hw.soc.compiler.documents import image_header, manifest
from holigrail_hw.soc.compiler.program import check_image
from holigrail_hw.soc.compiler.requantisers import rescaling_of, same_codes
from holigrail_hw.soc.descriptors.kinds import Copy, Fill, Load, Matmul
from holigrail_hw.soc.machine import Machine

SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"
ROOMY = Machine(scratchpad=1 << 17)


def model(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip("the model files in ../shared are not there")
    stored = np.load(SHARED / "ref" / f"{name}.npz")
    return read(path), stored["x"], stored["y"]


def machine_of(seed):
    rng = random.Random(seed)
    rows = rng.choice((2, 4, 8, 16))
    sides = [c for c in (2, 4, 8, 16) if 4 <= max(rows, c) <= 2 * min(rows, c)]
    return Machine(
        rows=rows,
        columns=rng.choice(sides),
        activation_depth=rng.choice((256, 1024)),
        accumulator_depth=rng.choice((8, 100)),
        scratchpad=rng.choice((1 << 13, 1 << 14, 1 << 17)),
    )


def compared(graph, machine, frames=1, seed=0, **options):
    """The program, after every layer and the answer of some frames were found equal."""
    program = compiled(graph, machine, **options)
    numbers = np.random.default_rng(seed)
    for _ in range(frames):
        frame = numbers.integers(-128, 128, graph.inputs[0].shape)
        memory = loaded(program, frame, fill=0x55)
        difference = first_difference(program, graph, frame, memory)
        assert difference is None, difference and difference.text
        expected = graph.evaluate(frame[None])[0].reshape(-1)
        assert answer(program, memory).tolist() == expected.tolist()
    return program


def random_case(seed):
    """What became of a random network: streamed, resident, or refused for a good reason."""
    graph, machine = random_network(seed), machine_of(seed)
    try:
        program = compared(graph, machine, seed=seed)
        compared(graph, machine, seed=seed, constant_channels=False)
    except RequestError as error:
        assert "scratchpad must have" in str(error) or "sums must have at most" in str(error)
        return "refused"
    return "streamed" if program.loads else "resident"


def test_random_networks():
    found = [random_case(seed) for seed in range(25)]
    assert found.count("refused") < 10
    assert "resident" in found


@pytest.mark.heavy
def test_many_random_networks():
    found = [random_case(seed) for seed in range(100, 500)]
    assert found.count("refused") < 100
    assert found.count("streamed") > 5


@pytest.mark.parametrize("size", [(4, 4), (8, 8)])
def test_the_keyword_spotter(size):
    graph, x, y = model("tiny_kws_int8.tflite")
    program = compiled(graph, Machine(rows=size[0], columns=size[1]))
    frame = x[0].reshape(graph.inputs[0].shape).astype(np.int64)
    memory = loaded(program, frame, fill=0x55)
    assert first_difference(program, graph, frame, memory) is None
    assert answer(program, memory).tolist() == y[0].reshape(-1).tolist()
    assert not program.loads


@pytest.mark.heavy
@pytest.mark.parametrize("size", [(2, 4), (4, 2), (4, 4), (4, 8), (8, 8), (16, 16)])
def test_all_frames_of_the_keyword_spotter(size):
    graph, x, y = model("tiny_kws_int8.tflite")
    program = compiled(graph, Machine(rows=size[0], columns=size[1]))
    for one, expected in zip(x, y, strict=True):
        frame = one.reshape(graph.inputs[0].shape).astype(np.int64)
        memory = loaded(program, frame, fill=0x55)
        assert first_difference(program, graph, frame, memory) is None
        assert answer(program, memory).tolist() == expected.reshape(-1).tolist()


# Two inputs, or nothing for the accelerator, or channels that are added.
NOT_HERE = ("add", "softmax", "pad", "concatenation")


def files():
    named = {name: (data, inputs[0]) for name, data, inputs in (*cases(), *moves())}
    data, x = connected(slice(0, 4))
    named["connected"] = data, x
    return {name: pair for name, pair in named.items() if not name.startswith(NOT_HERE)}


@pytest.mark.parametrize("runtime", ["litert", "tflm"])
def test_operators_of_tflite_files(runtime, tmp_path):
    """One by one, with ReLUs, strides, dilations and channels that become several."""
    found = files()
    assert len(found) == 12
    for name, (data, x) in found.items():
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(data)
        graph = read(path, runtime=runtime)
        for machine in (ROOMY, replace(ROOMY, rows=8, columns=8)):
            program = compiled(graph, machine)
            for frame in x[:3].reshape(-1, *graph.inputs[0].shape).astype(np.int64):
                memory = loaded(program, frame, fill=0x55)
                assert first_difference(program, graph, frame, memory) is None
                expected = graph.evaluate(frame[None])[0].reshape(-1)
                assert answer(program, memory).tolist() == expected.tolist()


@pytest.mark.parametrize("scratchpad", [1 << 19, 1 << 14])
def test_the_anomaly_detector(scratchpad):
    """Resident, and in parts."""
    graph, x, y = model("tiny_ad01_int8.tflite")
    program = compiled(graph, Machine(scratchpad=scratchpad))
    assert (len(program.loads) > 80) == (scratchpad == 1 << 14)
    for one, expected in zip(x[:2], y[:2], strict=True):
        frame = one.reshape(graph.inputs[0].shape).astype(np.int64)
        memory = loaded(program, frame, fill=0x55)
        assert first_difference(program, graph, frame, memory) is None
        assert answer(program, memory).tolist() == expected.reshape(-1).tolist()
        memory = loaded(program, frame, fill=0x55)
        executed(program, memory, late=True)
        assert answer(program, memory).tolist() == expected.reshape(-1).tolist()


@pytest.mark.parametrize("late", [False, True])
def test_weights_come_in_time_and_not_too_early(late):
    made = Builder(26, (96,))
    for _ in range(3):
        made.dense(96, once=False)
    graph, machine = made.graph(), Machine(scratchpad=6144, activation_depth=64)
    program = compiled(graph, machine)
    assert len(program.loads) > 8
    frame = np.random.default_rng(26).integers(-128, 128, 96)
    memory = loaded(program, frame)
    outcome = executed(program, memory, late=late)
    assert (outcome.descriptors, outcome.loads) == (len(program.descriptors), len(program.loads))
    assert answer(program, memory).tolist() == graph.evaluate(frame[None])[0].tolist()


def test_the_first_wrong_layer_is_named():
    made = Builder(3, (6, 6, 4))
    made.convolution((3, 3), (1, 1), 8)
    made.convolution((1, 1), (1, 1), 8)
    made.convolution((3, 3), (1, 1), 8, depthwise=True)
    graph = made.graph()
    program = compiled(graph, ROOMY)
    frame = np.random.default_rng(3).integers(-128, 128, (6, 6, 4))
    memory = loaded(program, frame)
    step = next(s for s in program.steps if s.name == "t3")
    weights = next(d for d in program.descriptors[step.first :] if isinstance(d, Matmul)).w_base
    memory[weights : weights + 4] ^= 0x7F
    difference = first_difference(program, graph, frame, memory)
    assert difference is not None
    assert difference.layer == "t3"
    assert difference.text.startswith("layer t3, ")
    assert " codes differ, the first at (" in difference.text
    memory = loaded(program, frame)
    memory[program.start + 1] ^= 1
    with pytest.raises(DesignError, match=r"layer .*, descriptor 0: .* check sum wrong"):
        first_difference(program, graph, frame, memory)


def with_dead_channels():
    """Every third channel of the first layer is below every ReLU; one has another constant."""
    made = Builder(5, (5, 5, 3))
    made.convolution((3, 3), (1, 1), 12)
    sums, codes = made.nodes[-2:]
    bias = sums.bias.copy()
    bias[::3] = -(1 << 26)
    bias[1] = 1 << 26
    formula = replace(codes.formula, low=codes.formula.zero, high=127)
    made.nodes[-2:] = [sums.changed(bias=bias), codes.changed(formula=formula)]
    made.convolution((3, 3), (1, 1), 12, depthwise=True)
    made.convolution((1, 1), (1, 1), 6)
    made.dense(4, once=True)
    return made.graph()


def test_constant_channels_leave_the_network():
    graph = with_dead_channels()
    small = pruned(graph)
    assert small.macs < graph.macs
    channels = [node.weights.shape[-1] for node in small.nodes if isinstance(node, Linear)]
    # Channel 1 stays: at the border its window sees other codes.
    assert channels == [8, 8, 6, 4]
    frames = np.random.default_rng(6).integers(-128, 128, (50, 5, 5, 3))
    assert (small.evaluate(frames) == graph.evaluate(frames)).all()
    compared(graph, ROOMY)
    program = compared(graph, ROOMY, constant_channels=False)
    assert compiled(graph, ROOMY).cycles < program.cycles


def test_an_image_is_flattened_without_its_constant_channels():
    made = Builder(8, (3, 3, 2))
    made.convolution((1, 1), (1, 1), 5)
    sums, codes = made.nodes[-2:]
    made.nodes[-2] = sums.changed(bias=np.where(np.arange(5) == 2, -(1 << 26), sums.bias))
    made.nodes[-1] = codes.changed(formula=replace(codes.formula, low=-100))
    made.dense(7, once=False)
    graph = made.graph()
    small = pruned(graph)
    move = next(node for node in small.nodes if isinstance(node, Move))
    assert move.numbers == (36,)
    frames = np.random.default_rng(9).integers(-128, 128, (50, 3, 3, 2))
    assert (small.evaluate(frames) == graph.evaluate(frames)).all()
    compared(graph, ROOMY)


def test_biases_of_32_bits_and_shifts_of_31():
    made = Builder(11, (600,))
    made.dense(8, once=False)
    sums, codes = made.nodes[-2:]
    bias = np.array([1, -1, 1 << 30, -(1 << 30), 1 << 28, -(1 << 28), 5, (1 << 31) - (1 << 25)])
    mantissa, shift = codes.formula.mantissa.copy(), codes.formula.shift.copy()
    shift[2:4], shift[4:6], shift[7] = -23, -21, -31
    formula = TwiceRounded(mantissa, shift, 0, -128, 127)
    made.nodes[-2:] = [sums.changed(bias=bias), codes.changed(formula=formula)]
    made.dense(4, once=True)
    graph = made.graph()
    for machine in (ROOMY, replace(ROOMY, rows=8, columns=8)):
        wide = compared(graph, replace(machine, wide_parameters=True), 5, constant_channels=False)
        assert any(isinstance(d, Matmul) and d.p_wide for d in wide.descriptors)
    with pytest.raises(RequestError) as caught:
        compiled(graph, ROOMY)
    most = int(np.abs(bias - sums.zero * sums.weights.sum(axis=0))[:7].max())
    assert str(caught.value) == (
        "compile: node t1, Linear: biases must fit into 28 bits, zero point folded in, not reach"
        f" {most}"
    )
    assert caught.value.hint == "a machine with wide_parameters has biases of 32 bits"
    # What is constant has no large bias, and what is not wide needs no wide parameters.
    bias[2:6] = 0
    made.nodes[0] = sums.changed(bias=bias)
    narrow = compared(made.graph(), ROOMY, 5)
    assert not any(isinstance(d, Matmul) and d.p_wide for d in narrow.descriptors)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(
    ("kernel", "strides", "same"),
    [
        ((5, 3), (2, 1), True),
        ((4, 4), (2, 2), True),
        ((3, 2), (3, 2), False),
        ((2, 3), (1, 1), False),
    ],
)
def test_windows_of_an_input_of_few_channels(channels, kernel, strides, same):
    made = Builder(23, (11, 9, channels))
    made.convolution(kernel, strides, 24, same=same)
    made.convolution((3, 3), (1, 1), 8)
    for machine in (ROOMY, replace(ROOMY, rows=8, columns=8), replace(ROOMY, rows=16, columns=8)):
        compared(made.graph(), machine)


def test_operands_of_a_sum_come_when_they_come():
    """One is rescaled long before the other is computed; the other is added as it is."""
    made = Builder(24, (4, 4, 5))
    made.convolution((3, 3), (1, 1), 5)
    start, shape = made.tensor, made.shapes[made.tensor]
    one = np.ones((1, 1, 1), np.int64)
    formula = TwiceRounded((1 << 30) + 12345 * one, -one, 0, *INT32, 3, made.zeros[start])
    early = made.add(Requantise, shape, (start,), formula=formula)
    made.tensor = start
    made.convolution((3, 3), (1, 1), 5)
    made.add(Add, shape, (early, made.tensor), factors=(1, 3))
    formula = TwiceRounded((1 << 30) * one, -2 * one, 7, -128, 127)
    made.zeros[made.add(Requantise, shape, formula=formula)] = 7
    compared(made.graph(), ROOMY, 3)


@pytest.mark.parametrize(("shape", "of_channels"), [((9, 8, 32), True), ((16, 7, 5), False)])
def test_depthwise_layers_in_blocks(shape, of_channels):
    """Groups of channels, or blocks of rows, are the groups of a descriptor."""
    made = Builder(27, shape)
    made.convolution((3, 3), (1, 1), shape[2], depthwise=True)
    program = compared(made.graph(), replace(ROOMY, accumulator_depth=24))
    found = [d for d in program.descriptors if isinstance(d, Matmul) and d.w_step_k]
    assert len(found) > 1
    assert all(d.vectors <= 24 for d in found)
    assert {bool(d.p_restart) for d in found if d.groups > 1} == {not of_channels}


@pytest.mark.parametrize(
    ("kernel", "strides", "line_buffer", "count"),
    [
        ((3, 3), (1, 1), 64, 1),
        ((3, 3), (2, 2), 64, 1),
        ((3, 3), (1, 2), 64, 1),
        # Rows of 9 pixels and two more, in three parts.
        ((3, 3), (1, 1), 5, 3),
        ((3, 3), (3, 3), 64, 0),
        ((5, 3), (1, 1), 64, 0),
    ],
)
def test_depthwise_layers_by_their_unit(kernel, strides, line_buffer, count):
    """Where it can do them; the answers are the same, and it takes fewer cycles."""
    made = Builder(28, (8, 9, 16))
    made.convolution(kernel, strides, 16, depthwise=True)
    machine = replace(ROOMY, line_buffer=line_buffer, accumulator_depth=24)
    program = compared(made.graph(), machine)
    found = [d for d in program.descriptors if isinstance(d, Matmul)]
    assert [d.line_buffered for d in found] == [1] * count if count else [0] * len(found)
    plain = compared(made.graph(), replace(machine, line_buffer=0))
    assert (program.cycles < plain.cycles) == bool(count)


@pytest.mark.parametrize("seed", [1, 4, 6])
def test_nothing_is_read_beyond_the_scratchpad(seed):
    """Not even lanes whose weights are 0."""
    made = Builder(seed, (3, 3, 40))
    made.convolution((1, 1), (1, 1), 64)
    made.pool("sum", (3, 3), (1, 1))
    used = compiled(made.graph(), ROOMY).used
    tight = replace(ROOMY, scratchpad=-(-used // 64) * 64)
    program = compared(made.graph(), tight)
    assert tight.scratchpad - program.used < 64
    assert [d for d in program.descriptors if isinstance(d, Matmul) and d.w_step_row]
    for buffer in (program.input[0], program.output[0]):
        assert buffer % 16 == 0


def test_functions_of_codes():
    made = Builder(12, (4, 3, 6))
    made.convolution((1, 1), (1, 1), 5)
    shape = made.shapes[made.tensor]
    factor = np.full((1, 1, 1), 0.05)
    formula = Function((("Sigmoid", {}),), factor, 0 * factor, 1 / 256, -128, -128, 127)
    made.zeros[made.add(Requantise, shape, formula=formula)] = -128
    made.convolution((3, 3), (1, 1), 5)
    compared(made.graph(), ROOMY)


def test_two_readers_need_one_border():
    made = Builder(13, (4, 4, 4))
    made.convolution((1, 1), (1, 1), 4)
    start = made.tensor
    made.zeros[start] = 5
    made.convolution((3, 3), (1, 1), 4)
    other = made.tensor
    made.tensor = start
    made.pool("maximum", (3, 3), (1, 1), same=True)
    made.sum_with(other)
    with pytest.raises(RequestError) as caught:
        compiled(made.graph(), ROOMY)
    assert str(caught.value) == (
        "random: tensor t1: all its readers must have one value around the image, not [-128, 5]"
    )


def test_the_mean_of_an_image_can_have_wide_parameters(monkeypatch):
    monkeypatch.setattr(weights, "_NARROW_BIAS", 0)
    made = Builder(8, (5, 3, 16))
    made.pool("sum", (5, 3), (1, 1))
    made.dense(6, once=True)
    for machine in (ROOMY, replace(ROOMY, rows=8, columns=8)):
        program = compared(made.graph(), replace(machine, wide_parameters=True))
        products = [one for one in program.descriptors if isinstance(one, Matmul)]
        assert products[0].w_step_row and all(one.p_wide for one in products)


@pytest.mark.parametrize("size", [1, 4, 9, 16, 25, 36, 49, 64, 100, 125])
def test_means_round_as_they_should_for_every_sum(size):
    one = fractions(1).reshape(1, 1, 1)
    formula = Affine(one / size, one * 0, -128, 127, "nearest_away")
    ends = np.array([-128 * size]), np.array([127 * size])
    made = rescaling_of(formula, *ends, 3, times=2)
    assert made is not None
    sums = np.arange(-128 * size, 127 * size + 1)
    expected = np.where(sums >= 0, (sums + size // 2) // size, -((-sums + size // 2) // size))
    assert (made.apply(2 * sums[:, None])[:, 0] == expected).all()


def test_bisection_finds_what_every_sum_would():
    rng, numbers = random.Random(14), np.random.default_rng(14)
    seen = set()
    for _ in range(300):
        least = np.array([rng.randint(-900, 0)])
        greatest = least + rng.randint(0, 1800)
        steps = [np.sort(numbers.integers(least[0], greatest[0] + 1, 9)) for _ in range(2)]
        if rng.random() < 0.5:
            steps[1] = steps[0].copy()
            steps[1][rng.randrange(9)] += rng.choice((0, 0, 1))
            steps[1].sort()
        first, second = (lambda x, s=s: np.searchsorted(s, x, "right") for s in steps)
        every = np.arange(least[0], greatest[0] + 1)[:, None]
        expected = (first(every) == second(every)).all()
        assert same_codes(first, second, least, greatest)[0] == expected
        seen.add(bool(expected))
    assert seen == {True, False}


def test_a_formula_that_no_lane_has_is_refused():
    ends = np.array([-1 << 20]), np.array([1 << 20])
    assert rescaling_of(DoubleAway(np.array([1.5]), 0, -128, 127), *ends, 1) is None
    # Rounding down is half a code away from what lanes do.
    one = fractions(1).reshape(1)
    assert rescaling_of(Affine(one / 8, 0 * one, -128, 127, "down"), *ends, 1) is None
    twice = TwiceRounded(np.array([1 << 30]), np.array([1]), 0, -128, 127)
    assert rescaling_of(twice, *ends, 1) is None


def refusal(graph, machine=ROOMY):
    with pytest.raises(RequestError) as caught:
        compiled(graph, machine)
    return str(caught.value), caught.value.hint


def test_what_does_not_fit_is_told():
    made = Builder(15, (16, 16, 8))
    made.convolution((3, 3), (1, 1), 16)
    made.convolution((1, 1), (1, 1), 16)
    message, hint = refusal(made.graph(), Machine(scratchpad=8192))
    assert message.startswith("random: scratchpad must have ")
    assert " bytes, not 8192: buffer t1 lies " in message
    assert " bytes beyond its end; at layer " in message
    needed = int(message.split("must have ")[1].split()[0])
    assert hint.startswith("a scratchpad of ")
    wanted = int(hint.split()[3])
    assert 0 <= wanted - needed < 64
    # What is said to help does help.
    compiled(made.graph(), Machine(scratchpad=wanted))
    with pytest.raises(RequestError):
        compiled(made.graph(), Machine(scratchpad=wanted - 64))
    _, hint = refusal(made.graph(), Machine(scratchpad=8192, loader=False))
    assert hint.endswith("; a loader, so that weights need not stay")


def test_operators_that_are_not_there_are_named():
    made = Builder(16, (3, 4, 5))
    made.add(Move, (5, 4, 3), how="transpose", numbers=(2, 1, 0))
    assert refusal(made.graph())[0] == (
        "random: node t0, Move: the accelerator must have its operator, not miss transpose"
    )
    made = Builder(17, (3, 4, 5))
    made.softmax()
    made.zeros["t0"] = -128
    made.convolution((1, 1), (1, 1), 2)
    message, hint = refusal(made.graph())
    assert (
        message == "random: node t0, Softmax: softmax must be the last operator, not one in between"
    )
    assert hint == "the operators that there are: holigrail guide accelerator"


def test_sums_that_are_too_long_are_told():
    made = Builder(18, (600,))
    made.dense(3, once=False)
    machine = replace(ROOMY, activation_depth=149)
    message, hint = refusal(made.graph(), machine)
    assert message == (
        "compile: node t1, Linear: sums must have at most 149 tiles of 4 products, as the engine's"
        " buffer has, not 150"
    )
    assert hint == "an activation_depth of 150 is enough"
    compared(made.graph(), replace(machine, activation_depth=150))


def test_images_are_for_one_accelerator():
    made = Builder(19, (4, 4, 4))
    made.convolution((3, 3), (1, 1), 4)
    image = compiled(made.graph(), ROOMY).image
    check_image(image, ROOMY.digest)
    other = replace(ROOMY, rows=8).digest
    with pytest.raises(RequestError) as caught:
        check_image(image, other, "net.bin")
    assert str(caught.value) == (
        f"net.bin: it must be for the accelerator with digest {other:08x}, not {ROOMY.digest:08x}"
    )
    for at in (5, 70, len(image) - 1):
        spoilt = bytearray(image)
        spoilt[at] ^= 1
        with pytest.raises(RequestError, match="they are spoilt"):
            check_image(bytes(spoilt), ROOMY.digest)
    with pytest.raises(RequestError, match="must begin with the header of an image"):
        check_image(b"", ROOMY.digest)


def test_places_never_overlap():
    rng = random.Random(20)
    arena, live = Arena(64, 8), {}
    for turn in range(400):
        if live and rng.random() < 0.5:
            name = rng.choice([*live])
            arena.free(name)
            del live[name]
        border = rng.choice(((0, 0, 0, 0), (1, 1, 1, 1)))
        geometry = Geometry((rng.randint(1, 6), rng.randint(1, 6), 4), 4, border)
        name = f"t{turn}"
        buffer = arena.place(name, geometry)
        for other in live.values():
            assert buffer.end + 8 <= other.base or other.end + 8 <= buffer.base
        live[name] = buffer
        assert arena.end >= buffer.end + 8


def test_a_border_is_filled_once():
    arena, geometry = Arena(0, 4), Geometry((4, 4, 4), 4, (1, 1, 1, 1), -3)
    first = arena.place("a", geometry)
    assert arena.needs_border(first)
    arena.free("a")
    again = arena.place("b", geometry)
    assert again == first
    assert not arena.needs_border(again)
    arena.free("b")
    other = arena.place("c", Geometry((3, 3, 4), 4))
    arena.free("c")
    assert other.base == first.base
    assert arena.needs_border(arena.place("d", geometry))


def test_vectors_are_moved_where_all_is_aligned():
    machine, fill = Machine(), Fill(nx=40, ny=3, y_base=64, y_step_y=50)
    copy = Copy(nx=8, ny=5, groups=2, a_step_y=10, y_step_y=12, y_step_group=100)
    assert descriptor_cycles(machine, fill) == 41 + 30
    assert descriptor_cycles(machine, replace(fill, y_base=65)) == 41 + 120
    assert descriptor_cycles(machine, replace(fill, nx=42)) == 41 + 126
    assert descriptor_cycles(machine, replace(fill, y_step_x=2)) == 41 + 120
    assert descriptor_cycles(machine, copy) == 43 + 20
    assert descriptor_cycles(machine, replace(copy, a_step_y=11)) == 43 + 80
    wide = replace(machine, rows=8, columns=8)
    assert descriptor_cycles(wide, replace(copy, a_step_y=8)) == 35 + 10


def test_waiting_is_predicted():
    """Loads of 100 and 20 bytes take 236 and 76 cycles, the second begins after descriptor 0.

    The first begins in cycle 24, when its record of 16 bytes is read behind that of the first
    descriptor, 4 bytes a cycle. Descriptors can wait 4 cycles after they begin.
    """
    machine, fill, before = Machine(), Fill(), [4] * 3
    chain = [fill, replace(fill, wait=1, wait_count=1), Copy(wait=1, wait_count=2)]
    loads = [Load(length=100), Load(length=20, wait=1, wait_count=1)]
    # Descriptor 1 begins in cycle 11, its load is there in 260, the next in 336.
    assert with_waits(machine, chain, [10, 10, 10], before, loads) == (10, 255, 76)
    # The second load begins when descriptor 0 is done, in cycle 301, and is there in 377.
    assert with_waits(machine, chain, [300, 10, 10], before, loads) == (300, 10, 72)
    assert with_waits(machine, [fill] * 3, [1, 2, 3], before, []) == (1, 2, 3)


def test_counters_of_8_bits_go_round():
    """300 descriptors that each wait for a load of their own."""
    chain = [Fill(wait=1, wait_count=(n + 1) % 256) for n in range(300)]
    loads = [Load(length=4, wait=n > 1, wait_count=max(n - 1, 0) % 256) for n in range(300)]
    # A load of 44 cycles begins when the descriptor two before is done.
    for alone, cycles in ((60, 60), (20, 44), (5, 44)):
        found = with_waits(Machine(), chain, [alone] * 300, [4] * 300, loads)
        assert found[2:] == (cycles,) * 298


def test_a_second_frame_needs_only_its_input():
    """The chain leaves constants and descriptors as they were."""
    graph = random_network(3)
    program = compiled(graph, ROOMY)
    frames = np.random.default_rng(21).integers(-128, 128, (2, *graph.inputs[0].shape))
    memory = loaded(program, frames[0])
    executed(program, memory)
    at, size = program.input
    memory[at : at + size] = frames[1].reshape(-1).astype(np.int8).view(np.uint8)
    executed(program, memory)
    assert answer(program, memory).tolist() == graph.evaluate(frames[1:])[0].reshape(-1).tolist()


def test_manifest_and_header_say_where_things_are():
    made = Builder(25, (6, 6, 4))
    made.convolution((3, 3), (1, 1), 8)
    made.dense(5, once=True)
    made.softmax()
    program = compiled(made.graph(), ROOMY)
    found = manifest(program)
    assert json.loads(json.dumps(found)) == found
    assert [layer["kind"] for layer in found["layers"]] == ["input", "product", "product"]
    assert sum(layer["descriptors"] for layer in found["layers"]) == len(program.descriptors)
    assert sum(layer["cycles"] for layer in found["layers"]) == found["cycles"]
    assert [layer.get("products") for layer in found["layers"]] == [None, 36 * 9 * 32, 288 * 5]
    frame = np.random.default_rng(25).integers(-128, 128, (6, 6, 4))
    memory = loaded(program, frame)
    executed(program, memory)
    tensor = found["layers"][-1]["tensor"]
    assert (tensor["first"], tensor["shape"]) == (program.output[0], [1, 1, 5])
    defined = dict(re.findall(r"#define ACCELERATOR_IMAGE_(\w+) 0x(\w+)u", image_header(program)))
    assert int(defined["INPUT"], 16) == 0x3000_0000 + program.input[0]
    assert int(defined["OUTPUT"], 16) == 0x3000_0000 + found["output"]["address"]
    assert int(defined["DIGEST"], 16) == ROOMY.digest
    assert int(defined["CLASSES"], 16) == 5
