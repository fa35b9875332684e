"""Files of a user's own data: arrays by name."""

from pathlib import Path
from typing import Any

from holigrail_hw.core.array_files import ArrayFileError, read_array, read_named_arrays
from holigrail_hw.core.errors import RequestError

__all__ = ["data_arrays"]


def data_arrays(text: str) -> dict[str, Any]:
    """The arrays of a file .npz by name, or that of a file .npy as ``x``.

    Raises
    ------
    RequestError
        If it is no such file, or cannot be read.
    """
    path = Path(text)
    if path.suffix not in (".npy", ".npz"):
        raise RequestError(f"--data: the file must be .npy or .npz, not {path.name}")
    try:
        return read_named_arrays(path) if path.suffix == ".npz" else {"x": read_array(path)}
    except ArrayFileError as error:
        raise RequestError(f"--data: the file must be a readable NumPy file, not {error}") from None
