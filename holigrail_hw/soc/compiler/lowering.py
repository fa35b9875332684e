"""From the nodes of an integer graph to layers of the accelerator; what it cannot do is named."""

from typing import Any

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.twice_rounded import TwiceRounded
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Add, Linear, Move, Node, Pool, Requantise, Softmax
from holigrail_hw.models.graph.ranges import Tensor
from holigrail_hw.models.source.windows import Window

from .layers import Image, Joined, Layer, Lookup, Maximum, Network, Padded, Product, Shares, Sum
from .requantisers import Rescaling, rescaling_of

__all__ = ["network_of"]

_CODES = (-128, 127)
_WIDEST_SUM = (1 << 31) - 1
# Weights of a mean: with 1 some windows would round in another way.
_POOL_WEIGHTS = (2, 4, 8, 16, 32, 64, 1)


def network_of(graph: IntegerGraph) -> Network:
    """The layers of a graph.

    Raises
    ------
    RequestError
        With one line for every node that the accelerator cannot do.
    """
    return _Lowering(graph).network()


class _Refused(Exception):
    """What must hold of a node."""


def image_of(shape: tuple[int, ...]) -> Image:
    """The image that a shape is."""
    if not 1 <= len(shape) <= 3:
        raise _Refused(f"tensors must have 1 to 3 axes, not {len(shape)}")
    rows, columns, channels = (1, 1, 1, *shape)[-3:]
    return rows, columns, channels


