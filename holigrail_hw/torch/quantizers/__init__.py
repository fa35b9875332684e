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

from .base import Quantizer, attach
from .blocks import BlockScaled
from .dorefa import DoReFa
from .fixed_words import Words
from .learned import LSQ, PACT
from .quantize import Quantize

__all__ = ["LSQ", "PACT", "BlockScaled", "DoReFa", "Quantize", "Quantizer", "Words", "attach"]
