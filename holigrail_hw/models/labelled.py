"""Files .npz with samples and, if wanted, their classes: checked before anything is allocated."""

import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as array_format

from .errors import ModelError
from .source.limits import bounded

__all__ = ["labelled", "samples"]

_LARGEST = 1 << 31


def samples(path: str | Path) -> np.ndarray:
    """The array x of a file, (samples, *shape of the input).

    Raises
    ------
    ModelError
        As :func:`labelled`.
    """
    return _arrays(Path(path), ("x",))["x"]


def labelled(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """The arrays x, (samples, *shape of the input), and y, one class per sample, as int64.

    Raises
    ------
    ModelError
        If the file is none, an array is missing, not of numbers, or not as long as the other one.
    """
    path = Path(path)
    found = _arrays(path, ("x", "y"))
    x, y = found["x"], found["y"]
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or len(y) != len(x):
        raise ModelError(
            f"{path.name}: y must hold one class for each of the {len(x)} samples, not have the "
            f"shape {y.shape}"
        )
    if y.dtype.kind == "f" and not (y == np.rint(y)).all():
        raise ModelError(f"{path.name}: y must hold integers, the numbers of classes")
    return x, y.astype(np.int64)


def _arrays(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    who = path.name
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            there = {item.filename.removesuffix(".npy"): item for item in archive.infolist()}
            missing = [name for name in names if name not in there]
            if missing:
                raise ModelError(f"{who}: there must be an array {missing[0]}, not {[*there]}")
            for name in names:
                with archive.open(there[name]) as stream:
                    _checked(stream, f"{who}: {name}", there[name].file_size)
                with archive.open(there[name]) as stream:
                    found[name] = array_format.read_array(stream, allow_pickle=False)
    except ModelError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelError(f"{who}: must be a file that can be read: {reason}") from None
    except Exception as error:  # zipfile, zlib and numpy have several for a broken file
        name = type(error).__name__
        raise ModelError(f"{who}: must be a whole file .npz, not broken ({name})") from None
    for name, array in found.items():
        if not array.ndim or not len(array):
            raise ModelError(f"{who}: {name}: there must be one sample or more")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelError(f"{who}: {name}: must hold finite numbers, not NaN or infinity")
    return found


def _checked(stream: object, label: str, size: int) -> None:
    """What the header says, compared with the bytes that are there."""
    version = array_format.read_magic(stream)  # type: ignore[arg-type]
    read = {
        (1, 0): array_format.read_array_header_1_0,
        (2, 0): array_format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ModelError(f"{label}: must be an array of version 1 or 2, not {version}")
    shape, _, dtype = read(stream)  # type: ignore[arg-type]
    if dtype.kind not in "fiub":
        raise ModelError(f"{label}: must hold numbers, not {dtype}")
    elements = int(np.prod(bounded(shape, label), dtype=np.int64))
    if size > _LARGEST or elements * dtype.itemsize > size:
        raise ModelError(f"{label}: {[*shape]} must have as many bytes, not {size}")
