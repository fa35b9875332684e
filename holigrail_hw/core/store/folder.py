"""Where files that can be made again are kept between runs."""

import os
import pwd
import tempfile
from pathlib import Path

__all__ = ["cache_folder", "home_folder", "user_caches"]


def cache_folder() -> Path:
    """``HOLIGRAIL_CACHE``, or ``holigrail_hw`` in the user's cache folder; absolute."""
    chosen = os.environ.get("HOLIGRAIL_CACHE")
    return Path(chosen).absolute() if chosen else user_caches() / "holigrail_hw"


def user_caches() -> Path:
    """``XDG_CACHE_HOME``, or ``.cache`` in the home folder; absolute."""
    chosen = os.environ.get("XDG_CACHE_HOME")
    return Path(chosen).absolute() if chosen else home_folder() / ".cache"


def home_folder() -> Path:
    """``HOME``, or where it is empty or missing what the system says, or else a temporary folder.

    A user without an entry there, as in some containers, has no other.
    """
    chosen = os.environ.get("HOME")
    if chosen:
        return Path(chosen).absolute()
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path(tempfile.gettempdir()) / f"holigrail-home-{os.getuid()}"
