# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false, reportArgumentType=false

"""The same sums as one expression in Amaranth's integer arithmetic: what proofs compare with."""

from collections.abc import Mapping
from typing import Any

from amaranth import Cat, Mux, Value

from holigrail_hw.hdl.plan.plan import Plan, Wire

from .packing import Bits, Packing
from .shape import ScalableMacShape

__all__ = ["naive_sums"]


def naive_sums(spec: ScalableMacShape, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
    """The word of sums, from the ports of a unit."""
    names = [name for name in wires if name != "clear"]
    width = spec.result_width

    def next_word(old: Any, clear: Any, *values: Any) -> Value:
        given = dict(zip(names, values, strict=True))
        before = Mux(clear, 0, old)[:width]
        step = _serial if spec.kind.serial else _by_mode
        after = step(spec, before, given)
        return Mux(clear, 0, after) if spec.restart == "zero" else after

    def body(plan: Plan, old: Wire, *operands: Wire) -> Wire:
        return plan.step("next_word", width, next_word, old, *operands, wrap=True)

    operands = wires["clear"], *(wires[name] for name in names)
    return {"result": plan.loop("state", width, body, *operands)}


def _by_mode(spec: ScalableMacShape, before: Any, given: Mapping[str, Any]) -> Any:
    """The mode's products added to their sums; codes beyond the last mode are the last."""
    words = [_added(spec, found, before, given) for found in spec.packings]
    after: Any = words[-1]
    for code, word in enumerate(words[:-1]):
        after = Mux(given["mode"] == code, word, after)
    return after


def _added(spec: ScalableMacShape, found: Packing, before: Any, given: Mapping[str, Any]) -> Any:
    left = [_element(given["activation"], b, spec.signed_activations) for b in found.activations]
    right = [_element(given["weight"], b, spec.signed_weights) for b in found.weights]
    bits = [before[index] for index in range(len(before))]
    for places, pairs in zip(found.sums, found.products, strict=True):
        total: Any = Cat(*(before[place] for place in places))
        for i, j in pairs:
            total = total + (left[i] * right[j]).shift_left(found.shift)
        for index, place in enumerate(places):
            bits[place] = Value.cast(total)[index]
    return Cat(*bits)


def _element(word: Any, bits: Bits, is_signed: bool) -> Any:
    value = Cat(*(word[bit] for bit in bits))
    return value.as_signed() if is_signed else value


def _serial(spec: ScalableMacShape, before: Any, given: Mapping[str, Any]) -> Any:
    total: Any = Mux(given["advance"], before.shift_left(spec.digit), before)
    tops = [given.get("top_activation"), given.get("top_weight")]
    sizes = spec.activation_digit, spec.digit
    for lane in range(spec.lanes):
        digits = []
        for name, size, top in zip(("activation", "weight"), sizes, tops, strict=True):
            value = given[name][lane * size : (lane + 1) * size]
            always = name == "activation" and spec.signed_activations
            if top is not None:
                value = Cat(value, value[-1] & top).as_signed()
            elif always:
                value = value.as_signed()
            digits.append(value)
        total = total + digits[0] * digits[1]
    return total
