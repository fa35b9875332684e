"""Random instances and graphs for the property tests."""

from hypothesis import strategies as st

from holigrail_hw.mcm.graph.adder_graph import AdderGraph
from holigrail_hw.mcm.single.forms import forms
from holigrail_hw.mcm.single.relations import neighbours
from holigrail_hw.mcm.single.selection import graph_of

constants = st.lists(st.integers(-255, 255), min_size=1, max_size=5).map(tuple)
odd_factors = st.integers(1, 511).map(lambda n: 2 * n + 1)


@st.composite
def orders(draw, most=6, bits=10):
    """(fundamental, form) pairs, each made from earlier factors by any form."""
    factors, order = [1], []
    for _ in range(draw(st.integers(1, most))):
        u, v = draw(st.sampled_from(factors)), draw(st.sampled_from(factors))
        new = sorted(neighbours(u, v, bits) - set(factors))
        if new:
            w = draw(st.sampled_from(new))
            order.append((w, draw(st.sampled_from(forms(u, v, w)))))
            factors.append(w)
    return order


@st.composite
def graphs(draw, most=6) -> AdderGraph:
    """Exact graphs with targets of any sign, shift, and number, and zeros."""
    order = draw(orders(most))
    factors = [1, *(w for w, _ in order), 0]
    found = draw(
        st.lists(
            st.tuples(st.sampled_from(factors), st.integers(0, 4), st.sampled_from((1, -1))),
            min_size=1,
            max_size=5,
        )
    )
    return graph_of(order, [sign * (factor << shift) for factor, shift, sign in found])


@st.composite
def truncated_graphs(draw) -> AdderGraph:
    """Graphs that clear a few low bits of some operands."""
    from dataclasses import replace

    graph = draw(graphs())
    amounts = st.integers(0, 5)
    return replace(
        graph,
        adders=tuple(
            replace(
                adder,
                left=replace(adder.left, truncate=draw(amounts)),
                right=replace(adder.right, truncate=draw(amounts)),
            )
            for adder in graph.adders
        ),
    )
