"""The designs whose energy is measured: those the model is fitted to, and those it is judged on.

Every operator with a plan, as it is and with one parameter at a time set to each of its sample
values, besides usual formats of the arithmetic ones; combinational, and some of them pipelined.
Designs of odd places in the list are fitted to, those of even places are not.
"""

from holigrail_hw.core import RequestError, Timing, operators
from holigrail_hw.core.spec import OperatorSpec

__all__ = ["designs"]

_LARGEST_LUTS = 900
_VARIANTS = 6
_PAIRS = ("int4", "int6", "int8", "int12", "int16", "fp8_e4m3", "fp8_e5m2", "bf16", "fp16")
_PERIOD = Timing(period_ns=8.0)


def designs() -> list[tuple[OperatorSpec, Timing]]:
    """Designs in a fixed order."""
    found: dict[str, tuple[OperatorSpec, Timing]] = {}

    def add(spec: OperatorSpec, timing: Timing) -> None:
        plan = spec.plan(timing)
        if plan.interval == 1 and spec.cost(timing)["luts"] <= _LARGEST_LUTS:
            found.setdefault(spec.top_name(timing), (spec, timing))

    for name, cls in sorted(operators().items()):
        if not cls.has_plan:
            continue
        default = cls()
        tried = [default, *default.variants()[:_VARIANTS], *_usual(name, cls)]
        for place, spec in enumerate(tried):
            add(spec, Timing())
            if place % 4 == 0 and not spec.stateful:
                add(spec, _PERIOD)
    return list(found.values())


def _usual(name: str, cls: type[OperatorSpec]) -> list[OperatorSpec]:
    """Arithmetic of two operands in usual formats, products in both structures."""
    made = []
    if set(cls().inputs()) == {"a", "b"}:
        for format in _PAIRS:
            for more in ({}, {"multiplier": "tree"}):
                try:
                    made.append(cls(a=format, b=format, **more))
                except (RequestError, TypeError):
                    continue
    return made
