"""``holigrail VERB OPERATOR [--parameter value ...]``: find the verb, run it, judge what it raises.

Exit status: 0 fine, 1 the design failed, 2 the request was wrong, 3 a tool is missing, 4 our bug,
130 interrupted, 143 terminated, 129 hung up. This module imports neither amaranth nor numpy, so
that ``--help`` is immediate.
"""

import argparse
import contextlib
import difflib
import importlib
import os
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any

from holigrail_hw import __version__

from .endings import Ended, by_signals, discard_output, output_failure, watched_output
from .options import Parser, common_options, complaint
from .session import INTERRUPTED, Session

__all__ = ["VERBS", "judge", "main"]

VERBS = {
    "list": "operators, formats, recipes, boards or devices",
    "info": "parameters, ports, latency and cost of an operator",
    "generate": "write Verilog, manifest, self-checking bench and core file",
    "simulate": "run some items through the hardware and print them decoded",
    "verify": "check the emitted Verilog against the golden model",
    "prove": "prove equivalence by SAT, where it closes",
    "mutate": "plant faults, to see whether the vectors of verify notice them",
    "train": "train a model whose coefficients are cheap in hardware",
    "certify": "find formats with a proved error, or check the certificate of some",
    "synth": "synthesise, place and route; estimate beside measurement",
    "build": "make the bitstream of a board's self-test",
    "flash": "load a bitstream into a board and check its signature",
    "explore": "sweep parameters; cost and latency of every combination",
    "report": "write one self-contained HTML page about a design",
    "cache": "list, verify or clear what is kept between runs",
    "guide": "pages to read: first steps, formats, engines, measurements, limits ...",
    "completion": "a script by which bash, zsh or fish complete these command lines",
    "doctor": "which tools are found, and what to type for the missing ones",
}

_EPILOG = """\
OPERATOR is a name from `holigrail list`, or a recipe: generators/NAME.toml.
`holigrail VERB OPERATOR --help` shows the parameters of the operator.
Exit status: 0 fine, 1 the design failed, 2 the request was wrong, 3 a tool is missing, 4 our bug.
"""

