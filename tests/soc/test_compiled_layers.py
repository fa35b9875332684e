"""Kinds of layers compiled: what leaves the network, windows, blocks, borders, wide parameters."""

from dataclasses import replace

import numpy as np
import pytest
from compiled_networks import ROOMY, compared
from random_networks import INT32, Builder

from holigrail_hw.core import RequestError
from holigrail_hw.models.formulas.functions import Function
from holigrail_hw.models.formulas.twice_rounded import TwiceRounded
from holigrail_hw.models.graph.nodes import Add, Linear, Move, Requantise
from holigrail_hw.soc.compiler import weights
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.constant_channels import pruned
from holigrail_hw.soc.descriptors.kinds import Matmul


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
