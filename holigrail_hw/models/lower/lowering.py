"""The driver: node by node, every refusal collected, until the outputs are known."""

from collections.abc import Callable
from typing import Any

import numpy as np

from holigrail_hw.formats import FixedFormat
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Port
from holigrail_hw.models.source.graph import FloatGraph
from holigrail_hw.models.source.nodes import SourceNode

from .builder import Builder
from .elementwise import ELEMENTWISE_RULES
from .linear import LINEAR_RULES
from .moves import MOVE_RULES
from .pools import POOL_RULES
from .quantisers import QUANTISER_RULES
from .rescaled import RESCALED_RULES
from .views import Lost, Tail, View

__all__ = ["lowered"]

Rule = Callable[[Builder, SourceNode, list[Any]], Any]
RULES: dict[str, Rule] = {
    **ELEMENTWISE_RULES,
    **LINEAR_RULES,
    **MOVE_RULES,
    **POOL_RULES,
    **RESCALED_RULES,
    **QUANTISER_RULES,
}
_REASONS = {
    "FloatQuant": "its numbers are floats, which have no integer form",
    "Softmax": "softmax is supported as the last operator only",
}


def lowered(graph: FloatGraph, input: FixedFormat | None = None) -> IntegerGraph:
    """The integers of a quantised file.

    Parameters
    ----------
    graph : FloatGraph
        After constant folding, and with batch normalisation as products and sums.
    input : FixedFormat or None
        The format of inputs that the file itself does not quantise.

    Raises
    ------
    ModelError
        With one line for every node that cannot be taken.
    """
    who = graph.name
    builder = Builder(who, input, remarks=[*graph.remarks])
    values: dict[str, Any] = {"": None}
    for port in graph.inputs:
        builder.file_shapes[port.name] = port.shape
        values[port.name] = View.plain(None, port.shape).changed(source=port.name)
        if input is not None:
            values[port.name] = builder.entered(values[port.name])
    values.update(graph.constants)
    violations: list[str] = []
    hint = None
    for node in graph.nodes:
        operands = [values[name] for name in node.inputs]
        results: Any = Lost()
        if any(isinstance(x, Lost) for x in operands):
            if node.operator not in RULES:
                violations.append(_unknown(node, who))
        elif node.operator not in RULES:
            violations.append(_unknown(node, who))
        else:
            try:
                results = _applied(builder, node, operands)
            except ModelError as error:
                violations += error.violations
                hint = hint or error.hint
        for name in node.outputs:
            values[name] = results
    ports = []
    for name in () if violations else graph.outputs:
        try:
            ports.append(_output(builder, name, values[name]))
        except ModelError as error:
            violations += error.violations
            hint = hint or error.hint
    if violations:
        raise ModelError([*dict.fromkeys(violations)], hint=hint)
    return IntegerGraph(
        name=who,
        inputs=tuple(builder.ports),
        outputs=tuple(ports),
        nodes=tuple(builder.nodes),
        semantics="exact real arithmetic of the numbers in the file",
        remarks=tuple(dict.fromkeys(builder.remarks)),
        approximations=tuple(dict.fromkeys(builder.approximations)),
    )


def _unknown(node: SourceNode, who: str) -> str:
    reason = _REASONS.get(node.operator, "it has no integer form here")
    return f"{node.label(who)}: the operator must be one that can be quantised, but {reason}"


def _applied(builder: Builder, node: SourceNode, operands: list[Any]) -> Any:
    label = node.label(builder.who)
    if any(isinstance(x, Tail) for x in operands) and node.operator not in (
        "QuantizeLinear",
        "DequantizeLinear",
        "Quant",
        "Identity",
        "Dropout",
    ):
        raise ModelError(f"{label}: softmax must be the last operator, not be followed by this one")
    try:
        return RULES[node.operator](builder, node, operands)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ModelError):
            raise
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{label}: operands must fit this operator: {text}") from None


def _output(builder: Builder, name: str, value: Any) -> Port:
    if isinstance(value, Tail):
        return builder.output(name, value.view, value.steps)
    if isinstance(value, View):
        return builder.output(name, value, ())
    shape = np.shape(value)
    raise ModelError(f"{builder.who}: output {name}: must depend on an input, not be {shape}")
