"""Points that another process is computing at this moment, and that need not be computed twice."""

import time

from .kept import KeptPoints
from .point import Point, Question

__all__ = ["Others"]

_POLL_S = 0.1


class Others:
    """Questions that other processes have claimed; true as long as there are some."""

    def __init__(self, kept: KeptPoints | None):
        self._kept = kept
        self._questions: list[Question] = []

    def __bool__(self) -> bool:
        return bool(self._questions)

    def add(self, questions: list[Question]) -> None:
        """Further ones."""
        self._questions += questions

    def wait(self) -> tuple[list[Point], list[Question]]:
        """Points that are there by now, and questions whose process has ended without an answer.

        The latter are claimed by this process. Returns as soon as there is any of the two.
        """
        assert self._kept is not None
        while self._questions:
            found = self._kept.find(self._questions)
            rest = [one for one in self._questions if one.index not in found]
            orphans, self._questions = self._kept.claim(rest) if rest else ([], [])
            if found or orphans:
                return [*found.values()], orphans
            if self._questions:
                time.sleep(_POLL_S)
        return [], []
