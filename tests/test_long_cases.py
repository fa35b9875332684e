"""The list of cases that only the heavy run takes names tests that exist."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LINES = (TESTS / "long_cases.txt").read_text().splitlines()


def stale(lines: list[str]) -> list[str]:
    """Lines whose file, or whose test in it, is not there."""
    wrong = []
    for line in lines:
        path, *_, last = line.split("::")
        name = last.partition("[")[0]
        file = TESTS.parent / path
        if not file.is_file() or not re.search(rf"def {name}\(", file.read_text()):
            wrong.append(line)
    return wrong


def test_every_case_is_one():
    lines = [line for line in LINES if not line.startswith("#")]
    assert lines == sorted(set(lines))
    assert stale(lines) == []


@pytest.mark.parametrize(
    "line", ["tests/test_gone.py::test_it[1]", "tests/test_long_cases.py::test_lost[1]"]
)
def test_a_stale_line_is_found(line):
    assert stale([line]) == [line]
