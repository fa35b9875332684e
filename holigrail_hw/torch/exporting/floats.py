"""A traced model as a graph of numbers: sums of floats, rounded where the layers say."""

from dataclasses import fields
from typing import Any

import numpy as np

from holigrail_hw import kernels
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.windows import Window, window_of
from holigrail_hw.nn.number_network import Flatten, MaxPool, NumberGraph, Product, Relu, Round
from holigrail_hw.nn.number_network.nodes import Node

from ..arithmetic import Arithmetic, Conversion
from ..functional import round as rounded
from ..quantizers import Quantize
from .quantised import array_of, convolution_window, initial, window
from .trace import Step

__all__ = ["number_graph"]


def number_graph(steps: tuple[Step, ...], shape: tuple[int, ...], name: str) -> NumberGraph:
    """The graph of steps whose layers compute in an arithmetic.

    Raises
    ------
    ModelError
        With one line for everything that has no place in it.
    """
    walk = _Walk(name, shape)
    for step in steps:
        try:
            walk.take(step)
        except ModelError as error:
            walk.wrong += error.violations
            walk.values[step.name] = "x"
    if walk.wrong:
        raise ModelError(walk.wrong)
    return NumberGraph(name=name, shape=shape, nodes=tuple(walk.nodes))


class _Walk:
    def __init__(self, who: str, shape: tuple[int, ...]):
        self.who = who
        self.nodes: list[Node] = []
        self.values, self.shapes = {"x": "x"}, {"x": shape}
        self.wrong: list[str] = []

    def take(self, step: Step) -> None:
        value, label = self.values[step.inputs[0]], f"{self.who}: {step.path}"
        self.shapes[step.name] = step.shape
        size = self.shapes[step.inputs[0]]
        match step.kind:
            case "quantise":
                module = step.module
                if not isinstance(module, Quantize) or float(module.scales().max()) != 1.0:
                    raise ModelError(
                        f"{label}: a quantiser among floats must be a Quantize without a scale"
                    )
                rounding = Conversion(
                    format=module.format, rounding=module.rounding, overflow=module.overflow
                )
                value = self._round(step.name, value, rounding, label)
            case "layer":
                value = self._layer(step, value, label)
            case "relu":
                value = self._add(Relu(name=step.name, input=value))
            case "pool":
                found = window_of(
                    window(step.module), size[1:], window(step.module)["kernel_shape"]
                )
                value = self._add(MaxPool(name=step.name, input=value, window=found))
            case "flatten":
                value = self._add(Flatten(name=step.name, input=value))
            case kind:
                raise ModelError(f"{label}: {kind} of floats cannot be exported")
        self.values[step.name] = value

    def _add(self, node: Node) -> str:
        self.nodes.append(node)
        return node.name

    def _round(self, name: str, value: str, how: Conversion, label: str) -> str:
        if how.rounding.is_stochastic or how.via != "exact":
            raise ModelError(
                f"{label}: a rounding must be exact and not stochastic, not {how.text}"
            )
        return self._add(
            Round(
                name=f"{name}.rounded",
                input=value,
                format=how.format,
                rounding=how.rounding,
                overflow=how.overflow,
            )
        )

    def _layer(self, step: Step, value: str, label: str) -> str:
        module = step.module
        how: Arithmetic | None = getattr(module, "arithmetic", None)
        if how is None:
            raise ModelError(f"{label}: a layer among floats must have an arithmetic, not none")
        if getattr(module, "groups", 1) != 1:
            raise ModelError(f"{label}: a convolution must have one group, not {module.groups}")
        for mode in (how.forward.rounding, how.of_weights.rounding):
            if mode.is_stochastic:
                raise ModelError(
                    f"{label}: a rounding must not be stochastic, for arrays have no random words,"
                    f" not {mode}"
                )
        assert how.input is not None and how.weight is not None
        value = self._round(f"{step.name}.input", value, how.input, label)
        weights = array_of(rounded(module.weight, how.weight))
        bias = module.bias
        if bias is not None:
            bias = array_of(rounded(bias, how.start) if initial(how) else bias)
        moved: Window | None = None
        if weights.ndim == 2:
            weights = np.ascontiguousarray(weights.T)
        else:
            size = self.shapes[step.inputs[0]]
            moved = window_of(convolution_window(module), size[1:], weights.shape[2:])
        node = Product(
            name=step.name,
            input=value,
            weights=weights,
            bias=bias,
            gemm=_plain(how.forward),
            placement=how.bias,
            window=moved,
        )
        value = self._add(node)
        return value if how.output is None else self._round(step.name, value, how.output, label)


def _plain(gemm: kernels.Gemm) -> kernels.Gemm:
    """The same arithmetic without what PyTorch's operators carry."""
    given: dict[str, Any] = {item.name: getattr(gemm, item.name) for item in fields(kernels.Gemm)}
    return kernels.Gemm(**given)
