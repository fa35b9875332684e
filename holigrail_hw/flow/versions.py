"""What programs say about themselves: their version, or why they do not start."""

import re
import subprocess
from functools import cache

from .programs import Found, Tool

__all__ = ["refusal", "told_version", "too_old"]


@cache
def told_version(program: str, tool: Tool) -> str:
    """What a program from PATH answers to its ``version_flag``; empty if it tells none."""
    if tool.version_flag is None:
        return ""
    try:
        answer = subprocess.run(
            [program, tool.version_flag], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"\d+(\.\d+)+", answer.stdout + answer.stderr)
    return match.group() if match else ""


def too_old(here: Found) -> bool:
    """Whether a tool tells a version below its minimum."""
    if here.tool.minimum is None or not here.version:
        return False
    return _numbers(here.version) < _numbers(here.tool.minimum)


def refusal(here: Found) -> str:
    """Why a tool that depends on system libraries does not start; empty if it does."""
    if here.tool.libraries is None or here.tool.version_flag is None:
        return ""
    return _last_words((*here.command, here.tool.version_flag))


@cache
def _last_words(command: tuple[str, ...]) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    words = (answer.stderr or answer.stdout).strip().splitlines()
    return "" if answer.returncode == 0 else words[-1] if words else f"status {answer.returncode}"


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()
