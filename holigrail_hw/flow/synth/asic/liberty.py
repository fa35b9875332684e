"""The syntax of Liberty files: groups in groups, with attributes.

``group (arguments) { attribute : value; attribute (values); group (...) { ... } }``, as the Liberty
reference manual of the Liberty technical advisory board defines it. What the words mean is not
decided here (:mod:`.library`).
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Group", "LibertyError", "parse"]

_TOKEN = re.compile(
    r"""\s+|\\\r?\n|\\                     # white space, and lines that go on
    |/\*.*?\*/|//[^\n]*                    # remarks
    |(?P<text>"(?:[^"\\]|\\.)*")
    |(?P<mark>[(){}:;,])
    |(?P<word>[^\s"(){}:;,\\]+)""",
    re.S | re.X,
)


class LibertyError(ValueError):
    """What is wrong with a file, in words that go after "not"."""


@dataclass
class Group:
    """``kind (arguments) { ... }``; attributes of one name keep all of their values, in order."""

    kind: str
    arguments: list[str]
    line: int
    attributes: dict[str, list[list[str]]] = field(default_factory=dict)
    groups: list["Group"] = field(default_factory=list)

    def of(self, *kinds: str) -> Iterator["Group"]:
        """The groups right inside of some kinds."""
        return (group for group in self.groups if group.kind in kinds)

    def text(self, name: str, default: str = "") -> str:
        """The last value of a simple attribute."""
        found = self.attributes.get(name)
        return found[-1][0] if found and found[-1] else default

    def number(self, name: str, default: float | None = None) -> float:
        """The same as a number.

        Raises
        ------
        LibertyError
            If it is none, or is missing without a default.
        """
        text = self.text(name)
        if not text and default is not None:
            return default
        return number(text, f"{name} of {self.kind} ({', '.join(self.arguments)})", self.line)


def number(text: str, what: str, line: int) -> float:
    """A finite number in a file; raises LibertyError."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise LibertyError(f"{text!r} as {what} (line {line})")
    return found


def parse(text: str) -> Group:
    """The ``library`` group of a file.

    Raises
    ------
    LibertyError
        If the text is cut off or is no Liberty.
    """
    reader = _Reader(text)
    name = reader.next("word")
    if name != "library":
        raise LibertyError(f"{name!r} where `library (NAME) {{` must begin (line {reader.line})")
    found = reader.statement(name)
    if not isinstance(found, Group):
        raise LibertyError(f"a library without cells (line {reader.line})")
    return found


class _Reader:
    """Tokens one after the other, and statements made of them."""

    def __init__(self, text: str):
        self._text, self._at, self._counted, self._seen = text, 0, 0, 1
        self._kind, self._value = "", ""
        self._advance()

    @property
    def line(self) -> int:
        """Where the token that comes next begins, about."""
        self._seen += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._seen

    def _advance(self) -> None:
        while self._at < len(self._text):
            match = _TOKEN.match(self._text, self._at)
            if match is None:
                raise LibertyError(f"{self._text[self._at]!r} (line {self.line})")
            self._at = match.end()
            if match.lastgroup is not None:
                self._kind, self._value = match.lastgroup, match.group()
                return
        self._kind = self._value = ""

    def next(self, kind: str = "", mark: str = "") -> str:
        """Take a token; raises LibertyError if it is another one."""
        value, found = self._value, self._kind
        if not found:
            raise LibertyError(f"a file that ends in line {self.line}, before its last brace")
        if (kind and found != kind) or (mark and value != mark):
            raise LibertyError(f"{value!r} (line {self.line})")
        self._advance()
        return value

    def statement(self, name: str) -> "Group | list[str]":
        """What follows a name: the values of an attribute, or a group."""
        line = self.line
        if self._value == ":":
            self.next()
            values = []
            # Some writers leave the semicolon out at the end of a line.
            while self._value not in (";", "}") and (not values or self.line == line):
                values.append(_bare(self.next()))
            if self._value == ";":
                self.next()
            return [" ".join(values)]
        self.next(mark="(")
        arguments: list[str] = []
        while self._value != ")":
            value = self.next()
            if value != ",":
                arguments.append(_bare(value))
        self.next(mark=")")
        if self._value != "{":
            if self._value == ";":
                self.next()
            return arguments
        self.next(mark="{")
        group = Group(name, arguments, line)
        while self._value != "}":
            if self._value == ";":
                self.next()
                continue
            inner = self.next("word")
            found = self.statement(inner)
            if isinstance(found, Group):
                group.groups.append(found)
            else:
                group.attributes.setdefault(inner, []).append(found)
        if name != "library":
            self.next(mark="}")
        return group


def _bare(token: str) -> str:
    if not token.startswith('"'):
        return token
    return re.sub(r"\\\r?\n", " ", token[1:-1]).strip()