class _Lowering:
    def __init__(self, graph: IntegerGraph):
        self._graph, self._users = graph, graph.users()
        self._outputs = {port.tensor for port in graph.outputs}
        self._nodes = {node.name: node for node in graph.nodes}
        # Tensors that are others with another shape.
        self._same: dict[str, str] = {}
        self._images: dict[str, Image] = {}
        self._done: set[str] = set()
        self._layers: list[Layer] = []
        self._shares: Shares | None = None

    def network(self) -> Network:
        graph, wrong = self._graph, []
        if len(graph.inputs) != 1 or len(graph.outputs) != 1:
            count = f"{len(graph.inputs)} and {len(graph.outputs)}"
            wrong.append(f"{graph.name}: there must be one input and one output, not {count}")
        port = graph.inputs[0]
        if not _CODES[0] <= port.low <= port.high <= _CODES[1]:
            wrong.append(
                f"{graph.name}: input {port.name} must have codes int8, not {port.low} to"
                f" {port.high}"
            )
        try:
            self._images[port.tensor] = image_of(port.shape)
        except _Refused as reason:
            wrong.append(f"{graph.name}: input {port.name}: {reason}")
        # What follows a node that was refused is not refused once more.
        refused: set[str] = set()
        for node in [] if wrong else graph.nodes:
            if node.name in self._done:
                continue
            if refused.intersection(node.inputs):
                refused.add(node.name)
                continue
            try:
                self._lowered(node)
            except _Refused as reason:
                refused.add(node.name)
                wrong.append(f"{graph.name}: node {node.name}, {node.source}: {reason}")
        if wrong:
            raise RequestError(
                wrong, hint="the operators that there are: holigrail guide accelerator"
            )
        end = graph.outputs[0].tensor
        if self._shares is not None:
            end = self._nodes[end].inputs[0]
        return Network(
            name=graph.name,
            input=port.tensor,
            output=self._name(end),
            layers=tuple(self._layers),
            images=self._images,
            shares=self._shares,
        )

    def _name(self, tensor: str) -> str:
        """The tensor whose bytes are meant."""
        while tensor in self._same:
            tensor = self._same[tensor]
        return tensor

    def _lowered(self, node: Node) -> None:
        match node:
            case Linear():
                self._product(node)
            case Pool() if node.how == "sum":
                self._mean(node)
            case Pool():
                self._maximum(node)
            case Requantise():
                self._function(node)
            case Add():
                self._sum(node)
            case Move():
                self._move(node)
            case Softmax():
                if node.name not in self._outputs:
                    raise _Refused("softmax must be the last operator, not one in between")
                self._shares = Shares(node.mantissa, node.shift)

    def _add(self, layer: Layer, *nodes: Node) -> None:
        self._images[layer.result] = image_of(self._graph.tensors[layer.result].shape)
        self._layers.append(layer)
        self._done |= {node.name for node in nodes}

    def _only_user(self, node: Node) -> Node | None:
        users = self._users.get(node.name, [])
        return users[0] if len(users) == 1 and node.name not in self._outputs else None

    def _code(self, node: Node) -> Requantise:
        """The requantisation of sums."""
        code = self._only_user(node)
        if not isinstance(code, Requantise):
            raise _Refused("sums must be requantised to codes, once, not go elsewhere")
        return code

    def _rescaling(self, code: Requantise, sums: Tensor, times: int = 1) -> Rescaling:
        if code.formula is None:
            raise _Refused("requantisations must have the formula of the file")
        channels, rank = sums.shape[-1], len(sums.shape)
        axes = tuple(range(rank - 1))
        least = np.broadcast_to(sums.low, sums.shape).min(axis=axes)
        greatest = np.broadcast_to(sums.high, sums.shape).max(axis=axes)
        made = rescaling_of(code.formula, least, greatest, rank, times=times)
        if made is None or len(made.multiplier) != channels:
            raise _Refused(
                "requantisation must be one multiplier below 1 and a shift up to 31 per channel,"
                f" with one or two roundings, not {code.formula.text()}"
            )
        if not _CODES[0] <= made.low <= made.high <= _CODES[1]:
            raise _Refused(f"codes must be int8, not {made.low} to {made.high}")
        return made

    def _product(self, node: Linear) -> None:
        code = self._code(node)
        weights, window = node.weights, node.window
        if window is None:
            rows, columns, channels = self._images[self._name(node.inputs[0])]
            window = Window((rows, columns))
            weights = weights.reshape(rows, columns, channels, -1)
        depthwise = node.group > 1 and node.group == weights.shape[3] and weights.shape[2] == 1
        if depthwise:
            weights = weights[:, :, 0]
        elif node.group > 1:
            weights = _ungrouped(weights, node.group)
        if not _CODES[0] <= weights.min(initial=0) <= weights.max(initial=0) <= _CODES[1]:
            raise _Refused(f"weights must be int8, not {weights.min()} to {weights.max()}")
        rescaling = self._rescaling(code, self._graph.tensors[node.name])
        axes = (0, 1) if depthwise else (0, 1, 2)
        bias = node.bias + rescaling.offset - node.zero * weights.sum(axis=axes)
        most = int((128 * np.abs(weights).sum(axis=axes) + np.abs(bias)).max())
        if most > _WIDEST_SUM:
            raise _Refused(f"sums must fit into 32 bits, not reach {most}")
        bias, weights, rescaling = self._settled(code, bias, weights, rescaling)
        layer = Product(
            operands=(self._name(node.inputs[0]),),
            result=code.name,
            source=node.source,
            weights=weights,
            bias=bias,
            window=window,
            border=node.zero,
            rescaling=rescaling,
        )
        self._add(layer, node, code)

    def _settled(
        self, code: Requantise, bias: np.ndarray, weights: np.ndarray, rescaling: Rescaling
    ) -> tuple[np.ndarray, np.ndarray, Rescaling]:
        """Channels with one code get a small bias and no weights."""
        tensor = self._graph.tensors[code.name]
        low, high = (np.broadcast_to(a, tensor.shape) for a in (tensor.low, tensor.high))
        axes = tuple(range(low.ndim - 1))
        low, high = low.min(axis=axes), high.max(axis=axes)
        constant = low == high
        if not constant.any():
            return bias, weights, rescaling
        made = Rescaling(
            np.where(constant, 1 << 30, rescaling.multiplier),
            np.where(constant, 0, rescaling.shift),
            rescaling.once,
            rescaling.zero_point,
            rescaling.low,
            rescaling.high,
        )
        # Half of an even sum is exact, however often it is rounded.
        bias = np.where(constant, 2 * (low - rescaling.zero_point), bias)
        return bias, np.where(constant, 0, weights), made

    def _mean(self, node: Pool) -> None:
        """A mean is a product of every channel with one weight."""
        behind = self._only_user(node)
        nodes: list[Node] = [node]
        if isinstance(behind, Move) and behind.how == "reshape":
            if image_of(self._graph.tensors[behind.name].shape)[2] != self._channels(node.name):
                raise _Refused("sums of windows must keep their channels")
            nodes.append(behind)
        code = self._code(nodes[-1])
        source = self._name(node.inputs[0])
        sums, zero = self._graph.tensors[node.name], 0
        if any(node.window.pads):
            raise _Refused("windows of a mean must not reach outside the image")
        if isinstance(code.formula, TwiceRounded):
            factor, rescaling = 1, self._rescaling(code, sums)
        else:
            factor, rescaling = self._weighted(code, sums)
        channels = self._channels(source)
        layer = Product(
            operands=(source,),
            result=code.name,
            source=node.source,
            weights=np.full((*node.window.kernel, channels), factor, np.int64),
            bias=np.full(channels, rescaling.offset, np.int64),
            window=node.window,
            border=zero,
            rescaling=rescaling,
        )
        self._add(layer, *nodes, code)

    def _weighted(self, code: Requantise, sums: Tensor) -> tuple[int, Rescaling]:
        """A weight with which the lane gives every code of a mean."""
        reason: _Refused | None = None
        for weight in _POOL_WEIGHTS:
            try:
                return weight, self._rescaling(code, sums, weight)
            except _Refused as refused:
                reason = refused
        assert reason is not None
        raise reason

    def _channels(self, tensor: str) -> int:
        return self._graph.tensors[tensor].shape[-1]

    def _maximum(self, node: Pool) -> None:
        low, high, nodes = *_CODES, [node]
        code = self._only_user(node)
        result = node.name
        if isinstance(code, Requantise) and _limits_only(code.formula):
            assert isinstance(code.formula, Affine)
            low, high = max(low, code.formula.low), min(high, code.formula.high)
            nodes, result = [node, code], code.name
        layer = Maximum(
            operands=(self._name(node.inputs[0]),),
            result=result,
            source=node.source,
            window=node.window,
            low=low,
            high=high,
        )
        self._add(layer, *nodes)

    def _function(self, node: Requantise) -> None:
        if isinstance(self._only_user(node), Add):
            return  # one of the two tables of the sum
        layer = Lookup(
            operands=(self._name(node.inputs[0]),),
            result=node.name,
            source=node.source,
            codes=self._table(node, *_CODES),
        )
        self._add(layer, node)

    def _table(self, node: Requantise, low: int, high: int) -> np.ndarray:
        """What comes out for every code, in the order of unsigned bytes."""
        shape = self._graph.tensors[node.name].shape
        codes = np.roll(np.arange(-128, 128), -128)
        apply = (node.form or node.formula).apply
        found = apply(np.broadcast_to(codes.reshape(-1, *[1] * len(shape)), (256, *shape)))
        found = found.reshape(256, -1)
        if (found != found[:, :1]).any():
            raise _Refused("a function of codes must be the same for all channels")
        if not low <= found.min() <= found.max() <= high:
            raise _Refused(f"a function of codes must stay within {low} to {high}")
        return found[:, 0]

    def _sum(self, added: Add) -> None:
        if len(added.inputs) != 2:
            raise _Refused(f"sums must be those of two tensors, not {len(added.inputs)}")
        code = self._code(added)
        tables, operands, nodes = [], [], []
        for name, factor in zip(added.inputs, added.factors, strict=True):
            table, operand = self._operand(name)
            tables.append(factor * table)
            operands.append(operand)
            nodes += [node for node in (self._nodes.get(name),) if node is not None]
        if max(int(np.abs(t).max()) for t in tables) > _WIDEST_SUM // 2:
            raise _Refused("rescaled operands of a sum must fit into 31 bits")
        sums = self._graph.tensors[added.name]
        ends = [sum(int(f(t)) for t in tables) for f in (np.min, np.max)]
        shape = (*(1 for _ in sums.shape[1:]), sums.shape[-1])
        rescaling = self._rescaling(code, Tensor(shape, np.array(ends[:1]), np.array(ends[1:])))
        found = {*zip(rescaling.multiplier.tolist(), rescaling.shift.tolist(), strict=True)}
        if len(found) != 1 or rescaling.offset:
            raise _Refused("sums must have one multiplier for all channels")
        layer = Sum(
            operands=tuple(operands),
            result=code.name,
            source=added.source,
            tables=(tables[0], tables[1]),
            rescaling=rescaling,
        )
        self._add(layer, *nodes, added, code)

    def _operand(self, name: str) -> tuple[np.ndarray, str]:
        """What a sum adds for every code of a tensor, and that tensor."""
        node = self._nodes.get(name)
        if isinstance(node, Requantise) and name not in self._images:
            return self._table(node, -_WIDEST_SUM, _WIDEST_SUM), self._name(node.inputs[0])
        return np.roll(np.arange(-128, 128), -128), self._name(name)

    def _move(self, node: Move) -> None:
        operand = self._name(node.inputs[0])
        match node.how:
            case "reshape":
                self._reshape(node, operand)
            case "concat":
                shape = self._graph.tensors[node.name].shape
                if node.numbers[0] != len(shape) - 1:
                    raise _Refused("tensors must be joined along their channels")
                operands = tuple(self._name(name) for name in node.inputs)
                self._add(Joined(operands=operands, result=node.name, source=node.source), node)
            case "pad":
                pairs, value = node.numbers[:-1], node.numbers[-1]
                pairs = (0, 0) * (3 - len(pairs) // 2) + tuple(pairs)
                if any(pairs[4:]) or min(pairs) < 0 or not _CODES[0] <= value <= _CODES[1]:
                    raise _Refused("only rows and columns must be added to an image")
                before = (pairs[0], pairs[2])
                layer = Padded(
                    operands=(operand,),
                    result=node.name,
                    source=node.source,
                    before=before,
                    value=value,
                )
                self._add(layer, node)
            case _:
                raise _Refused(f"the accelerator must have its operator, not miss {node.how}")

    def _reshape(self, node: Move, operand: str) -> None:
        """Nothing is done for shapes of one image, or for an image that is read as a whole."""
        shape = self._graph.tensors[node.name].shape
        known = self._images[operand]
        users = self._users.get(node.name, [])
        whole = [isinstance(u, Linear) and u.window is None for u in users]
        is_same = len(shape) <= 3 and image_of(shape) == known
        is_vector = len(shape) == 1 and all(whole) and bool(whole)
        is_last = node.name in self._outputs and not users
        if not (is_same or is_vector or is_last):
            raise _Refused(f"a reshape must not change places, as {known} to {shape} does")
        self._same[node.name] = operand


def _limits_only(formula: Any) -> bool:
    if not isinstance(formula, Affine) or formula.rounding == "sign":
        return False
    return bool((formula.factor == 1).all() and (formula.offset == 0).all())


def _ungrouped(weights: np.ndarray, group: int) -> np.ndarray:
    """Weights of groups of channels as those of all channels, with zeros."""
    rows, columns, inputs, outputs = weights.shape
    each = outputs // group
    whole = np.zeros((rows, columns, inputs * group, outputs), weights.dtype)
    for at in range(group):
        results = slice(at * each, (at + 1) * each)
        whole[:, :, at * inputs : (at + 1) * inputs, results] = weights[..., results]
    return whole
