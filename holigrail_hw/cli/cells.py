"""``holigrail synth --target asic``: area, longest path and energy in standard cells."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holigrail_hw.core.array_files import ArrayFileError, read_named_arrays, read_table
from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.flow.synth.asic.calibration import Calibration, calibrate
from holigrail_hw.flow.synth.asic.library import open_library
from holigrail_hw.flow.synth.asic.measure import ITEMS, MappedDesign
from holigrail_hw.flow.synth.asic.result import AsicResult
from holigrail_hw.ui.tables import pairs, table

from . import given_values
from .arguments import Design
from .options import one_of
from .session import Session

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["asked", "configure", "show"]

_ONLY_HERE = ("liberty", "calibrate", "operands", "value")
# With what they are if they are not given.
_ONLY_ON_DEVICES = {"no_dsp": False, "no_check": False, "seeds": 1, "activity": False}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this target."""
    parser.add_argument(
        "--target",
        type=one_of(("fpga", "asic")),
        default="fpga",
        help="the device, or standard cells: area, longest path and energy (fpga)",
    )
    parser.add_argument(
        "--liberty",
        metavar="FILE",
        help="standard cells (asic; the OSU 0.18 um ones, if installed)",
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="scale energies to a published 45 nm table, and print what is left (asic)",
    )
    parser.add_argument(
        "--operands",
        metavar="FILE",
        help="recorded operands as codes, in order: .npz by name, or text with one column for each"
        " (asic; random ones)",
    )
    parser.add_argument(
        "--value",
        action="append",
        default=[],
        metavar="NAME=LIST",
        help="values of an operand over and over, the others random (asic)",
    )


def asked(options: argparse.Namespace) -> bool:
    """Whether standard cells are meant; raises RequestError for their options without them."""
    if options.target == "asic":
        if options.operands is not None and options.value:
            raise RequestError("synth: --operands must be left out beside --value, or the reverse")
        given = [n for n, without in _ONLY_ON_DEVICES.items() if getattr(options, n) != without]
        if given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise RequestError(
                f"synth: {names} must be given with a device, not with --target asic",
                hint="standard cells are neither placed nor routed, and always checked",
            )
        return True
    given = [f"--{name}" for name in _ONLY_HERE if getattr(options, name) not in (None, False, [])]
    if given:
        raise RequestError(
            f"synth: {', '.join(given)} must be given with --target asic, not with a device"
        )
    return False


def show(options: argparse.Namespace, design: Design, session: Session) -> int:
    """Measure and print; the exit status is 0, for there is no promise to miss."""
    library = open_library(None if options.liberty is None else Path(options.liberty))
    stimulus, origin = _stimulus(options, design.spec, session)
    with session.progress() as progress:
        mapped = MappedDesign(design.spec, design.timing, library, progress=progress)
        result = mapped.measured(stimulus, seed=session.seed, origin=origin, progress=progress)
        scale = calibrate(library, progress=progress) if options.calibrate else None
    found = result.as_dict() | {"calibration": scale and scale.as_dict()}
    return session.show(found, lambda console: _text(console, result, scale))


def _stimulus(
    options: argparse.Namespace, spec: OperatorSpec, session: Session
) -> tuple[dict[str, Any] | None, str]:
    """Items for golden and hardware, and where they are from; ``None`` for random ones."""
    if options.operands is not None:
        return _recorded(Path(options.operands), spec), Path(options.operands).name
    if not options.value:
        return None, ""
    if not spec.planned:
        raise RequestError(
            f"{spec.name}: --value must be left out, for its items are jobs that belong together"
        )
    items, rounded = given_values.items_of(spec, options.value)
    for text in rounded:
        session.note(f"{spec.name}: {text}")
    names = {text.partition("=")[0] for text in options.value}
    codes = spec.stimulus(np.random.default_rng(session.seed), ITEMS)
    held = {name: np.resize(items["i"][name], ITEMS) for name in names}
    return {**codes, **held}, f"random, {', '.join(sorted(names))} as given"


