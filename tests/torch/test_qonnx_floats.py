"""Roundings to floats as QONNX's FloatQuant: written, read again, the same numbers everywhere."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")

from holigrail_hw.formats import Rounding, parse
from holigrail_hw.kernels import Gemm
from holigrail_hw.models import ModelError, read_source
from holigrail_hw.models.writers.onnx_file import write_onnx
from holigrail_hw.nn.number_network import NumberGraph, Product, Round
from holigrail_hw.torch.exporting.qonnx import float_graph

pytestmark = pytest.mark.xdist_group("torch")

FORMATS = (
    "fp8_e4m3",
    "fp8_e5m2",
    "e4m3_sat",
    "fp4_e2m1",
    "fp6_e3m2",
    "fp16",
    "bf16",
    "e3m2",
    "e5m7",
)
NEAREST = ("nearest_even", "nearest_away")
DIRECTED = ("up", "down", "toward_zero")


def graph(format, rounding="nearest_even"):
    """The rounding, and a product with 1, for there must be one."""
    node = Round(name="rounded", input="x", format=parse(format), rounding=Rounding(rounding))
    gemm = Gemm(a=parse(format), b=parse("fp16"), accumulator=parse("fp32"))
    one = Product(name="same", input="rounded", weights=np.ones((1, 1)), bias=None, gemm=gemm)
    return NumberGraph(name="floats", shape=(1,), nodes=(node, one))


def numbers(format):
    """Around every number of small formats and some of large ones, and far beyond the largest."""
    format = parse(format)
    codes = np.arange(1 << format.width)[:: 1 << max(0, format.width - 10)]
    found = np.asarray(format.decode(codes), np.float64)
    found = np.unique(found[np.isfinite(found)])
    middles = (found[1:] + found[:-1]) / 2
    top = float(format.number_range[1])
    beyond = top * np.array([1, 1.01, 1.03, 1.06, 1.0625, 1.07, 1.2, 1.5, 2, 1e3, np.inf])
    exact = np.concatenate([found, middles, beyond, -beyond])
    return np.concatenate([exact, np.nextafter(exact, np.inf), np.nextafter(exact, -np.inf)])


def again(given, path):
    source, _ = float_graph(given)
    write_onnx(source, path)
    return read_source(path)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_read_again_gives_the_same_numbers(tmp_path, format):
    modes = NEAREST + (DIRECTED if parse(format).saturates else ())
    seen = set()
    for rounding in modes:
        given = graph(format, rounding)
        read = again(given, tmp_path / "floats.onnx")
        x = numbers(format).reshape(-1, 1)
        wanted = given.nodes[0].apply(x, golden=True)
        found = read.evaluate(x).reshape(wanted.shape)
        assert np.array_equal(found, wanted, equal_nan=True), rounding
        seen |= {str(value) for value in np.unique(wanted[~(np.abs(wanted) < np.inf)])}
    format = parse(format)
    special = {"inf", "-inf"} if format.has_infinity else {"nan"}
    assert seen == (set() if format.saturates else special)


@pytest.mark.parametrize("rounding", DIRECTED)
def test_directed_roundings_of_what_does_not_saturate_are_refused(rounding):
    with pytest.raises(ModelError, match="rounded: a directed rounding must be that of a format"):
        float_graph(graph("fp8_e5m2", rounding))


@pytest.mark.parametrize("format", ["e4m0", "e4m0_sat"])
def test_ties_of_powers_of_two_are_not_to_even(format):
    """Between 2 and 4 the even code is one of them, but QONNX takes 4."""
    ties = np.array([3.0, 6.0, -12.0])
    assert (np.abs(parse(format).decode(parse(format).encode(ties))) < np.abs(ties)).any()
    with pytest.raises(ModelError, match="rounded: ties must go away from zero for QONNX where"):
        float_graph(graph(format))
    assert float_graph(graph(format, "nearest_away"))


@pytest.mark.parametrize("format", ["posit8_2", "e4m3_flush"])
def test_formats_that_qonnx_cannot_say_are_refused(format):
    node = Round(name="rounded", input="x", format=parse(format))
    given = dataclasses.replace(graph("fp8_e4m3"), nodes=(node, graph("fp8_e4m3").nodes[1]))
    with pytest.raises(ModelError, match="rounded: QONNX must know the format, fixed point, or a"):
        float_graph(given)
