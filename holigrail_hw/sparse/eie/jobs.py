"""Jobs for an EIE-like engine: a matrix and vectors to multiply it by, valid ones and faulty ones.

Every job begins with a load, so that earlier loads do not matter.
"""

from typing import Any

import numpy as np

from holigrail_hw.core.streams import Items, joined
from holigrail_hw.core.trials import random_codes
from holigrail_hw.core.values import whole_codes

from .encoding import encode
from .model import work_of
from .shape import EieShape

__all__ = ["corner_jobs", "load_job", "random_job", "vector_job"]

_FAULTY = 0.1
_DENSITIES = (0.0, 0.03, 0.1, 0.3, 0.6, 1.0)


def load_job(spec: EieShape, columns: int, rows: int, words: Any) -> Items:
    """A load of the given words, unchecked."""
    return _job(spec, (1, columns, rows), {"matrix": words})


def vector_job(spec: EieShape, codes: Any) -> Items:
    """A product with a vector, given as codes."""
    return _job(spec, (0, 0, 0), {"activation": codes})


def random_job(spec: EieShape, rng: np.random.Generator, size: int) -> Items:
    """A matrix of about ``size`` columns or rows, and a few vectors; now and then a faulty one."""
    columns = int(rng.integers(1, 1 + min(max(size, 1), spec.columns)))
    rows = int(rng.integers(1, 1 + min(max(size, 1), spec.pes * spec.rows)))
    words = _random_words(spec, rng, columns, rows)
    jobs = [load_job(spec, columns, rows, words)]
    if rng.random() < _FAULTY:
        jobs = [_wrong_load(spec, rng, columns, rows, words)]
    for _ in range(int(rng.integers(1, 4))):
        length = columns
        if rng.random() < _FAULTY:
            length = int(rng.integers(1, 2 * columns + 2))
        codes = random_codes(rng, spec.activation.width, length)
        codes[rng.random(length) >= rng.choice(_DENSITIES)] = 0
        jobs.append(vector_job(spec, codes))
    return joined(jobs)


def corner_jobs(spec: EieShape) -> list[Items]:
    """Dense and empty, extreme values, runs beyond an index, every fault and what follows it."""
    columns, most = spec.columns, spec.pes * spec.rows
    columns = min(columns, 24)
    rng = np.random.default_rng(1)
    jobs = []
    activations = spec.activation.corner_codes()
    for number, shape in enumerate(((1, 1), (most, columns), (1, columns), (most, 1))):
        words = _random_words(spec, rng, shape[1], shape[0], density=1.0)
        vectors = [np.full(shape[1], activations[number % len(activations)], np.uint64)]
        vectors.append(np.zeros(shape[1], np.uint64))
        load = load_job(spec, shape[1], shape[0], words)
        jobs.append(joined([load, *(vector_job(spec, codes) for codes in vectors)]))
    ones = vector_job(spec, np.ones(columns, np.uint64))
    empty = encode(spec.sizes, np.zeros((most, columns), np.int64)).words()
    distant = np.zeros((most, columns), np.int64)
    value = int(spec.weight.maximum) or int(spec.weight.minimum)
    distant[-1:, ::2] = value
    distant[:1, 1::2] = value
    far = encode(spec.sizes, distant).words() if _fits(spec, distant) else empty
    jobs += [joined([load_job(spec, columns, most, words), ones]) for words in (empty, far)]
    short, long = (np.ones(length, np.uint64) for length in (columns - 1, columns + 2))
    good = load_job(spec, columns, most, empty)
    if columns > 1:
        jobs.append(joined([good, vector_job(spec, short), ones]))
    jobs.append(joined([good, vector_job(spec, long), ones]))
    wrong = empty.copy()
    wrong[-2] = 1
    broken = [(0, most, empty), (columns, 0, empty), (spec.columns + 1, 1, empty)]
    broken += [(columns, most + 1, empty), (columns, most, wrong), (columns, most, empty[:-1])]
    broken += [(columns, most, np.append(empty, empty[-1:])), (columns, most, empty[:1])]
    jobs += [joined([load_job(spec, *load), ones]) for load in broken]
    beyond = empty.copy()
    beyond[-1] = 1
    beyond = np.append(beyond, np.uint64(spec.sizes.largest_index << spec.code_width))
    jobs.append(joined([load_job(spec, columns, 1, beyond), ones, ones]))
    return jobs


def _job(spec: EieShape, command: tuple[int, int, int], frames: dict[str, Any]) -> Items:
    fields = zip(("load", "columns", "rows"), command, strict=True)
    job: Items = {"command": {name: np.array([value], np.uint64) for name, value in fields}}
    widths = {"word": spec.sizes.word_width, "a": spec.activation.width}
    for name, field in (("matrix", "word"), ("activation", "a")):
        codes = whole_codes(frames.get(name, []), widths[field], f"{spec.name}: {name}")
        last = np.zeros(len(codes), np.uint64)
        last[-1:] = 1
        job[name] = {field: codes, "last": last}
    return job


def _random_words(
    spec: EieShape, rng: np.random.Generator, columns: int, rows: int, density: float | None = None
) -> Any:
    """Words of a random matrix that fits, with values of a random codebook."""
    low, high = int(spec.weight.minimum), int(spec.weight.maximum)
    codebook = rng.integers(low, high, spec.sizes.codes, endpoint=True)
    codebook[rng.integers(len(codebook))] = 0
    matrix = rng.choice(codebook, (rows, columns))
    share = rng.choice(_DENSITIES) if density is None else density
    matrix[rng.random(matrix.shape) >= share] = 0
    # A few rows and columns that are empty or full.
    matrix[:, rng.random(columns) < 0.1] = 0
    matrix[rng.random(rows) < 0.1] = 0
    matrix[rng.random(rows) < 0.05 * share] = codebook[0]
    while not _fits(spec, matrix):
        matrix[rng.random(matrix.shape) < 0.3] = 0
    return encode(spec.sizes, matrix, codebook.tolist()).words()


def _fits(spec: EieShape, matrix: Any) -> bool:
    """Whether no element has too many entries; these jobs keep all other rules."""
    work, _ = work_of(matrix != 0, spec.pes, spec.index_width)
    return bool((work.sum(axis=0) <= spec.entries).all())


def _wrong_load(
    spec: EieShape, rng: np.random.Generator, columns: int, rows: int, words: Any
) -> Items:
    """One word changed, words missing or too many, or a different size."""
    kind, words = int(rng.integers(4)), words.copy()
    if kind == 0:
        place = int(rng.integers(len(words)))
        words[place] = random_codes(rng, spec.sizes.word_width, 1)[0]
    elif kind == 1:
        words = words[: int(rng.integers(1, len(words) + 1))]
    elif kind == 2:
        words = np.append(words, words[:5])
    else:
        columns = int(rng.integers(0, spec.columns + 2))
    return load_job(spec, columns, rows, words)
