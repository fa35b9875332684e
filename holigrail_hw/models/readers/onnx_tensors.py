"""Tensors of an ONNX file as arrays, after their sizes have been checked against their data."""

from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError, package
from holigrail_hw.models.source.limits import bounded

__all__ = ["tensor_array", "text"]

# Data type of TensorProto: name, bytes of an element, field for values that are not raw.
_KINDS = {
    1: ("float32", 4, "float_data"),
    2: ("uint8", 1, "int32_data"),
    3: ("int8", 1, "int32_data"),
    4: ("uint16", 2, "int32_data"),
    5: ("int16", 2, "int32_data"),
    6: ("int32", 4, "int32_data"),
    7: ("int64", 8, "int64_data"),
    9: ("bool", 1, "int32_data"),
    10: ("float16", 2, "int32_data"),
    11: ("float64", 8, "double_data"),
    12: ("uint32", 4, "uint64_data"),
    13: ("uint64", 8, "uint64_data"),
}
_EXTERNAL = 1


def text(value: str | bytes) -> str:
    """A name in the file; protobuf leaves one that is not UTF-8 as bytes."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def tensor_array(tensor: Any, path: Path, who: str) -> np.ndarray:
    """The values of a TensorProto.

    Raises
    ------
    ModelError
        If the type is not supported, or sizes and data do not fit.
    """
    shape = bounded(tensor.dims, who)
    if tensor.data_type not in _KINDS:
        raise ModelError(f"{who}: the data type must be supported, not number {tensor.data_type}")
    name, size, field = _KINDS[tensor.data_type]
    count = int(np.prod(shape, dtype=np.int64))
    if tensor.data_location == _EXTERNAL:
        raw = _external(tensor, path, count * size, who)
    elif tensor.HasField("raw_data"):
        raw = tensor.raw_data
    else:
        values = getattr(tensor, field)
        if len(values) != count:
            raise ModelError(f"{who}: {[*shape]} must have {count} values, not {len(values)}")
        return package("onnx", who).numpy_helper.to_array(tensor)
    if len(raw) != count * size:
        raise ModelError(f"{who}: {[*shape]} must have {count * size} bytes, not {len(raw)}")
    return np.frombuffer(raw, np.dtype(name).newbyteorder("<")).reshape(shape).astype(name)


def _external(tensor: Any, path: Path, size: int, who: str) -> bytes:
    """Data in a file beside the model, and nowhere else."""
    fields = {text(item.key): text(item.value) for item in tensor.external_data}
    location = fields.get("location", "")
    if not location or Path(location).name != location or location in (".", ".."):
        raise ModelError(f"{who}: data must lie beside the file, not at {location!r}")
    try:
        start, length = int(fields.get("offset", 0)), int(fields.get("length", size))
        with (path.parent / location).open("rb") as file:
            file.seek(start)
            return file.read(min(length, size))
    except (OSError, ValueError, OverflowError):
        raise ModelError(f"{who}: {location} must hold the data, not be missing") from None
