"""A traced model as a graph of QONNX's operators, whose integers the hardware computes."""

from typing import Any

import numpy as np
from torch import Tensor

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.graph import FloatGraph, SourceInput
from holigrail_hw.models.source.nodes import SourceNode

from ..functional import round as rounded
from .grids import Grid, grid_of_format, grid_of_numbers, last_place
from .trace import Step, weight_quantizer

__all__ = ["quantised_graph"]


def array_of(tensor: Tensor) -> np.ndarray:
    """A tensor's numbers as float64."""
    return tensor.detach().cpu().double().numpy()


def quantised_graph(
    steps: tuple[Step, ...], shape: tuple[int, ...], name: str, mantissa: int
) -> FloatGraph:
    """The graph of steps; every operand of a layer comes from a quantiser.

    ``mantissa`` are the bits of the floats that the model computes with.

    Raises
    ------
    ModelError
        With one line for everything that is not an exact network of integers.
    """
    walk = _Walk(name, mantissa)
    for step in steps:
        try:
            walk.take(step)
        except ModelError as error:
            walk.wrong += error.violations
            walk.hints |= {error.hint: None} if error.hint else {}
            walk.values[step.name] = step.name
    if walk.wrong:
        raise ModelError(walk.wrong, hint="; ".join(walk.hints) or None)
    return FloatGraph(
        name,
        (SourceInput("x", (1, *shape)),),
        (walk.values[steps[-1].name],),
        tuple(walk.nodes),
        walk.constants,
    )


class _Walk:
    """Nodes so far, with the grid of each tensor that has one."""

    def __init__(self, who: str, mantissa: int):
        self.who, self.mantissa = who, mantissa
        self.nodes: list[SourceNode] = []
        self.constants: dict[str, np.ndarray] = {}
        self.values, self.grids = {"x": "x"}, dict[str, Grid]()
        self.wrong: list[str] = []
        self.hints: dict[str, None] = {}

    def take(self, step: Step) -> None:
        inputs = tuple(self.values[name] for name in step.inputs)
        kept: Grid | None = None
        match step.kind:
            case "quantise":
                label = f"{self.who}: {step.path}"
                module = step.module
                scale = array_of(module.scales())
                grid = grid_of_format(module.format, scale, module.rounding, label)
                _check_overflow(getattr(module, "overflow", None), label)
                self.values[step.name] = self._quant(step.name, inputs[0], grid)
                return
            case "layer":
                self.values[step.name] = self._layer(step, inputs[0])
                return
            case "relu":
                self._add(step, "Relu", inputs)
            case "pool":
                self._add(step, "MaxPool", inputs, window(step.module))
                kept = self.grids.get(inputs[0])
            case "mean":
                more = {"count_include_pad": int(step.module.count_include_pad)}
                self._add(step, "AveragePool", inputs, window(step.module) | more)
            case "flatten":
                self._add(step, "Flatten", inputs, {"axis": 1})
                kept = self.grids.get(inputs[0])
            case "add":
                self._add(step, "Add", inputs)
        if kept is not None:
            self.grids[self.values[step.name]] = kept

    def _add(
        self, step: Step, operator: str, inputs: tuple[str, ...], attributes: Any = None
    ) -> str:
        self.nodes.append(SourceNode(step.path, operator, inputs, (step.name,), attributes or {}))
        self.values[step.name] = step.name
        return step.name

    def _constant(self, name: str, value: Any) -> str:
        self.constants[name] = np.asarray(value, np.float64)
        return name

    def _quant(self, name: str, value: str, grid: Grid) -> str:
        result = f"{name}.codes"
        inputs = (
            value,
            self._constant(f"{name}.scale", grid.scale),
            self._constant(f"{name}.zero", 0.0),
            self._constant(f"{name}.bits", grid.bits),
        )
        self.nodes.append(
            SourceNode(f"{name}_quantiser", "Quant", inputs, (result,), grid.attributes)
        )
        self.grids[result] = grid
        return result

    def _layer(self, step: Step, value: str) -> str:
        module, label = step.module, f"{self.who}: {step.path}"
        how = getattr(module, "arithmetic", None)
        weight, bias = module.weight, module.bias
        if how is not None:
            grid = grid_of_format(how.input.format, 1.0, how.input.rounding, f"{label}: input")
            _check_overflow(how.input.overflow, f"{label}: input")
            value = self._quant(f"{step.name}.input", value, grid)
            weight = rounded(weight, how.weight)
            bias = None if bias is None else rounded(bias, how.start) if initial(how) else bias
        if value not in self.grids:
            raise ModelError(
                f"{label}: its operand must come from a quantiser, not be real numbers",
                hint="put a Quantize before the layer",
            )
        numbers = array_of(weight)
        grid = self._weight_grid(module, how, numbers, label)
        if isinstance(module.weight, Tensor) and module.weight.dim() == 2:
            numbers = numbers.T
            grid = Grid(grid.bits, grid.signed, grid.scale.T)
        weights = self._constant(f"{step.name}.weights", numbers)
        names = [value, self._quant(f"{step.name}.weight", weights, grid)]
        offsets = None if bias is None else array_of(bias)
        if offsets is not None:
            names.append(self._constant(f"{step.name}.bias", offsets))
        bound = self._bound(numbers, value, offsets)
        if how is None:
            self._check_exact(bound, numbers, value, offsets, label)
        else:
            _check_sums(how, bound, label)
        if numbers.ndim == 2:
            self._add(step, "Gemm", tuple(names), {})
        else:
            more = {"group": module.groups, "kernel_shape": [*numbers.shape[2:]]}
            self._add(step, "Conv", tuple(names), convolution_window(module) | more)
        if how is None or how.output is None:
            return step.name
        grid = grid_of_format(how.output.format, 1.0, how.output.rounding, f"{label}: output")
        return self._quant(f"{step.name}.output", step.name, grid)

    def _weight_grid(self, module: Any, how: Any, numbers: np.ndarray, label: str) -> Grid:
        quantizer = weight_quantizer(module)
        if quantizer is not None and how is None:
            scale = array_of(quantizer.scales())
            grid = grid_of_format(quantizer.format, scale, "nearest_even", f"{label}: weight")
            codes = numbers / grid.scale
            if np.array_equal(codes, np.rint(codes)):
                return grid
        return grid_of_numbers(numbers, f"{label}")

    def _bound(self, numbers: np.ndarray, value: str, offsets: np.ndarray | None) -> float:
        """What no magnitude of a sum exceeds, nor that of a part of it."""
        grid = self.grids[value]
        most = float(grid.scale.max()) * (1 << (grid.bits - grid.signed))
        axis = 0 if numbers.ndim == 2 else (1, 2, 3)
        bound = float((np.abs(numbers) * most).sum(axis=axis).max(initial=0))
        return bound + (0.0 if offsets is None else float(np.abs(offsets).max(initial=0)))

    def _check_exact(
        self, bound: float, numbers: np.ndarray, value: str, offsets: Any, label: str
    ) -> None:
        """That floats lose nothing in any order; PyTorch does not say in which they are added."""
        place = last_place(numbers) + last_place(self.grids[value].scale)
        if offsets is not None and offsets.any():
            place = min(place, last_place(offsets))
        bits = int(np.ceil(np.log2(max(bound / 2.0**place, 1.0))))
        if bits > self.mantissa:
            raise ModelError(
                f"{label}: sums must have at most {self.mantissa} bits, so that PyTorch adds them"
                f" exactly, not {bits}",
                hint="attach a quantiser to the bias, or use model.double(), or a layer of"
                " holigrail_hw.torch, whose sums are exact",
            )


