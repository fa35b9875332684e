"""In continuous integration (CI=true) every tool is required: a skipped test is a failure.

The one exception are tests on data that is no part of the repository, marked by their reason.
"""

import os
import signal
from pathlib import Path

import pytest

OUTSIDE_DATA = "../shared"


class SkipsAreFailures:
    """Collects skips; in the end they change the exit status."""

    def __init__(self):
        self.reasons: list[str] = []

    def _note(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            text = (
                report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            )
            if OUTSIDE_DATA not in text:
                self.reasons.append(f"{report.nodeid}: {text}")

    def pytest_runtest_logreport(self, report):
        self._note(report)

    def pytest_collectreport(self, report):
        self._note(report)

    def pytest_sessionfinish(self, session):
        if self.reasons and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        for reason in self.reasons:
            terminalreporter.write_line(f"skipped, which counts as failed here: {reason}", red=True)


LONG = ("slow", "synth", "cocotb")
LONG_CASES = {
    line
    for line in (Path(__file__).parent / "long_cases.txt").read_text().splitlines()
    if not line.startswith("#")
}
OVER_EVERYTHING = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Files with long tests first: workers take whole files, and the last ones should be short.

    The longest ones go over every operator, and lie at the top. Of the cases of a test that is
    marked ``sampled`` only every fourth one is not heavy. Cases of ``long_cases.txt`` are heavy.
    """
    cases: dict[tuple[Path, str], int] = {}
    for item in items:
        if item.nodeid in LONG_CASES:
            item.add_marker(pytest.mark.heavy)
        if item.get_closest_marker("sampled") is not None and hasattr(item, "callspec"):
            key = item.path, item.originalname
            cases[key] = cases.get(key, -1) + 1
            if cases[key] % 4:
                item.add_marker(pytest.mark.heavy)
    longest: dict[Path, int] = {}
    for item in items:
        marks = [LONG.index(mark.name) for mark in item.iter_markers() if mark.name in LONG]
        place = -1 if item.path.parent == OVER_EVERYTHING else min(marks, default=len(LONG))
        longest[item.path] = min(place, longest.get(item.path, len(LONG)))
    items.sort(key=lambda item: longest[item.path])


@pytest.fixture
def interruptible():
    """SIGINT raises KeyboardInterrupt, even where the tests run in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_configure(config):
    is_worker = hasattr(config, "workerinput")
    if os.environ.get("CI") == "true" and not is_worker:
        config.pluginmanager.register(SkipsAreFailures(), "skips-are-failures")
