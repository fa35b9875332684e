"""``holigrail simulate``: run some items through the hardware and print them decoded."""

import argparse
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.engine import Engine
from ..core.errors import DesignError, RequestError
from ..core.shelled import shelled
from ..core.spec import OperatorSpec
from ..flow import workloads
from ..flow.compiled import Compiled
from ..formats import Format
from ..ui.tables import table
from .arguments import Design, read_design
from .options import integer
from .session import Session

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["configure", "main"]

_OUTWARDS = ("down", "up")


def main(words: list[str], session: Session) -> int:
    """Print operands, results and golden results of some items; exit status 1 if they differ."""
    options, design = read_design(words, session, configure)
    if isinstance(shelled(design.spec, design.timing), Engine):
        return _engine(options, design, session)
    spec, rng = design.spec, np.random.default_rng(session.seed)
    codes = spec.items(options.count, rng)
    if options.value:
        codes, rounded = _given(spec, options.value)
        for text in rounded:
            session.note(f"{spec.name}: {text}")
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
    """Random jobs, stream by stream, beside the golden items."""
    spec = shelled(design.spec, design.timing)
    assert isinstance(spec, Engine)
    if options.value:
        raise RequestError(
            f"simulate: --value must not be given for {spec.name}: an engine takes whole jobs",
            hint=f"--count N runs random jobs with at least N results; --seed chooses them,"
            f" and from Python find({spec.name!r}).golden and Compiled.run_streams take any job",
        )
    chosen = workloads.choose(spec, options.count, session.seed)
    with session.progress() as progress:
        simulator = Compiled(
            design.spec, design.timing, trace=options.vcd is not None, progress=progress
        )
        run = simulator.run_streams(chosen.items, chosen.counts, quiet=spec.quiet_cycles)
        if options.vcd is not None:
            simulator.trace(options.vcd)
    wrong = {(d.stream, d.index) for d in workloads.differences(chosen, run.results)}
    rows = []
    for name, stream in spec.streams().items():
        fields = chosen.items[name] if stream.direction == "in" else run.results[name]
        for index in range(len(next(iter(fields.values())))):
            codes = {n: f.format_code(int(fields[n][index])) for n, f in stream.fields.items()}
            right = stream.direction == "in" or (name, index) not in wrong
            rows.append({"stream": name, "item": index, "fields": codes, "equals_golden": right})
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


def _agree(found: Any, expected: Any, index: int) -> bool:
    """Equal codes; a faithful output is a pair (low, high) and either one is right."""
    choices = expected if isinstance(expected, tuple) else (expected,)
    return any(int(found) == int(np.asarray(choice)[index]) for choice in choices)


def _given(spec: OperatorSpec, texts: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Codes of ``NAME=LIST`` texts, and what was rounded; an operand that is not given is zero."""
    inputs, wrong = spec.inputs(), []
    values: dict[str, list[int]] = {}
    rounded: list[str] = []
    for text in texts:
        name, _, items = text.partition("=")
        if name not in inputs:
            names = ", ".join(inputs)
            wrong.append(f"{spec.name}: --value must name an operand ({names}), not {name!r}")
            continue
        if name in values:
            wrong.append(f"{spec.name}: --value must be given once for {name}, not twice")
            continue
        values[name] = []
        for item in items.split(","):
            try:
                code, how = _code(inputs[name], item)
            except ValueError as error:
                wrong.append(f"{spec.name}: {name}: {error}")
                continue
            values[name].append(code)
            rounded += [f"{name}: {how}"] if how else []
    if wrong:
        raise RequestError(wrong)
    count = max(len(items) for items in values.values())
    if any(len(items) not in (1, count) for items in values.values()):
        lengths = ", ".join(f"{name} has {len(items)}" for name, items in values.items())
        raise RequestError(f"{spec.name}: every --value list must have one length, not {lengths}")
    codes = {
        name: np.array(
            (values.get(name, [0]) * count)[:count],
            dtype=np.uint64 if format.width <= 64 else object,
        )
        for name, format in inputs.items()
    }
    return codes, rounded


def _code(format: Format, text: str) -> tuple[int, str | None]:
    """The code of a value and, if it had to be rounded, how; raises ValueError if it has none."""
    is_code = text.startswith(("0x", "0b"))
    number: float | Fraction
    try:
        number = int(text, 0) if is_code else float(text)
        # A float holds the sign of zero and what is not finite; other numbers are taken exactly.
        if not is_code and number and math.isfinite(number):
            number = Fraction(text)
    except ValueError:
        raise ValueError(f"a value must be a number or a code such as 0x3c, not {text!r}") from None
    if is_code:
        if int(number) >> format.width:
            raise ValueError(f"a code must have at most {format.width} bits, not {text}")
        return int(number), None
    code = int(format.encode(number))
    if not _holds(format, number):
        raise ValueError(f"a value must fit {format} ({format.summary}), not {text}")
    found = _value(format, code)
    is_exact = found == number or found != found
    return code, None if is_exact else f"{text} is rounded to {format.format_code(code)}"


def _holds(format: Format, number: float | Fraction) -> bool:
    """Whether a number lies within the range of a format: between two of its numbers."""
    if not math.isfinite(number):
        found = _value(format, int(format.encode(number)))
        return found == number or (found != found and number != number)
    below, above = (_value(format, int(format.encode(number, rounding=way))) for way in _OUTWARDS)
    if below <= number <= above and math.isfinite(below) and math.isfinite(above):
        return True
    # What is smaller than the smallest float may become zero.
    return format.kind == "float" and _value(format, int(format.encode(number))) == 0


def _value(format: Format, code: int) -> Any:
    """A Fraction, or a float that is not finite."""
    return format.unpack(code).to_fractions()[()]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "--count", type=integer(1, 100_000), default=8, metavar="N", help="items to run (8)"
    )
    parser.add_argument(
        "--value",
        action="append",
        metavar="NAME=LIST",
        help="operands instead of random ones: numbers, or codes such as 0x3c; repeat for others",
    )
    parser.add_argument("--vcd", metavar="FILE", help="write a waveform")
