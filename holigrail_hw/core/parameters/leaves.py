"""All that a user may give of an operator: its parameters and, under dotted names, its parts'.

``requantiser.scale_width`` is the parameter ``scale_width`` of the part ``requantiser``. What the
design decides about a part is not among them.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .given_file import FileContent, GivenFile
from .parameter import Parameter, parameters_of
from .parts import Part

__all__ = ["files_of", "leaf_parameters", "leaves_of", "located", "replaced"]


def leaf_parameters(cls: type) -> dict[str, Parameter]:
    """Everything that may be given for a class of operators, by its dotted name.

    A part that may be missing, or one of several operators, is there by its own name, too.
    """
    found: dict[str, Parameter] = {}
    for name, whole in parameters_of(cls).items():
        kind = whole.kind
        if not isinstance(kind, Part):
            found[name] = whole
            continue
        if whole.optional or len(kind.operators) > 1:
            found[name] = whole
        for operator in kind.operators:
            for leaf in leaf_parameters(operator).values():
                if leaf.name not in kind.derived:
                    one = _leaf(whole, kind, leaf)
                    found.setdefault(one.name, _of(operator, kind, one))
    return found


def leaves_of(spec: Any, *, parts: bool = False) -> dict[str, tuple[Parameter, Any]]:
    """The parameters that make up a specification, by dotted name, with their values.

    A part stands for itself where it is missing, and before its parameters if ``parts`` is true.
    """
    found: dict[str, tuple[Parameter, Any]] = {}
    for name, whole in parameters_of(spec).items():
        kind, value = whole.kind, getattr(spec, name)
        if not isinstance(kind, Part) or value is None:
            found[name] = (whole, value)
            continue
        if parts:
            found[name] = (whole, value)
        for leaf, held in leaves_of(value, parts=parts).values():
            if leaf.name not in kind.derived:
                one = _leaf(whole, kind, leaf)
                found[one.name] = (one, held)
    return found


def files_of(spec: Any) -> dict[str, tuple[str, GivenFile]]:
    """The files among the parameters that a folder of the design must hold, with names there."""
    held = {
        name: value
        for name, (_, value) in leaves_of(spec).items()
        if isinstance(value, GivenFile) and not value.shipped
    }
    names = [value.name for value in held.values()]
    return {
        name: (value.name if names.count(value.name) == 1 else f"{name}_{value.name}", value)
        for name, value in held.items()
    }


def located(cls: type, given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Parameters as a document in a folder gives them: files are those beside it."""
    known = leaf_parameters(cls)
    found = dict(given)
    for name, value in given.items():
        kind = known[name].kind if name in known else None
        if isinstance(kind, FileContent) and isinstance(value, str):
            is_word = value in kind.shipped() or value in (*kind.nothing, known[name].nothing)
            found[name] = value if is_word else str(folder / value)
    return found


def replaced(spec: Any, name: str, value: Any) -> Any:
    """The specification with another value of one parameter; raises RequestError."""
    first, _, rest = name.partition(".")
    if rest:
        value = replaced(getattr(spec, first), rest, value)
    return dataclasses.replace(spec, **{first: value})


def _leaf(whole: Parameter, kind: Part, leaf: Parameter) -> Parameter:
    """A part's parameter as one of the design."""
    return dataclasses.replace(
        leaf,
        name=f"{whole.name}.{leaf.name}",
        default=kind.defaults.get(leaf.name, leaf.default),
        samples=kind.samples.get(leaf.name, ()),
        hardware=whole.hardware and leaf.hardware,
        word=kind.words.get(leaf.name, leaf.word or leaf.name),
    )


def _of(operator: Any, kind: Part, leaf: Parameter) -> Parameter:
    """The same, saying which operator has it, if the part may be one of several."""
    if len(kind.operators) == 1:
        return leaf
    first = leaf.name.split(".")[1]
    names = [one.name for one in kind.operators if first in parameters_of(one)]
    return dataclasses.replace(leaf, help=f"{' and '.join(names)}: {leaf.help}")
