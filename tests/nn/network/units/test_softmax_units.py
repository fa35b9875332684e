"""TensorFlow Lite's softmax in two units: every code, in the predicted cycles."""

import numpy as np
import pytest
from timed import check, measured, predicted

from holigrail_hw.models.graph.softmax import softmax_codes
from holigrail_hw.nn.network.stream.units.softmax.shape import Powers, Shares

# Of the keyword spotter's file, and steeper and flatter ones.
SCALES = [(1242899200, 24), (1 << 30, 20), ((1 << 31) - 1, 25)]


def codes(rng, frames, classes):
    """Rows with one greatest code, with many, and with all equal."""
    found = rng.integers(-128, 128, (frames, classes))
    found[0] = -128
    found[1] = 127
    found[2, 0] = 127
    return found


@pytest.mark.parametrize(("mantissa", "shift"), SCALES)
@pytest.mark.parametrize(("classes", "rows"), [(2, 1), (12, 1), (3, 4), (5, 2)])
def test_golden(classes, rows, mantissa, shift):
    frames = codes(np.random.default_rng(classes), 60 * rows, classes)
    powers = Powers(classes, rows, mantissa, shift).apply(frames.reshape(60, -1))
    shares = Shares(classes, rows).apply(powers)
    assert np.array_equal(shares.reshape(frames.shape), softmax_codes(frames, mantissa, shift))


@pytest.mark.parametrize(("classes", "rows"), [(2, 1), (12, 1), (3, 4)])
def test_powers(classes, rows):
    check(Powers(classes, rows, *SCALES[0]), frames=4)


@pytest.mark.parametrize(
    ("classes", "rows", "scale"),
    [
        (2, 1, 1),
        pytest.param(12, 1, 0, marks=pytest.mark.heavy),
        pytest.param(3, 2, 2, marks=pytest.mark.heavy),
    ],
)
def test_shares(classes, rows, scale):
    """Rows of powers have a greatest one, so they are not random; results wait now and then."""
    powers = Powers(classes, rows, *SCALES[scale])
    frames = powers.apply(codes(np.random.default_rng(3), 3 * rows, classes).reshape(3, -1))
    unit = Shares(classes, rows)
    wanted, beats = unit.apply(frames), [frames.reshape(-1, 1)]
    got, taken, left = measured(unit.component(), beats, frames.size)
    assert np.array_equal(got[0].reshape(frames.shape), wanted)
    accepted, emitted = predicted(unit.flow(), len(frames))
    assert left[0] == emitted and taken[0] == accepted[0][: len(taken[0])]
    rare = lambda k, cycle: cycle % 701 == 0  # noqa: E731
    got, _, _ = measured(unit.component(), beats, frames.size, accepts=rare)
    assert np.array_equal(got[0].reshape(frames.shape), wanted)
