"""``holigrail explore``: what is asked for, the run, and what is shown of it."""

from .request import configure
from .verb import main

__all__ = ["configure", "main"]
