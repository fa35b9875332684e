"""Dot products whose partial sums are rounded: as a tree, or chunk by chunk.

Both are programs of rounded operations on codes, made of the datapaths of the operators.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from holigrail_hw.formats import Format
from holigrail_hw.hdl.integer.balanced_tree import balanced_tree
from holigrail_hw.hdl.number.block import block_step
from holigrail_hw.hdl.plan.plan import Plan, Wire

from ..add import Add
from ..convert import Convert
from ..fma import Fma
from ..multiply import Multiply
from .shape import DotProductShape

__all__ = ["result_of", "roundings"]

Code = tuple[Any, Format]
Operate = Callable[[str, Sequence[Code], Format], Any]


def result_of(
    spec: DotProductShape, plan: Plan, wires: Mapping[str, Wire], result: Format | None = None
) -> Wire:
    """The code of the dot product, in the format asked for; ``wires`` by port."""

    def operate(name: str, given: Sequence[Code], result: Format) -> Wire:
        codes, formats = zip(*given, strict=True)
        if formats[0].block_size is not None:
            how = {"rounding": spec.rounding, "overflow": spec.overflow}
            return block_step(plan, formats, codes, result, structure=spec.multiplier, **how)
        operator, ports = _OPERATORS[name]
        options: dict[str, Any] = dict(zip(ports, formats, strict=True))
        if name in ("multiply", "fma"):
            options["multiplier"] = spec.multiplier
        made = operator(result=result, rounding=spec.rounding, overflow=spec.overflow, **options)
        names = made.operands()
        (code,) = made.datapath(plan, **dict(zip(names, codes, strict=True))).values()
        return code

    return _run(spec, wires, operate, result or spec.target)


def roundings(spec: DotProductShape) -> int:
    """How often something is rounded on the way to the result."""
    count = 0

    def operate(name: str, given: Sequence[Code], result: Format) -> None:
        nonlocal count
        count += 1

    _run(spec, dict.fromkeys(spec.operands()), operate, spec.target)
    return count


_OPERATORS: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "add": (Add, ("a", "b")),
    "multiply": (Multiply, ("a", "b")),
    "fma": (Fma, ("a", "b", "c")),
    "convert": (Convert, ("source",)),
}


def _run(spec: DotProductShape, values: Mapping[str, Any], operate: Operate, result: Format) -> Any:
    partial = spec.partial or spec.target
    pairs = [((values[f"a{i}"], spec.a), (values[f"b{i}"], spec.b)) for i in range(spec.terms)]
    addend = None if spec.c is None else (values["c"], spec.c)

    def apply(name: str, *given: Code, result: Format = partial) -> Code:
        return operate(name, given, result), result

    def added(x: Code, y: Code) -> Code:
        return apply("add", x, y)

    if spec.accumulation == "tree":
        sums = [apply("multiply", *pair, result=spec.product or partial) for pair in pairs]
        total = balanced_tree(sums, added)
        if addend is not None:
            return operate("add", (total, addend), result)
    else:
        chunks = [pairs[i : i + spec.chunk] for i in range(0, spec.terms, spec.chunk)]
        sums = [_chunk(spec, chunk, apply) for chunk in chunks]
        total = reduce(added, sums if addend is None else [addend, *sums])
    return total[0] if total[1] == result else operate("convert", (total,), result)


def _chunk(
    spec: DotProductShape, pairs: Sequence[tuple[Code, Code]], apply: Callable[..., Code]
) -> Code:
    """The sum of a chunk: fused steps, or products rounded first."""
    first, *others = pairs
    if spec.product is None:
        return reduce(
            lambda total, pair: apply("fma", *pair, total), others, apply("multiply", *first)
        )
    total = apply("multiply", *first, result=spec.product)
    for pair in others:
        total = apply("add", total, apply("multiply", *pair, result=spec.product))
    return total
