"""What a verb and an operator say to each other about a certificate of formats."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CertificateFile", "Certification", "CertificationRequest"]


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
    """

    box: str | None
    error: str | None
    cost: str | None = None
    effort: int | None = None
    seed: int = 1


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
