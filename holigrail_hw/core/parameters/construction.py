"""From what was given to the parameters of a specification, or to all that is wrong, at once.

Parameters are brought to their types, then missing ones are derived, then parts are made with what
the design decides about them, and then all is judged together.
"""

import re
from collections.abc import Mapping
from typing import Any

from holigrail_hw.formats import Format, FormatError

from ..errors import RequestError
from .given_names import flattened, nested
from .parameter import parameters_of
from .parts import Fit, Part
from .text import to_text

__all__ = ["construct", "parse_parameters", "settle"]


def settle(spec: Any) -> None:
    """Bring a new specification's parameters to their declared types, derive and check them.

    A derived format may be wider than any that can be asked for. Its name is accepted where it is
    what the other parameters derive, so that what manifests and messages say can be read.

    Raises
    ------
    RequestError
        With every parameter that breaks a rule.
    """
    known = parameters_of(spec)
    given = {name: getattr(spec, name) for name in known}
    values, wrong, hints = _parsed(spec, given)
    derived = {
        name: given[name]
        for name in wrong
        if name in known
        and known[name].type is Format
        and known[name].optional
        and isinstance(given[name], str)
    }
    if len(wrong) > len(derived):
        raise _error(spec.name, wrong, hints)
    for name, value in (values | dict.fromkeys(derived)).items():
        object.__setattr__(spec, name, value)
    found = {key: v for key, v in spec.derive().items() if getattr(spec, key) is None}
    found, failed, _ = _parsed(spec, found)
    for name, value in found.items():
        object.__setattr__(spec, name, value)
    if any(to_text(getattr(spec, name)) != text for name, text in derived.items()):
        raise _error(spec.name, wrong, hints)
    if failed:
        raise _error(spec.name, failed, [])
    misfits, hints = _fit_parts(spec)
    rules = misfits or spec.check()
    if rules:
        hint = "; ".join(dict.fromkeys(hints)) or None
        raise RequestError([f"{spec.name}: {rule}" for rule in rules], hint=hint)


def parse_parameters(cls: type, given: Mapping[str, Any], *, who: str) -> dict[str, Any]:
    """Turn texts into values; raises RequestError with every violation at once."""
    known = parameters_of(cls)
    names = nested(flattened(cls, given, who=who), who=who)
    values, wrong, hints = _parsed(cls, {k: v for k, v in names.items() if k in known})
    for name in names:
        if name not in known:
            wrong[name] = f" no parameter named {name!r}"
            hints.append(f"its parameters are {', '.join(known) or 'none'}")
    if wrong:
        raise _error(who, wrong, hints)
    return values


def construct(cls: type, given: Mapping[str, Any], *, who: str) -> Any:
    """The specification of parameters given as texts; RequestError with every violation."""
    names = nested(flattened(cls, given, who=who), who=who)
    if not names.keys() <= parameters_of(cls).keys():
        parse_parameters(cls, given, who=who)
    return cls(**names)


def _parsed(
    spec: Any, given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Values, what is wrong by name, as the end of a message, and hints."""
    known = parameters_of(spec)
    values, wrong, hints = {}, {}, []
    for name, value in given.items():
        kind = known[name].kind
        try:
            values[name] = known[name].parse(value)
            if isinstance(kind, Part) and isinstance(values[name], dict):
                values[name], misfits, more = _judged(name, kind, values[name])
                wrong, hints = wrong | misfits, hints + more
        except FormatError as error:
            wrong[name] = f" {name}: {error}"
            hints += [error.hint] if error.hint else []
        except ValueError as error:
            wrong[name] = f" {name} {error}"
    return values, wrong, hints


def _judged(
    path: str, kind: Part, given: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """A part's parameters, as far as they can be judged without the design around it."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    hints: list[str] = []
    try:
        given = nested(given, who=path)
    except RequestError as error:
        return {}, {path: f" {path}.{error}"}, []
    for name, value in given.items():
        dotted = f"{path}.{name}"
        if name == "operator":
            values[name] = value
            if value not in kind.choices:
                wrong[dotted] = f" {dotted} must be {' or '.join(kind.choices)}, not {value}"
            continue
        if name in kind.derived:
            wrong[dotted] = f" {dotted} must be left out, for the design decides it"
            continue
        takers = [operator for operator in kind.operators if name in parameters_of(operator)]
        if not takers:
            wrong[dotted] = f" {path}: no parameter named {name!r}"
            hints.append(_own(path, kind, kind.operators))
            continue
        answers = [_parsed(operator, {name: value}) for operator in takers]
        found, bad, more = next((one for one in answers if not one[1]), answers[0])
        values |= found
        wrong |= {f"{path}.{inner}": f" {path}.{text[1:]}" for inner, text in bad.items()}
        hints += more
    return values, wrong, hints


def _own(path: str, kind: Part, operators: tuple[Any, ...]) -> str:
    """The parameters that a user may give of a part, as a hint."""
    names = dict.fromkeys(name for operator in operators for name in parameters_of(operator))
    return f"{path} has {', '.join(name for name in names if name not in kind.derived) or 'none'}"


def _fit_parts(spec: Any) -> tuple[list[str], list[str]]:
    """Put the parts of a specification into it; what breaks a rule, and hints.

    A part that the design cannot decide about yet stays as it was given: what is wrong with the
    design is for its own rules to say.
    """
    for name, parameter in parameters_of(spec).items():
        kind, given = parameter.kind, getattr(spec, name)
        if not isinstance(kind, Part) or given is None:
            continue
        fit = spec.fit(name) or (None if kind.derived else Fit(kind.operators[0]))
        if fit is None:
            continue
        try:
            object.__setattr__(spec, name, _fitted(name, kind, given, fit, spec))
        except RequestError as error:
            return list(error.violations), [error.hint] if error.hint else []
    return [], []


def _fitted(name: str, kind: Part, given: Any, fit: Fit, spec: Any) -> Any:
    """A part as its design needs it; raises RequestError with its rules under its path."""
    operator = fit.operator
    known = parameters_of(operator)
    if isinstance(given, dict):
        values = {key: value for key, value in kind.defaults.items() if key in known} | given
        called = values.pop("operator", operator.name)
        foreign = [key for key in values if key not in known]
        if called == operator.name and foreign:
            raise RequestError(
                [f"{name}.{key} must be left out: {operator.name} has none" for key in foreign],
                hint=_own(name, kind, (operator,)),
            )
    else:
        called = given.name
        values = {key: getattr(given, key) for key in parameters_of(given)}
        values = {key: value for key, value in values.items() if key not in kind.derived}
    if called != operator.name:
        raise RequestError(f"{name} must be {operator.name} in this design, not {called}")
    try:
        return operator(**values, **fit.derived)
    except RequestError as error:
        rules = [text.partition(":")[2].strip() for text in error.violations]
        paths = [_path(name, rule, kind, parameters_of(spec), known) for rule in rules]
        raise RequestError(
            [path + rule for path, rule in zip(paths, rules, strict=True)], hint=error.hint
        ) from None


def _path(name: str, rule: str, kind: Part, whole: Any, known: Any) -> str:
    """What stands before a part's rule, so that it begins with the name of what is wrong."""
    first = re.match(r"\w*", rule)
    subject = first.group() if first else ""
    if subject in kind.derived and subject in whole:
        return ""
    return f"{name}." if subject in known else f"{name}: "


def _error(who: str, wrong: Mapping[str, str], hints: list[str]) -> RequestError:
    hint = "; ".join(dict.fromkeys(hints)) or None
    return RequestError([f"{who}:{text}" for text in wrong.values()], hint=hint)