_FAILED, _TOOL_MISSING = 1, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status."""
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    session = Session(command=shlex.join(["holigrail", *words]), json="--json" in words)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    # Before anything is opened: a file would become the standard output that is closed.
    if sys.stdout is None:
        return _unwritable()
    with watched_output():
        return _ended(words, session)


def _ended(words: list[str], session: Session) -> int:
    try:
        try:
            with by_signals():
                status = _judged(words, session)
        except SystemExit:
            # Help was asked for; argparse does not say when nobody takes it.
            if output_failure() is not None:
                return _unwritable()
            raise
        return status if output_failure() is None else _unwritable()
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; it has what it wanted.
        discard_output()
        return 0
    except OSError:
        # Not even a message could be written.
        return _unwritable()


def _judged(words: list[str], session: Session) -> int:
    try:
        return _run(words, session)
    except Ended as end:
        print(f"\n{end.what}", file=sys.stderr)
        return end.status
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and output_failure() is not None:
            return _FAILED
        if "--traceback" in words:
            traceback.print_exc()
        if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("holigrail"):
            return _missing_package(str(error.name), session)
        return judge(error, session)


def _unwritable() -> int:
    """Nobody can read the result: one message; returns the exit status."""
    reason = output_failure() or "standard error fails"
    with contextlib.suppress(OSError):
        print(
            f"error: standard output must take the result, not fail ({reason})",
            file=sys.stderr,
            flush=True,
        )
    discard_output()
    return _FAILED


def _run(words: list[str], session: Session) -> int:
    verb, rest = _split(words)
    if verb is None:
        parser = _parser()
        chosen = parser.parse_args(rest)
        if chosen.version:
            print(f"holigrail {__version__}")
            return 0
        parser.print_help(sys.stdout if chosen.help else sys.stderr)
        return 0 if chosen.help else 2
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        _refuse(f"no verb named {verb!r}", f"{hint}the verbs are {', '.join(VERBS)}")
    session.verb = verb
    return importlib.import_module(f"holigrail_hw.cli.{verb}").main(rest, session)


def _split(words: list[str]) -> tuple[str | None, list[str]]:
    """The verb, the first word that is no option, and all the other words."""
    takes_value = {
        option
        for action in common_options()._actions
        if action.nargs != 0
        for option in action.option_strings
    }
    index = 0
    while index < len(words) and words[index].startswith("-"):
        index += 2 if words[index] in takes_value else 1
    if index >= len(words):
        return None, words
    return words[index], words[:index] + words[index + 1 :]


def _parser() -> argparse.ArgumentParser:
    width = max(len(verb) for verb in VERBS)
    verbs = "\n".join(f"  {verb:{width}}  {summary}" for verb, summary in VERBS.items())
    parser = Parser(
        prog="holigrail",
        usage="holigrail VERB [OPERATOR] [options]",
        description=f"Number formats and arithmetic operators as verified hardware.\n\n{verbs}",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common_options()],
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this and stop")
    parser.add_argument("--version", action="store_true", help="show the version and stop")
    parser.error = lambda message: _refuse(  # type: ignore[method-assign]
        f"holigrail: {complaint(message)}"
    )
    return parser


def _refuse(message: str, hint: str = "`holigrail --help` shows the verbs and options") -> Any:
    from holigrail_hw.core.errors import RequestError

    raise RequestError(message, hint=hint)


def _missing_package(name: str, session: Session) -> int:
    """A package is missing, so nothing that needs packages may be imported here."""
    who = session.verb or "holigrail"
    message = f"{who}: the Python package {name} must be installed, not missing"
    hint = "pip install holigrail_hw brings everything"
    print(f"error: {message}\n  hint: {hint}", file=sys.stderr)
    if session.json:
        error = {"status": _TOOL_MISSING, "messages": [message], "hint": hint}
        session.print_json({"error": error}, status=_TOOL_MISSING)
    return _TOOL_MISSING


def judge(error: Exception, session: Session) -> int:
    """Say what went wrong, without a traceback; returns the exit status."""
    from holigrail_hw.core.disk import CLOSED, FULL
    from holigrail_hw.core.errors import HoligrailError, InternalError, RequestError
    from holigrail_hw.formats import FormatError

    if isinstance(error, FormatError):
        error = RequestError(str(error), hint=error.hint)
    if isinstance(error, OSError) and error.errno in FULL | CLOSED:
        error = _storage_failure(error, session)
    if isinstance(error, HoligrailError) and not isinstance(error, InternalError):
        status, hint = error.exit_code, error.hint
        if hint is None and isinstance(error, RequestError) and session.verb:
            line = shlex.join(["holigrail", session.verb, *filter(None, [session.operator])])
            hint = f"`{line} --help` shows what may be given"
        messages = error.violations if isinstance(error, RequestError) else (str(error),)
        heads = [f"error: {message}" for message in messages]
    else:
        status, hint = (
            InternalError.exit_code,
            "run it again with --traceback and report the output",
        )
        text = str(error) if isinstance(error, InternalError) else _described(error)
        messages = (f"{text} while running {session.verb or 'holigrail'}",)
        heads = [f"internal error: {messages[0]}; this is our bug"]
    lines = [line.replace("\n", "\n  ") for line in heads]
    if hint:
        lines.append(f"  hint: {hint}".replace("\n", "\n  "))
    print(*lines, sep="\n", file=sys.stderr)
    if session.json:
        session.print_json(
            {"error": {"status": status, "messages": [*messages], "hint": hint}}, status=status
        )
    return status


def _storage_failure(error: OSError, session: Session) -> Exception:
    """A disk or folder that takes nothing more, in words; what it did not take is lost."""
    from holigrail_hw.core.errors import ToolError
    from holigrail_hw.core.store.folder import cache_folder

    places = error.filename or ", ".join(
        [session.output or "out", str(cache_folder()), tempfile.gettempdir()]
    )
    return ToolError(
        f"{session.verb or 'holigrail'}: files must be written, not fail: {places}"
        f" ({error.strerror}); what was not finished there is lost",
        hint="make room, or choose folders that can be written: -o, HOLIGRAIL_CACHE, TMPDIR",
    )


def _described(error: Exception) -> str:
    return f"{type(error).__name__}({str(error)!r})"
