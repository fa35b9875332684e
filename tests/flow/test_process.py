"""A child process and each way it can end."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from holigrail_hw.core.errors import DesignError, RequestError, ToolError
from holigrail_hw.core.run.process import Exhausted, kill_all, run, tail
from holigrail_hw.flow.folders import output_folder, staging


def _python(text):
    return [sys.executable, "-c", text]


def test_output_log_and_progress(tmp_path):
    seen = []
    finished = run(
        _python("import sys; print('one'); print('two', file=sys.stderr)"),
        who="tool",
        log=tmp_path / "logs" / "tool.log",
        progress=seen.append,
    )
    assert sorted(finished.output.split()) == ["one", "two"]
    assert finished.log.read_text() == finished.output
    assert sorted(seen) == ["tool: one", "tool: two"]
    assert finished.seconds > 0


def test_status_is_reported_with_command_and_end_of_log(tmp_path):
    log = tmp_path / "tool.log"
    text = "for n in range(30): print('line', n)\nraise SystemExit(7)"
    with pytest.raises(DesignError) as caught:
        run(_python(text), who="tool", log=log, failure=DesignError, hint="look")
    lines = str(caught.value).splitlines()
    assert lines[0] == "tool: must finish with status 0, not 7"
    assert lines[1].startswith(f"command: {sys.executable} -c ")
    assert f"end of the log {log}:" in lines
    # Twenty lines of the log, the last ones.
    assert lines[-20:] == [f"  line {n}" for n in range(10, 30)]
    assert caught.value.hint == "look"


def test_silent_failure_says_so(tmp_path):
    with pytest.raises(ToolError, match=r"\(it printed nothing\)$"):
        run(_python("raise SystemExit(1)"), who="tool", log=tmp_path / "log")


@pytest.mark.parametrize(
    "number, text", [(9, "9 (SIGKILL, probably out of memory)"), (11, "11 (SIGSEGV)")]
)
def test_killed_by_a_signal(tmp_path, number, text):
    kill = f"import os; print('at work', flush=True); os.kill(os.getpid(), {number})"
    with pytest.raises(ToolError) as caught:
        # A signal is never the design's fault.
        run(_python(kill), who="tool", log=tmp_path / "log", failure=DesignError)
    first = str(caught.value).splitlines()[0]
    assert first == f"tool: must finish with status 0, not be killed by signal {text}"
    assert str(caught.value).endswith("  at work")
    assert caught.value.exit_code == 3


def test_time_limit_stops_the_whole_family(tmp_path):
    sleep = "[sys.executable, '-c', 'import time; time.sleep(60)']"
    child = f"import subprocess, sys; subprocess.run({sleep})"
    start = time.monotonic()
    with pytest.raises(ToolError) as caught:
        run(_python(child), who="tool", log=tmp_path / "log", time_limit=1)
    assert time.monotonic() - start < 30
    first = str(caught.value).splitlines()[0]
    assert first == "tool: must finish within 1 s, not be stopped at that limit"


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit, which Linux has")
def test_processor_limit_counts_no_waiting(tmp_path):
    log, options = tmp_path / "log", {"processor_limit": 1}
    idle = "import time; time.sleep(1.5); print('done')"
    assert run(_python(idle), who="tool", log=log, **options).output == "done\n"
    with pytest.raises(Exhausted) as caught:
        run(_python("while True: pass"), who="tool", log=log, failure=DesignError, **options)
    first = str(caught.value).splitlines()[0]
    assert first == "tool: must finish within 1 s of processor time, not ask for more"


def test_program_that_does_not_exist(tmp_path):
    with pytest.raises(ToolError) as caught:
        run(["/nowhere/tool"], who="tool", log=tmp_path / "log")
    assert str(caught.value) == (
        "tool: the tool must start, not fail with 'No such file or directory'\n"
        "command: /nowhere/tool"
    )


def test_log_that_cannot_be_written(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(RequestError) as caught:
        run(["true"], who="tool", log=blocker / "log")
    assert str(caught.value) == (
        f"tool: the folder of its log must be writable, not {blocker} (File exists)"
    )


def test_better_explanation_wins(tmp_path):
    with pytest.raises(RequestError, match="^say it better$"):
        run(
            _python("print('cryptic'); raise SystemExit(1)"),
            who="tool",
            log=tmp_path / "log",
            explain=lambda output: RequestError("say it better") if "cryptic" in output else None,
        )


def test_interrupt_stops_the_child(tmp_path):
    started = []

    def interrupt(line):
        started.append(int(line.split()[-1]))
        raise KeyboardInterrupt

    text = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        run(_python(text), who="tool", log=tmp_path / "log", progress=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


def test_a_tool_that_leaves_out_its_file(tmp_path):
    old = tmp_path / "result"
    old.write_text("of an earlier run")
    with pytest.raises(ToolError) as caught:
        run(_python("print('done')"), who="tool", log=tmp_path / "log", makes=[old])
    lines = str(caught.value).splitlines()
    assert lines[0] == f"tool: must write {old}, not end without it"
    assert lines[-1] == "  done"


def test_tail_drops_empty_lines():
    assert tail("a\n\nb\n\n\nc\n", 2) == "b\nc"


def test_staging_moves_finished_files_and_replaces_old_ones(tmp_path):
    out = tmp_path / "out"
    for text in ("old", "new"):
        with staging(out, "build") as work:
            (work / "file").write_text(text)
            (work / "folder").mkdir()
            (work / "folder" / "inner").write_text(text)
    assert (out / "file").read_text() == "new"
    assert (out / "folder" / "inner").read_text() == "new"
    assert sorted(path.name for path in out.iterdir()) == ["file", "folder"]


def test_staging_leaves_nothing_after_a_failure(tmp_path):
    with pytest.raises(ZeroDivisionError), staging(tmp_path / "out", "build") as work:
        (work / "half").write_text("written")
        raise ZeroDivisionError
    assert [*tmp_path.iterdir()] == []


def test_a_manifest_never_stands_beside_files_of_another_run(tmp_path, monkeypatch):
    """The move of every single file fails once, as a kill at that moment would end it."""
    names = ["a.v", "manifest.json", "z.hex"]

    def write(text):
        with staging(tmp_path, "generate", last="manifest.json") as work:
            for name in names:
                (work / name).write_text(text)

    move = Path.replace
    for broken in names:
        write("old")

        def replace(self, target, broken=broken):
            if self.name == broken:
                raise OSError(28, "No space left on device")
            return move(self, target)

        monkeypatch.setattr(Path, "replace", replace)
        with pytest.raises(ToolError, match="must take the files, not fail: .*No space left"):
            write("new")
        monkeypatch.undo()
        assert not (tmp_path / "manifest.json").exists()
    write("new")
    assert [(tmp_path / name).read_text() for name in names] == ["new"] * 3


def test_folder_that_cannot_be_made(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(RequestError) as caught, output_folder(blocker / "out", "synth"):
        pass
    assert str(caught.value) == (
        f"synth: the output folder must be writable, not {blocker / 'out'} (Not a directory)"
    )
    assert caught.value.hint == "choose another one with -o"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RequestError("no"), SystemExit])
def test_no_empty_folder_stays_behind(tmp_path, error):
    """Folders that were there stay, and so do those with a file."""
    (tmp_path / "old").mkdir()
    for maker in (output_folder, staging):
        with pytest.raises(BaseException) as caught, maker(tmp_path / "old/new/out", "synth"):
            raise error
        assert caught.value is error or caught.type is error
        assert [*tmp_path.iterdir()] == [tmp_path / "old"]
        assert [*(tmp_path / "old").iterdir()] == []
    with pytest.raises(KeyboardInterrupt), output_folder(tmp_path / "new/out", "synth") as folder:
        (tmp_path / "new" / "log").touch()
        raise KeyboardInterrupt
    assert not folder.exists() and (tmp_path / "new" / "log").exists()
    with output_folder(tmp_path / "kept", "synth") as folder:
        pass
    assert folder.is_dir()


PARENT = """
import sys
from pathlib import Path
from holigrail_hw.core.run.process import run
# A tool with a child of its own, as make is.
tool = "import os, subprocess, sys; " \\
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); " \\
    "print(os.getpid(), child.pid, flush=True); child.wait()"
