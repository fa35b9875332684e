"""From a model of real numbers to an integer graph of allowed coefficients, and what it is worth.

The same model, samples, plan and seed give the same graph, byte for byte.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from holigrail_hw.models import FloatGraph, IntegerGraph, ModelError
from holigrail_hw.models.accuracy import classes_of, compared

from .chain import Chain, chain_of
from .coefficients import Coefficients
from .columns import product_adders, sum_adders
from .integers import integer_graph
from .learning import Plan, learn
from .number_formats import Bits, chosen_formats, real_values
from .samples import DataSet, Imitation
from .trainable import Trainable

__all__ = ["Retrained", "retrained"]

_JUDGED = 5000


@dataclass(frozen=True, eq=False, kw_only=True)
class Retrained:
    """The graph before training, which is the model rounded to allowed words, and after it.

    Parameters
    ----------
    before, graph : IntegerGraph
    errors : pair of float
        Mean square errors of the outputs before and after; of classes, nothing is said by them.
    largest : float
        The largest error of an output after training.
    accuracies : three floats or None
        The shares of right classes of the model, before, and after; None without classes.
    adders_before, adders : pairs of int
        Adders of products and of sums, column by column (:mod:`.columns`), of every matrix once.
    remarks : tuple of str
    """

    before: IntegerGraph
    graph: IntegerGraph
    errors: tuple[float, float]
    largest: float
    accuracies: tuple[float, float, float] | None
    adders_before: tuple[int, int]
    adders: tuple[int, int]
    remarks: tuple[str, ...]


def retrained(
    model: FloatGraph,
    samples: DataSet | Imitation,
    judged: DataSet | None,
    allowed: Coefficients,
    *,
    bits: Bits = Bits(),  # noqa: B008
    plan: Plan = Plan(),  # noqa: B008
    seed: int = 1,
    progress: Callable[[str], None] = lambda text: None,
) -> Retrained:
    """Train a model for allowed coefficients.

    Parameters
    ----------
    model : FloatGraph
        A chain of layers, as :func:`.chain_of` reads it.
    samples : DataSet or Imitation
        What it is trained on.
    judged : DataSet or None
        What it is judged by; None for the training data, or for new samples of the box.
    allowed : Coefficients
        The words that weights may be.
    bits, plan, seed
        Widths of numbers, how to train, and the seed of every random choice.
    progress : callable
        Gets a line of text now and then.

    Raises
    ------
    ModelError
        If the model is no chain, or the samples do not fit it.
    """
    chain = chain_of(model)
    rng = np.random.default_rng(seed)
    remarks: tuple[str, ...] = ()
    if isinstance(samples, Imitation):
        x, y = samples.draw(np.random.default_rng([seed, 1]), _JUDGED)
        seen = np.concatenate([x, samples.ends()])
    else:
        samples = _checked(samples, chain)
        seen = samples.x
        if judged is None:
            judged = samples
            remarks = ("judged by the data that it was trained on",)
        judged = _checked(judged, chain)
        if judged.classes != samples.classes:
            raise ModelError(f"{chain.name}: both data must have classes, or neither")
        x, y = judged.x, judged.y
    network = _started(chain, seen, bits, allowed)
    before, adders_before = integer_graph(network), _adders(network)
    learn(network, samples.batches(rng, plan.batch), plan, progress)
    graph = integer_graph(network)
    found = [np.asarray(one.run(x, tail=False)).reshape(len(x), -1) for one in (before, graph)]
    wanted = np.asarray(model.evaluate(x)).reshape(len(x), -1)
    accuracies = None
    if y.ndim == 1:
        shares = [_share(chain, outputs, y) for outputs in (wanted, *found)]
        accuracies = shares[0], shares[1], shares[2]
        y = wanted
    errors = [outputs - y for outputs in found]
    return Retrained(
        before=before,
        graph=graph,
        errors=(float((errors[0] ** 2).mean()), float((errors[1] ** 2).mean())),
        largest=float(np.abs(errors[1]).max()),
        accuracies=accuracies,
        adders_before=adders_before,
        adders=_adders(network),
        remarks=remarks,
    )


def _started(chain: Chain, seen: np.ndarray, bits: Bits, allowed: Coefficients) -> Trainable:
    """The model itself, its weights rounded to allowed words."""
    inner = seen
    if chain.order:
        inner = seen.reshape(len(seen), *chain.file_shape[1:])
        inner = inner.transpose(0, *(axis + 1 for axis in chain.order))
    inner = inner.reshape(len(seen), *chain.shape)
    first, formats = chosen_formats(chain, inner, bits, allowed)
    values = real_values(chain, inner)
    return Trainable(chain, first, formats, allowed, values[:-1])


def _checked(samples: DataSet, chain: Chain) -> DataSet:
    """Data whose arrays fit the model; outputs as rows."""
    x, y = samples.x, samples.y
    wanted = chain.file_shape[1:] if len(chain.file_shape) > 1 else chain.file_shape
    if x.dtype.kind not in "fiub" or x.shape[1:] not in (wanted, chain.file_shape) or not len(x):
        shape = ", ".join(map(str, wanted))
        raise ModelError(f"{chain.name}: x must be numbers (samples, {shape}), not {x.shape}")
    if y.ndim == 1 and chain.results > 1:
        compared(chain.name, y, y, chain.results)
        y = y.astype(np.int64)
    else:
        y = y.reshape(len(y), -1).astype(np.float64)
        if y.shape[1] != chain.results or not np.isfinite(y).all():
            raise ModelError(
                f"{chain.name}: y must be classes, or {chain.results} finite numbers for every"
                f" sample, not {samples.y.shape}"
            )
    if len(y) != len(x):
        raise ModelError(f"{chain.name}: there must be a y for every x, not {len(y)} for {len(x)}")
    return DataSet(x.reshape(len(x), *chain.file_shape), y)


def _adders(network: Trainable) -> tuple[int, int]:
    words = [network.of_layer(network.words, i) for i in range(len(network.formats))]
    products = sum(product_adders(one) for one in words)
    sums = sum(sum_adders(one, network.bias_codes(i)) for i, one in enumerate(words))
    return products, sums


def _share(chain: Chain, outputs: np.ndarray, labels: np.ndarray) -> float:
    return compared(chain.name, classes_of(outputs), labels, chain.results).accuracy
