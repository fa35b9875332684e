"""Commands for a matrix engine, right ones and wrong ones, with all that belongs to them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from holigrail_hw.core.streams import Items, joined
from holigrail_hw.core.trials import random_codes
from holigrail_hw.formats import Format

from .shape import GemmShape
from .windows import STEPS, Window

__all__ = ["corner_jobs", "make_job", "random_job"]

Codes = Callable[[str, Format, int], Any]
_FAULTY, _CHAINS, _WINDOWS = 0.2, 0.3, 0.5


def make_job(
    spec: GemmShape,
    vectors: int,
    k_tiles: int,
    n_tiles: int,
    codes: Codes,
    arriving: Mapping[str, int] | None = None,
    *,
    resume: bool = False,
    keep: bool = False,
    window: Window | None = None,
) -> Items:
    """One command; on the streams in ``arriving`` so many items come, right or not.

    Without a ``window`` vectors are those of a matrix.
    """
    window = window or Window.product(vectors, k_tiles)
    counts = {
        "activation": window.pixels,
        "weight": k_tiles * n_tiles * spec.rows,
        "parameter": n_tiles * spec.columns,
    }
    counts |= arriving or {}
    if keep:
        del counts["parameter"]
    sizes = {"vectors": vectors, "k_tiles": k_tiles, "n_tiles": n_tiles}
    sizes |= {"resume": int(resume), "keep": int(keep)} if spec.resumable else {}
    sizes |= {n: getattr(window, n) for n in spec.window}
    # A size that its field does not hold is said without its upper bits: one more wrong command.
    fields = spec.streams()["command"].fields
    job: Items = {
        "command": {
            n: np.array([v & (1 << fields[n].width) - 1], np.uint64) for n, v in sizes.items()
        }
    }
    job["command"] |= {n: codes(n, f, 1) for n, f in spec.settings.items()}
    for name, stream in spec.streams().items():
        if name in counts:
            fields = {n: f for n, f in stream.fields.items() if n != "last"}
            # A block has an end, so it has an item.
            count = max(1, counts[name])
            job[name] = {n: codes(n, f, count) for n, f in fields.items()}
            job[name]["last"] = (np.arange(count) == count - 1).astype(np.uint64)
    return job


def random_job(spec: GemmShape, rng: np.random.Generator, size: int) -> Items:
    """A command of about so many vectors and rows of weights, now and then a wrong one."""

    def codes(name: str, format: Format, count: int) -> Any:
        drawn = random_codes(rng, format.width, count)
        # A large shift leaves nothing of a small sum.
        return drawn >> np.uint64(1) if name == "shift" else drawn

    if spec.resumable and rng.random() < _CHAINS:
        return _chain(spec, rng, codes)
    if spec.windows and rng.random() < _WINDOWS:
        return _windows(spec, rng, codes)
    most = max(1, int(size))
    vectors = int(rng.integers(1, 1 + min(most, spec.accumulator_depth)))
    room = max(1, min(spec.activation_depth // vectors, most // vectors))
    k_tiles = int(rng.integers(1, 1 + min(room, 4)))
    n_tiles = int(rng.integers(1, 2 + min(2, most // (k_tiles * spec.rows + spec.columns))))
    if vectors * k_tiles > spec.activation_depth:
        vectors = max(1, spec.activation_depth // k_tiles)
    arriving = None
    if rng.random() < _FAULTY:
        due = {
            "activation": vectors * k_tiles,
            "weight": k_tiles * n_tiles * spec.rows,
            "parameter": n_tiles * spec.columns,
        }
        name = str(rng.choice([n for n in due if n in spec.streams()]))
        arriving = {name: int(rng.integers(1, 2 * due[name] + 2))}
    return make_job(spec, vectors, k_tiles, n_tiles, codes, arriving)


def _chain(spec: GemmShape, rng: np.random.Generator, codes: Codes) -> Items:
    """Commands that go on from each other's sums; now and then one that cannot."""
    vectors = int(rng.integers(1, 1 + min(spec.accumulator_depth, spec.activation_depth, 6)))
    n_tiles = int(rng.integers(1, 1 + min(3, spec.accumulator_depth // vectors)))
    jobs, count = [], int(rng.integers(2, 5))
    for number in range(count):
        k_tiles = int(rng.integers(1, 1 + min(3, spec.activation_depth // vectors)))
        fault, wrong = rng.random() < _FAULTY / 2, {}
        if fault:
            wrong = {"weight": int(rng.integers(1, 2 * k_tiles * n_tiles * spec.rows + 2))}
        if fault and rng.random() < 0.5:
            # Refused, for other sizes than those of the sums that are kept.
            jobs.append(make_job(spec, vectors, 1, n_tiles + 1, codes, resume=True))
        last = number == count - 1
        jobs.append(
            make_job(
                spec, vectors, k_tiles, n_tiles, codes, wrong, resume=number > 0, keep=not last
            )
        )
    return joined(jobs)


def _windows(spec: GemmShape, rng: np.random.Generator, codes: Codes) -> Items:
    """A window over an image that fits, of any shape: it may leave the image altogether."""
    depth = spec.activation_depth
    blocks = int(rng.integers(1, 1 + min(3, depth)))
    width = int(rng.integers(1, 1 + min(7, depth // blocks)))
    height = int(rng.integers(1, 1 + min(7, depth // blocks // width)))
    kernel = rng.integers(1, 4, 2)
    vectors = int(rng.integers(1, 1 + spec.accumulator_depth))
    columns = int(rng.integers(1, 2 + min(vectors, depth - 1)))
    drawn = rng.choice([0, 1, 1, 1, 2, 3, 7], len(STEPS)).tolist()
    steps: dict[str, int] = dict(zip(STEPS, drawn, strict=True))
    pad = int(codes("pad", spec.activation, 1)[0])
    window = Window(height, width, blocks, min(int(kernel[1]), depth), columns, pad=pad, **steps)
    k_tiles = int(blocks * kernel[0] * kernel[1] + rng.integers(0, 2))
    return make_job(spec, vectors, k_tiles, int(rng.integers(1, 3)), codes, window=window)


def corner_jobs(spec: GemmShape) -> list[Items]:
    """Smallest and largest commands, extreme values, every fault followed by a right command."""

    def extreme(pick: int) -> Codes:
        def codes(name: str, format: Format, count: int) -> Any:
            corners = format.corner_codes()
            return np.full(count, corners[pick % len(corners)], np.uint64)

        return codes

    depth, rows = spec.activation_depth, spec.accumulator_depth
    tall = min(depth, rows)
    deep = min(depth, 9)
    right = [(1, 1, 1), (tall, 1, 2), (1, deep, 2), (1, 1, 5), (min(2, tall), deep // 2, 2)]
    # Tiles are counted far: enough of them for the seventh bit.
    right.append((1, 1, min(66, spec.most_tiles)))
    jobs = [make_job(spec, m, max(k, 1), n, extreme(pick)) for pick, (m, k, n) in enumerate(right)]
    wrong: list[tuple[int, int, int, int]] = [
        (0, 1, 1, 1),
        (1, 0, 1, 2),
        (1, 1, 0, 1),
        (rows + 1, 1, 1, 2),
        (min(2, rows), 2, 1, 1),
        (1, 2, 2, 3),
        (1, 1, 1, depth + 2),
        (1, depth + 1, 1, depth + 1),
        (1, depth + 2, 1, depth),
        (1, depth + 1, 1, depth + 3),
    ]
    good = make_job(spec, 1, 1, 1, extreme(1))
    for m, k, n, vectors in wrong:
        if k <= 40:
            arriving = {"activation": vectors}
            jobs.append(joined([make_job(spec, m, k, n, extreme(0), arriving), good]))
    for name, due in (("weight", 2 * spec.rows), ("parameter", 2 * spec.columns)):
        if name in spec.streams():
            for count in (1, due - 1, due + 1, due + 7):
                job = make_job(spec, 1, 1, 2, extreme(1), {name: count})
                jobs.append(joined([job, good]))
    short = {"weight": 2 * spec.rows + 3, "parameter": 1}
    jobs.append(joined([make_job(spec, 1, 1, 2, extreme(1), short), good]))
    return jobs
