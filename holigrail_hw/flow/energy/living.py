"""Which bits of a design its results depend on: the others cost nothing, synthesis removes them."""

from collections.abc import Iterable

from .words import Cell, Choice, Copy, Design, Unit

__all__ = ["living_bits"]

_BIT_BY_BIT = {"and", "or", "xor", "not", "mux"}
_UPWARDS = {"add", "sub", "neg", "mul"}


def living_bits(design: Design) -> set[int]:
    """Bits that reach an output or a register that does, bit by bit where cells allow that."""
    alive = {bit for bits in design.outputs.values() for bit in bits}
    waiting = list(design.registers)
    while True:
        for unit in reversed(design.units):
            alive.update(_needed(unit, alive))
        kept = [one for one in waiting if alive.isdisjoint(one.makes())]
        if len(kept) == len(waiting):
            return alive
        for register in waiting:
            if register not in kept:
                alive.update(register.pins["D"])
        # A register that lives may keep alive what it is made from, and other registers so.
        waiting = kept


def _needed(unit: Unit, alive: set[int]) -> Iterable[int]:
    made = unit.makes()
    if isinstance(unit, Copy):
        pairs = zip(unit.target, unit.source, strict=True)
        return [source for target, source in pairs if target in alive]
    if isinstance(unit, Choice) or unit.kind not in _BIT_BY_BIT | _UPWARDS:
        return () if alive.isdisjoint(made) else unit.needs()
    places = [place for place, bit in enumerate(made) if bit in alive]
    if not places:
        return ()
    if unit.kind in _UPWARDS:
        # A sum's bit depends on the operands' bits below it.
        places = range(places[-1] + 1)
    found = [bits[min(place, len(bits) - 1)] for bits in _operands(unit) for place in places]
    return [*found, *unit.pins.get("S", ())]


def _operands(cell: Cell) -> list[tuple[int, ...]]:
    return [cell.pins[name] for name in ("A", "B") if cell.pins.get(name)]
