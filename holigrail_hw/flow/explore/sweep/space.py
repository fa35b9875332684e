"""The space of a sweep: every combination of the values of all parameters and timing requests.

It is never held as a whole: a combination is made from its place, a number below the size, in
mixed radix. The last of the lists varies fastest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import construct, leaf_parameters, leaves_of
from holigrail_hw.core.parameters.parts import Part
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.formats import FormatError

from .conditions import Condition, read
from .point import Question

__all__ = ["Space", "spread"]

_TIMING = ("period_ns", "latency")


def spread(cls: type[OperatorSpec], texts: Mapping[str, str]) -> dict[str, list[str]]:
    """The values of each parameter, from lists and ranges.

    Raises
    ------
    RequestError
        With every range, and every name, that is none.
    """
    known = leaf_parameters(cls)
    lists, wrong = {}, []
    for name, text in texts.items():
        if name not in known:
            wrong.append(f"{cls.name}: no parameter named {name!r}")
            continue
        try:
            lists[name] = known[name].several(text)
        except ValueError as error:
            wrong.append(f"{cls.name}: {name} {error}")
    if wrong:
        is_named = texts.keys() <= known.keys()
        hint = None if is_named else f"its parameters are {', '.join(known) or 'none'}"
        raise RequestError(wrong, hint=hint)
    return lists


@dataclass(frozen=True)
class Space:
    """Combinations of values, as texts by parameter, with each of some timing requests.

    Raises
    ------
    RequestError
        If a condition is none.
    """

    cls: type[OperatorSpec]
    lists: Mapping[str, Sequence[str]]
    timings: Sequence[Timing] = (Timing(),)
    where: Sequence[str] = ()
    conditions: tuple[Condition, ...] = field(init=False)

    def __post_init__(self) -> None:
        known = [*leaf_parameters(self.cls), *_TIMING]
        object.__setattr__(self, "conditions", tuple(read(text, known) for text in self.where))

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each list has; the timing requests come last."""
        return (*map(len, self.lists.values()), len(self.timings))

    @property
    def size(self) -> int:
        """The number of combinations, whether they meet the conditions or not."""
        return math.prod(self.sizes)

    @property
    def swept(self) -> list[str]:
        """Names that have several values."""
        return [name for name, values in self.lists.items() if len(values) > 1]

    def digits(self, index: int) -> list[int]:
        """Which value of each list a combination has."""
        found = []
        for size in reversed(self.sizes):
            index, digit = divmod(index, size)
            found.append(digit)
        return found[::-1]

    def index(self, digits: Sequence[int]) -> int:
        """The inverse of :meth:`digits`."""
        total = 0
        for size, digit in zip(self.sizes, digits, strict=True):
            total = total * size + digit
        return total

    def question(self, index: int) -> Question | None:
        """The combination of a place; ``None`` if it does not meet the conditions.

        Raises
        ------
        RequestError
            If a condition compares what cannot be compared.
        """
        *digits, last = self.digits(index)
        values = {
            name: texts[digit]
            for (name, texts), digit in zip(self.lists.items(), digits, strict=True)
        }
        question = Question(index, values, self.timings[last])
        return question if self._meets(question) else None

    def _meets(self, question: Question) -> bool:
        names = {name for condition in self.conditions for name in condition.names}
        if not names:
            return True
        values = self._values(question, names)
        # An illegal combination is shown with the reason, instead of vanishing.
        return values is None or all(condition.holds(values) for condition in self.conditions)

    def _values(self, question: Question, names: set[str]) -> dict[str, Any] | None:
        """The parameters of these names as the design has them; ``None`` if it is not legal."""
        found: dict[str, Any] = {name: getattr(question.timing, name) for name in _TIMING}
        try:
            for name in names - found.keys():
                text = question.values.get(name)
                found[name] = self._default(name) if text is None else self._parsed(name, text)
            unknown = {name for name in names if found[name] is None} - {*_TIMING}
            if unknown or any(isinstance(found[name], dict) for name in names):
                spec = construct(self.cls, question.values, who=self.cls.name)
                held = leaves_of(spec, parts=True)
                found |= {name: held[name][1] for name in names if name in held}
        except (RequestError, FormatError, ValueError):
            return None
        return found

    def _default(self, name: str) -> Any:
        parameter = self._known[name]
        is_part = isinstance(parameter.kind, Part)
        return None if is_part or parameter.default is None else parameter.parse(parameter.default)

    def _parsed(self, name: str, text: str) -> Any:
        key = name, text
        if key not in self._values_known:
            self._values_known[key] = self._known[name].parse(text)
        return self._values_known[key]

    @cached_property
    def _known(self) -> dict[str, Any]:
        return leaf_parameters(self.cls)

    @cached_property
    def _values_known(self) -> dict[tuple[str, str], Any]:
        return {}
