"""One parameter of an operator, from a field of its dataclass."""

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from holigrail_hw.formats import Format

from .boolean import Boolean
from .choice import Choice
from .format_name import FormatName
from .integer import Integer
from .integers import Integers, Matrices, Rows
from .kind import Kind
from .parts import AUTO, Part
from .text import to_text

__all__ = ["Parameter", "parameter", "parameters_of", "part"]


def parameter(
    default: Any,
    help: str,
    *,
    low: int | None = None,
    high: int | None = None,
    choices: tuple[Any, ...] = (),
    samples: tuple[Any, ...] = (),
    hardware: bool = True,
    nothing: str | None = None,
    kind: Kind | None = None,
) -> Any:
    """A dataclass field that is a parameter of an operator.

    Parameters
    ----------
    default : value of the field's type, or ``None`` if it is derived from the others
    help : one line for people
    low, high : bounds of an integer, both included
    choices : the allowed values
    samples : further values worth a test or a point in an exploration
    hardware : whether it says what the hardware is. One that only asks a question, as the sizes of
        a product whose cycles ``info`` shall say, or how long a search may take, is not part of
        the design's name; what a search finds is, by :meth:`.OperatorSpec.outcome`
    nothing : a word for ``None``, beside ``none`` and ``auto``, that says what is derived then
    kind : what it may be, where the annotation does not say it, as for the content of a file
    """
    metadata = {
        "help": help,
        "kind": kind,
        "low": low,
        "high": high,
        "choices": choices,
        "samples": samples,
        "hardware": hardware,
        "nothing": nothing,
    }
    return dataclasses.field(default=default, metadata=metadata)


def part(
    help: str,
    *,
    derived: tuple[str, ...] = (),
    defaults: Mapping[str, Any] | None = None,
    words: Mapping[str, str] | None = None,
    samples: Mapping[str, tuple[Any, ...]] | None = None,
) -> Any:
    """A dataclass field that is an operator; its annotation names those that it may be.

    What the field holds is a specification, or ``None`` where the annotation has it. If nothing is
    given, it is what the design makes of the defaults.

    Parameters
    ----------
    help : one line for people
    derived : parameters of the part that :meth:`.OperatorSpec.fit` gives, and nobody else
    defaults : values of its parameters that differ from those it has alone
    words : parameters with another name in the names of modules; the part's own, if it is missing
    samples : values of its parameters worth a test of the design
    """
    metadata = {
        "help": help,
        "samples": (),
        "hardware": True,
        "nothing": None,
        "part": (derived, defaults or {}, words or {}, samples or {}),
    }
    return dataclasses.field(default=AUTO, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One parameter as seen from outside; ``kind`` says what it may be."""

    name: str
    kind: Kind
    optional: bool
    default: Any
    help: str
    samples: tuple[Any, ...]
    hardware: bool = True
    nothing: str | None = None
    word: str | None = None
    """Its name in the names of modules, if that is another."""

    @property
    def type(self) -> Any:
        """int, bool, str, tuple, Format, an Enum, or the class of an operator."""
        return self.kind.type

    @property
    def low(self) -> int | None:
        """Least legal integer."""
        return self.kind.low if isinstance(self.kind, Integer) else None

    @property
    def high(self) -> int | None:
        """Greatest legal integer."""
        return self.kind.high if isinstance(self.kind, Integer) else None

    @property
    def choices(self) -> tuple[Any, ...]:
        """The legal words, if it is one of several."""
        return self.kind.choices if isinstance(self.kind, Choice) else ()

    @property
    def legal(self) -> str:
        """The legal values in words."""
        return self.kind.legal if self.nothing is None else f"{self.kind.legal}, {self.nothing}"

    def several(self, text: str) -> list[str]:
        """The single values that a list for an exploration stands for; raises ValueError."""
        return self.kind.several(text)

    def listed(self, given: Any) -> str:
        """What :meth:`several` takes, of a value from a document: a list there is several values,
        unless it is one of this parameter's own.
        """
        if isinstance(given, list) and self.kind.separator == ",":
            return ",".join(map(to_text, given))
        return to_text(_as_tuples(given))

    def parse(self, given: Any) -> Any:
        """The value that a text, a Python or a NumPy object stands for; raises ValueError."""
        words = (*self.kind.nothing, self.nothing)
        if self.optional and (given is None or isinstance(given, str) and given in words):
            return None
        if given is None:
            raise ValueError("must be given")
        return self.kind.parse(given)


@functools.cache
def _parameters(cls: type) -> dict[str, Parameter]:
    hints = typing.get_type_hints(cls)
    found = {}
    own = cls.__dict__.get("__annotations__", {})
    for field in sorted(dataclasses.fields(cls), key=lambda field: field.name not in own):
        if "help" not in field.metadata:
            continue
        hint = hints[field.name]
        is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
        members = typing.get_args(hint) if is_union else (hint,)
        is_part = "part" in field.metadata
        found[field.name] = Parameter(
            name=field.name,
            kind=_kind([k for k in members if k is not type(None)], field.metadata),
            optional=type(None) in members,
            default=field.default,
            help=field.metadata["help"],
            samples=field.metadata["samples"],
            hardware=field.metadata["hardware"],
            word=field.metadata["part"][2].get(field.name) if is_part else None,
            nothing="none" if is_part and type(None) in members else field.metadata["nothing"],
        )
    return found


def parameters_of(spec: Any) -> dict[str, Parameter]:
    """The parameters of an operator class or instance: its own, then inherited ones."""
    return dict(_parameters(spec if isinstance(spec, type) else type(spec)))


def _as_tuples(given: Any) -> Any:
    return tuple(map(_as_tuples, given)) if isinstance(given, list) else given


def _kind(hints: list[Any], metadata: Any) -> Kind:
    """The kind of parameter an annotation stands for; its members without ``None``."""
    if metadata.get("kind") is not None:
        return metadata["kind"]
    if "part" in metadata:
        return Part(tuple(hints), *metadata["part"])
    hint = hints[0]
    if typing.get_origin(hint) is tuple:
        depth = 0
        while typing.get_origin(hint) is tuple:
            hint, depth = typing.get_args(hint)[0], depth + 1
        real = Fraction in typing.get_args(hint)
        return Matrices() if depth == 3 else (Integers, Rows)[depth - 1](real)
    if hint is int:
        return Integer(metadata["low"], metadata["high"], metadata["help"])
    if hint is bool:
        return Boolean()
    if hint is Format:
        return FormatName()
    choices = metadata["choices"]
    return Choice(hint, choices or (tuple(hint) if issubclass(hint, enum.Enum) else ()))
