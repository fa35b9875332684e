"""Quantisers: what rounds weights and activations while a network is trained.

All are modules. As modules they round activations; as parametrisations
(``torch.nn.utils.parametrize``, or :func:`attach`) they round weights, whose own numbers stay for
the optimiser. What comes out are numbers ``code * scale`` of a format, exactly. Gradients go
straight through (Bengio et al., Estimating or propagating gradients through stochastic neurons for
conditional computation, 2013); those of scales and limits as their papers say.

* :class:`Quantize`: any format, scales found or given.
* :class:`LSQ`: a learned scale (Esser et al., Learned step size quantization, 2020).
* :class:`PACT`: a learned limit of activations (Choi et al., PACT: Parameterized clipping
  activation for quantized neural networks, 2018).
* :class:`DoReFa`: weights by tanh, activations within 0 to 1 (Zhou et al., DoReFa-Net, 2016).
* :class:`Words`: some integers alone, powers of two say, times a scale.
* :class:`BlockScaled`: a scale for every block (OCP Microscaling Formats Specification 1.0, 2023).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from holigrail_hw.formats import FixedFormat, Format, FormatError, Rounding, parse

from .arithmetic import Conversion
from .functional import round as rounded
from .scales import Scale, of_few_bits, powers_of_two

__all__ = ["LSQ", "PACT", "BlockScaled", "DoReFa", "Quantize", "Quantizer", "Words", "attach"]

_STE = ("identity", "clipped")
_SCALE_BITS = 8


class _Straight(torch.autograd.Function):
    """Gives ``y``; the gradient goes to ``x`` where ``passes`` says so."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, passes: Tensor | None) -> Tensor:
        ctx.save_for_backward(*(() if passes is None else (passes,)))
        return y.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        grad, saved = grads[0], ctx.saved_tensors
        return (grad * saved[0] if saved else grad), None, None


def straight(x: Tensor, y: Tensor, passes: Tensor | None = None) -> Tensor:
    """``y``, with the gradient of ``x``."""
    return _Straight.apply(x, y.detach(), passes)  # type: ignore[return-value]


class Quantizer(nn.Module):
    """What all quantisers are to an export: codes of ``format`` times a scale.

    Attributes
    ----------
    format : Format
        Of the codes.
    rounding : Rounding
        In which mode numbers become codes.
    """

    def __init__(self, format: Format | str, rounding: str = Rounding.NEAREST_EVEN):
        super().__init__()
        self.format, self.rounding = parse(format), Rounding(rounding)
        self.random_key = 0

    def scales(self) -> Tensor:
        """The scales in use: one, or broadcast against what is rounded."""
        raise NotImplementedError

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest number of the format."""
        low, high = self.format.number_range
        return float(low), float(high)

    def codes(self, x: Tensor) -> Tensor:
        """Codes as integers in units of the scale's last place; of fixed-point formats only."""
        if not isinstance(self.format, FixedFormat):
            raise FormatError(f"quantizer: codes must be integers or fixed, not {self.format}")
        unit = self.scales() * 2.0**-self.format.fraction_width
        return torch.round(self(x).detach() / unit).to(torch.int64)

    def extra_repr(self) -> str:
        return f"{self.format}, {self.rounding}"

    def _in_format(self, x: Tensor, random_width: int = 16, overflow: str | None = None) -> Tensor:
        """Rounded, with the type of ``x``."""
        how = Conversion(
            format=self.format,
            rounding=self.rounding,
            random_width=random_width,
            overflow=overflow,
        )
        return rounded(x, how, key=self.random_key).to(x.dtype)


