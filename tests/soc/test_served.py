"""A network on an accelerator with its firmware, as verify and a board's check ask for it."""

from dataclasses import replace

import pytest
from hardware import make
from memory_map_device import Accelerator as Device
from random_networks import Builder
from test_firmware import MACHINE, Line

from holigrail_hw.core import Timing
from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.site import Site
from holigrail_hw.flow.board import build, flash
from holigrail_hw.flow.board.choice import board_design
from holigrail_hw.flow.board.hosted import Hosted
from holigrail_hw.flow.board.self_tested import SelfTested
from holigrail_hw.flow.verify import verify
from holigrail_hw.soc.accelerator.operator import Accelerator
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.firmware.build import prebuilt
from holigrail_hw.soc.system import served
from holigrail_hw.soc.system.served import ServedAccelerator


class Served:
    """A line of bytes to the firmware, instruction by instruction."""

    def __init__(self, device):
        self.line = Line(prebuilt("rv32im").code, device)

    def write(self, data):
        self.line.write(data)

    def read(self, count):
        for _ in range(self.line.most):
            if len(self.line.sent) >= count:
                break
            self.line.processor.step()
        found, self.line.sent = self.line.sent[:count], self.line.sent[count:]
        return bytes(found)


def network():
    made = Builder(6, (4, 4, 3))
    made.convolution((3, 3), (1, 1), 4)
    made.dense(6, once=True)
    made.softmax()
    graph = made.graph()
    return graph, compiled(graph, MACHINE)


def system(given=None):
    return ServedAccelerator(MACHINE, "fast", None, given or network())


def test_layers_and_answers_are_compared():
    said = []
    checked = system().check(Served(Device(MACHINE)), 1, 2, said.append)
    assert checked.results == 5
    assert checked.text.startswith("3 layers and 2 answers, 1234 cycles of the accelerator")
    assert said == ["the layers of a frame are compared", "frame 1 of 2", "frame 2 of 2"]
    assert system().short_check(Served(Device(MACHINE)), 1).results == 1


def test_a_wrong_layer_is_named():
    """A planted fault: the hardware sees another weight than the graph."""
    graph, program = network()
    step = next(one for one in program.steps if one.kind == program.steps[-1].kind)
    at = program.descriptors[step.first].w_base
    image = bytearray(program.image)
    for place in range(at, at + 64):
        image[place] ^= 0x55
    spoilt = replace(program, image=bytes(image))
    with pytest.raises(DesignError) as caught:
        system((graph, spoilt)).check(Served(Device(MACHINE)), 1, 1)
    assert str(caught.value).startswith(f"accelerator: layer {step.name}, ")


def test_a_wrong_answer_of_the_short_check_is_found(monkeypatch):
    """A planted fault in the weights of the layer, which is not the network's."""

    def spoilt(graph, machine):
        program = compiled(graph, machine)
        at = program.descriptors[0].w_base
        image = bytearray(program.image)
        image[at] ^= 0x80
        return replace(program, image=bytes(image))

    checked = replace(system(), network=None).short_check(Served(Device(MACHINE)), 1)
    assert checked.results == 1 and checked.text.startswith("the answer of a layer, ")
    monkeypatch.setattr(served, "compiled", spoilt)
    with pytest.raises(DesignError):
        system().short_check(Served(Device(MACHINE)), 1)


def test_another_machine_is_refused():
    other = replace(MACHINE, rows=8)
    with pytest.raises(DesignError) as caught:
        system().check(Served(Device(other)), 1, 1)
    assert str(caught.value) == (
        f"accelerator: the machine must have the digest {MACHINE.digest:08x}, not"
        f" {other.digest:08x}"
    )


def test_without_a_network_there_is_nothing_to_ask():
    alone = ServedAccelerator(MACHINE, "fast", None, None)
    with pytest.raises(RequestError) as caught:
        alone.check(Served(Device(MACHINE)), 1, 1)
    assert str(caught.value) == (
        "accelerator: there must be a network to ask the system about, not none"
    )
    # Before anything is compiled or built.
    with pytest.raises(RequestError, match="there must be a network to ask the system about"):
        verify.run(make(Accelerator, rows=2, scratchpad=512, processor="picorv32"), levels="system")
    with pytest.raises(RequestError, match="there must be a network to ask the system about"):
        board_design(make(Accelerator, processor="picorv32")).check_request(1, 1)
    assert caught.value.hint == "say --model FILE, an int8 TFLite file"


def test_which_design_a_board_gets():
    alone, whole = make(Accelerator), make(Accelerator, processor="picorv32")
    assert alone.whole_system() is None and alone.on(Site()) is alone
    design = board_design(whole)
    assert isinstance(design, Hosted) and not isinstance(board_design(alone), Hosted | SelfTested)
    assert flash.Check(whole).items == 4 and flash.Check(alone).items == 4096
    assert "picorv32.v" in design.sources()


def test_too_few_bytes_of_the_scratchpad_are_an_error():
    class Short(Served):
        def read(self, count):
            return super().read(count)[: 1 if count > 1 else count]

    with pytest.raises(DesignError, match=r"command R must be answered with \d+ bytes, not 1"):
        system().check(Short(Device(MACHINE)), 1, 1)


def test_a_board_without_the_memory_is_refused_before_synthesis(tmp_path):
    spec = make(Accelerator, scratchpad=8192, processor="picorv32")
    with pytest.raises(DesignError) as caught:
        build.run(spec, Timing(), "icebreaker", tmp_path)
    assert str(caught.value) == (
        "accelerator: memories must have at most the 122880 bits of icebreaker, not 131072"
    )
    assert not list(tmp_path.iterdir())
