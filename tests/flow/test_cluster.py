"""Sweeps on Dask: workers that only have the package, one that is killed, a scheduler that is not.

The scheduler and its workers are processes of their own, as on other machines.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import holigrail_hw
from holigrail_hw.core import RequestError, ToolError, find
from holigrail_hw.core.store.records import state_of
from holigrail_hw.flow.explore.explore import Sweep, explore
from holigrail_hw.flow.explore.runs import cluster as cluster_module
from holigrail_hw.flow.explore.runs.cluster import check_address
from holigrail_hw.flow.explore.sweep.kept import KeptPoints, store_path
from holigrail_hw.flow.explore.sweep.point import How, Question
from holigrail_hw.flow.explore.sweep.space import Space, spread

# What Dask and the packages below it warn about is not for us to mend.
pytestmark = pytest.mark.filterwarnings("ignore")

ADD = find("add")
LISTS = {"a": "int2..int21", "b": "int2..int21"}
START = "from distributed.cli import {0}; import sys; sys.argv[0] = 'dask'; sys.exit({0}.main())"


@pytest.fixture
def dask(monkeypatch, tmp_path):
    """The address of a scheduler, and its two workers, which run in an empty folder."""
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "cache"))
    place = Path(holigrail_hw.__file__).parent.parent
    environment = {
        **os.environ,
        "PYTHONPATH": f"{place}:{os.environ.get('PYTHONPATH', '')}",
        "PYTHONWARNINGS": "ignore",
    }
    file = tmp_path / "scheduler.json"

    def start(stack, what, *options):
        command = [sys.executable, "-c", START.format(what), "--scheduler-file", str(file)]
        log = stack.enter_context((tmp_path / f"{what}.log").open("w"))
        child = subprocess.Popen(
            [*command, "--no-dashboard", *options],
            cwd=tmp_path,
            env=environment,
            stdout=log,
            stderr=log,
        )
        stack.callback(child.wait)
        stack.callback(child.kill)
        return child

    with contextlib.ExitStack() as stack:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        start(stack, "dask_scheduler", "--host", "127.0.0.1", "--port", str(port))
        options = ("--nthreads", "1", "--no-nanny", "--host", "127.0.0.1")
        workers = [start(stack, "dask_worker", *options) for _ in range(2)]
        address = f"tcp://127.0.0.1:{port}"
        import distributed

        with distributed.Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield address, workers


def test_a_killed_worker_loses_nothing(dask):
    address, workers = dask
    space = Space(ADD, spread(ADD, LISTS))
    points = []
    with KeptPoints(How(ADD)) as kept:
        sweep = Sweep(space, How(ADD), kept=kept, scheduler=address)
        for point in sweep.points():
            if not points:
                # Most chunks are under way or still to be sent, and this worker has some of them.
                os.kill(workers[0].pid, signal.SIGKILL)
            points.append(point)
    assert workers[0].wait() == -signal.SIGKILL and workers[1].poll() is None
    assert sorted(points, key=lambda point: point.index) == explore(ADD, LISTS)
    assert (sweep.found, sweep.computed) == (0, 400) and state_of(store_path()) == (400, 0)


@pytest.mark.heavy
def test_all_workers_killed_one_after_the_other(dask):
    """New workers take over what the old ones had."""
    address, workers = dask
    space, points = Space(ADD, spread(ADD, LISTS)), []
    sweep = Sweep(space, How(ADD), scheduler=address)
    for point in sweep.points():
        if len(points) in (0, 200):
            os.kill(workers[len(points) // 200].pid, signal.SIGKILL)
            if points:
                command = [sys.executable, "-c", START.format("dask_worker"), address]
                last = subprocess.Popen([*command, "--nthreads", "1", "--no-dashboard"])
        points.append(point)
    last.terminate()
    last.wait()
    assert sorted(points, key=lambda point: point.index) == explore(ADD, LISTS)


@pytest.mark.heavy
def test_a_scheduler_that_dies_is_one_line(dask):
    address, _ = dask
    import distributed

    sweep = Sweep(Space(ADD, spread(ADD, LISTS)), How(ADD), scheduler=address)
    with pytest.raises(ToolError, match=f"the scheduler {address} must answer to the end, not go"):
        for point in sweep.points():
            if point.index == 0:
                with distributed.Client(address, set_as_default=False) as client:
                    client.shutdown()


@pytest.mark.heavy
def test_local_workers(monkeypatch, tmp_path):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "cache"))
    sweep = Sweep(Space(ADD, spread(ADD, LISTS)), How(ADD), scheduler="local", jobs=2)
    assert sorted(sweep.points(), key=lambda p: p.index) == explore(ADD, LISTS)


def test_an_unreachable_scheduler_is_one_line(monkeypatch):
    monkeypatch.setattr(cluster_module, "_REACH_S", 1)
    sweep = Sweep(Space(ADD, {"a": ["int2"]}), How(ADD), scheduler="tcp://127.0.0.1:1")
    with pytest.raises(ToolError) as caught:
        next(sweep.points())
    assert str(caught.value) == (
        "explore: the scheduler must be reachable, not fail: tcp://127.0.0.1:1"
        " ([Errno 111] Connection refused)"
    )
    assert caught.value.hint == (
        "`dask scheduler` starts one, and `dask worker ADDRESS --nthreads 1` its workers"
    )


@pytest.mark.parametrize(
    "text",
    [
        "here",
        "tcp:/host",
        "tcp://",
        "http://host:1",
        "tcp://a b:1",
        "tcp://a:0",
        "tcp://a:65536",
        "",
    ],
)
def test_what_is_no_address(text):
    with pytest.raises(RequestError) as caught:
        check_address(text)
    assert str(caught.value) == (
        f"explore: --scheduler must be local or an address such as tcp://host:8786, not {text}"
    )


@pytest.mark.parametrize("text", ["local", "tcp://host:8786", "tls://10.0.0.1:1", "tcp://[::1]:80"])
def test_addresses(text):
    check_address(text)


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    sweep = Sweep(Space(ADD, {"a": ["int2"]}), How(ADD), scheduler="local")
    with pytest.raises(ToolError) as caught:
        next(sweep.points())
    assert str(caught.value) == (
        "explore: --scheduler needs the Python package distributed, which is missing"
    )
    assert caught.value.hint == "pip install 'holigrail_hw[dask]'"


def test_a_worker_with_other_code_refuses(monkeypatch):
    from holigrail_hw.core import Timing

    question = Question(0, {"a": "int2", "b": "int2"}, Timing())
    own = cluster_module.fingerprint(ADD)
    (point,) = cluster_module._answers(How(ADD), [question], own)
    assert point.error is None
    with pytest.raises(ToolError) as caught:
        cluster_module._answers(How(ADD), [question], "another")
    assert str(caught.value) == (
        "explore: every worker must have the same holigrail_hw, amaranth, numpy and Python as this"
        " machine, not others"
    )
