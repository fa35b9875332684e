"""The functions of :mod:`holigrail_hw.formats.values`, whose refusals are those of a request."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from holigrail_hw.formats import FormatError, values
from holigrail_hw.formats.values import integers_of

from .errors import RequestError

__all__ = ["codes_of", "integers_of", "number_array", "whole_codes"]

P = ParamSpec("P")
T = TypeVar("T")


def _requested(function: Callable[P, T]) -> Callable[P, T]:
    @wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return function(*arguments, **options)
        except FormatError as error:
            raise RequestError(str(error), hint=error.hint) from None

    return call


codes_of = _requested(values.codes_of)
number_array = _requested(values.number_array)
whole_codes = _requested(values.whole_codes)
