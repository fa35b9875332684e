"""Options that every verb understands; imports nothing but argparse."""

import argparse

__all__ = ["common_options"]


def common_options() -> argparse.ArgumentParser:
    """A parent parser with the options of every verb."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("everywhere")
    group.add_argument("--json", action="store_true", help="print the result as JSON")
    group.add_argument("-v", "--verbose", action="store_true", help="print every line of progress")
    group.add_argument("-q", "--quiet", action="store_true", help="print no progress")
    group.add_argument("--no-color", action="store_true", help="no colour (also: NO_COLOR)")
    group.add_argument(
        "--seed", type=int, default=1, metavar="N", help="seed of every random choice (1)"
    )
    group.add_argument("-o", "--output", metavar="DIR", help="folder for files (out/<design>)")
    group.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="processes (1)")
    group.add_argument(
        "--traceback", action="store_true", help="with an error, also show where it happened"
    )
    return parser
