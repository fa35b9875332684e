"""What is known about a design before any tool runs: parameters, ports, latency, clock, cost.

Everything is read from the specification and its plan; nothing is measured.
"""

import inspect
import re
from dataclasses import asdict, fields, replace
from typing import Any

from holigrail_hw.core.parameters import leaves_of, to_text
from holigrail_hw.core.port_layout import framed_streams, layout_of
from holigrail_hw.core.shell_registry import find_shell
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.estimate.energy.memories import Memories
from holigrail_hw.formats import Format

from ..energy.estimate import estimate, levels
from ..prove.prospect import prospect

__all__ = ["describe", "latencies", "schedule_rows"]

_PERIODS_NS = (20.0, 10.0, 5.0)


def describe(
    spec: OperatorSpec, timing: Timing, memories: Memories | None = None
) -> dict[str, Any]:
    """All of it, as plain data; ``memories`` says what accesses to memory cost.

    Keys: operator, summary, maturity, notes, references, top, parameters, ports, layout (which bits
    hold what), tlast (the AXI4-Streams that have it; ``None`` without AXI), registers (on a bus),
    timing (a list, the last entry is the request), promise_ns (of the request; ``None`` without a
    model), cost, energy, facts, tables, proof, remarks, device.
    """
    shell, promise_ns = find_shell(timing.shell), spec.promise_ns(timing)
    job, by_level = levels(spec, timing, memories)
    return {
        "operator": spec.name,
        "summary": spec.summary,
        "maturity": spec.maturity,
        "notes": inspect.getdoc(type(spec)) or "",
        "references": list(spec.references),
        "top": spec.top_name(timing),
        "device": timing.device,
        "parameters": [
            {
                "name": name,
                "value": value.name if isinstance(value, OperatorSpec) else to_text(value),
                "legal": parameter.legal,
                "help": parameter.help,
            }
            for name, (parameter, value) in leaves_of(spec, parts=True).items()
        ],
        "ports": [
            {
                "name": name,
                "direction": direction,
                "width": format.width,
                "format": format.name,
                "meaning": format.summary,
            }
            for direction, name, format in _ports(spec)
        ],
        "layout": [row.as_dict() for row in layout_of(spec, timing)],
        "tlast": framed_streams(spec, timing),
        "registers": shell.registers(shell.view(spec, timing)),
        "timing": latencies(spec, timing),
        "promise_ns": None if promise_ns is None else round(promise_ns, 3),
        "cost": spec.cost(timing),
        "energy": estimate(spec, timing).as_dict()
        | {"job": job, "levels": [asdict(level) for level in by_level]},
        "proof": prospect(spec),
        "remarks": [*spec.clock(timing).remarks(), *spec.remarks()],
        "facts": spec.facts(timing),
        "tables": [asdict(one) for one in spec.tables(timing)],
    }


def _ports(spec: OperatorSpec) -> list[tuple[str, str, Format]]:
    """Direction, name and format of everything that holds codes."""
    if spec.planned:
        ways = ("in", spec.inputs()), ("out", spec.outputs())
        return [(way, name, format) for way, ports in ways for name, format in ports.items()]
    return [
        (stream.direction, f"{name}_{field}", format)
        for name, stream in spec.streams().items()
        for field, format in stream.fields.items()
    ]


def latencies(spec: OperatorSpec, timing: Timing) -> list[dict[str, Any]]:
    """Latency and clock without a clock target, at usual periods, and as requested.

    An engine has no fixed latency: there are no rows. ``initiation_interval`` is the number of
    cycles from one item to the next.

    ``interleave`` is the number of independent sums a stateful operator holds: the hardware takes
    an item in every cycle, and one sum takes an item every ``interleave`` cycles. The promised
    clock is mostly below the estimated one, which place and route finds in the mean.
    """
    free = replace(timing, period_ns=None, latency=None)
    if not spec.has_plan:
        return []
    requests = [("no clock target", free)]
    for period in _PERIODS_NS:
        if period != timing.period_ns:
            requests.append((f"{period:g} ns", replace(free, period_ns=period)))
    if timing.period_ns is not None:
        requests.append((f"{timing.period_ns:g} ns", timing))
    if timing.latency is not None:
        requests.append((f"{timing.latency} cycles", timing))
    # The request itself comes last: its plan is kept, and serves cost and energy, too.
    in_turn = sorted(requests, key=lambda one: one[1] == timing)
    rows = {request: _row(spec, request, wanted) for request, wanted in in_turn}
    return [rows[request] for request, _ in requests]


def _row(spec: OperatorSpec, request: str, timing: Timing) -> dict[str, Any]:
    plan = spec.planned_figures(timing)
    return {
        "request": request,
        "latency": plan.latency,
        "initiation_interval": plan.interval,
        "interleave": plan.interleave,
        "flip_flops": plan.flip_flops(),
        "promised_period_ns": round(plan.promise_ns, 3),
        "promised_fmax_mhz": round(1000 / plan.promise_ns, 1),
        "estimated_fmax_mhz": round(1000 / plan.estimate_ns, 1),
        "met": timing.period_ns is None or plan.promise_ns <= timing.period_ns,
    }


def schedule_rows(spec: OperatorSpec, timing: Timing) -> list[dict[str, Any]]:
    """The steps of the plan in order: name, primitive, cycle, delay in ns, LUTs, DSP blocks."""
    plan = spec.planned_figures(timing)
    return [
        {
            "step": name,
            "made_of": _in_words(primitive),
            "cycle": cycle,
            "delay_ns": round(primitive.delay_ns(plan.device), 3),
            "luts": primitive.luts(plan.device),
            "dsps": primitive.dsps(plan.device),
        }
        for name, primitive, cycle in plan.resources
    ]


def _in_words(primitive: Any) -> str:
    """A primitive as people say it, such as ``selecting adder (width 9)``."""
    name = re.sub(r"(?<!^)(?=[A-Z])", " ", type(primitive).__name__).lower()
    values = {f.name: getattr(primitive, f.name) for f in fields(primitive)}
    sizes = [
        size if value is True else f"{size} {value}"
        for key, value in values.items()
        if value is not False and (size := key.replace("_", " "))
    ]
    return f"{name} ({', '.join(sizes)})" if sizes else name
