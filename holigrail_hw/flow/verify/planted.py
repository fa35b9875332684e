"""Faults planted in the netlist of a design, each turned on by its code at an input ``fault``.

The netlist is Yosys' word-level one, after processes became multiplexers and registers and before
anything is optimised, so that every cell is one the author wrote. All faults are built into one
netlist: its gates serve every fault. Kinds are those of mutation testing (Jia and Harman, "An
Analysis and Survey of the Development of Mutation Testing", 2011) on hardware cells.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.core.run.process import run
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.store.kept_files import content

from .. import tools
from ..top import RESET, Top

__all__ = ["FAULT", "KINDS", "Fault", "netlist", "plant", "possible", "sample"]

FAULT = "fault"

KINDS = (
    "inverted",
    "stuck at 0",
    "stuck at 1",
    "select inverted",
    "select stuck at 0",
    "select stuck at 1",
    "reset dropped",
    "register held",
    "constant bit flipped",
    "another operation",
    "one more",
)

_OTHERS = {
    "$add": "$sub", "$sub": "$add", "$mul": "$add", "$and": "$or", "$or": "$and", "$xor": "$or",
    "$xnor": "$and", "$lt": "$le", "$le": "$lt", "$gt": "$ge", "$ge": "$gt", "$shl": "$shr",
    "$shr": "$shl", "$reduce_or": "$reduce_and", "$reduce_bool": "$reduce_and",
    "$reduce_and": "$reduce_or", "$logic_and": "$logic_or", "$logic_or": "$logic_and",
}  # fmt: skip
_INVERTED = ("inverted", "select inverted", "constant bit flipped")
_PASSES = "proc; flatten; opt_clean; pmuxtree; opt_clean"


@dataclass(frozen=True)
class Fault:
    """One planted fault: a cell, its port and bit, the kind, and a name for the place."""

    cell: str
    port: str
    bit: int
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} {self.kind}"


def netlist(top: Top) -> dict[str, Any]:
    """The module as Yosys' JSON netlist."""
    found = tools.require("yosys", who="mutate")["yosys"]
    kept = cache.digest([found.version, _PASSES, top.rtlil]) + ".json"

    def make(work: Path) -> Path:
        (work / "design.il").write_text(top.rtlil)
        commands = (
            f"read_rtlil design.il; hierarchy -top {top.name}; {_PASSES}; write_json design.json"
        )
        run([*found.command, "-q", "-p", commands], who="yosys", log=work / "log", cwd=work)
        return work / "design.json"

    return json.loads(cache.use(kept, make, content))["modules"][top.name]


def possible(module: dict[str, Any]) -> list[Fault]:
    """Every fault that can be planted, in an order that depends on the netlist alone."""
    names = _names(module)
    read = _read_bits(module)
    resets = set(module["ports"].get(RESET, {"bits": []})["bits"])
    return [
        fault
        for cell in sorted(module["cells"])
        for fault in _of_cell(cell, module["cells"][cell], names, read, resets)
    ]


def sample(faults: list[Fault], count: int, seed: int) -> list[Fault]:
    """Some of them, drawn kind by kind in turn so that no kind is crowded out."""
    rng = np.random.default_rng(seed)
    queues = []
    for kind in KINDS:
        group = [fault for fault in faults if fault.kind == kind]
        queues.append([group[index] for index in rng.permutation(len(group))])
    chosen: list[Fault] = []
    while len(chosen) < min(count, len(faults)):
        for queue in queues:
            if queue and len(chosen) < count:
                chosen.append(queue.pop())
    return chosen


def plant(module: dict[str, Any], name: str, faults: list[Fault]) -> str:
    """A JSON netlist with all the faults; fault k is turned on by the code k + 1."""
    module = json.loads(json.dumps(module))
    planting = _Planting(module, len(faults).bit_length())
    for number, fault in enumerate(faults, start=1):
        planting.add(number, fault)
    return json.dumps({"creator": "holigrail_hw", "modules": {name: module}})


