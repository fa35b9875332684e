"""The integer graph as JSON.

Schema 1: ``name``, ``semantics``, ``remarks``, ``approximations``, ``measured``; ``inputs`` and
``outputs`` with the fields of :class:`.Port`; ``nodes`` with ``kind`` and the fields of its class
in :mod:`.nodes`, in the order in which they can be computed; ``tensors``: name to shape, and the
least and the greatest integer of every channel. ``front``, which may be left out: what a search
weighed, as :mod:`.front` has it.
An array is ``{"shape", "kind", "values"}``, its kind integer, rational, float32 or float64; a
rational is the text *numerator/denominator*. Formulas and forms have a ``kind`` of their own.
"""

import json
from dataclasses import fields
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.arrays import decoded, encoded
from holigrail_hw.models.formulas.documents import formula_document, formula_of
from holigrail_hw.models.source.windows import Window

from .checks import violations
from .forms import form_document, form_of
from .front import front_document, front_of
from .nodes import Add, Adders, Linear, Meaning, Move, Pool, Port, Requantise, Softmax

__all__ = ["graph_of", "graph_text"]

SCHEMA = 1
# What a document of another kind leads to: a field is missing, or of another type.
_BROKEN = (LookupError, TypeError, ValueError, AttributeError, RecursionError, ArithmeticError)
_NODES: dict[str, Any] = {
    cls.kind: cls for cls in (Linear, Adders, Add, Pool, Requantise, Move, Softmax)
}


def _value(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return encoded(value)
    if isinstance(value, Meaning):
        return {"factor": encoded(value.factor), "offset": encoded(value.offset)}
    if isinstance(value, Window):
        return {item.name: getattr(value, item.name) for item in fields(value)}
    return value


def _document(item: Any) -> dict[str, Any]:
    document = {"kind": item.kind} if hasattr(item, "kind") else {}
    for field in fields(item):
        value = getattr(item, field.name)
        if field.name == "formula" and value is not None:
            document["formula"] = formula_document(value)
        elif field.name == "form":
            document["form"] = form_document(value)
        else:
            document[field.name] = _value(value)
    return document


def graph_text(graph: Any) -> str:
    """The document of an :class:`.IntegerGraph`; equal graphs give equal texts."""
    tensors = {
        name: {"shape": t.shape, "low": encoded(t.low), "high": encoded(t.high)}
        for name, t in graph.tensors.items()
    }
    document = {
        "schema": SCHEMA,
        "name": graph.name,
        "semantics": graph.semantics,
        "remarks": graph.remarks,
        "approximations": graph.approximations,
        "measured": graph.measured,
        "inputs": [_document(port) for port in graph.inputs],
        "outputs": [_document(port) for port in graph.outputs],
        "nodes": [_document(node) for node in graph.nodes],
        "tensors": tensors,
    }
    if graph.front is not None:
        document["front"] = front_document(graph.front)
    return json.dumps(document, indent=1) + "\n"


def graph_of(text: str, who: str, make: Any) -> Any:
    """The graph of a document, made by its class; see :meth:`.IntegerGraph.from_json`."""
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            raise ModelError(f"{who}: the schema must be {SCHEMA}, not {document['schema']}")
        graph = make(
            name=str(document["name"]),
            inputs=tuple(_made(Port, item, who) for item in document["inputs"]),
            outputs=tuple(_made(Port, item, who) for item in document["outputs"]),
            nodes=tuple(_made(_NODES[item["kind"]], item, who) for item in document["nodes"]),
            semantics=str(document["semantics"]),
            remarks=tuple(map(str, document["remarks"])),
            approximations=tuple(map(str, document["approximations"])),
            measured=tuple(map(str, document["measured"])),
            front=front_of(document.get("front"), who),
        )
        stated = document["tensors"]
        found = violations(graph, who)
        if found:
            raise ModelError(found)
        wrong = [name for name, t in graph.tensors.items() if not _as_stated(stated.get(name), t)]
    except ModelError:
        raise
    except _BROKEN as error:
        name = type(error).__name__
        raise ModelError(f"{who}: must be a graph of schema {SCHEMA}, not fail ({name})") from None
    if wrong:
        raise ModelError(f"{who}: tensor {wrong[0]}: shape and range must follow from the nodes")
    return graph


def _as_stated(stated: Any, tensor: Any) -> bool:
    if stated is None or tuple(stated["shape"]) != tensor.shape:
        return False
    ends = (decoded(stated[name], "range") for name in ("low", "high"))
    return all(
        np.array_equal(end, own) for end, own in zip(ends, (tensor.low, tensor.high), strict=True)
    )


def _made(cls: Any, document: Any, who: str) -> Any:
    values = {}
    for field in fields(cls):
        value = document[field.name]
        label = f"{who}: {field.name}"
        if field.name == "formula":
            value = None if value is None else formula_of(value, label)
        elif field.name == "form":
            value = form_of(value, label)
        elif field.name == "meaning":
            value = (
                None
                if value is None
                else Meaning(*(decoded(value[name], label) for name in ("factor", "offset")))
            )
        elif field.name == "window":
            value = None if value is None else Window(**{k: tuple(v) for k, v in value.items()})
        elif field.name == "tail":
            value = tuple((str(name), tuple(numbers)) for name, numbers in value)
        elif isinstance(value, dict):
            value = decoded(value, label)
        elif isinstance(value, list):
            if any(type(v) not in (int, str) for v in value):
                raise ModelError(f"{label}: must be integers or texts")
            value = tuple(value)
        elif type(value) not in (int, str):
            raise ModelError(f"{label}: must be an integer or a text")
        values[field.name] = value
    return cls(**values)
