"""Operations of a DAIS program as they are written, and the values that its numbers stand for."""

from dataclasses import dataclass, field

from holigrail_hw.models.dais.program import DaisOperation, DaisType

__all__ = ["Number", "Range", "Writer", "floor_scaled"]

Range = tuple[int, int]

_ADD, _SUBTRACT, _CUT, _PLUS, _CONSTANT, _CHOOSE = 0, 1, 3, 4, 5, 6


@dataclass(frozen=True)
class Number:
    """The value code 2^(exponent - fraction); ``ends`` are those of the value."""

    place: int
    fraction: int
    exponent: int
    ends: Range


@dataclass
class Writer:
    """The operations so far, and the tables."""

    operations: list[DaisOperation] = field(default_factory=list)
    tables: list[tuple[int, ...]] = field(default_factory=list)
    constants: dict[int, Number] = field(default_factory=dict)

    def add(
        self,
        code: int,
        first: int,
        second: int,
        data: int,
        ends: Range,
        fraction: int = 0,
        exponent: int = 0,
    ) -> Number:
        """One more operation, whose type just holds values from one end to the other."""
        low, high = (floor_scaled(end, fraction - exponent) for end in ends)
        signed = low < 0
        width = max(high.bit_length(), (-low - 1).bit_length() if signed else 0) + signed
        kind = DaisType(signed, width - fraction - signed, fraction)
        self.operations.append(DaisOperation(code, first, second, data, kind))
        return Number(len(self.operations) - 1, fraction, exponent, ends)

    def constant(self, value: int) -> Number:
        """A constant, made once."""
        if value not in self.constants:
            self.constants[value] = self.add(_CONSTANT, -1, -1, value, (value, value))
        return self.constants[value]

    def sum(self, x: Number, y: Number, ends: Range, *, minus: bool = False) -> Number:
        """x + y or x - y."""
        shift = y.exponent - x.exponent
        fraction = max(x.fraction, y.fraction - shift)
        code = _SUBTRACT if minus else _ADD
        return self.add(code, x.place, y.place, _low(shift), ends, fraction, x.exponent)

    def plus(self, x: Number, constant: int) -> Number:
        """x + constant."""
        if not constant:
            return x
        fraction = max(x.fraction, x.exponent)
        ends = x.ends[0] + constant, x.ends[1] + constant
        data = constant << (fraction - x.exponent)
        return self.add(_PLUS, x.place, -1, data, ends, fraction, x.exponent)

    def minus(self, x: Number, constant: int) -> Number:
        """constant - x."""
        ends = constant - x.ends[1], constant - x.ends[0]
        return self.sum(self.constant(constant), x, ends, minus=True)

    def cut(self, x: Number, places: int, ends: Range, code: int = _CUT) -> Number:
        """x without its digits below 2^places, rounded down; with another code, what that does."""
        return self.add(code, x.place, -1, 0, ends, x.exponent - places, x.exponent)

    def choose(self, condition: Number, yes: Number, no: Number, ends: Range) -> Number:
        """One number where the condition is negative, else the other."""
        assert self.operations[condition.place].type.signed
        shift = no.exponent - yes.exponent
        fraction = max(yes.fraction, no.fraction - shift)
        data = (shift << 32) | condition.place
        return self.add(_CHOOSE, yes.place, no.place, data, ends, fraction, yes.exponent)


def _low(value: int) -> int:
    """A signed number in the lower half of data."""
    return value & 0xFFFFFFFF


def floor_scaled(value: int, places: int) -> int:
    """value 2^places, rounded down."""
    return value << places if places >= 0 else value >> -places
