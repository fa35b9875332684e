"""Where the designs of a sweep are looked at: here, in threads, in processes, on other machines."""

from .places import Place, here, processes, threads

__all__ = ["Place", "here", "processes", "threads"]
