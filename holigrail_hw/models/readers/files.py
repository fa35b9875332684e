"""The bytes of a model file: at most 2 GiB, as protobuf and FlatBuffers allow."""

from pathlib import Path

from holigrail_hw.models.errors import ModelError

__all__ = ["KNOWN", "contents"]

# Endings that a reader is for.
KNOWN = ".onnx, .tflite, .nnet, .mat, .txt, .dais, or .json of an integer graph"
_LARGEST = 1 << 31


def contents(path: Path, who: str) -> bytes:
    """All of a file.

    Raises
    ------
    ModelError
        If it cannot be read, is empty or is larger than 2 GiB.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ModelError(f"{who}: must be a file")
        if not 0 < size < _LARGEST:
            raise ModelError(f"{who}: must hold 1 byte to 2 GiB, not {size} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{who}: must be a file that can be read: {error.strerror}") from None
