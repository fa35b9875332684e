"""``holigrail completion SHELL``: the script by which a shell completes our command lines.

The script asks this command, behind the hidden option ``--words``, with the words up to the cursor;
what may stand there is printed, a candidate a line.
"""

import argparse
import importlib
from collections.abc import Iterable

from holigrail_hw.core.errors import HoligrailError
from holigrail_hw.core.parameters import leaf_parameters, to_text
from holigrail_hw.core.registry import find, operators
from holigrail_hw.core.shell_registry import shell_names
from holigrail_hw.flow.board import board
from holigrail_hw.flow.explore import catalogue
from holigrail_hw.flow.synth import devices
from holigrail_hw.formats import Format

from .arguments import read_options
from .guide import topics
from .main import VERBS
from .options import one_of
from .parsing import parser_of, parser_of_task
from .session import Session

__all__ = ["candidates", "configure", "main"]

SCRIPTS = {
    "bash": """\
_holigrail() {
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "$(
        holigrail completion --words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null
    )" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _holigrail holigrail
""",
    "zsh": """\
_holigrail() {
    local -a found
    found=(${(f)"$(holigrail completion --words "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( $#found )); then compadd -- "${found[@]}"; else _files; fi
}
compdef _holigrail holigrail
""",
    "fish": """\
complete -c holigrail -a '(
    holigrail completion --words (commandline -opc)[2..] (commandline -ct) 2>/dev/null
)'
""",
}
_INSTALL = {
    "bash": 'eval "$(holigrail completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(holigrail completion zsh)" in ~/.zshrc, after compinit',
    "fish": "holigrail completion fish | source in ~/.config/fish/config.fish",
}
# Verbs that work on no design.
_ALONE = ("list", "cache", "doctor", "completion", "guide")


def main(words: list[str], session: Session) -> int:
    """Print the script of a shell, or the candidates for an unfinished command line."""
    if words[:1] == ["--words"]:
        print(*candidates(words[1:] or [""]), sep="\n")
        return 0
    options = read_options(words, session, configure)
    script = f"# Put this line there: {_INSTALL[options.shell]}\n{SCRIPTS[options.shell]}"
    return session.show({"script": script}, lambda console: print(script, end=""))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "shell", nargs="?", type=one_of(SCRIPTS), default="bash", help=", ".join(SCRIPTS)
    )


def candidates(words: list[str]) -> list[str]:
    """What may stand in place of the last of ``words``, which is unfinished; files come besides."""
    *before, current = words
    plain = [word for word in before if not word.startswith("-")]
    if not plain:
        return _begin(VERBS, current)
    verb, *rest = plain
    if verb not in VERBS:
        return []
    cls: type | None = None
    if rest and rest[0] in operators():
        cls = find(rest[0])
    module = importlib.import_module(f"holigrail_hw.cli.{verb}")
    session = Session(command="", verb=verb)
    if hasattr(module, "task_of"):
        cls = None if cls is None else module.task_of(cls)
        parser = parser_of_task(session, cls)
    else:
        configure = getattr(module, "configure", None)
        parser = parser_of(session, configure, cls, design=verb not in _ALONE)
    known = {
        option: action
        for action in parser._actions
        if action.help != argparse.SUPPRESS
        for option in action.option_strings
    }
    action = known.get(before[-1])
    if action is not None and action.nargs in (None, "?"):
        return _begin(_values(action, cls), current)
    if current.startswith("-"):
        return _begin(sorted(option for option in known if option.startswith("--")), current)
    if rest:
        return []
    if verb not in _ALONE:
        return _begin([*operators(), *(row["name"] for row in catalogue.recipes())], current)
    if verb == "guide":
        return _begin(topics(), current)
    places = (action.type for action in parser._actions if not action.option_strings)
    return _begin((name for place in places for name in getattr(place, "known", ())), current)


def _values(action: argparse.Action, cls: type | None) -> Iterable[str]:
    """What an option takes, as far as it can be listed."""
    if action.dest.startswith("parameter_") and cls is not None:
        parameter = leaf_parameters(cls)[action.dest.removeprefix("parameter_")]
        if parameter.kind.type is Format:
            return [row["name"] for row in catalogue.formats() if "{" not in row["name"]]
        if parameter.kind.type is bool:
            return ("true", "false")
        choices = [to_text(choice) for choice in getattr(parameter.kind, "choices", ())]
        return choices + ([parameter.nothing] if parameter.nothing else [])
    try:
        named = {"device": devices.TARGETS, "board": board.boards(), "shell": shell_names()}
    except HoligrailError:
        named = {}
    return named.get(action.dest, getattr(action.type, "known", ()))


def _begin(names: Iterable[str], current: str) -> list[str]:
    return [name for name in names if name.startswith(current)]
