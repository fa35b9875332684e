"""What a report shows of samples: integers that are really those of the graph, and classes."""

import numpy as np
import pytest

from holigrail_hw.core import RequestError, find
from holigrail_hw.core.views import Histogram, Table
from holigrail_hw.nn.network.operator import TrainedNetwork

IMAGES = np.random.default_rng(3).integers(0, 17, (5, 8, 8))


@pytest.fixture(scope="module")
def network() -> TrainedNetwork:
    return TrainedNetwork(model="digits")


def test_histograms_count_every_element(network):
    ranges, histograms, classes = network.data_views({"x": IMAGES})
    values = network.graph.evaluate(network.graph.codes(IMAGES), every=True)
    assert isinstance(histograms, Histogram)
    assert [panel.name for panel in histograms.panels] == [row[0] for row in ranges.rows]
    for panel, row in zip(histograms.panels, ranges.rows, strict=True):
        array = values[panel.name]
        edges = [*panel.edges[:-1], panel.edges[-1] - 1]
        assert list(panel.counts) == np.histogram(array, edges)[0].tolist()
        assert row[4] == f"{array.min()} to {array.max()}"
        assert row[6] == round(100 * float((array == 0).mean()), 1)
    assert isinstance(classes, Table)
    assert sum(row[1] for row in classes.rows) == 5


def test_labels_give_the_confusion(network):
    images = {"x": IMAGES, "y": np.zeros(5, int)}
    ranges, _, confusion = network.data_views(images)
    assert confusion.title == "Confusion" and "accuracy (%)" in ranges.caption


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": IMAGES}, "network: data must have an array x, not z"),
        ({"x": IMAGES[:, :3]}, "network: "),
    ],
)
def test_data_that_do_not_fit(network, arrays, message):
    with pytest.raises(RequestError) as caught:
        network.data_views(arrays)
    assert str(caught.value).startswith(message)


def test_an_operator_without_data():
    with pytest.raises(RequestError, match="mac: data must be left out, for the operator has no"):
        find("mac")().data_views({"x": IMAGES})
