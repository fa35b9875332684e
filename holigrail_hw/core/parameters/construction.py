"""From what was given to the parameters of a specification, or to all that is wrong, at once."""

from collections.abc import Mapping
from typing import Any

from holigrail_hw.formats import Format, FormatError

from ..errors import RequestError
from .parameter import parameters_of
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
        if known[name].type is Format and known[name].optional and isinstance(given[name], str)
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
    rules = [*failed.values(), *(f" {rule}" for rule in ([] if failed else spec.check()))]
    if rules:
        raise RequestError([f"{spec.name}:{rule}" for rule in rules])


def parse_parameters(cls: type, given: Mapping[str, Any], *, who: str) -> dict[str, Any]:
    """Turn texts into values; raises RequestError with every violation at once."""
    known = parameters_of(cls)
    names = {name.replace("-", "_"): value for name, value in given.items()}
    values, wrong, hints = _parsed(cls, {k: v for k, v in names.items() if k in known})
    for name in given:
        if name.replace("-", "_") not in known:
            wrong[name] = f" no parameter named {name!r}"
            hints.append(f"its parameters are {', '.join(known) or 'none'}")
    if wrong:
        raise _error(who, wrong, hints)
    return values


def construct(cls: type, given: Mapping[str, Any], *, who: str) -> Any:
    """The specification of parameters given as texts; RequestError with every violation."""
    names = {name.replace("-", "_"): value for name, value in given.items()}
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
        try:
            values[name] = known[name].parse(value)
        except FormatError as error:
            wrong[name] = f" {name}: {error}"
            hints += [error.hint] if error.hint else []
        except ValueError as error:
            wrong[name] = f" {name} {error}"
    return values, wrong, hints


def _error(who: str, wrong: Mapping[str, str], hints: list[str]) -> RequestError:
    hint = "; ".join(dict.fromkeys(hints)) or None
    return RequestError([f"{who}:{text}" for text in wrong.values()], hint=hint)
