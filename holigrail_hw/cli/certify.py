"""``holigrail certify``: formats with a proved error, or the check of a certificate of them."""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holigrail_hw.core.certification import CertificateFile, CertificationRequest, Certifier
from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.flow import folders
from holigrail_hw.ui.tables import pairs

from .arguments import read_request
from .options import integer
from .session import Session, shown

__all__ = ["configure", "main"]

_LARGEST = 1 << 28


def main(words: list[str], session: Session) -> int:
    """Find, prove and write; or check. Exit status 1 if nothing suffices, or does not hold."""
    path = _given(words)
    if path is not None and (not words or words[0].startswith("-")):
        # A certificate says whose it is.
        words = [_operator_of(path), *words]
    request = read_request(words, session, configure)
    if request.cls is None or request.recipe is not None:
        raise RequestError("certify: an operator must be given, not a recipe")
    certifier = request.cls.certifier()
    if certifier is None:
        raise RequestError(
            f"certify: the operator must find formats with a proved error, which {request.cls.name}"
            " does not"
        )
    options = request.options
    wanted = CertificationRequest(
        box=options.box,
        error=options.error,
        cost=options.cost,
        effort=options.effort,
        seed=session.seed,
        truncate=options.truncate,
    )
    values = parse_parameters(request.cls, request.texts, who=request.cls.name)
    if options.check:
        return _check(certifier, values, wanted, Path(options.check), session)
    return _find(certifier, values, wanted, session)


def _find(
    certifier: Certifier, values: Mapping[str, Any], wanted: CertificationRequest, session: Session
) -> int:
    missing = [name for name in ("box", "error") if getattr(wanted, name) is None]
    if missing:
        raise RequestError([f"certify: --{name} must be given" for name in missing])
    start = time.monotonic()
    with session.progress() as progress:
        found = certifier.find(values, wanted, progress)
    seconds = round(time.monotonic() - start, 1)
    folder = session.folder(found.name)
    with folders.staging(folder, "certify", last=[*found.files][-1]) as work:
        for name, content in found.files.items():
            (work / name).write_bytes(content)
    files = [folder / name for name in found.files]
    facts = {**found.facts, "time (s)": seconds}
    rows = [*facts.items(), *(("written", shown(path)) for path in files)]
    result = {"folder": str(folder), "files": [*map(str, files)], "facts": facts}
    return session.show(result, lambda console: pairs(console, rows))


def _check(
    certifier: Certifier,
    values: Mapping[str, Any],
    wanted: CertificationRequest,
    path: Path,
    session: Session,
) -> int:
    start = time.monotonic()
    with session.progress() as progress:
        file = CertificateFile(path=path, text=_text(path))
        facts = certifier.check(values, wanted, file, progress)
    facts = {**facts, "time (s)": round(time.monotonic() - start, 1)}
    return session.show({"facts": facts}, lambda console: pairs(console, [*facts.items()]))


def _given(words: list[str]) -> Path | None:
    """The certificate to check, wherever it stands in the line."""
    for index, word in enumerate(words):
        if word == "--check" and index + 1 < len(words):
            return Path(words[index + 1])
        if word.startswith("--check="):
            return Path(word.partition("=")[2])
    return None


def _text(path: Path) -> str:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            raise RequestError(f"--check: the file must be a certificate, not {path}")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RequestError(
            f"--check: {path} must be a file that can be read: {error.strerror}"
        ) from None


def _operator_of(path: Path) -> str:
    """The operator that a certificate names."""
    try:
        document: Any = json.loads(_text(path))
    except (ValueError, RecursionError):
        document = None
    name = document.get("operator") if isinstance(document, dict) else None
    if not isinstance(name, str) or not name or name.startswith("-"):
        raise RequestError(f"--check: the file must be a certificate, not {path}")
    return name


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb.

    An operator with parameters of these names keeps its own, and is then refused: it finds none.
    """
    parser.conflict_handler = "resolve"
    parser.add_argument(
        "--box",
        metavar="RANGES",
        help="inputs that count: NAME=LOW:HIGH,... in order, LOW:HIGH for all, or a file .json",
    )
    parser.add_argument(
        "--error",
        metavar="E",
        help="how far outputs may be off: 2^-8, 0.01, 1%% of the range, or one for each, by commas",
    )
    parser.add_argument(
        "--cost", metavar="NAME", help="what is to be least: bits (default), adders or luts"
    )
    parser.add_argument(
        "--effort",
        type=integer(1, 1 << 16),
        metavar="N",
        help="cut the box into at most N parts (128): more take longer and prove more",
    )
    parser.add_argument(
        "--truncate",
        action="store_true",
        help="sums may lose low bits where that saves one-bit adders; the bound covers it",
    )
    parser.add_argument(
        "--check",
        metavar="FILE",
        help="check this certificate instead, by code written for that alone",
    )