class _Planting:
    def __init__(self, module: dict[str, Any], width: int):
        self.cells, self.module = module["cells"], module
        used = [bit for bits in _all_bits(module) for bit in bits if isinstance(bit, int)]
        self.next = max(used, default=1) + 1
        self.code = self._fresh(width)
        module["ports"][FAULT] = {"direction": "input", "bits": self.code}
        module["netnames"][FAULT] = {"hide_name": 0, "bits": self.code, "attributes": {}}

    def add(self, number: int, fault: Fault) -> None:
        cell = self.cells[fault.cell]
        active = self._cell("$eq", A=self.code, B=_constant(number, len(self.code)), Y=1)
        if fault.kind in ("another operation", "one more"):
            width = len(cell["connections"]["Y"])
            if fault.kind == "one more":
                right = self._take_output(cell, "Y")
                wrong = self._cell("$add", A=right[1], B=_constant(1, width), Y=width)
            else:
                other = json.loads(json.dumps(cell))
                wrong = self._fresh(width)
                other["type"], other["connections"]["Y"] = _OTHERS[cell["type"]], wrong
                self.cells[f"$planted${len(self.cells)}"] = other
                right = self._take_output(cell, "Y")
            self._choose(right[1], wrong, active, right[0])
            return
        bits = cell["connections"][fault.port]
        if cell["port_directions"][fault.port] == "output":
            wanted, bits[fault.bit] = bits[fault.bit], self._fresh(1)[0]
            self._choose([bits[fault.bit]], self._wrong(fault, bits[fault.bit]), active, [wanted])
            return
        old, wrong = bits[fault.bit], self._wrong(fault, bits[fault.bit])
        if fault.kind == "register held":
            wrong = [cell["connections"]["Q"][fault.bit]]
        bits[fault.bit] = self._fresh(1)[0]
        self._choose([old], wrong, active, [bits[fault.bit]])

    def _take_output(self, cell: dict[str, Any], port: str) -> tuple[list, list]:
        """The bits that a port drove, and the new ones that it drives instead."""
        wanted = cell["connections"][port]
        cell["connections"][port] = self._fresh(len(wanted))
        return wanted, cell["connections"][port]

    def _wrong(self, fault: Fault, bit: Any) -> list[Any]:
        if fault.kind in _INVERTED:
            return self._cell("$not", A=[bit], Y=1)
        return ["1" if fault.kind.endswith("1") else "0"]

    def _choose(self, right: list, wrong: list, active: list, result: list) -> None:
        connections = {"A": right, "B": wrong, "S": active, "Y": result}
        self._place("$mux", {"WIDTH": len(right)}, connections)

    def _cell(self, kind: str, **ports: Any) -> list[int]:
        """A cell whose output Y is new; returns its bits."""
        ports["Y"] = self._fresh(ports["Y"])
        parameters = {f"{port}_WIDTH": len(bits) for port, bits in ports.items()}
        parameters |= {f"{port}_SIGNED": 0 for port in ports if port != "Y"}
        self._place(kind, parameters, ports)
        return ports["Y"]

    def _place(self, kind: str, parameters: dict[str, int], connections: dict[str, Any]) -> None:
        self.cells[f"$planted${len(self.cells)}"] = {
            "hide_name": 1,
            "type": kind,
            "parameters": {name: f"{value:032b}" for name, value in parameters.items()},
            "attributes": {},
            "port_directions": {port: "output" if port == "Y" else "input" for port in connections},
            "connections": connections,
        }

    def _fresh(self, width: int) -> list[int]:
        self.next += width
        return list(range(self.next - width, self.next))


def _of_cell(
    name: str, cell: dict[str, Any], names: dict[int, str], read: set[int], resets: set[int]
) -> Iterator[Fault]:
    kind, ports, directions = cell["type"], cell["connections"], cell["port_directions"]
    if kind.startswith("$mem") or kind in ("$meminit", "$meminit_v2", "$scopeinfo"):
        sides = [p for p, d in directions.items() if d == "input" and not p.endswith("CLK")]
    elif "Q" in ports:
        sides = ["D"]
        yield from (
            Fault(name, "D", bit, "register held", names.get(q, name))
            for bit, q in enumerate(ports["Q"])
        )
    else:
        sides = ["Y"]
    for port in sorted(sides):
        for bit, wire in enumerate(ports[port]):
            seen = ports["Q"][bit] if port == "D" else wire
            if not isinstance(wire, int) or (port == "Y" and wire not in read):
                continue
            place = names.get(seen, f"{name}.{port}[{bit}]")
            yield from (Fault(name, port, bit, fault, place) for fault in KINDS[:3])
    if "Y" not in ports or not any(bit in read for bit in ports["Y"]):
        return
    whole = names.get(ports["Y"][0], name)
    if kind == "$mux":
        for fault in KINDS[3:6]:
            is_reset = fault == "select stuck at 0" and ports["S"][0] in resets
            yield Fault(name, "S", 0, "reset dropped" if is_reset else fault, whole)
    if kind in _OTHERS:
        yield Fault(name, "Y", 0, "another operation", f"{whole} ({kind[1:]})")
    if kind in ("$add", "$sub", "$mul"):
        yield Fault(name, "Y", 0, "one more", f"{whole} ({kind[1:]})")
    for port in sorted(p for p, d in directions.items() if d == "input" and p != "S"):
        for bit, wire in enumerate(ports[port]):
            if wire in ("0", "1"):
                yield Fault(name, port, bit, "constant bit flipped", f"{whole} {port}[{bit}]")


def _names(module: dict[str, Any]) -> dict[int, str]:
    """A readable name of every bit that has one."""
    found: dict[int, str] = {}
    for name, net in sorted(module["netnames"].items()):
        if net["hide_name"]:
            continue
        for index, bit in enumerate(net["bits"]):
            if isinstance(bit, int):
                found.setdefault(bit, f"{name}[{index}]" if len(net["bits"]) > 1 else name)
    for cell in module["cells"].values():
        ports = cell["connections"]
        for after, register in zip(ports.get("D", []), ports.get("Q", []), strict=False):
            if isinstance(after, int) and register in found:
                found.setdefault(after, f"next {found[register]}")
    return found


def _read_bits(module: dict[str, Any]) -> set[int]:
    """Bits that a cell or an output port reads."""
    read: set[int] = set()
    for cell in module["cells"].values():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                read.update(bit for bit in bits if isinstance(bit, int))
    for port in module["ports"].values():
        if port["direction"] == "output":
            read.update(bit for bit in port["bits"] if isinstance(bit, int))
    return read


def _all_bits(module: dict[str, Any]) -> Iterator[list[Any]]:
    yield from (port["bits"] for port in module["ports"].values())
    yield from (net["bits"] for net in module["netnames"].values())
    for cell in module["cells"].values():
        yield from cell["connections"].values()


def _constant(value: int, width: int) -> list[str]:
    return [str(value >> bit & 1) for bit in range(width)]
