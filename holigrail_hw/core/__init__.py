"""The operator contract: specification, parameters, registry, shells and errors."""

from .engine import Engine, Stream
from .errors import DesignError, HoligrailError, InternalError, RequestError, ToolError
from .parameters import parameter, parameters_of
from .registry import find, operators
from .spec import OperatorSpec, operator
from .target import Target
from .timing import Timing

__all__ = [
    "DesignError",
    "Engine",
    "HoligrailError",
    "InternalError",
    "OperatorSpec",
    "RequestError",
    "Stream",
    "Target",
    "Timing",
    "ToolError",
    "find",
    "operator",
    "operators",
    "parameter",
    "parameters_of",
]
