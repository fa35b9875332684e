"""A model of real numbers to a network of integers with a proved error, and the check of that.

What is proved, and how, is in :mod:`holigrail_hw.models.bounds`; the check, which shares nothing
with it, in :mod:`holigrail_hw.models.checker`.
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from holigrail_hw.core import DesignError, RequestError
from holigrail_hw.core.certification import (
    CertificateFile,
    Certification,
    CertificationRequest,
)
from holigrail_hw.core.parameters import GivenFile
from holigrail_hw.models import FloatGraph, ModelError, read
from holigrail_hw.models.bounds.making import Unreachable, certified
from holigrail_hw.models.bounds.request import allowed_errors, boxed
from holigrail_hw.models.boxes import boxes
from holigrail_hw.models.checker.check import checked
from holigrail_hw.models.checker.document import rational, read_document
from holigrail_hw.models.layered import layered

from .lossy_adders import AdderDesigner
from .model import MODEL_FILE

__all__ = ["certificate_facts", "certification"]

CERTIFICATE = "certificate.json"


def certification(
    operator: str,
    values: Mapping[str, Any],
    request: CertificationRequest,
    progress: Callable[[str], None],
) -> Certification:
    """The integers of a model, its certificate, and the model itself beside them.

    Raises
    ------
    RequestError
        If the model, the box or the error is none; everything that is wrong with one of them.
    DesignError
        If the error is not reached.
    """
    others = [name for name in values if name != "model"]
    if others or "model" not in values:
        what = f"{', '.join(others)} must be left out" if others else "a model must be given"
        raise RequestError(f"{operator}: {what}, for formats are found from its real numbers")
    model: GivenFile = values["model"]
    try:
        source = _real(model)
        network = layered(source)
        box, _ = boxed(request.box or "", network, boxes())
        stem = Path(model.name).stem
        file = f"{stem}_certified.json"
        found = certified(
            source,
            model.content,
            box,
            allowed_errors(request.error or "", network.outputs, model.name),
            asked=request.error or "",
            operator=operator,
            file=file,
            cost=_cost(request),
            boxes=request.effort or 128,
            seed=request.seed,
            designer=AdderDesigner(progress) if request.truncate else None,
            progress=progress,
        )
    except Unreachable as error:
        raise DesignError(f"{operator}: {error}", hint=error.hint) from None
    except ModelError as error:
        raise _refused(operator, error) from None
    files = {
        model.name: model.content,
        file: found.network_text.encode(),
        CERTIFICATE: found.certificate_text.encode(),
    }
    return Certification(name=f"{stem}_certified", facts=found.facts, files=files)


def _cost(request: CertificationRequest) -> str:
    """What is least; bits that are lost save one-bit adders, and nothing else is told of them.

    Raises
    ------
    ModelError
        If lost bits are to save something else.
    """
    if request.truncate and request.cost not in (None, "adders"):
        raise ModelError(f"cost: it must be adders where sums may be truncated, not {request.cost}")
    return request.cost or ("adders" if request.truncate else "bits")


def _refused(operator: str, error: ModelError) -> RequestError:
    return RequestError([f"{operator}: {line}" for line in error.violations], hint=error.hint)


def _real(model: GivenFile) -> FloatGraph:
    with tempfile.TemporaryDirectory(prefix="holigrail-") as folder:
        # Readers take a path; what the file is called stands in their messages.
        path = Path(folder, model.name)
        path.write_bytes(model.content)
        found = read(path)
    if not isinstance(found, FloatGraph):
        raise ModelError(f"{model.name}: the model must have real numbers, not integers already")
    return found


def certificate_facts(
    values: Mapping[str, Any],
    request: CertificationRequest,
    file: CertificateFile,
    progress: Callable[[str], None],
) -> Mapping[str, Any]:
    """What a certificate states, all of it proved again.

    The model is the one that is given, or lies beside the certificate; the network lies there.

    Raises
    ------
    RequestError
        If a file is missing, or the request has no meaning.
    DesignError
        If the certificate does not hold: one line.
    """
    who = file.path.name
    try:
        document = read_document(file.text, who)
    except ModelError as error:
        raise DesignError(str(error)) from None
    model = values.get("model") or _beside(file, document["model"])
    text = _beside(file, document["network"], (".json",)).content
    try:
        network = layered(_real(model))
        wanted = boxed(request.box, network, boxes())[0] if request.box else None
    except ModelError as error:
        raise _refused("certify", error) from None
    if wanted is not None and document["box"] != [[str(low), str(high)] for low, high in wanted]:
        raise DesignError(f"{who}: the box must be the one that was certified, not another")
    if request.error is not None and document["asked"] != request.error:
        raise DesignError(
            f"{who}: the error must be {document['asked']}, as was certified, not {request.error}"
        )
    try:
        proved = checked(document, network, model.content, text, progress, who)
        told = _told_error(document, network.outputs, who)
    except ModelError as error:
        raise DesignError(str(error)) from None
    return {
        "certificate": "holds",
        "model": document["model"]["name"],
        "network": document["network"]["name"],
        "error": told,
        "bound": ", ".join(f"{float(value):.6g}" for value in proved),
        "boxes": sum(axis == -1 for axis in document["boxes"]),
    }


def _told_error(document: Mapping[str, Any], outputs: int, who: str) -> str:
    """The error that was asked for, once its numbers are those of the certificate.

    Of shares, the numbers are told: ranges of samples are not taken again.

    Raises
    ------
    ModelError
        If it is none, or another.
    """
    asked = document["asked"]
    allowed = allowed_errors(asked, outputs, who)
    numbers = [rational(value, who) for value in document["error"]]
    if any(not share and n != v for n, (v, share) in zip(numbers, allowed, strict=True)):
        told = ", ".join(document["error"])
        raise ModelError(f"{who}: the error must be {asked}, as it says, not {told}")
    if not any(share for _, share in allowed):
        return asked
    return f"{asked}: {', '.join(f'{float(n):.6g}' for n in numbers)}"


def _beside(
    file: CertificateFile, stated: Mapping[str, Any], endings: tuple[str, ...] = MODEL_FILE.endings
) -> GivenFile:
    """A file that the certificate names, in its folder; a name with folders is none."""
    name = stated.get("name")
    if not isinstance(name, str) or Path(name).name != name or Path(name).suffix not in endings:
        raise DesignError(f"{file.path.name}: it must name files of its folder, not {name}")
    try:
        return MODEL_FILE.parse(file.path.parent / name)
    except ValueError as error:
        raise RequestError(
            f"certify: {name} must lie beside the certificate: {error}",
            hint="--model FILE takes the model from elsewhere",
        ) from None
