"""Searches in children: answers, limits, Ctrl-C, death of either side."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from holigrail_hw.mcm.single.search_process import Call, SearchDied, run_searches


def collect(calls, time_limit=20.0, enough=None):
    answers = []

    def report(index, answer):
        answers.append((index, answer))
        return answer == enough

    return run_searches(calls, time_limit=time_limit, report=report), answers


def test_answers_and_results():
    outcome, answers = collect(
        [Call("search_calls:counted", (3,)), Call("search_calls:counted", (2,))]
    )
    assert outcome.results == [3, 2]
    assert not outcome.late and not outcome.interrupted
    assert [a for i, a in answers if i == 0] == [0, 1, 2, 3]
    assert [a for i, a in answers if i == 1] == [0, 1, 2]


def test_enough_is_known_before_all_have_returned():
    start = time.monotonic()
    outcome, _ = collect(
        [Call("search_calls:stubborn"), Call("search_calls:counted", (5,))], enough=5
    )
    assert outcome.results == [None, 5] and not outcome.late
    assert time.monotonic() - start < 5


def test_options_and_prints_of_solvers():
    outcome, _ = collect(
        [Call("search_calls:counted", (1,), {"pause_s": 0.01}), Call("search_calls:talkative")]
    )
    assert outcome.results == [1, "answer"]


def test_the_time_limit_kills_what_does_not_stop():
    start = time.monotonic()
    outcome, answers = collect([Call("search_calls:stubborn")], time_limit=1.5)
    assert time.monotonic() - start < 3.5
    assert outcome.late and outcome.results == [None]
    assert gone(answers[0][1])


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.default_int_handler])
def test_a_child_that_is_asked_to_stop_may_answer(handler, interruptible):
    """Where the caller runs in the background of a script, too."""
    signal.signal(signal.SIGINT, handler)
    outcome, answers = collect([Call("search_calls:polite")], time_limit=1.5)
    assert outcome.late and outcome.results == ["last"]
    assert answers == [(0, "first"), (0, "last")]


def test_an_error_of_the_function_is_raised_here():
    with pytest.raises(ValueError, match="constants must be nicer"):
        collect([Call("search_calls:wrong"), Call("search_calls:stubborn")])


def test_a_dead_child_is_reported_with_its_log():
    with pytest.raises(SearchDied, match=r"(?s)not be killed by signal 9;.*about to die"):
        collect([Call("search_calls:killed")])


@pytest.mark.usefixtures("interruptible")
def test_a_second_interrupt_is_not_held_back():
    """SIGINT while a stubborn child is asked to stop."""
    assert threading.current_thread() is threading.main_thread()
    numbers = []

    def report(index, answer):
        numbers.append(answer)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        os.kill(os.getpid(), signal.SIGINT)
        return False

    with pytest.raises(KeyboardInterrupt):
        run_searches([Call("search_calls:stubborn")], time_limit=20, report=report)
    assert gone(numbers[0])


def parent(function):
    folder = Path(__file__).parent
    return subprocess.run(
        [sys.executable, "-c", f"import search_calls; search_calls.{function}"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        check=False,
    )


def test_an_interrupt_keeps_the_best():
    answer = parent("interrupted_parent(20)")
    assert answer.stdout.strip() == "True ['last']", answer.stderr


def test_a_child_does_not_outlive_its_parent():
    answer = parent("doomed_parent()")
    assert answer.returncode == -signal.SIGKILL
    assert gone(int(answer.stdout))


def gone(number):
    """Whether a process ends within a few seconds."""
    for _ in range(100):
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
