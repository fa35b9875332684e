"""Tensors that are joined, padded, or only looked at in another shape."""

from holigrail_hw.models.graph.nodes import Linear, Move
from holigrail_hw.soc.compiler.layers import Joined, Padded

from .context import CODES, Context, Refused, image_of

__all__ = ["move"]


def move(context: Context, node: Move) -> None:
    """A node that changes places only."""
    operand = context.name(node.inputs[0])
    match node.how:
        case "reshape":
            _reshape(context, node, operand)
        case "concat":
            shape = context.graph.tensors[node.name].shape
            if node.numbers[0] != len(shape) - 1:
                raise Refused("tensors must be joined along their channels")
            operands = tuple(context.name(name) for name in node.inputs)
            context.add(Joined(operands=operands, result=node.name, source=node.source), node)
        case "pad":
            pairs, value = node.numbers[:-1], node.numbers[-1]
            pairs = (0, 0) * (3 - len(pairs) // 2) + tuple(pairs)
            if any(pairs[4:]) or min(pairs) < 0 or not CODES[0] <= value <= CODES[1]:
                raise Refused("only rows and columns must be added to an image")
            before = (pairs[0], pairs[2])
            layer = Padded(
                operands=(operand,),
                result=node.name,
                source=node.source,
                before=before,
                value=value,
            )
            context.add(layer, node)
        case _:
            raise Refused(f"the accelerator must have its operator, not miss {node.how}")


def _reshape(context: Context, node: Move, operand: str) -> None:
    """Nothing is done for shapes of one image, or for an image that is read as a whole."""
    shape = context.graph.tensors[node.name].shape
    known = context.images[operand]
    users = context.users.get(node.name, [])
    whole = [isinstance(u, Linear) and u.window is None for u in users]
    is_same = len(shape) <= 3 and image_of(shape) == known
    is_vector = len(shape) == 1 and all(whole) and bool(whole)
    is_last = node.name in context.outputs and not users
    if not (is_same or is_vector or is_last):
        raise Refused(f"a reshape must not change places, as {known} to {shape} does")
    context.same[node.name] = operand
