"""The frame of the command line: help, exit statuses, where text goes, accidents."""

import re
import signal
import subprocess
import sys

import pytest

from holigrail_hw import __version__
from holigrail_hw.cli import info
from holigrail_hw.cli.main import VERBS
from holigrail_hw.flow.emit import emit


def test_help_goes_to_standard_output(holigrail):
    answer = holigrail("--help")
    assert answer.status == 0 and answer.err == ""
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", answer.out, re.M)


def test_nothing_asked_is_a_wrong_request(holigrail):
    answer = holigrail()
    assert answer.status == 2 and answer.out == ""
    assert answer.err.startswith("usage: holigrail VERB [OPERATOR] [options]\n")


def test_version(holigrail):
    assert holigrail("--version")[:2] == (0, f"holigrail {__version__}\n")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(holigrail, verb):
    with pytest.raises(SystemExit) as stop:
        holigrail(verb, "--help")
    assert stop.value.code == 0


def test_unknown_verb(holigrail):
    answer = holigrail("genrate")
    assert answer.status == 2 and answer.out == ""
    assert answer.err == (
        "error: no verb named 'genrate'\n"
        "  hint: did you mean 'generate'? the verbs are list, info, generate, simulate, verify, "
        "prove, mutate, train, certify, synth, build, flash, explore, report, cache, guide, "
        "completion, doctor\n"
    )


def test_unknown_option_without_verb(holigrail):
    answer = holigrail("--colour")
    assert answer.status == 2
    assert answer.err == (
        "error: holigrail: no option named '--colour'\n"
        "  hint: `holigrail --help` shows the verbs and options\n"
    )


def test_common_options_stand_on_either_side_of_the_verb(holigrail):
    before = holigrail("--json", "--no-color", "list", "formats")
    after = holigrail("list", "formats", "--json", "--no-color")
    assert before == after
    assert before.json["schema"] == 1 and before.json["verb"] == "list"


def test_an_accident_is_our_bug(holigrail, monkeypatch):
    def accident(*_):
        raise KeyError("sum3")

    monkeypatch.setattr(info, "describe", accident)
    answer = holigrail("info", "mac")
    assert answer.status == 4 and answer.out == ""
    assert answer.err == (
        "internal error: KeyError(\"'sum3'\") while running info; this is our bug\n"
        "  hint: run it again with --traceback and report the output\n"
    )
    assert "Traceback" in holigrail("info", "mac", "--traceback").err
    shown = holigrail("info", "mac", "--json")
    assert shown.status == 4 and shown.json["error"]["status"] == 4


def test_interruption_is_quiet(holigrail, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "describe", interrupted)
    assert holigrail("info", "mac") == (130, "", "\ninterrupted\n")


ENDINGS = [(signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung up")]


@pytest.mark.parametrize(("number", "status", "line"), ENDINGS)
def test_termination_stops_the_work_as_interruption_does(
    holigrail, monkeypatch, tmp_path, number, status, line
):
    before = signal.signal(number, signal.SIG_DFL)
    try:
        monkeypatch.setattr(info, "describe", lambda *_: signal.raise_signal(number))
        assert holigrail("info", "mac") == (status, "", f"\n{line}\n")
        monkeypatch.setattr(emit, "verilog", lambda *_: signal.raise_signal(number))
        assert holigrail("generate", "mac", "-o", "out") == (status, "", f"\n{line}\n")
        assert [*tmp_path.iterdir()] == []
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [number for number, _, _ in ENDINGS])
def test_a_signal_that_is_ignored_stays_so(holigrail, monkeypatch, number):
    """As nohup starts a program."""
    before, describe = signal.signal(number, signal.SIG_IGN), info.describe
    try:

        def noisy(*words):
            signal.raise_signal(number)
            return describe(*words)

        monkeypatch.setattr(info, "describe", noisy)
        assert holigrail("info", "mac").status == 0
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_errors_are_json_too(holigrail):
    answer = holigrail("info", "mac", "--rounding", "best", "--json")
    assert answer.status == 2
    assert answer.json["status"] == 2
    assert answer.json["error"]["messages"] == [
        "mac: rounding must be one of nearest_even, nearest_away, toward_zero, up, down, to_odd, "
        "stochastic, stochastic_b, stochastic_c, not best"
    ]


def test_output_that_nobody_reads_is_no_error():
    program = f"{sys.executable} -m holigrail_hw list formats | head -n 1"
    answer = subprocess.run(
        ["bash", "-o", "pipefail", "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("name") and answer.stderr == ""


def test_a_missing_package_says_what_to_type(holigrail, monkeypatch):
    monkeypatch.setitem(sys.modules, "holigrail_hw.cli.doctor", None)

    def missing(*_):
        raise ModuleNotFoundError("No module named 'amaranth_boards'", name="amaranth_boards")

    monkeypatch.setattr(info, "describe", missing)
    answer = holigrail("info", "mac")
    assert answer.status == 3
    assert answer.err == (
        "error: info: the Python package amaranth_boards must be installed, not missing\n"
        "  hint: pip install holigrail_hw brings everything\n"
    )
