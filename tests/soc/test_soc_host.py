"""Hosts over a memory map and over streams, with the executor in the accelerator's place."""

from dataclasses import replace
from struct import pack

import numpy as np
import pytest
from memory_map_device import Accelerator
from random_networks import Builder, random_network

from holigrail_hw.core import DesignError, RequestError
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.program import FLASH
from holigrail_hw.soc.descriptors.kinds import Fill, Matmul
from holigrail_hw.soc.executor.execute import run
from holigrail_hw.soc.hosts.buses import RegisterBus, RequestBus
from holigrail_hw.soc.hosts.host import AcceleratorHost
from holigrail_hw.soc.machine import Machine

MACHINE = Machine(scratchpad=1 << 17)


class Streams:
    """The streams of an accelerator; ``spec`` is all that a host sees of it."""

    def __init__(self, machine):
        self.machine, self.spec, self.first = machine, self, 0
        self.memory = np.full(machine.scratchpad, 0xAA, np.uint8)

    def flash(self, items):
        """Words of the stream stand where the loads, one after the other, look for them."""
        words = items.get("block", {"data": []})["data"]
        return bytes(FLASH + self.first) + np.asarray(words).astype("<u4").tobytes()

    def exchange(self, items, counts):
        request, data, cycles = items["request"], [], []
        words = self.memory.view("<u4")
        for operation, address, word in zip(
            *(request[n].tolist() for n in ("operation", "address", "data")), strict=True
        ):
            if operation == 1:
                words[address // 4] = word
            elif operation == 0:
                data.append(int(words[address // 4]))
                cycles.append(0)
            else:
                first = word or None
                outcome = run(
                    self.machine, self.memory, address, loader_start=first, flash=self.flash(items)
                )
                data.append(4 | outcome.error << 4 | outcome.index << 16)
                cycles.append(77)
        assert counts["answer"] == len(data)
        return {"answer": {"data": np.array(data, np.uint64), "cycles": np.array(cycles)}}


def frames_of(graph, count, seed=1):
    return np.random.default_rng(seed).integers(-128, 128, (count, *graph.inputs[0].shape))


def register_bus(device, **options):
    return RegisterBus(device.read_word, device.write_word, **options)


@pytest.mark.parametrize("seed", [2, 5, 8, 9])
def test_answers_are_those_of_the_graph(seed):
    graph = random_network(seed)
    program = compiled(graph, MACHINE)
    frames = frames_of(graph, 3)
    expected = graph.evaluate(frames).reshape(3, -1)
    for bus, cycles in (
        (register_bus(Accelerator(MACHINE)), 1234),
        (RequestBus(Streams(MACHINE)), 77),
    ):
        host = AcceleratorHost(bus, program)
        assert (host.run(frames) == expected).all()
        assert host.cycles == 3 * cycles


def test_weights_come_from_the_flash_memory():
    made = Builder(4, (200,))
    made.dense(100, once=True)
    made.dense(7, once=False)
    machine = replace(MACHINE, scratchpad=1 << 13)
    program = compiled(made.graph(), machine)
    assert program.loads
    frames = frames_of(made.graph(), 2)
    device = Accelerator(machine, bytes(FLASH) + program.image)
    found = AcceleratorHost(register_bus(device), program).run(frames)
    assert (found == made.graph().evaluate(frames)).all()
    streams = Streams(machine)
    streams.first = program.resident + 4
    found = AcceleratorHost(RequestBus(streams, program.image), program).run(frames)
    assert (found == made.graph().evaluate(frames)).all()
    with pytest.raises(DesignError, match="flash must have the image whose loads"):
        AcceleratorHost(RequestBus(streams), program).run(frames)
    streams.machine = replace(machine, loader=False)
    with pytest.raises(DesignError, match="the accelerator must have a loader for loads"):
        RequestBus(streams, program.image).run(program.start, program.loader_start)


def small():
    made = Builder(6, (3, 3, 4))
    made.convolution((3, 3), (1, 1), 4)
    return made.graph()


def test_another_accelerator_is_refused():
    program = compiled(small(), MACHINE)
    other = replace(MACHINE, rows=8)
    for bus in (register_bus(Accelerator(other)), RequestBus(Streams(other))):
        with pytest.raises(RequestError, match="must be for the accelerator with digest"):
            AcceleratorHost(bus, program)


def test_an_error_names_its_layer_and_the_next_frame_works():
    graph = small()
    program = compiled(graph, MACHINE)
    device = Accelerator(MACHINE)
    host = AcceleratorHost(register_bus(device), program)
    at = program.start
    kept = device.memory[at : at + 64].copy()
    device.memory[at : at + 64] = np.frombuffer(Fill(nx=0).encode(), np.uint8)
    frames = frames_of(graph, 1)
    first = program.steps[0].name
    with pytest.raises(DesignError) as caught:
        host.run(frames)
    assert str(caught.value) == (
        f"accelerator host: layer {first}, descriptor 0: the chain must end well, not with: a count"
        " is 0 or more than the engine holds"
    )
    device.memory[at : at + 64] = kept
    assert (host.run(frames) == graph.evaluate(frames).reshape(1, -1)).all()


def test_waiting_has_an_end():
    graph = small()
    device = Accelerator(MACHINE)
    host = AcceleratorHost(register_bus(device, most_polls=50), compiled(graph, MACHINE))
    device.stands = True
    with pytest.raises(DesignError, match="a chain must end within 50 readings of the status"):
        host.run(frames_of(graph, 1))
    assert device.stopped == 1
    device.stands = False
    frames = frames_of(graph, 1)
    assert (host.run(frames) == graph.evaluate(frames).reshape(1, -1)).all()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((1, 3, 3, 3), int), "frames must have 36 codes each, not the shape (1, 3, 3, 3)"),
        (np.zeros(36, int), "frames must have 36 codes each, not the shape (36,)"),
        (np.zeros((0, 36), int), "frames must have 36 codes each, not the shape (0, 36)"),
        (np.zeros((1, 36)), "frames must be integers from -128 to 127"),
        (np.full((1, 36), 128), "frames must be integers from -128 to 127"),
    ],
)
def test_frames_are_checked(frames, message):
    host = AcceleratorHost(register_bus(Accelerator(MACHINE)), compiled(small(), MACHINE))
    with pytest.raises(RequestError) as caught:
        host.run(frames)
    assert str(caught.value) == f"accelerator host: {message}"


@pytest.mark.parametrize("seed", [5, 8])
def test_the_first_wrong_layer_is_named(seed):
    """A weight or a parameter that the accelerator does not have right, layer after layer."""
    graph = random_network(seed)
    program = compiled(graph, MACHINE)
    frame, device = frames_of(graph, 1)[0], Accelerator(MACHINE)
    host = AcceleratorHost(register_bus(device), program)
    assert host.first_difference(graph, frame) is None
    products = [at for at, d in enumerate(program.descriptors) if isinstance(d, Matmul)]
    for at in (products[0], products[-1]):
        place = program.descriptors[at].p_base
        kept = device.memory[place : place + 8].copy()
        device.memory[place : place + 8] = np.frombuffer(pack("<Q", 1 << 62 | 1 << 30), np.uint8)
        found = host.first_difference(graph, frame)
        assert found is not None and found.layer == program.step_of(at).name
        device.memory[place : place + 8] = kept
        # The chain is whole again.
        expected = graph.evaluate(frame[None]).reshape(1, -1)
        assert (host.run(frame[None]) == expected).all()


def test_layers_of_loaded_weights_are_not_compared():
    made = Builder(4, (200,))
    made.dense(100, once=True)
    made.dense(7, once=False)
    machine = replace(MACHINE, scratchpad=1 << 13)
    program = compiled(made.graph(), machine)
    host = AcceleratorHost(register_bus(Accelerator(machine)), program)
    with pytest.raises(RequestError, match="all weights must stay in the scratchpad"):
        host.first_difference(made.graph(), frames_of(made.graph(), 1)[0])
