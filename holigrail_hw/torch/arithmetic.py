"""Which arithmetic a layer computes with: formats, sums and roundings, as plain data."""

import dataclasses
import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holigrail_hw import kernels
from holigrail_hw.formats import Format, FormatError, Rounding, parse

__all__ = ["Arithmetic", "Conversion", "Gemm", "holds"]

_ORDERS = ("sequential", "tiles")
_TILE = 8


@functools.cache
def holds(outer: Format, inner: Format) -> bool:
    """Whether a format has every number of another one; in doubt not."""
    if outer == inner:
        return True
    if inner.width > 16:
        return False
    numbers = np.asarray(kernels.decode(inner, np.arange(1 << inner.width)), np.float64)
    kept = kernels.quantise(outer, numbers, overflow=outer.overflow_of("saturate"))
    return bool(np.all((kept == numbers) | np.isnan(numbers) & np.isnan(kept)))


def _text(how: Any) -> str:
    parts = []
    for each in dataclasses.fields(how):
        value = getattr(how, each.name) if each.init and each.compare else each.default
        if value != each.default:
            parts.append(f"{each.name}={value}")
    return " ".join(parts)


@functools.lru_cache(maxsize=1024)
def _from_text(kind: Any, text: str) -> Any:
    given: dict[str, Any] = {}
    names = {each.name for each in dataclasses.fields(kind) if each.init}
    for part in text.split():
        name, _, value = part.partition("=")
        if name not in names:
            raise FormatError(f"{kind.__name__}: it must have a parameter {name!r}, but has not")
        given[name] = int(value) if value.isdigit() else value
    return kind(**given)


@dataclass(frozen=True, kw_only=True)
class Gemm(kernels.Gemm):
    """A matrix product as an operator computes it: :class:`holigrail_hw.kernels.Gemm` by name.

    Attributes
    ----------
    order : str
        ``sequential``: one sum over all of K, or as ``chunk`` says. ``tiles``: sums of ``chunk``
        products, 8 if that is left out, added one by one.
    accumulation : str
        ``chunked`` stands for fused sums in tiles.
    text : str
        All that differs from the defaults, as operators of a graph carry it.

    >>> Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16").text
    'a=fp8_e4m3 b=fp8_e4m3 accumulator=fp16'
    """

    order: str = field(default="sequential", compare=False)
    text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.order not in _ORDERS:
            raise FormatError(f"gemm: order must be {' or '.join(_ORDERS)}, not {self.order!r}")
        if self.accumulation == "chunked":
            object.__setattr__(self, "accumulation", "fused")
            object.__setattr__(self, "order", "tiles")
        if self.order == "tiles" and self.chunk is None:
            object.__setattr__(self, "chunk", _TILE)
        super().__post_init__()
        object.__setattr__(self, "text", _text(self))

    @classmethod
    def from_text(cls, text: str) -> "Gemm":
        """The product of a text; raises FormatError."""
        return _from_text(cls, text)


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """A rounding to a format.

    Attributes
    ----------
    format : Format
        What results are numbers of.
    rounding : Rounding
        In which mode.
    random_width : int
        Bits of a random word, if stochastic.
    overflow : str or None
        Of integers and fixed-point numbers: ``saturate`` or ``wrap``.
    via : str
        ``mptorch``: as MPTorch's quantisers.
    ste : str
        Gradients pass unchanged: all of them (``identity``), or only those of numbers within the
        format's range (``clipped``).
    """

    format: Format
    rounding: Rounding = Rounding.NEAREST_EVEN
    random_width: int = 16
    overflow: str | None = None
    via: str = "exact"
    ste: str = "identity"
    text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "format", parse(self.format))
        object.__setattr__(self, "rounding", Rounding(self.rounding))
        kernels.number_type(self.format)
        wrong = []
        if self.ste not in ("identity", "clipped"):
            wrong.append(f"ste must be identity or clipped, not {self.ste!r}")
        if self.via not in ("exact", "mptorch"):
            wrong.append(f"via must be exact or mptorch, not {self.via!r}")
        if self.overflow not in (None, *self.format.overflow_modes):
            wrong.append(f"overflow must be left out for {self.format}, not {self.overflow}")
        if self.rounding.is_stochastic and not 1 <= self.random_width <= 32:
            wrong.append(f"random_width must be between 1 and 32, not {self.random_width}")
        if wrong:
            raise FormatError(f"conversion: {'; '.join(wrong)}")
        object.__setattr__(self, "text", _text(self))

    @classmethod
    def from_text(cls, text: str) -> "Conversion":
        """The conversion of a text; raises FormatError."""
        return _from_text(cls, text)

    @classmethod
    def of(cls, given: "Conversion | Format | str") -> "Conversion":
        """A conversion to nearest even where only a format is given."""
        return given if isinstance(given, cls) else cls(format=given)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """The arithmetic of a layer, forward and backward apart.

    Attributes
    ----------
    forward : Gemm
        Inputs (``a``) by weights (``b``).
    grad_input, grad_weight : Gemm or None
        Output gradients (``a``) by weights or by inputs (``b``); None: in float.
    weight, input : Conversion or None
        To the formats of ``forward``, if left out.
    grad : Conversion or None
        Of output gradients, before both products; to the format ``a`` of each, if left out.
    output : Conversion or None
        Of results; None leaves them as numbers of the accumulator.
    bias : str
        ``initial``: sums begin with the bias, rounded to the accumulator. ``after``: it is added to
        sums in float, as MPTorch does.
    """

    forward: Gemm
    grad_input: Gemm | None = None
    grad_weight: Gemm | None = None
    weight: Conversion | None = None
    input: Conversion | None = None
    grad: Conversion | None = None
    output: Conversion | None = None
    bias: str = "initial"
    start: Conversion = field(init=False, repr=False, compare=False)
    sums: Gemm = field(init=False, repr=False, compare=False)
    sums_of_squares: Gemm = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, default in (("weight", self.forward.b), ("input", self.forward.a)):
            given = getattr(self, name)
            object.__setattr__(self, name, Conversion.of(default if given is None else given))
        for name in ("grad", "output"):
            given = getattr(self, name)
            object.__setattr__(self, name, None if given is None else Conversion.of(given))
        if wrong := self._wrong():
            raise FormatError(f"arithmetic: {'; '.join(wrong)}")
        sums = self.forward.accumulator
        object.__setattr__(self, "start", Conversion(format=sums))
        for name, format in (("sums", self.of_inputs.format), ("sums_of_squares", sums)):
            how = dataclasses.replace(self.forward, a="uint1", b=format)
            object.__setattr__(self, name, how)

    def _wrong(self) -> list[str]:
        found = []
        if self.bias not in ("initial", "after"):
            found.append(f"bias must be initial or after, not {self.bias!r}")
        given = (
            ("input", self.of_inputs, self.forward.a),
            ("weight", self.of_weights, self.forward.b),
        )
        for name, conversion, wanted in given:
            if not holds(wanted, conversion.format):
                found.append(f"{name} must be of numbers of {wanted}, not of {conversion.format}")
        initial = self.bias == "initial" and self.forward.accumulation == "window"
        if initial or (self.bias == "initial" and self.forward.start != "zero"):
            found.append("bias must be after with windows and with start product, not initial")
        return found

    @property
    def of_inputs(self) -> Conversion:
        """Of inputs, given or not."""
        assert self.input is not None
        return self.input

    @property
    def of_weights(self) -> Conversion:
        """Of weights, given or not."""
        assert self.weight is not None
        return self.weight
