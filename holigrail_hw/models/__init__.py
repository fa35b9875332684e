"""Trained networks: model files in, exact integer networks out.

>>> from holigrail_hw.models import read

A reader turns a file into its operators in real numbers (:class:`.FloatGraph`); a quantised one is
lowered to integers (:class:`.IntegerGraph`), which passes simplify and a certificate describes.
"""

from .errors import ModelError
from .graph.graph import IntegerGraph
from .reading import read, read_source
from .source.graph import FloatGraph

__all__ = ["FloatGraph", "IntegerGraph", "ModelError", "read", "read_source"]
