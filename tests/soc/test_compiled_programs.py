"""Programs: places of tensors, fills, waits, what a second frame needs, what documents say."""

import json
import random
import re
from dataclasses import replace

import numpy as np
from compiled_networks import ROOMY
from random_networks import Builder, random_network

from holigrail_hw.core import Timing
from holigrail_hw.soc.accelerator.cycles import exact_cycles
from holigrail_hw.soc.compiler.buffers import Arena, Geometry
from holigrail_hw.soc.compiler.compare import answer, executed, loaded
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.cycles import descriptor_cycles, with_waits
from holigrail_hw.soc.compiler.documents import image_header, manifest
from holigrail_hw.soc.descriptors.kinds import Copy, Fill, Load
from holigrail_hw.soc.machine import Machine


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
    wide = replace(machine, rows=8, columns=8)
    for sizes, one, cycles in (
        (machine, fill, 49 + 30),
        (machine, replace(fill, y_base=65), 49 + 120),
        (machine, replace(fill, nx=42), 49 + 126),
        (machine, replace(fill, y_step_x=2), 49 + 120),
        (machine, copy, 54 + 20),
        (machine, replace(copy, a_step_y=11), 54 + 80),
        (wide, replace(copy, a_step_y=8), 46 + 10),
    ):
        assert descriptor_cycles(sizes, one) == cycles
        assert exact_cycles(sizes, None, Timing())(sizes, one) == cycles


def test_waiting_is_predicted():
    """Loads of 100 and 20 bytes take 236 and 76 cycles, the second begins after descriptor 0.

    The first begins in cycle 26, when its record of 16 bytes is read behind that of the first
    descriptor, 4 bytes a cycle. Descriptors can wait 4 cycles after they begin.
    """
    machine, fill, before = Machine(), Fill(), [4] * 3
    chain = [fill, replace(fill, wait=1, wait_count=1), Copy(wait=1, wait_count=2)]
    loads = [Load(length=100), Load(length=20, wait=1, wait_count=1)]
    # Descriptor 1 begins in cycle 11, its load is there in 262, the next in 338.
    assert with_waits(machine, chain, [10, 10, 10], before, loads) == (10, 257, 76)
    # The second load begins when descriptor 0 is done, in cycle 301, and is there in 377.
    assert with_waits(machine, chain, [300, 10, 10], before, loads) == (300, 10, 72)
    assert with_waits(machine, [fill] * 3, [1, 2, 3], before, []) == (1, 2, 3)
    # A clock of the memory takes two cycles: loads of 464 and 144 cycles.
    assert with_waits(machine, chain, [10, 10, 10], before, loads, 2) == (10, 485, 144)


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
