"""The training loop: gradient descent on words, which are frozen one after the other.

Adam (Kingma and Ba, 2015) with a rate that falls along a cosine. Weights are rounded to allowed
words in every forward pass; with a penalty, to the word for which the squared distance in words
plus the penalty times the adders that it adds to its column is least. In the last tenth of the
steps all words are frozen and biases alone are trained, which takes away what rounding still moves.
Freezing may begin earlier, the cheapest and nearest weights first, so that the others make up for
them (Zhou et al., Incremental network quantization, 2017; Garcia et al., Hardware-aware training
for multiplierless convolutional neural networks, ARITH 2025).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .columns import Prices
from .integers import input_codes
from .trainable import Trainable

__all__ = ["Plan", "error_of", "learn"]

_FIRST, _SECOND, _LEAST = 0.9, 0.999, 1e-8
# Least part of the first rate.
_SLOWEST = 0.02
# When all weights are frozen, as a part of the steps, and the shares until then.
_FROZEN = 0.9
_SHARES = (0.5, 0.75, 0.875, 0.95, 1.0)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to train.

    Parameters
    ----------
    steps, batch : int
        Steps of the optimiser, and samples of each.
    rate : float
        The first learning rate, in words.
    penalty : float
        Squared words that an adder is worth.
    freeze_from : float
        The part of all steps after which half of the weights are frozen, then more in four turns
        until 0.9 of the steps; all at once if it is no earlier.
    """

    steps: int = 6000
    batch: int = 256
    rate: float = 0.1
    penalty: float = 0.0
    freeze_from: float = 0.9

    def freezings(self) -> list[tuple[int, float]]:
        """When, in steps, and how many of the weights are then frozen."""
        count = len(_SHARES) if self.freeze_from < _FROZEN else 1
        times = np.linspace(self.freeze_from, max(_FROZEN, self.freeze_from), count)
        return [
            (round(float(time) * self.steps), share)
            for time, share in zip(times, _SHARES[-count:], strict=True)
        ]


def error_of(outputs: np.ndarray, wanted: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss of a batch and its gradient: cross-entropy of classes, else mean square error."""
    if wanted.ndim == 1:
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        shares = powers / powers.sum(axis=1, keepdims=True)
        rows = np.arange(len(wanted))
        loss = float(-np.log(np.maximum(shares[rows, wanted], 1e-300)).mean())
        shares[rows, wanted] -= 1
        return loss, shares / len(wanted)
    difference = outputs - wanted
    return float((difference**2).mean()), 2 * difference / difference.size


class _Adam:
    """Moments of one array of parameters."""

    def __init__(self, count: int):
        self.first, self.second, self.turn = np.zeros(count), np.zeros(count), 0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        """The direction to go, for a rate of 1."""
        self.turn += 1
        self.first += (1 - _FIRST) * (gradient - self.first)
        self.second += (1 - _SECOND) * (gradient**2 - self.second)
        mean = self.first / (1 - _FIRST**self.turn)
        square = self.second / (1 - _SECOND**self.turn)
        return mean / (np.sqrt(square) + _LEAST)


def learn(
    network: Trainable,
    batches: Iterator[tuple[np.ndarray, np.ndarray]],
    plan: Plan,
    progress: Callable[[str], None] = lambda text: None,
) -> None:
    """Train in place; in the end all words are frozen, or rounded as they are.

    Parameters
    ----------
    network : Trainable
    batches : iterator
        Inputs in the file's shape with outputs or classes.
    plan : Plan
    progress : callable
        Gets a line of text now and then.
    """
    prices = Prices(network)
    frozen = np.zeros(len(network.weights), bool)
    optimisers = _Adam(len(network.weights)), _Adam(len(network.biases))
    waiting = plan.freezings()
    seen: list[float] = []
    allowed = network.allowed
    for step in range(plan.steps):
        while waiting and step >= waiting[0][0]:
            _freeze(network, prices, frozen, waiting.pop(0)[1], plan.penalty)
        if not frozen.all():
            places = _places(network, prices, plan.penalty, renew=step % 10 == 0)
            network.words = np.where(frozen, network.words, allowed.words[places])
        x, wanted = next(batches)
        outputs, kept = network.forward(input_codes(network, x))
        loss, error = error_of(outputs.reshape(len(x), -1), wanted)
        seen.append(loss)
        weights, biases = network.backward(kept, error.reshape(outputs.shape))
        rate = plan.rate * max(0.5 * (1 + np.cos(np.pi * step / plan.steps)), _SLOWEST)
        moved = network.weights - rate * optimisers[0].step(weights)
        network.weights = np.clip(moved, allowed.words[0], allowed.words[-1])
        network.biases = network.biases - rate * optimisers[1].step(biases)
        if step % 100 == 99:
            progress(f"step {step + 1} of {plan.steps}, loss {np.mean(seen[-100:]):.4g}")
    if not frozen.all():
        places = _places(network, prices, plan.penalty, renew=True)
        network.words = np.where(frozen, network.words, allowed.words[places])


def _places(network: Trainable, prices: Prices, penalty: float, *, renew: bool) -> np.ndarray:
    """Places of the words that the weights stand for."""
    if not penalty:
        return network.allowed.nearest(network.weights)
    if renew:
        prices.observe(np.searchsorted(network.allowed.words, network.words))
    return prices.cheapest(network.weights, penalty)


def _freeze(
    network: Trainable, prices: Prices, frozen: np.ndarray, share: float, penalty: float
) -> None:
    """Freeze words until they are that part of all: the cheapest ones, then the nearest."""
    allowed = network.allowed
    prices.observe(np.searchsorted(allowed.words, network.words))
    places = prices.cheapest(network.weights, penalty)
    words = allowed.words[places].astype(np.float64)
    distance = (words - network.weights) ** 2 + penalty * prices.of(places[None])[0]
    distance[frozen] = -1.0
    count = round(share * len(frozen))
    chosen = np.argsort(distance, kind="stable")[:count]
    chosen = chosen[~frozen[chosen]]
    network.words[chosen] = words[chosen]
    frozen[chosen] = True
