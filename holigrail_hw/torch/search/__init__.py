"""Formats for every layer of a network, by integer programming, greedily, or all of them.

>>> from holigrail_hw.torch import search
>>> precision = search.Precision(model, samples, ["int8", "int4"], search.energy(), budget=0.02)
>>> precision.solve("ilp").formats
"""

from .certified import Certified, certified
from .costs import adders, energy, luts, network_luts, weight_bits
from .layers import Choice, Layer
from .precision import Pick, Precision
from .sums import Sums, narrowest_sums

__all__ = [
    "Certified",
    "Choice",
    "Layer",
    "Pick",
    "Precision",
    "Sums",
    "adders",
    "certified",
    "energy",
    "luts",
    "narrowest_sums",
    "network_luts",
    "weight_bits",
]
