"""A cocotb bench that needs nothing of ours: ``test_TOP.py`` and its vectors ``test_TOP.json``.

The Python file is the same for all designs but for the name, see ``testbenches``; the JSON file
says what the ports are and holds the items of every stream, an item a line. A code is written in
hexadecimal; a result as lowest right code, highest right code and a mask of the bits that count,
with ``/`` between them, field after field.
"""

import json
from importlib import resources
from typing import Any

from ..top import CLOCK, RESET, Handshake, Port, Top
from ..verify.workloads import Workload

__all__ = ["bench", "names_of"]

_MARK = "@TOP@"


def names_of(top: Top) -> tuple[str, str]:
    """The names of the bench and of its vectors."""
    return f"test_{top.name}.py", f"test_{top.name}.json"


def bench(top: Top, chosen: Workload) -> tuple[str, str]:
    """The texts of the bench of ``top`` and of its vectors."""
    source = resources.files("holigrail_hw.testbenches") / "stand_alone_bench.py"
    text = source.read_text(encoding="utf-8").replace(_MARK, top.name)
    return text, _vectors(top, chosen)


def _vectors(top: Top, chosen: Workload) -> str:
    head = {
        "module": top.name,
        "ports": "wishbone" if top.bus() else "streams" if top.stream else "plain",
        "clock": CLOCK if top.clocked else None,
        "reset": RESET if top.clocked else None,
        "latency": None if top.engine else top.latency,
        "independent": not top.spec.stateful,
        "quiet_cycles": _patience(top),
        "registers": _registers(top),
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    streams = [
        _stream(one, chosen, shakes_hands=top.stream) for one in (top.master() or top).streams()
    ]
    return "\n".join(["{", *lines, ' "streams": [', ",\n".join(streams), " ]", "}"]) + "\n"


def _patience(top: Top) -> int:
    """The most cycles without an item moved; the pauses of a bench are far shorter."""
    return top.spec.quiet_cycles if top.engine else (top.latency + top.interleave + 8) * 40


def _stream(stream: Handshake, chosen: Workload, *, shakes_hands: bool) -> str:
    head = {
        "name": stream.name,
        "direction": stream.direction,
        "valid": stream.valid if shakes_hands else None,
        "ready": stream.ready if shakes_hands else None,
        "ports": [[port.name, port.width] for port in stream.payload],
    }
    rows = ",\n".join(f"   {json.dumps(item)}" for item in _items(stream, chosen))
    return "  " + json.dumps(head)[:-1] + ', "items": [\n' + rows + "\n  ]}"


def _items(stream: Handshake, chosen: Workload) -> list[str]:
    columns = [_column(stream, port, chosen) for port in stream.payload]
    return [" ".join(codes) for codes in zip(*columns, strict=True)]


def _column(stream: Handshake, port: Port, chosen: Workload) -> list[str]:
    """The codes of one field, item after item."""
    field, ones = str(port.operand), (1 << port.width) - 1
    if stream.direction == "in":
        return [f"{int(code):x}" for code in chosen.items[stream.name][field]]
    sides = chosen.expected[stream.name][field]
    if sides is None:
        return ["0/0/0"] * chosen.counts[stream.name]
    low, high, mask = sides
    return [
        f"{int(one):x}/{int(other):x}/{mask & ones:x}" for one, other in zip(low, high, strict=True)
    ]


def _registers(top: Top) -> list[dict[str, Any]]:
    """The registers of a slave, the fields by their places in the stream."""
    if not top.shell.has_bus:
        return []
    places = {name: [*kind.fields].index for name, kind in top.spec.streams().items()}
    return [
        {
            "stream": one.stream,
            "word": one.word,
            "address": one.address,
            "fields": [
                [places[one.stream](p.field), p.field_low, p.low, p.width] for p in one.pieces
            ],
        }
        for one in top.spec.registers()
    ]
