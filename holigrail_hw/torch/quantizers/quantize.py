"""Numbers of any format, times a scale that is found or given."""

import torch
from torch import Tensor

from holigrail_hw.formats import Format, FormatError, Rounding

from ..arithmetic import Conversion
from ..functional import round as rounded
from ..scales import Scale
from .base import Quantizer, straight

__all__ = ["Quantize"]

_STE = ("identity", "clipped")


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

    scale: Tensor
    found: Tensor
    frozen: Tensor

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
        if self.training and x.numel() and not bool(self.frozen):
            with torch.no_grad():
                self.observe(x)
        unit = self.scale.to(x.dtype)
        y = x.detach() / unit
        found = self._in_format(y, self.random_width, self.overflow) * unit
        if self.ste == "identity" or self.overflow == "wrap":
            return straight(x, found)
        low, high = self.limits
        return straight(x, found, (y >= low) & (y <= high))
