"""An engine for products of a sparse matrix and a sparse vector, as EIE makes them.

Both kinds of zeros are skipped: those of the vector, as only activations that are not zero are
sent to the processing elements; those of the matrix, as an element holds only what is not zero of
its rows, as codes of a few bits. Row r of the product is made in element r mod N::

    vector in -> leading non-zero -> one activation per cycle -> N x (queue -> entries -> sums)

The matrix lies in the engine's memories, filled once for as many vectors as wanted.

Reference: Han et al., "EIE: efficient inference engine on compressed deep neural network", ISCA
2016.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.core import Engine, Stream, Target, Timing, operator, parameter
from holigrail_hw.core.views import View
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.golden import sum_limit
from holigrail_hw.hdl.number.fixed import product_range

from .cost import eie_cost, memory_bits
from .encoding import EieSizes
from .golden import commands_of, eie_golden
from .jobs import corner_jobs, random_job
from .schedule import busy_cycles, total_cycles
from .views import eie_views

__all__ = ["Eie"]

_BIT, _SIZE = parse("uint1"), parse("uint16")
_WIDEST_FACTOR, _WIDEST_SUM = 16, 62
_MOST_ROWS = 1 << 15


@operator(
    "eie",
    summary="products of a sparse matrix in compressed columns and a sparse vector",
    references=("S. Han et al., EIE: Efficient inference engine on compressed DNN, ISCA 2016",),
)
@dataclass(frozen=True, kw_only=True)
class Eie(Engine):
    """Loads of a matrix, and vectors to multiply it with, a command at a time.

    A command with ``load`` names the columns and rows of a matrix and takes words of ``matrix``,
    the last one marked: the codebook, then for each element its pointers and entries. One without
    takes a vector of ``activation``, the last item marked; its columns and rows do not count. The
    product leaves as one item per row, the last one marked. Then comes a status.

    What is wrong has a code and no result, and no matrix is loaded after a load that was wrong: 1 a
    size is 0 or too large; 2, 3 the mark came early, late; 4 a pointer decreases, is beyond the
    entries or does not begin with 0; 5 there is no matrix. With code 6 an entry lay beyond the last
    row and was left out. ``cycles`` are those of the product alone. Sums wrap.
    """

    # The longest product has an entry in every cycle.
    quiet_cycles: ClassVar[int] = 1 << 18

    pes: int = parameter(2, "processing elements", low=1, high=64, samples=(3,))
    columns: int = parameter(64, "the most columns of a matrix", low=1, high=1 << 15)
    rows: int = parameter(16, "the most rows of a matrix in each element", low=1, high=1 << 12)
    entries: int = parameter(512, "entries that each element holds", low=1, high=1 << 17)
    queue: int = parameter(
        8, "activations that wait or are used in each element", low=1, high=16, samples=(1,)
    )
    activation: Format = parameter(parse("int16"), "format of an activation")
    weight: Format = parameter(parse("int16"), "format of a value of the codebook")
    code_width: int = parameter(4, "bits of a code", low=1, high=16)
    index_width: int = parameter(4, "bits of an index, the zeros before an entry", low=1, high=16)
    accumulator: Format | None = parameter(
        None, "format of a sum; for every sum of so many columns if none"
    )
    relu: bool = parameter(False, "whether negative sums leave as 0", samples=(True,))

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
        """What the encoder must know."""
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

    def golden(self, **items: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        return eie_golden(self, items, lambda command: busy_cycles(command, self.queue))

    def job(self, rng: np.random.Generator, size: int) -> dict[str, dict[str, Any]]:
        return random_job(self, rng, size)

    def corner_jobs(self) -> list[dict[str, dict[str, Any]]]:
        return corner_jobs(self)

    def architecture(self, timing: Timing) -> Any:
        from .core import EieCore

        return EieCore(self)

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int:
        """Exact, for any commands, if items are always there and results always accepted."""
        return total_cycles(self.sizes, self.queue, commands_of(self, items))

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return eie_cost(self)

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        bits = ", ".join(f"{name} {count}" for name, count in memory_bits(self).items())
        assert self.accumulator is not None
        products = product_range(self.activation, self.weight)
        return {
            "sums": sum_limit(self.accumulator, products, longest=self.columns),
            "memory bits": bits,
            "largest matrix": f"{self.pes * self.rows} x {self.columns}",
        }

    def views(self, target: Target | None = None) -> list[View]:
        return eie_views(self)
