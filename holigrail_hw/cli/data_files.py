"""Files of a user's own data: arrays by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holigrail_hw.core.array_files import ArrayFileError, read_array, read_named_arrays
from holigrail_hw.core.errors import RequestError

__all__ = ["data_arrays"]


def data_arrays(text: str, shipped: Mapping[str, Path]) -> dict[str, Any]:
    """The arrays of a file .npz by name, or that of a file .npy as ``x``.

    ``shipped`` are the files that come with the package, by the words for them.

    Raises
    ------
    RequestError
        If it is no such file, or cannot be read.
    """
    path = shipped.get(text, Path(text))
    if path.suffix not in (".npy", ".npz"):
        known = "".join(f"{name}, " for name in shipped)
        raise RequestError(f"--data: the file must be {known}.npy or .npz, not {path.name}")
    try:
        return read_named_arrays(path) if path.suffix == ".npz" else {"x": read_array(path)}
    except ArrayFileError as error:
        raise RequestError(f"--data: the file must be a readable NumPy file, not {error}") from None