def _check_overflow(overflow: str | None, label: str) -> None:
    if overflow == "wrap":
        raise ModelError(f"{label}: overflow must saturate, not wrap")


def _check_sums(how: Any, bound: float, label: str) -> None:
    """That the accumulator is one of integers and holds every sum."""
    gemm = how.forward
    if not gemm.is_whole:
        raise ModelError(f"{label}: sums must be exact integers, not those of {gemm.text}")
    low, high = (float(end) for end in gemm.accumulator.number_range)
    if bound > min(-low, high):
        raise ModelError(
            f"{label}: the accumulator must hold every sum, up to {bound:g}, not be"
            f" {gemm.accumulator}"
        )


def initial(how: Any) -> bool:
    """Whether sums begin with the bias."""
    return how.bias == "initial"


def pair(value: Any) -> list[int]:
    """A module's size for rows and columns."""
    return [value, value] if isinstance(value, int) else [*value]


def window(module: Any) -> dict[str, Any]:
    """ONNX's attributes of a pool."""
    kernel = pair(module.kernel_size)
    strides = pair(module.stride if module.stride is not None else module.kernel_size)
    found: dict[str, Any] = {"kernel_shape": kernel, "strides": strides}
    found["pads"] = pair(module.padding) * 2
    if getattr(module, "ceil_mode", False):
        found["ceil_mode"] = 1
    if hasattr(module, "dilation"):
        found["dilations"] = pair(module.dilation)
    return found


def convolution_window(module: Any) -> dict[str, Any]:
    """ONNX's attributes of a convolution's window."""
    return {
        "strides": pair(module.stride),
        "pads": pair(module.padding) * 2,
        "dilations": pair(module.dilation),
    }
