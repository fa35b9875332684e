"""Networks whose tensors are numbers of a format: floats that are rounded where hardware does."""

from .graph import NumberGraph
from .nodes import Flatten, MaxPool, Product, Relu, Round

__all__ = ["Flatten", "MaxPool", "NumberGraph", "Product", "Relu", "Round"]
