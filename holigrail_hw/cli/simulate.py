"""``holigrail simulate``: run some items through the hardware and print them decoded."""

import argparse
from typing import Any

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.shelled import Shelled, shelled
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.streams import Items
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.views import Table
from holigrail_hw.flow.simulate.compiled import Compiled
from holigrail_hw.flow.verify import workloads
from holigrail_hw.ui.tables import pairs, table

from . import given_values
from .arguments import read_design
from .data_files import data_arrays
from .options import integer
from .session import Session

__all__ = ["configure", "main"]


def main(words: list[str], session: Session) -> int:
    """Print items, results and golden results of some jobs; exit status 1 if they differ."""
    options, design = read_design(words, session, configure)
    spec = shelled(design.spec, design.timing)
    arrays = None
    if options.data is not None:
        if options.value:
            raise RequestError("simulate: --data must be left out beside --value, or the reverse")
        arrays = data_arrays(options.data, design.spec.shipped_data())
        chosen = _job(spec, design.spec.data_job(arrays), design.timing)
    elif options.value:
        items, rounded = given_values.items_of(spec, options.value)
        for text in rounded:
            session.note(f"{spec.name}: {text}")
        chosen = _job(spec, items, design.timing)
    else:
        chosen = workloads.choose(spec, options.count, session.seed, timing=design.timing)
    with session.progress() as progress:
        simulator = Compiled(
            design.spec, design.timing, trace=options.vcd is not None, progress=progress
        )
        run = simulator.run_streams(chosen.items, chosen.counts, quiet=spec.quiet_cycles)
        if options.vcd is not None:
            simulator.trace(options.vcd)
    wrong = {(one.stream, one.index) for one in workloads.differences(chosen, run.results)}
    # A user's own data may be many items, which nobody reads one by one.
    is_listed = arrays is None or session.json
    rows = _rows(spec, {**chosen.items, **run.results}, wrong) if is_listed else []
    for name, fields in chosen.items.items():
        left = len(next(iter(fields.values()))) - run.moved[name]
        if left:
            session.note(f"{left} items of stream {name} were not taken: no result needs them")
    pace = {"cycles": run.cycles, "jobs": chosen.jobs}
    if spec.planned:
        pace = {"latency": simulator.latency, "interleave": simulator.interleave}
    found = {"top": design.top, **pace, "items": rows}
    if arrays is None:
        status = session.show(
            found,
            lambda console: table(
                console, [*rows[0]], [[*map(_cell, row.values())] for row in rows]
            ),
            status=int(bool(wrong)),
        )
    else:
        facts, tables = design.spec.data_outcome(arrays, _inside(spec, run.results))
        facts = {"cycles": run.cycles, "wrong items": len(wrong)} | facts
        status = session.show(
            found | {"outcome": facts},
            lambda console: _show_outcome(console, facts, tables),
            status=int(bool(wrong)),
        )
    if wrong and not session.json:
        raise DesignError(
            f"{spec.name}: the hardware must equal the golden model, not differ in {len(wrong)} of"
            f" {len(chosen)} items",
            hint="`holigrail verify` prints the first of them with a command that replays it",
        )
    return status


def _job(spec: OperatorSpec, items: Items, timing: Timing) -> workloads.Workload:
    """Given items with the golden answer; raises RequestError where they are no whole job."""
    counts = {name: len(next(iter(fields.values()))) for name, fields in items.items()}
    told = ", ".join(f"{name} has {count} items" for name, count in counts.items())
    hint = "--count 1 shows a random job, item by item; `info` says what the fields are"
    try:
        packed = spec.packed(items) if isinstance(spec, Shelled) else items
        chosen = workloads.given(spec, packed, timing)
    except (ValueError, LookupError, RuntimeError):
        # What a golden model does with half a job, whose rest it looks for.
        raise RequestError(
            f"{spec.name}: --value must give whole jobs, on all streams, not others: {told}",
            hint=hint,
        ) from None
    if not len(chosen):
        raise RequestError(
            f"{spec.name}: --value must give items that have a result, not none: {told}", hint=hint
        )
    return chosen


def _inside(spec: OperatorSpec, results: Items) -> Items:
    """Results by the streams of the operator, whatever its shell made of them."""
    if not isinstance(spec, Shelled):
        return results
    inner = dict(zip(spec.streams(), spec.inner_streams(), strict=True))
    return {inner[name]: fields for name, fields in spec.unpacked(results).items()}


def _show_outcome(console: Any, facts: dict[str, Any], tables: list[Table]) -> None:
    pairs(console, [*facts.items()])
    for one in tables:
        console.print(f"\n{one.title}")
        table(console, one.header, one.rows)


def _rows(spec: OperatorSpec, items: Items, wrong: set[tuple[str, int]]) -> list[dict[str, Any]]:
    """A row for every item of every stream, its fields decoded; one for operands and results."""
    outside, inside = spec.streams(), spec.streams()
    if isinstance(spec, Shelled):
        items = spec.unpacked(items)
        inside = dict(zip(outside, spec.inner_streams().values(), strict=True))
    rows = []
    for name, stream in inside.items():
        for index in range(len(next(iter(items[name].values())))):
            codes = {n: f.format_code(int(items[name][n][index])) for n, f in stream.fields.items()}
            right = stream.direction == "in" or (name, index) not in wrong
            rows.append({"stream": name, "item": index, "fields": codes, "equals_golden": right})
    if not spec.planned:
        return rows
    pairs = zip(rows[: len(rows) // 2], rows[len(rows) // 2 :], strict=True)
    return [
        {"item": i["item"], **i["fields"], **o["fields"], "equals_golden": o["equals_golden"]}
        for i, o in pairs
    ]


def _cell(value: Any) -> Any:
    """Fields as one text."""
    if not isinstance(value, dict):
        return value
    return ", ".join(f"{name} {code}" for name, code in value.items())


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "--count", type=integer(1, 100_000), default=8, metavar="N", help="items to run (8)"
    )
    parser.add_argument(
        "--value",
        action="append",
        metavar="NAME=LIST",
        help="operands, or items of an engine (STREAM_FIELD), instead of random ones: numbers, or"
        " codes such as 0x3c; repeat for others",
    )
    parser.add_argument(
        "--data",
        metavar="FILE",
        help="your own data instead of random items: .npy or .npz with inputs x and, if known,"
        " classes y; also prints what the results mean for them",
    )
    parser.add_argument("--vcd", metavar="FILE", help="write a waveform")
