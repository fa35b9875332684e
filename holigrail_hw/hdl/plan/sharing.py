# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false

"""Equal parts of a design as instances of one module, instead of a copy of the module for each.

Amaranth elaborates and writes every submodule anew. Where a design is written (and not simulated by
Amaranth, or built by one of its platforms), a :class:`Sharing` takes the place of the platform:
:func:`submodule` then turns a component into RTLIL once for all that have the same key, and puts
instances in their places. The work and the text grow with the number of different parts.

Nothing that is inserted around an instance reaches into it: an enable is handed in as a port, and a
design in which a reset is inserted must not share.
"""

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from amaranth import (
    ClockSignal,
    DomainRenamer,
    EnableInserter,
    Instance,
    Module,
    ResetSignal,
    Signal,
    Value,
)
from amaranth.back import rtlil
from amaranth.lib.wiring import Out

__all__ = ["Part", "Sharing", "submodule"]


class Sharing:
    """The modules that parts of a design have in common.

    Parameters
    ----------
    name : str
        Of the whole design; the names of the modules begin with it.

    Attributes
    ----------
    modules : list of str
        Their RTLIL.
    """

    def __init__(self, name: str):
        self._name = name
        self._known: dict[Hashable, _Shared] = {}
        self._taken: set[str] = set()
        self.modules: list[str] = []

    def instance(self, m: Module, name: str, part: "Part", inputs: Mapping[str, Any]) -> Any:
        """An instance of the module for a part; its outputs as attributes."""
        if part.key not in self._known:
            self._known[part.key] = self._convert(part)
        shared = self._known[part.key]
        outputs = {port: Signal(n, name=f"{name}_{port}") for port, n in shared.outputs.items()}
        given = {"clk": ClockSignal(), "rst": ResetSignal(), "advance": part.advance}
        m.submodules[name] = Instance(
            shared.name,
            *(("i", port, given[port]) for port in shared.clocking),
            *(("i", port, value) for port, value in inputs.items()),
            *(("o", port, value) for port, value in outputs.items()),
        )
        return SimpleNamespace(**outputs)

    def _convert(self, part: "Part") -> "_Shared":
        kind, count = part.kind, 1
        while kind in self._taken:
            kind, count = f"{part.kind}_{count}", count + 1
        self._taken.add(kind)
        component, advance = part.make(), Signal(name="advance")
        members = component.signature.members
        ports = [Value.cast(getattr(component, name)) for name in members]
        whole = DomainRenamer({"load": "sync"})(EnableInserter({"sync": advance})(component))
        name = f"{self._name}.{kind}"
        text = rtlil.convert(whole, name=name, ports=[*ports, advance], emit_src=False)
        self.modules.append(text.replace("attribute \\top 1\n", ""))
        outputs = {port: m.shape for port, m in members.items() if m.flow is Out}
        clocking = re.findall(r"^ *wire .*input +\d+ +\\(clk|rst|advance)$", text, re.M)
        return _Shared(name, outputs, clocking)


@dataclass(frozen=True)
class Part:
    """What a submodule is.

    Parameters
    ----------
    kind : str
        What the module is called if it is shared.
    key : hashable
        Components with the same key must be the same.
    make : callable
        Makes the component, all of whose members are plain ports. Its domain ``load`` becomes
        ``sync``.
    advance : Value
        The enable that is inserted, around the parent, into the domain ``sync``; an instance is
        given it, as nothing can be inserted there.
    """

    kind: str
    key: Hashable
    make: Callable[[], Any]
    advance: Any


@dataclass(frozen=True)
class _Shared:
    """A module, its outputs with their shapes, and which of clk, rst and advance it has."""

    name: str
    outputs: Mapping[str, Any]
    clocking: list[str]


def submodule(m: Module, platform: Any, name: str, part: Part, inputs: Mapping[str, Any]) -> Any:
    """A submodule called ``name`` with these inputs; returns an object with its outputs."""
    if isinstance(platform, Sharing):
        return platform.instance(m, name, part, inputs)
    m.submodules[name] = component = part.make()
    m.d.comb += [getattr(component, port).eq(value) for port, value in inputs.items()]
    return component
