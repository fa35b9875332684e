"""What a request for a network refuses, and what it makes of a user's own samples."""

import numpy as np
import pytest

from holigrail_hw.core import RequestError
from holigrail_hw.nn.network.model import in_shape
from holigrail_hw.nn.network.operator import TrainedNetwork

REAL = {"model": "digits-float", "samples": "digits-calibration", "style": "parallel"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"weight_bits": 4, "samples": "digits"},
            "example.json: samples, weight_bits must be left out, for the model is quantised"
            " already",
        ),
        (
            {"model": "digits-float"},
            "digits_float.onnx: samples must be given, for the model has real numbers",
        ),
        ({"input": "fp16"}, "input must be an integer or fixed point, not fp16"),
        ({"search_time": 3}, "search_time must be left out in style stream"),
        ({"style": "parallel", "dsps": 1}, "dsps must be left out in style parallel"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(RequestError) as caught:
        TrainedNetwork(**given)
    assert str(caught.value) == f"network: {message}"


CALIBRATION = {
    "shape": (np.zeros((3, 5)), "digits_float.onnx: input image must have the shape (samples, "),
    "none": (np.zeros((0, 1, 8, 8)), "calibration data must have one sample or more, not none"),
    "nan": (np.full((2, 1, 8, 8), np.nan), "must be finite numbers, not NaN or infinity"),
    "row": (np.zeros(64), "row.npy: samples must be one array, not 0"),
    "object": (np.array([{}]), "NumPy, not object.npy (it must hold integers or real numbers)"),
    "cut": (None, "cut.npy: samples must be a readable file of NumPy, not cut.npy ("),
}


@pytest.mark.parametrize("name", CALIBRATION)
def test_calibration_data_that_do_not_fit(tmp_path, name):
    array, message = CALIBRATION[name]
    path = tmp_path / f"{name}.npy"
    np.save(path, np.zeros((9, 1, 8, 8)) if array is None else array, allow_pickle=True)
    if array is None:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RequestError) as caught:
        TrainedNetwork(**REAL | {"samples": path})
    assert message in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_bits_of_a_model_of_real_numbers():
    """Codes of activations have the bits asked for, 8 if none are."""
    for bits, given in ((8, {}), (3, {"activation_bits": 3})):
        graph = TrainedNetwork(**REAL, **given).graph
        codes = [graph.tensors[n.name] for n in graph.nodes if n.kind == "requantise"]
        assert codes and {tensor.width for tensor in codes} == {bits}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": np.zeros(3)}, "network: data must have an array x, not z"),
        ({"x": np.zeros((2, 7, 8))}, "the shape must be"),
        ({"x": np.zeros((0, 8, 8))}, "network: data must have one sample or more, not none"),
        ({"x": np.full((2, 8, 8), np.nan)}, "values must be finite numbers"),
        ({"x": np.zeros((2, 8, 8), int), "y": np.array([1, 77])}, "labels must be 0 to 9"),
        ({"x": np.zeros((2, 8, 8), int), "y": np.array([1])}, "a label for every class"),
    ],
)
def test_data_that_does_not_fit_is_refused_before_anything_runs(arrays, message):
    with pytest.raises(RequestError, match=message):
        TrainedNetwork(model="digits", style="parallel").data_job(arrays)


def test_numbers_beyond_the_input_saturate():
    """As the quantiser of the file does."""
    spec = TrainedNetwork(model="digits", style="parallel")
    items = spec.data_job({"x": np.full((1, 8, 8), 99)})["x"]
    assert {int(codes[0]) for codes in items.values()} == {16}


def test_frames_carry_the_samples():
    """Elements in their order, negative ones too, and the mark on the last beat."""
    spec = TrainedNetwork(model="digits")
    images = np.random.default_rng(1).integers(0, 17, (3, 8, 8))
    items = spec.data_job({"x": images})["x"]
    assert np.array_equal(items["value0"], images.reshape(-1))
    assert np.flatnonzero(items["last"]).tolist() == [63, 127, 191]
    leaving = spec.frames[1]
    numbers = np.arange(-10, 10).reshape(2, 10)
    assert np.array_equal(leaving.integers(leaving.items(numbers)), numbers)


def test_shapes_differ_by_axes_of_length_one_alone():
    samples = np.arange(6).reshape(1, 2, 3)
    assert in_shape(samples, (1, 1, 2, 3)).shape == (1, 1, 1, 2, 3)
    assert in_shape(samples, (3, 2)) is samples
    assert in_shape(np.array(3), (1, 1)).ndim == 0
