"""Operands of TFLite's PAD, CONCATENATION and MEAN, for integers and real numbers alike."""

from collections.abc import Sequence

from holigrail_hw.models.errors import ModelError

from .tflite_file import TfliteFile, TfliteOperator
from .tflite_windows import needed

__all__ = ["averaged_over_images", "joined_axis", "paddings"]


def paddings(operator: TfliteOperator, file: TfliteFile, who: str) -> list[tuple[int, int]]:
    """How much is put before and after every axis of a frame.

    Raises
    ------
    ModelError
        If it is computed, or the batch is padded.
    """
    label = f"{who}: node {operator.where}, {operator.name}"
    tensor = needed(operator, 1, file, who)
    rank = len(file.tensors[operator.inputs[0]].shape)
    assert tensor.data is not None
    if tensor.kind not in ("int32", "int64") or tensor.shape != (rank, 2):
        raise ModelError(f"{label}: there must be two pads for every axis, not {tensor.shape}")
    pairs = [(int(before), int(after)) for before, after in tensor.data]
    if any(pairs[0]):
        raise ModelError(f"{label}: the batch must not be padded")
    if any(v < 0 for pair in pairs for v in pair):
        raise ModelError(f"{label}: pads must not be negative")
    return pairs[1:]


def joined_axis(operator: TfliteOperator, file: TfliteFile, who: str) -> int:
    """The axis, counted with the batch, along which computed tensors are joined.

    Raises
    ------
    ModelError
        If it is the batch, a tensor is a constant, or there is a fused activation.
    """
    label = f"{who}: node {operator.where}, {operator.name}"
    rank = len(file.tensors[operator.inputs[0]].shape)
    axis = int(operator.options.get("Axis", 0))
    axis += rank if axis < 0 else 0
    if not 0 < axis < rank:
        raise ModelError(f"{label}: tensors must be joined behind the batch, not along axis {axis}")
    if any(index < 0 or file.tensors[index].data is not None for index in operator.inputs):
        raise ModelError(f"{label}: all operands must be tensors, not constants")
    if operator.options.get("FusedActivationFunction", 0):
        raise ModelError(f"{label}: it must have no fused activation")
    return axis


def averaged_over_images(
    operator: TfliteOperator, file: TfliteFile, who: str
) -> tuple[int, Sequence[int]]:
    """Pixels that a mean is over, and the sizes of its frames.

    Raises
    ------
    ModelError
        If it is not over the rows and columns of images.
    """
    label = f"{who}: node {operator.where}, {operator.name}"
    x = file.tensors[operator.inputs[0]]
    axes = needed(operator, 1, file, who).data
    assert axes is not None
    found = sorted(int(a) % max(len(x.shape), 1) for a in axes.reshape(-1))
    if len(x.shape) != 4 or found != [1, 2]:
        raise ModelError(f"{label}: a mean must be over rows and columns of images, not {found}")
    channels = x.shape[3]
    frame = (1, 1, channels) if operator.options.get("KeepDims") else (channels,)
    return x.shape[1] * x.shape[2], frame
