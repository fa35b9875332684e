"""Functions that the tests of search processes run in children."""

import os
import signal
import sys
import time


def counted(last, pause_s=0.0, *, report):
    for number in range(last):
        report(number)
        time.sleep(pause_s)
    return last


def stubborn(report):
    """Ignores the request to stop, as a solver in a foreign library may."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    report(os.getpid())
    while True:
        time.sleep(0.05)


def polite(report):
    """Returns what it has when it is asked to stop."""
    try:
        report("first")
        time.sleep(60)
    except KeyboardInterrupt:
        return "last"


def talkative(report):
    """Prints where the messages go, as solvers do."""
    os.write(1, b"solver banner\n")
    print("more")
    return "answer"


def wrong(report):
    raise ValueError("constants must be nicer")


def killed(report):
    print("about to die", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def interrupted_parent(seconds):
    """A parent whose user presses Ctrl-C after the first answer; prints how it ended."""
    from holigrail_hw.mcm.single.search_process import Call, run_searches

    def report(index, answer):
        if answer == "first":
            os.kill(os.getpid(), signal.SIGINT)
        return False

    outcome = run_searches([Call("search_calls:polite")], time_limit=seconds, report=report)
    print(outcome.interrupted, outcome.results)


def doomed_parent():
    """A parent that is killed while its child searches; prints the child's number first."""
    from holigrail_hw.mcm.single.search_process import Call, run_searches

    def report(index, answer):
        print(answer, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        return False

    run_searches([Call("search_calls:stubborn")], time_limit=60, report=report)