class Quantize(Quantizer):
    """Numbers of a format, times a scale.

    Parameters
    ----------
    format : Format
        Of the codes: ``int8``, ``uint4``, ``sfix8_en6``, ``fp8_e4m3`` ...
    scale : Scale, number or None
        Found from what is rounded while training, until :meth:`freeze`; fixed; or 1.
    rounding : Rounding
        Stochastic modes take words of the seed in use (:func:`holigrail_hw.torch.seed`).
    overflow : str or None
        Of fixed-point formats: ``saturate``, the default, or ``wrap``.
    ste : str
        ``clipped``: the gradient is 0 where numbers saturate; ``identity``: it passes.
    like : tensor or tuple or None
        What will be rounded, or its shape, if scales have an axis.

    Raises
    ------
    FormatError, ValueError
        What does not fit together.
    """

    def __init__(
        self,
        format: Format | str,
        scale: Scale | float | None = None,
        rounding: str = Rounding.NEAREST_EVEN,
        overflow: str | None = None,
        ste: str = "clipped",
        *,
        random_width: int = 16,
        like: Tensor | tuple[int, ...] | None = None,
    ):
        super().__init__(format, rounding)
        modes = self.format.overflow_modes
        overflow = overflow or ("saturate" if "saturate" in modes else None)
        if overflow not in (None, *modes):
            raise FormatError(f"quantize: overflow must be one of {modes}, not {overflow!r}")
        if ste not in _STE:
            raise ValueError(f"quantize: ste must be {' or '.join(_STE)}, not {ste!r}")
        self.rule = scale if isinstance(scale, Scale) else None
        if self.rule is not None and self.rule.axis is not None and like is None:
            raise ValueError("quantize: like must be given for scales along an axis, not left out")
        self.overflow, self.ste, self.random_width = overflow, ste, random_width
        number = 1.0 if scale is None or self.rule is not None else float(scale)  # type: ignore[arg-type]
        if not 0 < number < float("inf"):
            raise ValueError(f"quantize: scale must be a positive number, not {number}")
        shape = () if self.rule is None or like is None else self.rule.shape(like)
        self.register_buffer("scale", torch.full(shape, number))
        self.register_buffer("found", torch.zeros(shape))
        self.register_buffer("frozen", torch.tensor(self.rule is None))

    def freeze(self) -> "Quantize":
        """Keeps the scales that there are."""
        self.frozen.fill_(True)
        return self

    def scales(self) -> Tensor:
        return self.scale

    def observe(self, x: Tensor) -> None:
        """Takes what is to be rounded into account for the scales."""
        assert self.rule is not None
        low, high = self.limits

        nearest = Conversion(format=self.format, overflow=self.overflow)

        def in_format(y: Tensor) -> Tensor:
            return rounded(y, nearest).to(y.dtype)

        now = self.rule.found(x, low, high, in_format).to(self.found)
        kept = torch.where(self.found > 0, self.rule.momentum, 0.0)
        if self.rule.method == "maximum" and self.rule.momentum:
            self.found.copy_(torch.maximum(self.found, now))
        else:
            self.found.copy_(kept * self.found + (1 - kept) * now)
        self.scale.copy_(self.rule.settled(self.found))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and not bool(self.frozen):
            with torch.no_grad():
                self.observe(x)
        unit = self.scale.to(x.dtype)
        y = x.detach() / unit
        found = self._in_format(y, self.random_width, self.overflow) * unit
        if self.ste == "identity" or self.overflow == "wrap":
            return straight(x, found)
        low, high = self.limits
        return straight(x, found, (y >= low) & (y <= high))


