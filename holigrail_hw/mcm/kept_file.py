"""Writing a file that is kept between runs: another process sees all of it or nothing."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from .errors import GraphError

__all__ = ["write_json"]


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write ``data``, and rename the finished file into place.

    Raises
    ------
    GraphError
        If the cache folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
    except OSError as error:
        raise GraphError(
            f"cache: the folder must be writable, not {path.parent} ({error.strerror})",
            hint="set HOLIGRAIL_CACHE to another folder",
        ) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
