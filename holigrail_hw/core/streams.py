"""Streams of items, as data: a direction and the fields of an item."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.formats import Format

__all__ = ["Items", "Stream", "joined"]

# Codes of every field of every stream: {stream: {field: array}}.
Items = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Stream:
    """One stream: ``in`` to the hardware or ``out`` of it, and the fields of its items."""

    direction: str
    fields: Mapping[str, Format]

    @property
    def width(self) -> int:
        """Width of the payload, in bits."""
        return sum(format.width for format in self.fields.values())


def joined(jobs: list[Items]) -> Items:
    """The items of several jobs, one job after the other; a job may have none on a stream."""
    streams = {name: fields for job in jobs for name, fields in job.items()}
    return {
        stream: {
            field: np.concatenate([np.asarray(job[stream][field]) for job in jobs if stream in job])
            for field in fields
        }
        for stream, fields in streams.items()
    }
