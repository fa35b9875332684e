"""Figures of placed designs, kept so that a measurement that was stopped goes on where it was.

The key of a record is a digest of all its figures depend on: Verilog, device, seed, tools.
"""

from pathlib import Path

from holigrail_hw.core.store import kinds
from holigrail_hw.core.store.folder import cache_folder
from holigrail_hw.core.store.records import Records, drop_damaged, entry_of

__all__ = ["kept_placements"]

_KIND, _FOLDER, _FILE = "placements", "latencies", "placed-1.sqlite"


def kept_placements() -> Records:
    """The records of all measurements of a user; a context manager."""
    return Records(cache_folder() / _FOLDER / _FILE)


def _read(path: Path) -> kinds.Entry:
    return entry_of(path, "placed designs of measurements")


kinds.register(
    kinds.Kind(
        name=_KIND,
        summary="figures of designs that measurements placed",
        folder=_FOLDER,
        pattern="*.sqlite",
        read=_read,
        mend=drop_damaged,
    )
)