class Words(Quantizer):
    """Some integers alone, times a scale: those that need no adder, say.

    Parameters
    ----------
    words : iterable of integers
        What codes may be; the nearest is taken, of two equally near ones the lower.
    scale : number
        A power of two, or a number of at most 12 significant bits.
    """

    def __init__(self, words: Iterable[int], scale: float):
        known = sorted({*words})
        if not known:
            raise ValueError("Words: there must be a word, not none")
        width = max(2, max(max(w, -w - 1).bit_length() for w in known) + 1)
        super().__init__(f"int{width}")
        if not 0 < scale < float("inf"):
            raise ValueError(f"Words: scale must be a positive number, not {scale}")
        self.register_buffer("words", torch.tensor(known, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(float(scale)))

    def scales(self) -> Tensor:
        return self.scale

    def forward(self, x: Tensor) -> Tensor:
        words, unit = self.words.to(x.dtype), self.scale.to(x.dtype)
        codes = (x.detach() / unit).contiguous()
        above = torch.bucketize(codes, words).clamp(1, max(1, len(words) - 1))
        high, low = words[above.clamp(max=len(words) - 1)], words[above - 1]
        return straight(x, torch.where(codes - low <= high - codes, low, high) * unit)


class LSQ(Quantizer):
    """Integers of ``bits``, times a learned scale.

    Parameters
    ----------
    bits : int
        2 to 16, or 1 to 16 unsigned.
    signed : bool
        Whether codes may be negative.
    initial : tensor or None
        What the first scale is found from, 2 mean(abs(x)) / sqrt(largest code); if none, the first
        numbers that are rounded while training.
    power_of_two : bool
        Whether the scale is rounded to a power of two, with its gradient straight through; else to
        8 significant bits.
    """

    def __init__(
        self,
        bits: int,
        signed: bool = True,
        initial: Tensor | None = None,
        power_of_two: bool = True,
    ):
        if not (2 if signed else 1) <= bits <= 16:
            raise ValueError(f"LSQ: bits must be {2 if signed else 1} to 16, not {bits}")
        super().__init__(f"{'' if signed else 'u'}int{bits}")
        self.power_of_two = power_of_two
        self.step = nn.Parameter(torch.ones(()))
        self.register_buffer("begun", torch.tensor(False))
        if initial is not None:
            self._begin(initial)

    def _begin(self, x: Tensor) -> None:
        start = 2 * x.detach().abs().mean() / self.limits[1] ** 0.5
        self.step.data.copy_(torch.where(start > 0, start, 1.0))
        self.begun.fill_(True)

    def _settled(self, step: Tensor) -> Tensor:
        return settled_scale(step.abs().clamp(min=2.0**-60), self.power_of_two)

    def scales(self) -> Tensor:
        return self._settled(self.step.detach())

    def forward(self, x: Tensor) -> Tensor:
        if self.training and not bool(self.begun):
            self._begin(x)
        low, high = self.limits
        slope = 1 / (x.numel() * high) ** 0.5
        step = self.step * slope + (self.step * (1 - slope)).detach()
        unit = straight(step, self._settled(step.detach())).to(x.dtype)
        y = (x / unit).clamp(low, high)
        return straight(y, torch.round(y.detach())) * unit


class PACT(Quantizer):
    """Activations from 0 to a learned limit, in integers of ``bits``.

    The loss should have a term for the limits: :meth:`penalty` times some factor.

    Parameters
    ----------
    bits : int
        1 to 16.
    limit : float
        The limit to begin with.
    power_of_two : bool
        Whether the scale, limit / (2^bits - 1), is rounded to a power of two; else to 8 significant
        bits.
    """

    def __init__(self, bits: int, limit: float = 6.0, power_of_two: bool = True):
        if not 1 <= bits <= 16:
            raise ValueError(f"PACT: bits must be 1 to 16, not {bits}")
        if not 0 < limit < float("inf"):
            raise ValueError(f"PACT: limit must be a positive number, not {limit}")
        super().__init__(f"uint{bits}")
        self.power_of_two = power_of_two
        self.limit = nn.Parameter(torch.tensor(float(limit)))

    def scales(self) -> Tensor:
        least = self.limit.detach().clamp(min=2.0**-60) / self.limits[1]
        return settled_scale(least, self.power_of_two)

    def penalty(self) -> Tensor:
        """The limit's square."""
        return self.limit**2

    def forward(self, x: Tensor) -> Tensor:
        unit = self.scales().to(x.dtype)
        most = straight(self.limit, unit * self.limits[1]).to(x.dtype)
        # The gradient of the limit is 1 where numbers reach it.
        y = torch.minimum(x.clamp(min=0), most)
        return straight(y, torch.round(y.detach() / unit) * unit)


class DoReFa(Quantizer):
    """Weights as odd integers of a common scale, or activations from 0 to 1.

    Parameters
    ----------
    bits : int
        1 to 15.
    activation : bool
        Activations: round((2^bits - 1) clip(x, 0, 1)). Weights: tanh(w) / max(tanh(w)) becomes one
        of 2^bits numbers, evenly from the least to the greatest; none of them is 0.
    power_of_two : bool
        Whether the unit is 2^-bits, as hardware likes it, and not 1 / (2^bits - 1) rounded to 8
        significant bits.
    """

    def __init__(self, bits: int, activation: bool = False, power_of_two: bool = True):
        if not 1 <= bits <= 15:
            raise ValueError(f"DoReFa: bits must be 1 to 15, not {bits}")
        super().__init__(f"uint{bits}" if activation else f"int{bits + 1}")
        self.bits, self.activation = bits, activation
        unit = 2.0**-bits if power_of_two else 1 / (2**bits - 1)
        self.register_buffer("unit", of_few_bits(torch.tensor(unit), _SCALE_BITS))

    def scales(self) -> Tensor:
        return self.unit

    def forward(self, x: Tensor) -> Tensor:
        steps, unit = 2**self.bits - 1, self.unit.to(x.dtype)
        if self.activation:
            y = x.clamp(0, 1)
            return straight(y, torch.round(y.detach() * steps) * unit)
        bent = torch.tanh(x)
        y = bent / bent.detach().abs().max().clamp(min=2.0**-60)
        codes = 2 * torch.round((y.detach() + 1) / 2 * steps) - steps
        return straight(y, codes * unit)


class BlockScaled(nn.Module):
    """Blocks along an axis, each with a scale that is a power of two.

    The scale of a block is 2^(floor(log2 of its greatest magnitude) - that of the element format).

    Parameters
    ----------
    format : Format
        A block format with scales ``e8m0``: ``mxfp8_e4m3``, ``block16_fp4_e2m1_e8m0`` ...
    axis : int
        Along which blocks lie; the last one is filled up with zeros.
    """

    def __init__(self, format: Format | str, axis: int = -1):
        super().__init__()
        self.format, self.axis = parse(format), axis
        scale = getattr(self.format, "scale", None)
        if self.format.block_size is None or scale is None or not scale.is_power_of_two:
            raise FormatError(
                f"BlockScaled: format must be a block with a scale e8m0, not {self.format}",
                hint="for instance mxfp8_e4m3",
            )

    def forward(self, x: Tensor) -> Tensor:
        element: Any = self.format.element  # type: ignore[attr-defined]
        size = self.format.block_size
        assert size is not None
        rows = x.detach().movedim(self.axis, -1)
        length = rows.shape[-1]
        blocks = nn.functional.pad(rows, (0, -length % size)).unflatten(-1, (-1, size))
        largest = float(element.number_range[1])
        top = torch.frexp(torch.tensor(largest)).exponent - 1
        exponent = torch.frexp(blocks.abs().amax(-1, keepdim=True)).exponent - 1 - top
        unit = powers_of_two(exponent).to(x.dtype)
        codes = (blocks / unit).clamp(-largest, largest)
        overflow = "saturate" if "saturate" in element.overflow_modes else None
        found = rounded(codes, Conversion(format=element, overflow=overflow))
        whole = (found.to(x.dtype) * unit).flatten(-2)[..., :length]
        return straight(x, whole.movedim(-1, self.axis))


def settled_scale(scale: Tensor, power_of_two: bool) -> Tensor:
    """The nearest power of two, or a number of 8 significant bits."""
    if power_of_two:
        return powers_of_two(torch.round(torch.log2(scale)))
    return of_few_bits(scale, _SCALE_BITS)


def attach(module: nn.Module, quantizer: nn.Module, name: str = "weight") -> nn.Module:
    """Rounds a parameter wherever it is used; gives the module back."""
    parametrize.register_parametrization(module, name, quantizer)
    return module
