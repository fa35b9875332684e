"""Adder graphs as hardware: every form of a node, on devices of both kinds, against the graph."""

import dataclasses
import itertools
import json
import subprocess

import numpy as np
import pytest
from hardware import check
from hypothesis import given, settings
from hypothesis import strategies as st
from mcm_strategies import graphs, truncated_graphs

from holigrail_hw.core import Timing
from holigrail_hw.flow import emit, tools
from holigrail_hw.flow.top import Top
from holigrail_hw.formats import parse
from holigrail_hw.mcm import node_signs
from holigrail_hw.mcm.constant_multiplication import ConstantMultiplication
from holigrail_hw.mcm.graph_nodes import nodes_of, results_of, sums_of

DEVICES = ("ecp5", "ice40hx8k")
INPUTS = ("int8", "uint8", "int1", "uint1", "int2", "uint3", "int5", "int16", "uint13")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def operator_of(graph, input="int8", **options):
    """The operator with a graph that is given instead of searched."""

    class GivenGraph(ConstantMultiplication):
        def __hash__(self):
            return hash((graph, self.input))

    GivenGraph.graph = property(lambda self: graph)
    GivenGraph.bound = property(lambda self: int(not graph.is_exact))
    return GivenGraph(
        constants=graph.constants, input=parse(input), metric="one-bit-adders", **options
    )


@settings(max_examples=12, deadline=None)
@given(st.one_of(graphs(), truncated_graphs()), st.sampled_from(INPUTS), st.sampled_from(DEVICES))
def test_random_graphs(graph, input, device):
    check([operator_of(graph, input)], Timing(device=device), count=1000)
