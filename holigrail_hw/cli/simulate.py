"""``holigrail simulate``: run some items through the hardware and print them decoded."""

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.shelled import Shelled, shelled
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.streams import Items
from holigrail_hw.flow.simulate.compiled import Compiled
from holigrail_hw.flow.verify import workloads
from holigrail_hw.ui.tables import table

from . import given_values
from .arguments import Design, read_design
from .options import integer
from .session import Session

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["configure", "main"]


def main(words: list[str], session: Session) -> int:
    """Print operands, results and golden results of some items; exit status 1 if they differ."""
    options, design = read_design(words, session, configure)
    if not shelled(design.spec, design.timing).planned:
        return _engine(options, design, session)
    spec, rng = design.spec, np.random.default_rng(session.seed)
    codes = spec.items(options.count, rng)
    if options.value:
        codes, rounded = given_values.operands_of(spec.name, spec.inputs(), options.value)
        _say(spec, rounded, session)
    with session.progress() as progress:
        simulator = Compiled(spec, design.timing, trace=options.vcd is not None, progress=progress)
        found = simulator.run(codes)
        if options.vcd is not None:
            simulator.trace(options.vcd)
    expected = spec.reference(codes, simulator.interleave)
    count = len(next(iter(codes.values())))
    rows, wrong = [], 0
    for index in range(count):
        right = all(_agree(found[name][index], expected[name], index) for name in found)
        wrong += not right
        rows.append(
            {
                "item": index,
                **{n: f.format_code(int(codes[n][index])) for n, f in spec.inputs().items()},
                **{n: f.format_code(int(found[n][index])) for n, f in spec.outputs().items()},
                "equals_golden": right,
            }
        )
    result = {
        "top": design.top,
        "latency": simulator.latency,
        "interleave": simulator.interleave,
        "items": rows,
    }
    header = [*rows[0]]
    status = session.show(
        result,
        lambda console: table(console, header, [[row[key] for key in header] for row in rows]),
        status=int(bool(wrong)),
    )
    if wrong and not session.json:
        raise DesignError(
            f"{spec.name}: the hardware must equal the golden model, not differ in {wrong} of"
            f" {count} items",
            hint="`holigrail verify` prints the first of them with a command that replays it",
        )
    return status


def _engine(options: argparse.Namespace, design: Design, session: Session) -> int:
    """Jobs, stream by stream, beside the golden items."""
    spec = shelled(design.spec, design.timing)
    if options.value:
        items, rounded = given_values.items_of(spec, options.value)
        _say(spec, rounded, session)
        chosen = _job(spec, items)
    else:
        chosen = workloads.choose(spec, options.count, session.seed)
    with session.progress() as progress:
        simulator = Compiled(
            design.spec, design.timing, trace=options.vcd is not None, progress=progress
        )
        run = simulator.run_streams(chosen.items, chosen.counts, quiet=spec.quiet_cycles)
        if options.vcd is not None:
            simulator.trace(options.vcd)
    wrong = {(d.stream, d.index) for d in workloads.differences(chosen, run.results)}
    rows = _rows(spec, {**chosen.items, **run.results}, wrong)
    for name, fields in chosen.items.items():
        left = len(next(iter(fields.values()))) - run.moved[name]
        if left:
            session.note(f"{left} items of stream {name} were not taken: no result needs them")
    result = {"top": design.top, "cycles": run.cycles, "jobs": chosen.jobs, "items": rows}

    def text(console: "Console") -> None:
        header = ("stream", "item", "fields", "equals golden")
        lines = [
            (
                row["stream"],
                row["item"],
                ", ".join(f"{name} {code}" for name, code in row["fields"].items()),
                row["equals_golden"],
            )
            for row in rows
        ]
        table(console, header, lines)

    status = session.show(result, text, status=int(bool(wrong)))
    if wrong and not session.json:
        raise DesignError(
            f"{spec.name}: the hardware must equal the golden model, not differ in {len(wrong)}"
            " items",
            hint="`holigrail verify` prints the first of them with a command that replays it",
        )
    return status


def _say(spec: OperatorSpec, rounded: list[str], session: Session) -> None:
    for text in rounded:
        session.note(f"{spec.name}: {text}")


def _job(spec: OperatorSpec, items: Items) -> workloads.Workload:
    """Given items with the golden answer; raises RequestError where they are no whole job."""
    counts = {name: len(next(iter(fields.values()))) for name, fields in items.items()}
    told = ", ".join(f"{name} has {count} items" for name, count in counts.items())
    hint = "--count 1 shows a random job, item by item; `info` says what the fields are"
    try:
        packed = spec.packed(items) if isinstance(spec, Shelled) else items
        chosen = workloads.given(spec, packed)
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


def _rows(spec: OperatorSpec, items: Items, wrong: set[tuple[str, int]]) -> list[dict[str, Any]]:
    """A row for every item of every stream, its fields decoded."""
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
    return rows


def _agree(found: Any, expected: Any, index: int) -> bool:
    """Equal codes; a faithful output is a pair (low, high) and either one is right."""
    choices = expected if isinstance(expected, tuple) else (expected,)
    return any(int(found) == int(np.asarray(choice)[index]) for choice in choices)


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
    parser.add_argument("--vcd", metavar="FILE", help="write a waveform")
