"""Faults of the streams of a layer: whatever comes, an SCNN engine says so and goes on."""

from typing import Any

import numpy as np

from holigrail_hw.core.streams import Items

from .shape import ScnnShape

__all__ = ["FAULTS", "spoil"]


def _cut(spec: ScnnShape, rng: np.random.Generator, job: Items) -> None:
    """The activations of the first element end after their first vector."""
    fields = job["activation0"]
    job["activation0"] = {name: codes[:1].copy() for name, codes in fields.items()}
    job["activation0"]["final"][:] = 1


def _cut_weights(spec: ScnnShape, rng: np.random.Generator, job: Items) -> None:
    """Each group's weights end at a random vector, inside a block or not."""
    fields = job["weight"]
    if not len(fields["final"]):
        return
    ends = np.flatnonzero(fields["final"]) + 1
    starts = np.concatenate([[0], ends[:-1]])
    kept = [np.arange(a, int(rng.integers(a, b)) + 1) for a, b in zip(starts, ends, strict=True)]
    picks = np.concatenate([np.zeros(0, np.int64), *kept]).astype(np.int64)
    cut = {name: codes[picks].copy() for name, codes in fields.items()}
    if kept:
        cut["final"][:] = 0
        cut["final"][np.cumsum([len(part) for part in kept]) - 1] = 1
    job["weight"] = cut


def _more(spec: ScnnShape, rng: np.random.Generator, job: Items) -> None:
    """One channel fewer is announced than sent; possibly 0 channels."""
    channels = job["command"]["channels"]
    job["command"]["channels"] = channels - np.minimum(channels, np.uint64(1))


def _fewer(spec: ScnnShape, rng: np.random.Generator, job: Items) -> None:
    """More channels are announced than are sent, or than there is room for."""
    more = job["command"]["channels"] + np.uint64(spec.channel_depth)
    job["command"]["channels"] = np.minimum(more, np.uint64(spec.most))


def _far(spec: ScnnShape, rng: np.random.Generator, job: Items) -> None:
    """Some end marks of blocks are lost, so blocks merge and places go beyond the end."""
    for fields in job.values():
        if "last" in fields:
            fields["last"] = np.where(rng.random(len(fields["last"])) < 0.7, 0, fields["last"])
            fields["last"] = fields["last"].astype(np.uint64)


def _long(spec: ScnnShape, rng: np.random.Generator, job: Items) -> None:
    """More vectors of activations than there is room for, all in the first block."""
    job["activation0"] = _longer(job["activation0"], spec.activation_depth + 3)


def _long_weights(spec: ScnnShape, rng: np.random.Generator, job: Items) -> None:
    """More vectors of the first group's weights than there is room for."""
    if len(job["weight"]["last"]):
        job["weight"] = _longer(job["weight"], spec.weight_depth + 1)


def _longer(fields: dict[str, Any], more: int) -> dict[str, Any]:
    """The first vector again and again, before the others."""
    first = np.concatenate([np.zeros(more, np.int64), np.arange(len(fields["last"]))])
    longer = {name: codes[first].copy() for name, codes in fields.items()}
    longer["last"][:more] = 0
    longer["final"][:more] = 0
    return longer


def _beyond(spec: ScnnShape, rng: np.random.Generator, job: Items) -> None:
    """More blocks than there is room for, of any vectors, end every frame."""
    for name, fields in job.items():
        if not len(fields.get("final", ())):
            continue
        ends = (np.flatnonzero(fields["final"]) + 1).tolist()
        more = [spec.channel_depth + int(rng.integers(1, 8)) for _ in ends]
        # The marks of ends stay on the vectors before.
        copies = np.ones(ends[-1], np.int64)
        copies[np.array(ends) - 1] += more
        picks = np.repeat(np.arange(ends[-1]), copies)
        is_new = np.diff(picks, prepend=-1) == 0
        found = {field: codes[picks].copy() for field, codes in fields.items()}
        for field, format in spec.streams()[name].fields.items():
            codes = rng.integers(0, 1 << format.width, int(is_new.sum()), dtype=np.uint64)
            found[field][is_new] = codes
        found["final"][:] = 0
        found["final"][ends + np.cumsum(more) - 1] = 1
        job[name] = found


def _none(spec: ScnnShape, rng: np.random.Generator, job: Items) -> None:
    """No groups are announced, and none come."""
    job["command"]["groups"] = np.zeros_like(job["command"]["groups"])
    job["weight"] = {name: codes[:0] for name, codes in job["weight"].items()}


FAULTS = (_cut, _cut_weights, _more, _fewer, _far, _long, _long_weights, _beyond, _none)


def spoil(spec: ScnnShape, rng: np.random.Generator, job: Items) -> None:
    """One fault, or two at once: what the first one leaves out may not count in the second."""
    for place in rng.permutation(len(FAULTS))[: int(rng.integers(1, 3))].tolist():
        FAULTS[place](spec, rng, job)
