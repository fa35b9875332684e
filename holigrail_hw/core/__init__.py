"""The operator contract: specification, parameters, registry, shells and errors."""

from .clock import Clock
from .engine import Engine, Stream
from .errors import DesignError, HoligrailError, InternalError, RequestError, ToolError
from .exact_outputs import ExactOutputs, clamped, numbers_of, rounding_error
from .parameters import parameter, parameters_of
from .registry import find, operators
from .spec import OperatorSpec, operator
from .target import Target
from .timing import Timing

__all__ = [
    "Clock",
    "DesignError",
    "Engine",
    "ExactOutputs",
    "HoligrailError",
    "InternalError",
    "OperatorSpec",
    "RequestError",
    "Stream",
    "Target",
    "Timing",
    "ToolError",
    "clamped",
    "find",
    "numbers_of",
    "operator",
    "operators",
    "parameter",
    "parameters_of",
    "rounding_error",
]
