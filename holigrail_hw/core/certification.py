"""What a verb and an operator say to each other about a certificate of formats."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CertificateFile", "Certification", "CertificationRequest", "Certifier"]


@dataclass(frozen=True, kw_only=True)
class CertificationRequest:
    """What is asked for, as texts that the operator understands.

    Parameters
    ----------
    box : str or None
        Inputs that count.
    error : str or None
        How far outputs may be off.
    cost : str or None
        What is to be least; the operator's own choice if None.
    effort : int or None
        How hard to try; the operator's own choice if None.
    seed : int
        Of random choices.
    truncate : bool
        Whether sums may lose low bits, too.
    """

    box: str | None
    error: str | None
    cost: str | None = None
    effort: int | None = None
    seed: int = 1
    truncate: bool = False


@dataclass(frozen=True, kw_only=True)
class Certification:
    """What was found.

    Parameters
    ----------
    name : str
        What the folder is called.
    facts : Mapping
        For people, by name.
    files : Mapping of str to bytes
        What is to be written, by the names of the files; the certificate is among them.
    """

    name: str
    facts: Mapping[str, Any]
    files: Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class CertificateFile:
    """A certificate to be checked, and where it lies.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        Its content.
    """

    path: Path
    text: str


@dataclass(frozen=True, kw_only=True)
class Certifier:
    """What finds formats with a proved error for an operator, and what checks that by other means.

    Both take the parameters that were given, not judged together, for a design may need what is
    found; the request; and what takes lines about progress, last.

    Parameters
    ----------
    find : callable
        ``(values, request, progress)`` to a :class:`Certification`. Raises RequestError if the
        request has no meaning, DesignError if nothing is good enough.
    check : callable
        ``(values, request, file, progress)`` to facts of a certificate. What was given must be what
        the certificate is about. Raises RequestError if a file is missing or the request has no
        meaning, DesignError if the certificate does not hold.
    """

    find: Callable[[Mapping[str, Any], CertificationRequest, Callable[[str], None]], Certification]
    check: Callable[
        [Mapping[str, Any], CertificationRequest, CertificateFile, Callable[[str], None]],
        Mapping[str, Any],
    ]
