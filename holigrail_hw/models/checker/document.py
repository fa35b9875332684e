"""A certificate as a document, and the seal that shows that it was edited.

Schema 1, all numbers exact: integers, or rationals as the text *numerator/denominator*.

==============  ==================================================================================
``operator``    the operator that takes the network
``model``       ``name`` and ``sha256`` of the file of real numbers
``network``     ``name`` and ``sha256`` of the integer graph
``box``         for every input its least and its greatest value, in numbers of the file
``error``       how far each output may be off, in numbers of the file; ``asked`` is the request
``bound``       how far each output is off at most, proved
``formats``     fraction bits: ``input``, ``weights`` of each row of each layer, ``values`` of each layer
``kept``        of each layer the rows that are computed; the others are 0 over the whole box
``boxes``       the tree of halves: the axis of every cut, -1 for a leaf; lower halves come first
``found``       what is told and not proved: cost, uniform formats, samples
``seal``        SHA-256 of everything else
==============  ==================================================================================
"""

import hashlib
import json
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from holigrail_hw.models.errors import ModelError

__all__ = ["FIELDS", "KIND", "digest", "rational", "read_document", "sealed", "text_of"]

KIND = "certificate of formats"
FIELDS = {
    "schema": int,
    "kind": str,
    "operator": str,
    "model": dict,
    "network": dict,
    "box": list,
    "asked": str,
    "error": list,
    "bound": list,
    "formats": dict,
    "kept": list,
    "boxes": list,
    "found": dict,
    "seal": str,
}
_RATIONAL = re.compile(r"-?[0-9]{1,400}(/[1-9][0-9]{0,399})?")


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _seal(document: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in document.items() if name != "seal"}
    return digest(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its seal."""
    return {**document, "seal": _seal(document)}


def text_of(document: Mapping[str, Any]) -> str:
    """The document as text; equal documents give equal texts. Long lists stand in one line."""
    lines = [
        f" {json.dumps(name)}: {json.dumps(document[name], sort_keys=True)}" for name in document
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_document(text: str, who: str) -> dict[str, Any]:
    """The document of a text, its fields of the right kinds and its seal unbroken.

    Raises
    ------
    ModelError
        If it is none, or was edited.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelError(f"{who}: must be a certificate, not broken JSON") from None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise ModelError(f"{who}: must be a {KIND}, not another document")
    if document.get("schema") != 1:
        raise ModelError(f"{who}: the schema must be 1, not {document.get('schema')}")
    wrong = [n for n, kind in FIELDS.items() if not isinstance(document.get(n), kind)]
    wrong += [name for name in document if name not in FIELDS]
    if wrong:
        raise ModelError(f"{who}: a certificate must have its fields, not a wrong {wrong[0]}")
    if _seal(document) != document["seal"]:
        raise ModelError(f"{who}: the seal must be that of its content, not of another: edited")
    return document


def rational(value: Any, who: str) -> Fraction:
    """A number of a certificate.

    Raises
    ------
    ModelError
        If it is none.
    """
    if not isinstance(value, str) or not _RATIONAL.fullmatch(value):
        raise ModelError(f"{who}: numbers must be rationals as text, not {str(value)[:40]}")
    return Fraction(value)
