"""Networks and images that an accelerator does not take, and what is said of them."""

from dataclasses import replace

import pytest
from compiled_networks import ROOMY, compared, refusal
from random_networks import Builder

from holigrail_hw.core import RequestError
from holigrail_hw.models.graph.nodes import Move
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.program import check_image
from holigrail_hw.soc.machine import Machine


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
