"""Networks compiled and executed: every layer and the answer against the integer graph."""

from dataclasses import replace

import numpy as np
import pytest
from compiled_networks import ROOMY, model, random_case
from models.tflite_builder import cases, connected, moves
from random_networks import Builder

from holigrail_hw.core import DesignError
from holigrail_hw.models.reading import read
from holigrail_hw.soc.compiler.compare import answer, executed, first_difference, loaded
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.descriptors.kinds import Matmul
from holigrail_hw.soc.machine import Machine


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
