"""All nodes of a graph, one after the other."""

from holigrail_hw.core.errors import RequestError
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Add, Linear, Move, Node, Pool, Requantise, Softmax
from holigrail_hw.soc.compiler.layers import Network, Shares

from .context import CODES, Context, Refused, image_of
from .elementwise import function, maximum, total
from .moves import move
from .products import mean, product

__all__ = ["network_of"]


def network_of(graph: IntegerGraph) -> Network:
    """The layers of a graph.

    Raises
    ------
    RequestError
        With one line for every node that the accelerator cannot do.
    """
    context, wrong = Context(graph), _wrong_ends(graph)
    port = graph.inputs[0]
    if not wrong:
        context.images[port.tensor] = image_of(port.shape)
        wrong = _all_lowered(context)
    if wrong:
        raise RequestError(wrong, hint="the operators that there are: holigrail guide accelerator")
    end = graph.outputs[0].tensor
    if context.shares is not None:
        end = context.nodes[end].inputs[0]
    return Network(
        name=graph.name,
        input=port.tensor,
        output=context.name(end),
        layers=tuple(context.layers),
        images=context.images,
        shares=context.shares,
    )


def _wrong_ends(graph: IntegerGraph) -> list[str]:
    """What is wrong with inputs and outputs."""
    wrong = []
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        count = f"{len(graph.inputs)} and {len(graph.outputs)}"
        wrong.append(f"{graph.name}: there must be one input and one output, not {count}")
    port = graph.inputs[0]
    label = f"{graph.name}: input {port.name}"
    if not CODES[0] <= port.low <= port.high <= CODES[1]:
        wrong.append(f"{label} must have codes int8, not {port.low} to {port.high}")
    try:
        image_of(port.shape)
    except Refused as reason:
        wrong.append(f"{label}: {reason}")
    return wrong


def _all_lowered(context: Context) -> list[str]:
    """A line for every node that was refused."""
    graph, wrong = context.graph, []
    # What follows a node that was refused is not refused once more.
    refused: set[str] = set()
    for node in graph.nodes:
        if node.name in context.done:
            continue
        if refused.intersection(node.inputs):
            refused.add(node.name)
            continue
        try:
            _lowered(context, node)
        except Refused as reason:
            refused.add(node.name)
            label = ", ".join(filter(None, (node.name, node.source)))
            wrong.append(f"{graph.name}: node {label}: {reason}")
    return wrong


def _lowered(context: Context, node: Node) -> None:
    match node:
        case Linear():
            product(context, node)
        case Pool() if node.how == "sum":
            mean(context, node)
        case Pool():
            maximum(context, node)
        case Requantise():
            function(context, node)
        case Add():
            total(context, node)
        case Move():
            move(context, node)
        case Softmax():
            if node.name not in context.outputs:
                raise Refused("softmax must be the last operator, not one in between")
            context.shares = Shares(node.mantissa, node.shift)
