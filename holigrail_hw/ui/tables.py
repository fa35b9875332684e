"""Tables as aligned plain text: numbers to the right, units in the header, no boxes."""

import itertools
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["cell", "pairs", "table"]


def cell(value: Any) -> str:
    """A value as shown in a table: floats with four significant digits, ``None`` as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value) or "-"
    return str(value)


def table(
    console: Console,
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    greyed: Sequence[bool] = (),
) -> None:
    """Print rows under a header; a column whose cells are all numbers is aligned to the right.

    ``greyed`` says for every row whether it is to stand back, where there are colours.
    """
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, name in enumerate(header):
        column = [row[index] for row in rows if row[index] is not None]
        numeric = bool(column) and all(_is_number(value) for value in column)
        last = index == len(header) - 1
        drawn.add_column(
            name, justify="right" if numeric else "left", no_wrap=not last, overflow="fold"
        )
    for row, dim in itertools.zip_longest(rows, greyed, fillvalue=False):
        assert not isinstance(row, bool)
        drawn.add_row(*(Text(cell(value)) for value in row), style="dim" if dim else None)
    _print(console, drawn)


def pairs(console: Console, rows: Sequence[tuple[str, Any]]) -> None:
    """Print names and values, one pair per line."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    drawn.add_column(style="bold", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in rows:
        drawn.add_row(name, Text(cell(value)))
    _print(console, drawn)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _print(console: Console, drawn: Table) -> None:
    with console.capture() as capture:
        console.print(drawn)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    console.file.write("\n".join(lines) + "\n")
