"""Methods that make networks cheaper in hardware, as plug-ins of one loop.

>>> from holigrail_hw.torch import methods
>>> found = methods.fit(model, samples, optimizer, epochs=18, methods=[methods.Structured(2, 4)])
"""

from .adaqat import AdaQAT
from .base import Method, Report, Turn
from .coefficients import AdderCost, Freezing
from .entropy import Entropy
from .fit import Fit, accuracy, fit
from .group_lasso import GroupLasso
from .integers import Integers
from .low_rank import LowRank, Tucker
from .retrain import Retrain, TrustRegion
from .sparsity import Patterns, Structured

__all__ = [
    "AdaQAT",
    "AdderCost",
    "Entropy",
    "Fit",
    "Freezing",
    "GroupLasso",
    "Integers",
    "LowRank",
    "Method",
    "Patterns",
    "Report",
    "Retrain",
    "Structured",
    "TrustRegion",
    "Tucker",
    "Turn",
    "accuracy",
    "fit",
]
