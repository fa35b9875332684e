"""Run a command line inside this process: status, standard output, standard error."""

import json
import re
from typing import Any, NamedTuple

import pytest

from holigrail_hw.cli.main import main


class Answer(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Standard error without the hint of wrong requests that have none of their own."""
        return re.sub(r"  hint: `[^`]+ --help` shows what may be given\n$", "", self.err)


@pytest.fixture
def holigrail(capsys, monkeypatch, tmp_path, tmp_path_factory):
    """Call with the words of a command line; it runs in an empty folder.

    Points of explorations are kept for the test alone: some are made up.
    """
    points = tmp_path_factory.mktemp("points") / "points.sqlite"
    monkeypatch.setattr("holigrail_hw.flow.explore.sweep.kept.store_path", lambda: points)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)

    def call(*words: Any) -> Answer:
        status = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Answer(status, captured.out, captured.err)

    return call
