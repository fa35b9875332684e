"""The gate-level run: same results as the compiled design, bit order, resets, planted faults."""

from dataclasses import replace

import numpy as np
import pytest

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.core import Timing
from holigrail_hw.flow.simulate.compiled import Compiled
from holigrail_hw.flow.simulate.gates import Gates, Network
from holigrail_hw.formats import FixedFormat, parse


def items(spec, count, seed=1):
    return spec.items(count, np.random.default_rng(seed))


@pytest.mark.parametrize("timing", [Timing(), Timing(latency=4)])
def test_gates_and_compiled_design_agree(timing):
    spec = Mac(a=parse("int7"), b=parse("uint5"), accumulator=parse("int16"))
    codes = items(spec, 400)
    gates, compiled = Gates(spec, timing), Compiled(spec, timing)
    assert (gates.latency, gates.interleave) == (compiled.latency, compiled.interleave)
    np.testing.assert_array_equal(gates.run(codes)["result"], compiled.run(codes)["result"])


def test_lanes_are_separate_copies():
    spec = Mac()
    codes = items(spec, 50 * 130)
    codes = {name: values.reshape(50, 130) for name, values in codes.items()}
    together = Gates(spec).run(codes)["result"]
    for lane in (0, 63, 64, 129):
        alone = Gates(spec).run({name: values[:, lane] for name, values in codes.items()})["result"]
        np.testing.assert_array_equal(together[:, lane], alone)


def test_codes_wider_than_64_bits():
    spec = Mac(accumulator=FixedFormat(70, signed=True))
    codes = items(spec, 200)
    np.testing.assert_array_equal(Gates(spec).run(codes)["result"], spec.golden(**codes)["result"])


def test_an_ascii_file_is_read_as_written():
    """Two inputs, one latch that starts at 1, output = a and not latch, next = b."""
    text = (
        "aag 4 2 1 1 1\n2\n4\n6 4 1\n8\n8 2 7\ni0 a[0]\ni1 b\nl0 held\no0 z[0]\nc\nmade by hand\n"
    )
    network = Network.parse(text)
    assert network.inputs == {("a", 0): 2, ("b", 0): 4}
    assert network.outputs == {("z", 0): 8}
    assert network.latches.tolist() == [[6, 4, 1]]
    values = np.zeros((10, 1), np.uint64)
    for variable, word in ((0, 0), (1, 0b1100), (3, 0b1010)):
        values[variable] = word
        values[variable + 5] = ~np.uint64(word)
    network.evaluate(values)
    assert int(values[4, 0]) == 0b0100


def test_one_inverted_literal_is_noticed():
    spec = Mac(a=parse("int4"), b=parse("int4"), accumulator=parse("int12"))
    codes = items(spec, 640)
    design = Gates(spec)
    expected = spec.golden(**codes)["result"]
    np.testing.assert_array_equal(design.run(codes)["result"], expected)
    gates = design.network.gates.copy()
    gates[len(gates) // 2, 1] ^= 1
    design.network = replace(design.network, gates=gates)
    assert (design.run(codes)["result"] != expected).any()
