"""The operator contract: specification, parameters, registry, shells and errors.

Names are imported when they are first asked for: most of them need amaranth, and modules that only
need an error or the store must not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clock import Clock
    from .engine import Engine
    from .errors import DesignError, HoligrailError, InternalError, RequestError, ToolError
    from .exact_outputs import ExactOutputs, clamped, numbers_of, rounding_error
    from .parameters import Fit, parameter, parameters_of, part
    from .registry import find, operators
    from .site import Site
    from .spec import OperatorSpec, operator
    from .streams import Stream
    from .target import Target
    from .timing import Timing

__all__ = [
    "Clock",
    "DesignError",
    "Engine",
    "ExactOutputs",
    "Fit",
    "HoligrailError",
    "InternalError",
    "OperatorSpec",
    "RequestError",
    "Site",
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
    "part",
    "rounding_error",
]

_HOMES = {
    "clock": ("Clock",),
    "engine": ("Engine",),
    "errors": ("DesignError", "HoligrailError", "InternalError", "RequestError", "ToolError"),
    "exact_outputs": ("ExactOutputs", "clamped", "numbers_of", "rounding_error"),
    "parameters": ("Fit", "parameter", "parameters_of", "part"),
    "registry": ("find", "operators"),
    "spec": ("OperatorSpec", "operator"),
    "site": ("Site",),
    "streams": ("Stream",),
    "target": ("Target",),
    "timing": ("Timing",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
