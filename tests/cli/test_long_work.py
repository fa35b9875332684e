"""A design whose work takes long: live progress, and Ctrl-C that goes on with the best so far."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


def ordinary_signals():
    """In a child: signals arrive where the tests run in the background, or under nohup, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


HARD = "611,4999,2054,892,621,2201,3067,2503,178,3645,8139,12106,14433,240007,-12345,99991"


@pytest.fixture
def start(tmp_path):
    """Start a command line with an empty cache folder; it is killed at the end."""
    started = []

    def call(*words):
        child = subprocess.Popen(
            [sys.executable, "-m", "holigrail_hw", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MARK": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=ordinary_signals,
        )
        started.append(child)
        return child

    yield call
    for child in started:
        child.kill()
        child.communicate()


def until(child, text):
    """Read standard error up to a line that has a text."""
    lines = []
    for line in child.stderr:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError("".join(lines))


def words(seconds, depth="9"):
    # A request of its own for every test: what one has kept must not answer the next one.
    return ["mcm", "--constants", HARD, "--depth", depth, "--search-time", str(seconds)]


DEPTHS = {signal.SIGINT: "9", signal.SIGTERM: "10", signal.SIGHUP: "11"}


@pytest.mark.parametrize("number", DEPTHS)
def test_an_interrupt_goes_on_with_the_best(start, tmp_path, number):
    child = start("generate", *words(600, DEPTHS[number]), "-o", "out", "-v")
    until(child, "at least")
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "mcm: search stopped after " in err and " s, going on with the best " in err
    assert "adders, at least " in err
    assert list((tmp_path / "out").glob("*.v"))
    assert until_alone(tmp_path)


MATRIX = ";".join(",".join(str(31 * i * j % 101 - 50) for i in range(1, 9)) for j in range(1, 9))
LAYER = "3,5,-7;9,11,13;1,2,7"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_matrix_search_goes_on_with_the_best(start, tmp_path, number):
    long = ["--iterations", "900000000", "--search-time", "600"]
    child = start("generate", "cmvm", "--matrix", MATRIX, *long, "-o", "out", "-v")
    until(child, " adders after ")
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "cmvm: search stopped after " in err and " s, going on with the best of " in err
    assert list((tmp_path / "out").glob("*.v"))


def test_an_interrupted_network_goes_on_with_its_other_layers(start):
    long = ["--iterations", "900000000", "--search-time", "600"]
    layers = ["--weights", f"{LAYER}|{LAYER}", "--biases", "0,0,0;0,0,0"]
    child = start("info", "dense-network", *layers, *long, "-v")
    until(child, "layer 0 (0 to 1): ")
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "dense-network: search stopped in layer 0, going on with the best layers so far" in err
    assert "adders of the layers" in out


def test_an_interrupted_search_does_not_count_as_a_long_one(start):
    child = start("info", *words(600, "8"), "-v")
    until(child, "at least")
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0 and "optimal" in out
    again = start("info", *words(600, "8"), "-v")
    until(again, "at least")
    again.kill()


def until_alone(mark):
    """Whether no process is left that a command line has started, by what each inherits."""
    limit = time.monotonic() + 120
    while (left := marked(mark)) and time.monotonic() < limit:
        time.sleep(0.02)
    return not left


def marked(mark):
    text = f"MARK={mark}\0".encode()
    return [path for path in Path("/proc").glob("[0-9]*/environ") if text in read(path)]


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_quiet_says_nothing(start):
    child = start("info", *words(1, "6"), "-q", "--json")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0 and err == ""
    assert '"optimal": "not proved"' in out


def test_operators_without_long_work_draw_nothing(start):
    child = start("info", "add", "-v")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0 and err == ""


WRITERS = {
    "generate": ["generate", "gemm", "--rows", "8", "--columns", "8"],
    "synth": ["synth", "gemm", "--rows", "8", "--columns", "8", "--device", "ecp5"],
    "build": ["build", "gemm", "--rows", "8", "--columns", "8", "--board", "ulx3s"],
}


@pytest.mark.parametrize("verb", WRITERS)
def test_a_terminated_verb_leaves_no_folder(start, tmp_path, verb):
    child = start(*WRITERS[verb], "-o", "new/out", "-v")
    until(child, "writing")
    while not (tmp_path / "new" / "out").exists():
        time.sleep(0.01)
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 143, err
    assert not (tmp_path / "new").exists()