run([sys.executable, "-c", tool], who="tool", log=Path(sys.argv[1]),
    progress=lambda text: print(text, flush=True))
"""


def arrives(number):
    """In a child: the signal is not ignored, even where the tests run under nohup."""
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_no_tool_outlives_its_caller(tmp_path, how):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: arrives(how),
    ) as parent:
        assert parent.stdout is not None
        line = parent.stdout.readline()
        tools = [int(word) for word in line.removeprefix("tool: ").split()]
        assert len(tools) == 2 and all(map(alive, tools))
        parent.send_signal(how)
        assert parent.wait(timeout=20) == -how
    end = time.monotonic() + 20
    while any(map(alive, tools)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(alive, tools))


def test_a_tool_may_be_killed_from_another_thread(tmp_path):
    progress = lambda text: threading.Thread(target=kill_all).start()  # noqa: E731
    tool = _python("import time; print('at work', flush=True); time.sleep(600)")
    with pytest.raises(ToolError, match="not be killed by signal 9"):
        run(tool, who="tool", log=tmp_path / "log", progress=progress)


def test_a_memory_limit_is_an_error_of_its_own(tmp_path):
    tool = _python("import time; time.sleep(0.5); print(len(bytes(1 << 31)))")
    with pytest.raises(Exhausted, match="^tool: must finish within 1024 MiB, not ask for more\n"):
        run(tool, who="tool", log=tmp_path / "log", memory_limit=1 << 30)
    # Memory errors without a limit are failures like any other.
    failing = _python("raise MemoryError")
    with pytest.raises(ToolError, match="not 1\n"):
        run(failing, who="tool", log=tmp_path / "log")


def test_no_guard_without_a_shell(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert run(_python("print('fine')"), who="tool", log=tmp_path / "log").output == "fine\n"


def alive(process):
    """Whether a process is there, and not only waits to be reaped."""
    try:
        state = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] not in "ZX"
