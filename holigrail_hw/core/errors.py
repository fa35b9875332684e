"""What can go wrong, and the exit status each kind of failure has on the command line.

A message reads *who: what must hold, not what was given*; a hint says what to do. Only the command
line catches these; users of the library see ordinary exceptions.
"""

from collections.abc import Sequence

__all__ = ["DesignError", "HoligrailError", "InternalError", "RequestError", "ToolError"]


class HoligrailError(Exception):
    """Base of every expected failure.

    Parameters
    ----------
    message : str
        One or more lines, lower case, without a final full stop.
    hint : str or None
        What the user can do about it.
    """

    exit_code = 4

    def __init__(self, message: str, *, hint: str | None = None):
        super().__init__(message)
        self.hint = hint


class DesignError(HoligrailError):
    """The design failed: a mismatch, a missed clock, a board without room. Exit status 1."""

    exit_code = 1


class RequestError(HoligrailError, ValueError):
    """The request was wrong. Exit status 2.

    ``violations`` holds every rule the request breaks, one line each, not only the first.
    """

    exit_code = 2

    def __init__(self, message: str | Sequence[str], *, hint: str | None = None):
        self.violations = (message,) if isinstance(message, str) else tuple(message)
        super().__init__("\n".join(self.violations), hint=hint)


class ToolError(HoligrailError):
    """A tool is missing, too old, or died. Exit status 3."""

    exit_code = 3


class InternalError(HoligrailError):
    """A mistake of ours. Exit status 4."""

    exit_code = 4
