"""What a model computes, step by step, for an export: symbolic tracing, and what it refuses.

Layers and quantisers are leaves; everything else is followed into. What no export knows is named by
its path, all at once.
"""

import operator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from holigrail_hw.models.errors import ModelError

from ..quantizers import Quantizer
from ..quantizers.base import input_quantizer
from ..random import current, seed

__all__ = ["Step", "steps_of"]

LAYERS = (nn.Linear, nn.Conv2d)
_RESHAPES = (torch.flatten, torch.reshape, "flatten", "reshape", "view")
_SIZES = (getattr, operator.getitem, "size")
_PASSED = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d)
_HINTS = {
    "BatchNorm1d": "fold it into the layer before",
    "BatchNorm2d": "fold it into the layer before",
    "BlockScaled": "blocks with scales of their own have no export; use Quantize",
    "Softmax": "leave it to the host: the order of logits is that of their softmax",
}


@dataclass(frozen=True, eq=False)
class Step:
    """One step: ``kind`` is *layer*, *quantise*, *relu*, *pool*, *mean*, *flatten* or *add*.

    ``shape`` is that of the result without the batch; ``module`` the layer, the quantiser or a
    pool's module, where there is one.
    """

    kind: str
    name: str
    path: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    module: Any = None


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = is_quantizer(m) or isinstance(m, LAYERS) or hasattr(m, "arithmetic")
        own = type(m).__module__.startswith("holigrail_hw.torch")
        return known or own or super().is_leaf_module(m, module_qualified_name)


def steps_of(model: nn.Module, example: Tensor, who: str) -> tuple[Step, ...]:
    """The steps of a model in the mode for evaluation; the last one gives the output.

    Raises
    ------
    ModelError
        With one line for everything that cannot be exported.
    """
    if model.training:
        raise ModelError(
            f"{who}: the model must be in the mode for evaluation, not for training",
            hint="model.eval()",
        )
    try:
        traced = fx.GraphModule(model, _Tracer().trace(model))
    except (fx.proxy.TraceError, TypeError) as error:
        text = str(error).splitlines()[0]
        raise ModelError(f"{who}: forward must not depend on its numbers: {text}") from None
    shapes = _Shapes(traced)
    try:
        # Stochastic roundings are refused later, each by its place.
        with torch.no_grad(), seed(0) if current() is None else nullcontext():
            shapes.run(example)
    except (RuntimeError, IndexError) as error:
        text = str(error).splitlines()[0]
        raise ModelError(f"{who}: the example must fit the model: {text}") from None
    walk = _Walk(traced, shapes.found, who)
    for node in traced.graph.nodes:
        walk.take(node)
    if walk.wrong:
        hints = dict.fromkeys(h for name, h in _HINTS.items() if name in " ".join(walk.wrong))
        raise ModelError(walk.wrong, hint="; ".join(hints) or None)
    return tuple(walk.steps)


