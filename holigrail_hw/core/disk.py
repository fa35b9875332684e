"""Files that cannot be written: a disk that is full or broken, or a place that was ill chosen."""

import errno

from .errors import HoligrailError, RequestError, ToolError

__all__ = ["CLOSED", "FULL", "unwritable"]

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What the system says where another place on the same disk would do no better."""

CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
"""What it says where this user must not write."""


def unwritable(message: str, error: OSError, hint: str | None = None) -> HoligrailError:
    """The error to raise: a ToolError if the disk is at fault, else a RequestError.

    ``message`` says what must hold and which file or folder was given.
    """
    kind = ToolError if error.errno in FULL else RequestError
    return kind(f"{message} ({error.strerror})", hint=hint)
