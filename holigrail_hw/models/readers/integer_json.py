"""Integer graphs as JSON, the documents of :meth:`.IntegerGraph.to_json`."""

import json
from pathlib import Path

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.graph.graph import IntegerGraph

from .files import KNOWN, contents

__all__ = ["read_integer_json"]


def read_integer_json(path: Path, who: str) -> IntegerGraph:
    """The graph of a file, every field of it checked.

    Raises
    ------
    ModelError
        If it is another document, or states what does not follow from its nodes.
    """
    text = contents(path, who).decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        name = type(error).__name__
        raise ModelError(f"{who}: must be a JSON document, not broken ({name})") from None
    if isinstance(document, dict) and {"class_name", "config"} & {*document}:
        raise ModelError(
            f"{who}: a model file must be {KNOWN}: descriptions of Keras hold no weights; export "
            "the model to ONNX"
        )
    return IntegerGraph.from_json(text, who)
