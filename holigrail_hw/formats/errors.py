"""The one exception raised for a wrong format, a wrong option or a value no format can take."""

__all__ = ["FormatError"]


class FormatError(ValueError):
    """A request that no number format can meet.

    The message reads *who: what must hold, not what was given*. ``hint`` holds a remedy, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None):
        super().__init__(message)
        self.hint = hint
