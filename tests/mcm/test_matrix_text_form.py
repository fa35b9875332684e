"""Matrix graphs as text: round trips, what other spellings mean, and texts that are wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holigrail_hw.mcm.graph.adder_graph import Operand
from holigrail_hw.mcm.matrix.graph import MatrixAdder, MatrixGraph, RowTarget
from holigrail_hw.mcm.matrix.search import solve_matrix
from holigrail_hw.mcm.matrix.text_form import from_vector_text, to_vector_text
from holigrail_hw.mcm.problem.errors import GraphError

matrices = st.integers(1, 4).flatmap(
    lambda n: st.lists(
        st.lists(st.integers(-60, 60), min_size=n, max_size=n).map(tuple), min_size=1, max_size=4
    ).map(tuple)
)


@settings(max_examples=60, deadline=None)
@given(matrices)
def test_round_trip(matrix):
    graph = solve_matrix(matrix, iterations=0).graph
    read = from_vector_text(to_vector_text(graph))
    assert read.matrix == graph.matrix == matrix
    assert len(read.adders) <= len(graph.adders)
    assert read.depth <= graph.depth
    assert from_vector_text(to_vector_text(read)) == read


def test_the_text():
    graph = MatrixGraph(
        2, (MatrixAdder(Operand(1, 1), Operand(0)),), (RowTarget(2, 1, True), RowTarget(None))
    )
    text = "{{'A',[1,2],1,[0,1],0,1,[1,0],0,0},{'O',[-2,-4],1,[-1,-2],1,1},{'O',[0,0],0,[0,0],0,0}}"
    assert to_vector_text(graph) == text
    assert from_vector_text(text) == graph
    assert from_vector_text(text.replace(",", " , ")) == graph


@pytest.mark.parametrize(
    ("text", "matrix", "adders"),
    [
        # Both operands subtracted: the node is the sum, the output its negative.
        ("{{'A',[-1,-1],1,[-1,0],0,0,[0,-1],0,0},{'O',[-1,-1],1,[-1,-1],1,0}}", ((-1, -1),), 1),
        # A common shift of the operands moves behind the adder.
        ("{{'A',[2,4],1,[1,0],0,1,[0,1],0,2},{'O',[2,4],1,[2,4],1,0}}", ((2, 4),), 1),
        # A right shift of an exact sum: x0 - x1 and x0 + x1 give x0 again, which is no new node.
        (
            "{{'A',[1,1],1,[1,0],0,0,[0,1],0,0},{'A',[1,-1],1,[1,0],0,0,[0,-1],0,0},"
            "{'A',[1,0],2,[1,1],1,-1,[1,-1],1,-1},{'O',[3,1],3,[3,1],3,0},"
            "{'A',[3,1],3,[1,0],2,1,[1,1],1,0}}",
            ((3, 1),),
            3,
        ),
        # Registers only wait.
        (
            "{{'R',[1,0],1,[1,0],0},{'A',[1,3],2,[1,0],1,0,[0,3],1,0},"
            "{'A',[0,3],1,[0,1],0,1,[0,1],0,0},{'O',[1,3],2,[1,3],2,0}}",
            ((1, 3),),
            2,
        ),
    ],
)
def test_other_spellings(text, matrix, adders):
    graph = from_vector_text(text)
    assert graph.matrix == matrix
    assert len(graph.adders) == adders


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be {{..},{..}} of items 'A', 'R' and 'O'"),
        ("{{'O',[1],0,[1],0,0} x}", "must be {{..},{..}} of items"),
        ("{{'B',[1],0,[1],0,0}}", "items must be 'A', 'R' or 'O', not 'B'"),
        ("{{'O',[1],0,[1],0}}", "item 'O' must have 5 fields: "),
        ("{{'O',[1,],0,[1,0],0,0}}", "item 'O' must hold vectors of integers"),
        ("{{'O',[1],0,[1,0],0,0}}", "vectors must be equally long, one coefficient per input"),
        ("{{'O',[2,0],0,[1,0],0,0}}", r"output [2, 0] is not [1, 0] << 0"),
        ("{{'O',[1,1],1,[1,1],1,0}}", "[1, 1] uses [1, 1] before it is made"),
        ("{{'A',[1,3],1,[1,0],0,0,[0,1],0,1}}", "[1, 3] is not [1, 0] * 2^0 + [0, 1] * 2^1"),
        ("{{'A',[1,3],1,[1,0],0,0,[0,3],0,0}}", "[1, 3] uses [0, 3] before it is made"),
    ],
)
def test_wrong_texts(text, message):
    with pytest.raises(GraphError) as caught:
        from_vector_text(text)
    assert str(caught.value).startswith("matrix text form: ")
    assert message in str(caught.value)


def test_a_text_without_outputs_is_refused():
    text = "{{'A',[1,2],1,[1,0],0,0,[0,1],0,1}}"
    with pytest.raises(GraphError, match="must have outputs"):
        from_vector_text(text)
