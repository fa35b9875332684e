"""How products are cut into DSP blocks: as Yosys does it, and as the estimates count."""

import json
from collections import Counter

import numpy as np
import pytest
from amaranth import Module, Shape, Signal
from amaranth.back import verilog

from holigrail_hw.estimate.primitives import DspMultiplier, device_model
from holigrail_hw.estimate.product_cut import Factors, cut
from holigrail_hw.flow.synth import synth
from holigrail_hw.flow.synth.devices import target

FAMILIES = {"ecp5-25k": "ecp5", "ice40up5k": "ice40", "gw1n-9c": "gowin"}
KINDS = ("MULT", "SB_MAC16")
# Around the widths of blocks; 1 bit and mixed signs are among them.
EDGES = [(1, 8), (17, 17), (18, 19), (33, 33), (16, 18), (36, 37), (40, 40), (10, 4), (9, 3)]


def products(seed):
    """Widths and signs: every edge with one draw of signs, and others at random."""
    rng = np.random.default_rng(seed)
    widths = [*EDGES, *rng.integers(2, 41, (9, 2)).tolist()]
    return [Factors(a, b, *(bool(s) for s in rng.integers(0, 2, 2))) for a, b in widths]


def mapped(chosen, device, folder):
    """DSP blocks that each product takes."""
    m, ports = Module(), []
    for index, one in enumerate(chosen):
        a = Signal(Shape(one.a_width, one.a_signed), name=f"a{index}")
        b = Signal(Shape(one.b_width, one.b_signed), name=f"b{index}")
        y = Signal(Shape(one.width, one.a_signed or one.b_signed), name=f"y{index}")
        m.d.comb += y.eq(a * b)
        ports += [a, b, y]
    source = folder / "products.v"
    source.write_text(verilog.convert(m, name="products", ports=ports))
    netlist, _ = synth.synthesise([source], "products", target(device), dsp=True, folder=folder)
    module = json.loads(netlist.read_text())["modules"]["products"]
    owner = {
        bit: int(name[1:])
        for name, port in module["ports"].items()
        if name[0] in "ab"
        for bit in port["bits"]
    }
    found = Counter()
    for cell in module["cells"].values():
        if cell["type"].startswith(KINDS):
            bits = [bit for port in cell["connections"].values() for bit in port]
            (product,) = {owner[bit] for bit in bits if bit in owner}
            found[product] += 1
    return [found[index] for index in range(len(chosen))]


@pytest.mark.synth
@pytest.mark.parametrize("device", FAMILIES)
def test_estimates_count_as_yosys_maps(device, tmp_path):
    chosen = products(7)
    counted = [len(cut(one, FAMILIES[device])[0]) for one in chosen]
    assert counted == mapped(chosen, device, tmp_path)


@pytest.mark.parametrize(
    ("model", "blocks"),
    [
        ("ecp5", {8: 1, 17: 1, 18: 1, 19: 1, 33: 4, 36: 4, 37: 4, 38: 9}),
        ("ice40up5k", {3: 0, 5: 0, 6: 1, 16: 1, 17: 1, 18: 3, 22: 4, 33: 4, 34: 8}),
        ("ice40hx8k", {8: 0, 33: 0}),
    ],
)
def test_square_products(model, blocks):
    """One bit more than a block takes stays in logic, as do small corners on an iCE40."""
    device = device_model(model)
    found = {width: DspMultiplier(width, width, True, True).dsps(device) for width in blocks}
    assert found == blocks


@pytest.mark.parametrize("family", ["ecp5", "ice40", "gowin"])
def test_the_order_of_the_factors_does_not_matter(family):
    for a in range(1, 41):
        for b in range(1, a):
            for one, two in ((True, True), (False, False), (True, False)):
                found = [Factors(a, b, one, two), Factors(b, a, two, one)]
                assert len({len(cut(product, family)[0]) for product in found}) == 1


def test_a_mixed_product_needs_a_sign_bit():
    assert len(cut(Factors(36, 36), "ecp5")[0]) == 4
    assert len(cut(Factors(36, 36, True, False), "ecp5")[0]) == 4
    assert len(cut(Factors(18, 18, False, False), "ecp5")[0]) == 1
    assert cut(Factors(18, 18, True, False), "ecp5")[1] == [Factors(1, 18, True, True, 19)]


def test_a_product_in_two_kinds_of_blocks_and_logic():
    blocks, soft = cut(Factors(40, 40, True, True), "gowin")
    assert sorted(blocks) == ["$__MUL18X18"] * 4 + ["$__MUL36X36", "$__MUL9X9"]
    assert soft == [Factors(4, 1, True, True, 5)]
