"""The integer graph while it grows: nodes with their ranges, ports and remarks."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.formats import FixedFormat
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.formulas.documents import formula_document
from holigrail_hw.models.graph.nodes import Meaning, Move, Node, Port, Requantise
from holigrail_hw.models.graph.ranges import Tensor, result
from holigrail_hw.models.source.nodes import SourceNode

from .views import View, inner

__all__ = ["Builder"]


@dataclass
class Builder:
    """``input`` is the format of inputs that the file does not quantise, or None."""

    who: str
    input: FixedFormat | None
    ports: list[Port] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    approximations: list[str] = field(default_factory=list)
    file_shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    def name(self, wanted: str) -> str:
        """A name that is not taken yet: letters, digits and underscores."""
        text = "".join(c if c.isascii() and c.isalnum() else "_" for c in wanted).strip("_") or "n"
        found, count = text, 1
        while found in self._names:
            count += 1
            found = f"{text}_{count}"
        self._names.add(found)
        return found

    def add(self, kind: Any, source: SourceNode, inputs: tuple[str, ...], **fields: Any) -> str:
        """A node of that class at the end; its name."""
        node = kind(
            name=self.name(f"{source.where}_{kind.kind}" if kind is Move else source.where),
            inputs=inputs,
            source=f"{source.operator} {source.where}",
            **fields,
        )
        operands = [self.tensors[name] for name in inputs]
        self.tensors[node.name] = result(node, operands, self.who)
        self.nodes.append(node)
        return node.name

    def move(self, source: SourceNode, tensor: str, how: str, *numbers: int) -> str:
        """A move of one tensor, unless it would change nothing."""
        shape = self.tensors[tensor].shape
        if (how == "reshape" and shape == numbers) or (
            how == "transpose" and numbers == tuple(range(len(shape)))
        ):
            return tensor
        return self.add(Move, source, (tensor,), how=how, numbers=numbers)

    def tensor(self, view: View) -> str:
        """The integers of a view, which must have some."""
        assert view.tensor is not None
        return view.tensor

    def requantised(self, node: SourceNode, view: View, formula: Any) -> str:
        """A node for the formula, or the port of an input that is quantised by it."""
        if view.tensor is None:
            return self.port(node, view, formula)
        return self.add(Requantise, node, (view.tensor,), formula=formula)

    def port(self, node: SourceNode | None, view: View, formula: Affine) -> str:
        """An input of the graph whose codes come from the file's numbers by a formula."""
        label = f"{self.who}: input {view.source}"
        shape = inner(view.shape)
        for port in self.ports:
            if port.name != view.source:
                continue
            same = (port.shape, port.order) == (shape, view.order) and port.formula is not None
            if same and port.formula is not None:
                same = formula_document(port.formula) == formula_document(formula)
            if not same:
                raise ModelError(
                    f"{label}: must be quantised in one way, not in several",
                    hint="name a format for it: input sfix16_en8, for example",
                )
            return port.tensor
        port = Port(
            name=view.source,
            tensor=self.name(view.source),
            file_shape=self.file_shapes[view.source],
            shape=shape,
            order=view.order,
            low=formula.low,
            high=formula.high,
            formula=formula,
        )
        self.ports.append(port)
        self.tensors[port.tensor] = Tensor(shape, np.array([port.low]), np.array([port.high]))
        return port.tensor

    def entered(self, view: View, format: FixedFormat | None = None) -> View:
        """The view of an input as codes of a format: that which was asked for, or this one.

        Raises
        ------
        ModelError
            If there is neither.
        """
        format = self.input or format
        if format is None:
            raise ModelError(
                f"{self.who}: input {view.source}: a format must be given, as the file does not "
                "quantise it",
                hint="give it as input, for example sfix16_en10",
            )
        scale = Fraction(2) ** -format.fraction_width
        ones = [1] * len(inner(view.shape))
        formula = Affine(
            fractions(1 / scale).reshape(ones),
            fractions(0).reshape(ones),
            format.minimum,
            format.maximum,
        )
        raw = view.changed(factor=fractions(1).reshape(ones), offset=fractions(0).reshape(ones))
        tensor = self.port(None, raw, formula)
        return view.changed(tensor=tensor, factor=view.factor * scale, source="", order=())

    def bare(self, node: SourceNode, view: View) -> View:
        """The view with its limits as integers, and nothing pending but factor and offset.

        Raises
        ------
        ModelError
            If limits are no integers, or a function is pending.
        """
        if view.tensor is None:
            view = self.entered(view)
        if view.bare:
            return view
        label = node.label(self.who)
        if view.functions:
            name = view.functions[-1][0]
            raise ModelError(f"{label}: its operand must be quantised after {name}, not be real")
        tensor = self.tensors[self.tensor(view)]
        ends = []
        for bound, limit in ((view.low, tensor.low.min()), (view.high, tensor.high.max())):
            if bound is None:
                ends.append(int(limit))
                continue
            found = {*((bound - view.offset) / view.factor).reshape(-1)}
            one = found.pop()
            if found or one.denominator != 1 or not (view.factor > 0).all():
                raise ModelError(f"{label}: its operand must be quantised, not be a real number")
            ends.append(int(one))
        ones = fractions(1).reshape([1] * len(tensor.shape))
        formula = Affine(ones, ones * 0, ends[0], max(ends))
        name = self.add(Requantise, node, (self.tensor(view),), formula=formula)
        return view.changed(tensor=name, low=None, high=None)

    def _limits_outside(self, name: str, view: View) -> tuple[View, tuple[Any, ...]]:
        """Limits that are no integers are left to the host, if all channels have the same."""
        steps = []
        for step, bound in (("at_least", view.low), ("at_most", view.high)):
            found = set() if bound is None else {*bound.reshape(-1)}
            if len(found) > 1:
                raise ModelError(
                    f"{self.who}: output {name}: limits must be alike for all channels"
                )
            steps += [(step, (float(value),)) for value in found]
        return view.changed(low=None, high=None), tuple(steps)

    def output(self, name: str, view: View, tail: tuple[Any, ...]) -> Port:
        """The port of an output; limits and functions that are pending become steps of the host."""
        if view.tensor is None:
            view = self.entered(view)
        if view.low is not None or view.high is not None:
            try:
                view = self.bare(SourceNode(name, "output", (), ()), view)
            except ModelError:
                view, steps = self._limits_outside(name, view)
                tail = (*steps, *tail)
        for function, attributes in reversed(view.functions):
            if attributes:
                raise ModelError(f"{self.who}: output {name}: {function} must have its defaults")
            tail = ((function, ()), *tail)
        tensor = self.tensor(view)
        return Port(
            name=name,
            tensor=tensor,
            file_shape=view.shape,
            shape=self.tensors[tensor].shape,
            meaning=Meaning(view.factor, view.offset),
            tail=tail,
        )
