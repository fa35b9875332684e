"""Models that come with the project, and images of digits to try them on.

>>> from holigrail_hw.models import read, shipped
>>> graph = read(shipped.path("digits"))

=================  =============================================================================
digits             integers: two convolutions and a matrix, weights of 4 bits, 8 x 8 images of
                   uint5, 7,232 products a frame; 94.44 % of the 360 images of ``data("digits")``
digits-float       the same layers in real numbers, an ONNX file; ``scripts/train_digits`` made it
example            integers: 46 weights, one of every kind of node that streams, for first steps
=================  =============================================================================

Images and labels are from the *Optical Recognition of Handwritten Digits* data set by E. Alpaydin
and C. Kaynak (UCI Machine Learning Repository, 1998), licensed CC BY 4.0, as scikit-learn's
``load_digits`` returns them: 360 that ``train_test_split(test_size=360, random_state=0,
stratify=target)`` chooses for tests, the 1437 others for training, and the first 200 of those for
calibration. Weights are the project's own, under its licence. ``scripts/make_shipped_models``
writes all files but ``digits-float``.
"""

from pathlib import Path

from holigrail_hw.models.errors import ModelError

__all__ = ["DATA", "MODELS", "data", "path"]

MODELS = {"digits": "digits.json", "digits-float": "digits_float.onnx", "example": "example.json"}
DATA = {
    "digits": "digits.npz",
    "digits-training": "digits_training.npz",
    "digits-calibration": "digits_calibration.npz",
}


def path(name: str) -> Path:
    """The file of a model.

    Raises
    ------
    ModelError
        If none has this name.
    """
    return _file(name, MODELS, "model")


def data(name: str) -> Path:
    """A file .npz with images x, (samples, 8, 8) of 0 to 16, and classes y.

    Raises
    ------
    ModelError
        If none has this name.
    """
    return _file(name, DATA, "data set")


def _file(name: str, files: dict[str, str], what: str) -> Path:
    if name not in files:
        raise ModelError(f"shipped: the {what} must be one of {', '.join(files)}, not {name}")
    return Path(__file__).parent / files[name]
