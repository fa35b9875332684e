"""The parameters of an engine for sparse matrices and vectors, and what follows from them."""

from dataclasses import dataclass
from typing import Any, ClassVar

from holigrail_hw.core import Engine, Stream, parameter
from holigrail_hw.formats import FixedFormat, Format, parse

from .encoding import EieSizes

__all__ = ["EieShape"]

_BIT, _SIZE = parse("uint1"), parse("uint16")
_WIDEST_FACTOR, _WIDEST_SUM = 16, 62
_MOST_ROWS = 1 << 15


@dataclass(frozen=True, kw_only=True)
class EieShape(Engine):
    """Sizes, formats and memories of an engine, and what follows from them."""

    # The longest product works on an entry in every cycle.
    quiet_cycles: ClassVar[int] = 1 << 18

    pes: int = parameter(2, "processing elements", low=1, high=64, samples=(3,))
    columns: int = parameter(64, "the most columns of a matrix", low=1, high=1 << 15)
    rows: int = parameter(16, "the most rows of a matrix in each element", low=1, high=1 << 12)
    entries: int = parameter(512, "entries that each element holds", low=1, high=1 << 17)
    queue: int = parameter(
        8, "activations waiting or in use in each element", low=1, high=16, samples=(1,)
    )
    activation: Format = parameter(parse("int16"), "format of an activation")
    weight: Format = parameter(parse("int16"), "format of a value of the codebook")
    code_width: int = parameter(4, "bits of a code", low=1, high=16)
    index_width: int = parameter(4, "bits of an index, the zeros before an entry", low=1, high=16)
    accumulator: Format | None = parameter(
        None, "format of a sum; if none, one that holds every sum of that many columns"
    )
    relu: bool = parameter(False, "whether negative results become 0", samples=(True,))

    def derive(self) -> dict[str, Any]:
        if self._wrong_factors():
            return {}
        ends = [
            a * w
            for a in (self.activation.minimum, self.activation.maximum)
            for w in (self.weight.minimum, self.weight.maximum)
        ]
        low, high = (int(self.columns * end) for end in (min(ends), max(ends)))
        if low >= 0:
            return {"accumulator": FixedFormat(max(high.bit_length(), 1), signed=False)}
        width = 1 + max(high.bit_length(), (-low - 1).bit_length())
        return {"accumulator": FixedFormat(width)}

    def check(self) -> list[str]:
        wrong = self._wrong_factors()
        if wrong:
            return wrong
        given = self.accumulator
        if not isinstance(given, FixedFormat) or given.fraction_width:
            wrong.append(f"accumulator must be an integer format, not {given}")
        elif given.width > _WIDEST_SUM:
            wrong.append(f"accumulator must have at most {_WIDEST_SUM} bits, not {given.width}")
        if self.pes * self.rows > _MOST_ROWS:
            wrong.append(f"pes * rows must be at most {_MOST_ROWS}, not {self.pes * self.rows}")
        return wrong

    def _wrong_factors(self) -> list[str]:
        wrong = []
        for name in ("activation", "weight"):
            format = getattr(self, name)
            if not isinstance(format, FixedFormat) or format.fraction_width:
                wrong.append(f"{name} must be an integer format, not {format}")
            elif format.width > _WIDEST_FACTOR:
                wrong.append(f"{name} must have at most {_WIDEST_FACTOR} bits, not {format.width}")
        return wrong

    @property
    def sizes(self) -> EieSizes:
        """The sizes that the encoder needs."""
        assert isinstance(self.weight, FixedFormat)
        return EieSizes(
            pes=self.pes,
            columns=self.columns,
            rows=self.rows,
            entries=self.entries,
            weight=self.weight,
            code_width=self.code_width,
            index_width=self.index_width,
        )

    def streams(self) -> dict[str, Stream]:
        assert self.accumulator is not None
        word = parse(f"uint{self.sizes.word_width}")
        return {
            "command": Stream("in", {"load": _BIT, "columns": _SIZE, "rows": _SIZE}),
            "matrix": Stream("in", {"word": word, "last": _BIT}),
            "activation": Stream("in", {"a": self.activation, "last": _BIT}),
            "result": Stream("out", {"y": self.accumulator, "last": _BIT}),
            "status": Stream("out", {"code": parse("uint3"), "cycles": parse("uint32")}),
        }
