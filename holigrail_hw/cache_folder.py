"""Where files that can be made again are kept between runs."""

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """``HOLIGRAIL_CACHE``, or ``holigrail_hw`` in the user's cache folder."""
    chosen = os.environ.get("HOLIGRAIL_CACHE")
    if chosen:
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holigrail_hw"