def _recorded(path: Path, spec: OperatorSpec) -> dict[str, Any]:
    """Codes of a file; those of an engine are named ``STREAM_FIELD``."""
    formats = spec.inputs()
    try:
        if path.suffix == ".npz":
            arrays = read_named_arrays(path)
        else:
            arrays = _columns(path, [*formats])
    except ArrayFileError as error:
        raise RequestError(f"--operands: the file must be one of numbers, not {error}") from None
    wrong = [name for name in formats if name not in arrays]
    if wrong:
        raise RequestError(
            f"--operands: {path.name} must hold every operand of {spec.name}, not lack"
            f" {', '.join(wrong)}"
        )
    codes = {
        name: _codes(path, name, arrays[name], format.width) for name, format in formats.items()
    }
    if spec.planned:
        return codes
    return {
        name: {field: codes[f"{name}_{field}"] for field in stream.fields}
        for name, stream in spec.streams().items()
        if stream.direction == "in"
    }


def _columns(path: Path, names: list[str]) -> dict[str, Any]:
    """Columns of a text file, which are those of the operands in their order."""
    rows = read_table(path)
    wrong = sorted({len(row) for row in rows} - {len(names)})
    if wrong or not rows:
        raise RequestError(
            f"--operands: {path.name} must have a column for each of {', '.join(names)} in every"
            f" line, not {' and '.join(map(str, wrong)) or 'no'} columns",
            hint="an archive .npz holds arrays by the names of the operands",
        )
    return dict(zip(names, np.array(rows, object).T, strict=True))


def _codes(path: Path, name: str, given: Any, width: int) -> Any:
    """Codes of an operand; a negative integer is taken as two's complement."""
    values = np.asarray(given).reshape(-1)
    whole = [int(value) for value in values if -math.inf < value < math.inf and value == int(value)]
    if len(whole) != len(values) or any(not -(1 << width >> 1) <= v < 1 << width for v in whole):
        raise RequestError(
            f"--operands: {path.name} must hold codes of {width} bits for {name}, not other numbers"
        )
    dtype = np.uint64 if width <= 64 else object
    return np.array([value & ((1 << width) - 1) for value in whole], dtype)


def _text(console: "Console", result: AsicResult, scale: Calibration | None) -> None:
    write = console.file.write
    write(f"{result.top} in cells of {result.library}, {result.voltage:g} V\n\n")
    known = [
        ("area", f"{result.area_um2:.0f} um2, {result.gate_equivalents:.0f} gate equivalents"),
        ("flip-flops", str(result.flip_flops)),
        ("mapped", result.mapped),
        ("longest path", f"{result.critical_path_ns:.2f} ns, by the library's tables, no wires"),
        ("items", f"{result.items} ({result.stimulus}), {result.cycles:g} cycles each"),
        ("checked", f"{result.compared} results equal the golden model"),
        ("changes", f"{result.changes:.1f} of nets per item, glitch-free"),
    ]
    pairs(console, known)
    write("\n")
    parts = result.energy.as_dict()
    header = ["energy per item", "pJ"] + ([f"pJ at {scale.node_nm} nm"] if scale else [])
    rows = [
        [name, _short(parts[name])] + ([_short(scale.factor * parts[name])] if scale else [])
        for name in ("switching", "internal", "clock", "leakage", "total")
        if name != "leakage" or result.leakage_known
    ]
    table(console, header, rows)
    if scale is not None:
        _calibration(console, scale)


def _calibration(console: "Console", scale: Calibration) -> None:
    console.file.write(f"\ncalibration: factor {scale.factor:.5f}, {scale.source}\n")
    header = ("operation", "measured (pJ)", "scaled (pJ)", "published (pJ)", "residual (%)", "used")
    rows = [
        [
            row.operation,
            _short(row.measured),
            _short(scale.factor * row.measured),
            row.published,
            f"{scale.residual(row):+.1f}",
            "yes" if row.calibrates else "no",
        ]
        for row in scale.rows
    ]
    table(console, header, rows)
    console.file.write(f"ratios of two used rows are at most {scale.worst_ratio:.1f} % off\n")


def _short(value: float) -> str:
    return f"{value:.4g}"