class _Shapes(fx.Interpreter):
    """The shape of every tensor, by the node's name."""

    def __init__(self, traced: fx.GraphModule):
        super().__init__(traced)
        self.found: dict[str, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.found[n.name] = tuple(result.shape[1:])
        return result


class _Walk:
    def __init__(self, traced: fx.GraphModule, shapes: dict[str, tuple[int, ...]], who: str):
        self.traced, self.shapes, self.who = traced, shapes, who
        self.steps: list[Step] = []
        self.wrong: list[str] = []
        self.same: dict[str, str] = {}

    def _refuse(self, node: fx.Node, what: str) -> None:
        place = str(node.target) if node.op == "call_module" else node.name
        self.wrong.append(f"{self.who}: {place}: {what} cannot be exported")

    def _add(self, kind: str, node: fx.Node, operands: tuple[Any, ...], module: Any = None) -> None:
        if not all(isinstance(operand, fx.Node) for operand in operands):
            self._refuse(node, f"{kind} of anything but tensors")
            return
        path = str(node.target) if node.op == "call_module" else node.name
        names = [str(operand.name) for operand in operands]
        inputs = tuple(self.same.get(name, name) for name in names)
        shape, name = self.shapes.get(node.name, ()), node.name
        if name == "x":
            # That is the input's name.
            self.same[name] = "x.step"
            name = "x.step"
        self.steps.append(Step(kind, name, path, inputs, shape, module))

    def take(self, node: fx.Node) -> None:
        match node.op:
            case "placeholder":
                if self.same:
                    self._refuse(node, "a second input")
                self.same[node.name] = "x"
            case "call_module":
                self._module(node, self.traced.get_submodule(str(node.target)))
            case "call_function" | "call_method":
                self._function(node)
            case "get_attr":
                self._refuse(node, "a tensor that is no parameter of a layer")
            case "output":
                given: Any = node.args[0]
                if not isinstance(given, fx.Node):
                    self._refuse(node, "more than one output")
                elif not self.wrong and not self._is_last(given):
                    self._refuse(node, "an output that is not the last step")

    def _is_last(self, node: fx.Node) -> bool:
        name = self.same.get(node.name, node.name)
        return bool(self.steps) and name == self.steps[-1].name

    def _module(self, node: fx.Node, module: nn.Module) -> None:
        if isinstance(module, LAYERS):
            if isinstance(module, nn.Conv2d) and module.padding_mode != "zeros":
                self._refuse(node, f"padding with {module.padding_mode}")
            if isinstance(module, nn.Conv2d) and isinstance(module.padding, str):
                self._refuse(node, f"padding by the name {module.padding!r}")
            self._layer(node, module)
        elif is_quantizer(module):
            self._add("quantise", node, node.args[:1], module)
        elif isinstance(module, nn.ReLU):
            self._add("relu", node, node.args[:1])
        elif isinstance(module, nn.MaxPool2d):
            self._add("pool", node, node.args[:1], module)
        elif isinstance(module, nn.AvgPool2d) and not hasattr(module, "arithmetic"):
            self._add("mean", node, node.args[:1], module)
        elif isinstance(module, nn.Flatten):
            self._flatten(node)
        elif isinstance(module, _PASSED):
            self._pass(node)
        else:
            self._refuse(node, type(module).__name__)

    def _layer(self, node: fx.Node, module: nn.Module) -> None:
        """A layer, behind what rounds its input."""
        self._add("layer", node, node.args[:1], module)
        rounding = input_quantizer(module)
        if rounding is None or self.wrong:
            return
        layer, operand = self.steps.pop(), node.args[0]
        assert isinstance(operand, fx.Node)
        name, path = f"{node.name}.rounded", f"{node.target}.input"
        shape = self.shapes.get(operand.name, ())
        self.steps.append(Step("quantise", name, path, layer.inputs, shape, rounding))
        self.steps.append(replace(layer, inputs=(name,)))

    def _function(self, node: fx.Node) -> None:
        target = node.target
        name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
        if target in (torch.relu, functional.relu, "relu"):
            self._add("relu", node, node.args[:1])
        elif target in _RESHAPES:
            self._flatten(node)
        elif target in (operator.add, torch.add, "add") and len(node.args) == 2:
            self._add("add", node, node.args)
        elif target in _SIZES and node.name not in self.shapes:
            return  # a size, which a reshape wants to know
        elif target is functional.dropout:
            self._pass(node)
        else:
            self._refuse(node, str(name))

    def _flatten(self, node: fx.Node) -> None:
        operand: Any = node.args[0]
        before, after = (self.shapes.get(name, ()) for name in (operand.name, node.name))
        if len(after) != 1:
            self._refuse(node, f"a reshape to anything but vectors, {[*before]} to {[*after]},")
        elif len(before) == 1:
            self._pass(node)
        else:
            self._add("flatten", node, node.args[:1])

    def _pass(self, node: fx.Node) -> None:
        operand: Any = node.args[0]
        name = str(operand.name)
        self.same[node.name] = self.same.get(name, name)


def is_quantizer(module: nn.Module) -> bool:
    """Whether a module says what codes it gives, as :class:`.Quantizer` does."""
    own = type(module).__module__.startswith("holigrail_hw.torch")
    says = all(hasattr(module, name) for name in ("format", "rounding", "scales"))
    return isinstance(module, Quantizer) or (own and says)


def weight_quantizer(module: nn.Module) -> Any:
    """The last quantiser of a layer's weights, or None."""
    if not parametrize.is_parametrized(module, "weight"):
        return None
    chain: Any = module.parametrizations["weight"]  # type: ignore[index]
    found = [part for part in chain if is_quantizer(part)]
    return found[-1] if found else None
