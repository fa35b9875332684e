"""Which ONNX nodes are known, and one spelling for what opsets and dialects write differently."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from holigrail_hw.models.source.evaluate import FUNCTIONS
from holigrail_hw.models.source.nodes import SourceNode

__all__ = ["node_violations", "normalised"]

_STANDARD = {"", "ai.onnx"}
_QONNX = {"onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general"}
_DOMAINS = {
    **dict.fromkeys(("Quant", "BipolarQuant", "Trunc", "FloatQuant", "MultiThreshold"), _QONNX),
    "IntQuant": _QONNX,
    "RequantShift": {"", "PACTOps"},
    "QGemm": {"com.microsoft"},
}
_REASONS = {
    "DynamicQuantizeLinear": "its scale is only known when it runs",
    "MatMulInteger": "no reader knows what its sums mean",
    "ConvInteger": "no reader knows what its sums mean",
    "LayerNormalization": "normalisation of a vector is not supported",
    "QLinearSoftmax": "softmax within a quantised graph is not supported",
    "Loop": "loops are not supported",
    "If": "conditions are not supported",
}
_LIMITS = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
    "uint16": (0, 65535),
}
_ZERO = {"QuantizeLinear": 2, "QLinearConv": 7, "QLinearMatMul": 7, "QGemm": 8}


def node_violations(node: SourceNode, who: str) -> list[str]:
    """Why a node cannot be read; empty if it can."""
    label = node.label(who)
    domains = _DOMAINS.get(node.operator, _STANDARD)
    known = node.operator in {*FUNCTIONS, "IntQuant"} - {"DynamicRange"}
    if not known or node.domain not in domains:
        of = f" of domain {node.domain}" if node.domain else ""
        reason = _REASONS.get(node.operator, "it is not known")
        return [f"{label}: the operator must be supported, but{of} {reason}"]
    a = node.attributes
    if node.operator == "BatchNormalization" and a.get("training_mode"):
        return [f"{label}: training_mode must be 0, not {a['training_mode']}"]
    if node.operator in ("QuantizeLinear", "DequantizeLinear") and a.get("block_size"):
        return [f"{label}: block_size must be 0, not {a['block_size']}"]
    if node.operator in ("MaxPool", "Conv", "AveragePool") and a.get("storage_order"):
        return [f"{label}: storage_order must be 0, not {a['storage_order']}"]
    return []


def normalised(
    node: SourceNode,
    opsets: Mapping[str, int],
    constants: Mapping[str, Any],
    who: str,
    violations: list[str],
) -> SourceNode:
    """The node with the attributes that :mod:`..source.evaluate` expects.

    What is missing is added to ``violations``.
    """
    opset = opsets.get("", opsets.get("ai.onnx", 1))
    a, label = dict(node.attributes), node.label(who)
    operator = node.operator
    match operator:
        case "IntQuant":
            operator = "Quant"
        case "Softmax":
            a.setdefault("axis", 1 if opset < 13 else -1)
            if opset < 13:
                a["flatten"] = 1
        case "Trunc":
            version = opsets.get(node.domain, 2 if len(node.inputs) > 5 else 1)
            a["version"] = 2 if version >= 2 else 1
            wanted = 6 if a["version"] == 2 else 5
            if len(node.inputs) != wanted:
                violations.append(f"{label}: there must be {wanted} operands")
        case "FloatQuant":
            # Called has_infinity in its document, and has_inf where it is computed.
            a["has_inf"] = a.get("has_inf", a.pop("has_infinity", 0))
            if not (a.get("saturation", 1) or a["has_inf"] or a.get("has_nan", 0)):
                violations.append(
                    f"{label}: floats must saturate, or have infinities or NaN, not none of these"
                )
        case "Cast":
            a["kind"] = "float" if a.get("to") in (1, 10, 11, 16) else "integer"
        case "RequantShift":
            _requant_shift(a, label, violations)
        case "QuantizeLinear" | "QLinearConv" | "QLinearMatMul" | "QGemm":
            _code_limits(replace(node, attributes=a), a, constants, label, violations)
    for old in ("broadcast", "is_test", "consumed_inputs", "momentum", "spatial"):
        a.pop(old, None)
    if operator in ("Quant",) and "narrow" not in a:
        violations.append(
            f"{label}: the attribute narrow must be given, as its default is disputed"
        )
    return replace(node, operator=operator, attributes=a)


def _requant_shift(a: dict[str, Any], label: str, violations: list[str]) -> None:
    """Attributes div, n_levels_out and signed are tensors in some files, numbers in others."""
    found = {}
    for names in (("div", "D"), ("n_levels_out", "n_levels"), ("signed",)):
        values = [np.asarray(a.pop(name)).reshape(-1) for name in names if name in a]
        if not values or values[0].size != 1:
            violations.append(f"{label}: the attribute {names[0]} must be one number")
            return
        found[names[0]] = int(values[0][0])
    if found["div"] < 1 or found["div"] & (found["div"] - 1):
        violations.append(f"{label}: div must be a power of two, not {found['div']}")
    levels = found["n_levels_out"]
    a["div"] = found["div"]
    a["limits"] = (-(levels // 2), (levels + 1) // 2 - 1) if found["signed"] else (0, levels - 1)


def _code_limits(
    node: SourceNode, a: dict[str, Any], constants: Any, label: str, violations: list[str]
) -> None:
    place = _ZERO[node.operator]
    name = node.inputs[place] if len(node.inputs) > place else ""
    if name and name not in constants:
        violations.append(f"{label}: the zero point must be a constant, not {name}")
        return
    kind = str(constants[name].dtype) if name else "uint8"
    if kind not in _LIMITS:
        violations.append(f"{label}: codes must be {', '.join(_LIMITS)}, not {kind}")
        return
    a["limits"] = _LIMITS[kind]
