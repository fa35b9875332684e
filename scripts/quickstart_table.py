"""One recipe through the whole path, and one table: what scripts/quickstart runs at the end.

Generate the Verilog, verify it against the golden model (compiled, and with cocotb), synthesise,
place and route it, and build a board's bitstream. Usage: quickstart_table.py [RECIPE] [-o FOLDER]
"""

import argparse
import sys
from pathlib import Path

from holigrail_hw.cli.main import judge
from holigrail_hw.cli.session import Session, shown
from holigrail_hw.flow.board import build
from holigrail_hw.flow.board.board import board
from holigrail_hw.flow.emit import recipe
from holigrail_hw.flow.explore import catalogue
from holigrail_hw.flow.synth import devices, measure
from holigrail_hw.flow.verify import verify
from holigrail_hw.ui.tables import pairs

RECIPE = "generators/mac_fp8_fp16.toml"


def run(path: Path, folder: Path, session: Session) -> int:
    """Run every step and print the table; returns the exit status."""
    spec, timing, board_name = recipe.load(catalogue.recipe_path(path))
    goal = board(board_name or "icebreaker")
    device = goal.target or next(d for d, t in devices.TARGETS.items() if t.model == timing.device)
    with session.progress() as progress:
        verified = verify.run(spec, timing, seed=session.seed, progress=progress)
        measured = measure.measure(spec, timing, device, folder, progress=progress)
        built = build.run(spec, timing, goal.name, folder / goal.name, progress)
    rows: list[tuple[str, object]] = [("design", verified.top)]
    for direction, ports in (("in", spec.inputs()), ("out", spec.outputs())):
        for name, format in ports.items():
            rows.append((f"port {name}", f"{direction}, {format.name}: {format.summary}"))
    sums = f", {verified.interleave} interleaved sums" if verified.interleave > 1 else ""
    rows.append(("latency", f"{verified.latency} cycles, one item per cycle{sums}"))
    for level in verified.levels:
        kind = "all codes" if level.exhaustive else f"seed {verified.seed}"
        rows.append(
            (f"checked, {level.level}", f"{level.vectors} vectors in {level.simulator}, {kind}")
        )
    rows.append(("device", devices.target(device).summary))
    for row in measured.comparison:
        unit = f" {row['unit']}" if row["unit"] else ""
        if row["estimate"] is not None:
            text = f"{row['measured']}{unit}, estimate {row['estimate']}{unit}"
            rows.append((row["quantity"], text))
    if timing.period_ns is not None:
        asked = 1000 / timing.period_ns
        rows.append(("clock asked", f"{asked:g} MHz, {'missed' if measured.failures else 'met'}"))
    clock = (
        f"at {built.clock_mhz:g} MHz"
        if built.fmax_mhz is None
        else (f"Fmax {built.fmax_mhz} MHz for a clock of {built.clock_mhz:g} MHz")
    )
    rows.append((f"board {goal.name}", f"self-test built, {clock}"))
    rows += [("written", shown(str(place))) for place in (folder, folder / goal.name)]
    pairs(session.console(), rows)
    for failure in measured.failures:
        print(f"error: {failure}", file=sys.stderr)
    for note in measured.notes:
        session.note(note)
    return int(bool(measured.failures) or built.met is False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipe", nargs="?", type=Path, default=Path(RECIPE))
    parser.add_argument("-o", "--output", type=Path, default=Path("out/quickstart"))
    options = parser.parse_args()
    session = Session(command="scripts/quickstart", verb="quickstart")
    try:
        return run(options.recipe, options.output, session)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except Exception as error:
        return judge(error, session)


if __name__ == "__main__":
    sys.exit(main())
