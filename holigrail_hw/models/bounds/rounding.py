"""Weights as multiples of a unit, rounded so that errors of a row cancel over the box.

The nearest multiples are off by errors that know nothing of each other. Values that enter a layer
do: over a box they go together, so that errors of weights which are rounded up and down well nearly
cancel. Weights are rounded one after the other, and what a row is off by, over samples of the
values, is made up for by the weights that are still to come (Frantar et al., GPTQ, 2023; Hassibi
and Stork, Optimal Brain Surgeon, 1993). Samples only choose: whatever the multiples are, their
errors are known exactly, and it is these that proofs count.
"""

from collections.abc import Sequence

import numpy as np

from .activations import values
from .ranges import FloatLayer, Inputs, LayerRange

__all__ = ["Companions", "coded", "companions", "compensated"]

_SAMPLES = 2048
_SEED = 1
# Errors cost a little of their own: values of integers are not quite those of samples.
_OWN = 2.0**-12


class Companions:
    """How values that enter a layer go together: ``factor`` is upper triangular, (m, m).

    A row of it says, for one more weight whose error is settled, how those behind it make up for
    that: the Cholesky factor of the inverse of the values' second moments around their mean.
    """

    def __init__(self, values: np.ndarray, own: np.ndarray):
        away = values - values.mean(axis=0)
        moments = away.T @ away / max(len(away), 1)
        floor = max(float(np.trace(moments)) / max(len(moments), 1), 2.0**-100)
        moments[np.diag_indices_from(moments)] += own + _OWN * floor
        # Weights of values that vary most are settled first, while all others may follow.
        self.order = np.argsort(-np.diag(moments), kind="stable")
        inverse = np.linalg.inv(moments[np.ix_(self.order, self.order)])
        self.factor = np.linalg.cholesky(0.5 * (inverse + inverse.T)).T


def companions(
    layers: Sequence[FloatLayer], whole: Inputs, inputs: Inputs, found: Sequence[LayerRange]
) -> tuple[Companions, ...]:
    """For what enters each layer: from samples of the whole box, and from what is open in boxes.

    ``inputs`` and ``found`` are ranges over boxes. Where linear bounds of a value lie apart, its
    errors cannot be proved to cancel.
    """
    low, high = whole.low[0], whole.high[0]
    at = np.random.default_rng(_SEED).uniform(low, high, (_SAMPLES, len(low)))
    middles = np.concatenate([0.5 * (inputs.low + inputs.high), np.ones((len(inputs.low), 1))], 1)
    own, made = np.zeros(len(low)), []
    for layer, one in zip(layers, found, strict=True):
        made.append(Companions(at, own))
        sums = at @ layer.weights.T + 0.5 * (layer.bias_low + layer.bias_high)
        at = values(layer.activation, sums, sums)[0]
        apart = ((one.linear.most - one.linear.least) * middles[:, :, None]).sum(axis=1)
        own = (0.25 * apart**2).mean(axis=0)
    return tuple(made)


def coded(weights: np.ndarray, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest integers in units of 2^-bits, bits (n,), and their errors, exact in float64."""
    # Where rint changes a float, the difference is within its own significand.
    bits = np.asarray(bits).reshape(-1, 1)
    codes = np.rint(np.ldexp(weights, bits))
    return codes, np.ldexp(codes, -bits) - weights


def compensated(
    weights: np.ndarray, bits: np.ndarray, companions: Companions
) -> tuple[np.ndarray, np.ndarray]:
    """Integers in units of 2^-bits whose errors cancel, and these errors, exact in float64.

    Weights that are 0 stay so; where an error would be no float, the nearest integer is taken.
    """
    bits = np.asarray(bits)
    codes, errors = coded(weights, bits)
    order = companions.order
    wanted = weights[:, order].copy()
    for place, column in enumerate(order.tolist()):
        own = weights[:, column]
        code = np.rint(np.ldexp(wanted[:, place], bits))
        value = np.ldexp(code, -bits)
        takes = (own != 0) & (_difference_error(value, own) == 0)
        codes[:, column] = np.where(takes, code, codes[:, column])
        errors[:, column] = np.where(takes, value - own, errors[:, column])
        settled = np.ldexp(codes[:, column], -bits)
        step = (wanted[:, place] - settled) / companions.factor[place, place]
        wanted[:, place + 1 :] -= step[:, None] * companions.factor[place, place + 1 :]
    return codes, errors


def _difference_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What a - b of floats is off by (Knuth's two-sum)."""
    found = a - b
    part = found - a
    return (a - (found - part)) - (b + part)
