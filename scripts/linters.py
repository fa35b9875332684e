"""What Verilator, Icarus Verilog and Yosys say about a design, every version that is found.

A linter takes files and a top module and answers with its first message, or with nothing. Verilator
and Icarus read each file as Verilog-2005 and as SystemVerilog; Yosys checks the hierarchy and that
every bit has one driver. Files of others, such as a processor, are read with them, but what is said
about those does not count.
"""

import os
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from holigrail_hw.flow import tools

__all__ = ["KINDS", "Linter", "found"]

_LANGUAGES = {"verilator": ("1364-2005", "1800-2017"), "iverilog": ("-g2005", "-g2012")}
KINDS = ("verilator", "iverilog", "yosys")
_VERSION_FLAGS = {"verilator": "--version", "iverilog": "-V", "yosys": "-V"}


# Of one run; the largest designs take some seconds and less than a gigabyte.
_SECONDS = 40
_BYTES = 6 << 30


@dataclass(frozen=True)
class Linter:
    """One program: its kind, its version, the words that start it."""

    kind: str
    version: str
    command: tuple[str, ...]

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.kind} {self.version}"

    def judge(
        self,
        design: Sequence[Path],
        top: str,
        folder: Path,
        *,
        bench: bool = False,
        foreign: Sequence[Path] = (),
    ) -> str:
        """The first message about a design, or nothing.

        Parameters
        ----------
        design : sequence of Path
            The files that are judged.
        top : str
            The module that holds all others.
        folder : Path
            Where to write.
        bench : bool
            Whether the top module is a bench, with delays.
        foreign : sequence of Path
            Files with modules that the design has instances of.
        """
        if self.kind == "yosys":
            # What follows a delay or waits for a file is nothing that Yosys is to read.
            assert not bench
            return self._yosys(design, top, foreign)
        judged = self._verilator if self.kind == "verilator" else self._icarus
        for language in _LANGUAGES[self.kind]:
            if said := judged(language, design, top, folder, foreign, bench):
                return f"{language.removeprefix('-g')}: {said}"
        return ""

    def _verilator(
        self,
        language: str,
        design: Sequence[Path],
        top: str,
        folder: Path,
        foreign: Sequence[Path],
        bench: bool,
    ) -> str:
        waived = folder / "foreign.vlt"
        lines = ["`verilator_config", *(f'lint_off -file "{path}"' for path in foreign), ""]
        waived.write_text("\n".join(lines))
        timing = "--timing" if bench else "--no-timing"
        # Files of others may have a time scale, which is no fault of those without one.
        less = ["-Wno-TIMESCALEMOD"] if foreign else []
        words = ["--lint-only", "-Wall", *less, timing, "--default-language", language]
        status, said = self._run([*words, "--top-module", top, waived, *design, *foreign])
        return _first(re.findall(r"%\w+.*", said), status)

    def _icarus(
        self,
        language: str,
        design: Sequence[Path],
        top: str,
        folder: Path,
        foreign: Sequence[Path],
        bench: bool,
    ) -> str:
        less = ["-Wno-timescale"] if foreign else []
        words = ["-Wall", *less, language, "-s", top, "-o", folder / "compiled"]
        status, said = self._run([*words, *design, *foreign])
        own = [line for line in said.splitlines() if not _about(line, foreign)]
        return _first(own, status)

    def _yosys(self, design: Sequence[Path], top: str, foreign: Sequence[Path]) -> str:
        read = [f'read_verilog -lib "{path}"' for path in foreign]
        read += [f'read_verilog "{path}"' for path in design]
        passes = [*read, f"hierarchy -check -top {top}", "proc", "check -assert"]
        status, said = self._run(["-p", "; ".join(passes)])
        lines = [
            line
            for line in said.splitlines()
            if re.search(r"\bwarning\b|^error:", line, re.I) and not _about(line, foreign)
        ]
        if not status and not re.search(r"found and reported 0 problems", said, re.I):
            lines.append("nothing was checked")
        return _first(lines, status)

    def _run(self, words: Sequence[str | Path]) -> tuple[int, str]:
        done = subprocess.run(
            [*self.command, *words],
            env=tools.environment(),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            preexec_fn=_limit_time if self.kind == "yosys" else _limit,
        )
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL, 128 + signal.SIGXCPU):
            return done.returncode, f"%Error: no end within {_SECONDS} s of processor time"
        if done.returncode and re.search(r"bad_alloc|out of memory", done.stderr, re.I):
            return done.returncode, f"%Error: no end within {_BYTES >> 30} GiB of memory"
        return done.returncode, done.stdout + done.stderr


def _limit_time() -> None:
    """Of the process that is to start: a time limit that a busy machine does not change."""
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS + 5))


def _limit() -> None:
    """Time, and memory: not for Yosys, whose WebAssembly reserves more than it uses."""
    _limit_time()
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))


def _about(line: str, files: Sequence[Path]) -> bool:
    return any(str(path) in line for path in files)


def _first(messages: Sequence[str], status: int) -> str:
    """A message without the folder that its file lies in."""
    if not messages:
        return f"status {status}" if status else ""
    return re.sub(r"/\S*/", "", messages[0].strip())


def found(given: Sequence[str] = ()) -> list[Linter]:
    """The pinned tools, those of the path, and those that are ``given`` as KIND=PROGRAM.

    Two programs of one kind and one version are one linter.
    """
    linters: list[Linter] = []
    for kind in KINDS:
        pinned = tools.find(kind)
        if pinned is not None:
            linters.append(Linter(kind, pinned.version, pinned.command))
        on_path = shutil.which(kind)
        if on_path is not None:
            linters.append(Linter(kind, _version(kind, on_path), (on_path,)))
    for word in given:
        kind, _, program = word.partition("=")
        if kind not in KINDS or not os.access(program, os.X_OK):
            raise ValueError(f"a linter must be {' or '.join(KINDS)}, =, a program, not {word!r}")
        linters.append(Linter(kind, _version(kind, program), (program,)))
    return list({one.name: one for one in reversed(linters)}.values())[::-1]


def _version(kind: str, program: str) -> str:
    words = [program, _VERSION_FLAGS[kind]]
    done = subprocess.run(
        words, env=tools.environment(), capture_output=True, text=True, check=False
    )
    version = re.search(r"\d+\.\d+", done.stdout)
    return version.group() if version else "of no version"
