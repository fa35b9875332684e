"""Small random networks of int8 codes, as integer graphs."""

import random

import numpy as np

from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.formulas.rounded_floats import DoubleAway
from holigrail_hw.models.formulas.twice_rounded import TwiceRounded, mantissas
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Add, Linear, Move, Pool, Port, Requantise, Softmax
from holigrail_hw.models.source.windows import Window

INT32 = (-(1 << 31), (1 << 31) - 1)


class Builder:
    """Adds layers one behind the other; ``zeros`` are zero points of tensors."""

    def __init__(self, seed, shape):
        self.rng, self.numbers = random.Random(seed), np.random.default_rng(seed)
        self.nodes, self.shapes, self.zeros = [], {}, {}
        self.port = Port(
            name="x", tensor="x", file_shape=(1, *shape), shape=shape, low=-128, high=127
        )
        self.tensor = "x"
        self.shapes["x"], self.zeros["x"] = shape, self.rng.randint(-128, 127)

    def graph(self):
        shape = self.shapes[self.tensor]
        end = Port(name="y", tensor=self.tensor, file_shape=(1, *shape), shape=shape)
        return IntegerGraph(
            name="random", inputs=(self.port,), outputs=(end,), nodes=tuple(self.nodes)
        )

    def add(self, kind, shape, inputs=None, **fields):
        name = f"t{len(self.nodes)}"
        inputs = (self.tensor,) if inputs is None else inputs
        self.nodes.append(kind(name=name, inputs=inputs, source=kind.__name__, **fields))
        self.shapes[name], self.tensor = shape, name
        return name

    def requantised(self, spread, rank):
        """Codes of sums about so large; ReLU now and then."""
        channels = self.shapes[self.tensor][-1]
        factor = self.numbers.uniform(20, 90, channels) / np.maximum(spread, 1)
        factor = np.minimum(factor, 0.99).reshape([1] * (rank - 1) + [-1])
        mantissa, shift = mantissas(factor)
        zero = self.rng.choice((-128, self.rng.randint(-128, 127)))
        low = self.rng.choice((-128, zero, self.rng.randint(-128, 0)))
        high = max(low, self.rng.choice((127, 127, self.rng.randint(1, 127))))
        formula = TwiceRounded(mantissa, shift, zero, low, high)
        self.zeros[self.add(Requantise, self.shapes[self.tensor], formula=formula)] = zero

    def window(self, kernel, strides, *, same):
        rows, columns, _ = self.shapes[self.tensor]
        pads = [0, 0, 0, 0]
        for axis, size in enumerate((rows, columns)):
            total = max((-(-size // strides[axis]) - 1) * strides[axis] + kernel[axis] - size, 0)
            if same:
                pads[axis], pads[axis + 2] = total // 2, total - total // 2
        return Window(kernel, strides, (1, 1), tuple(pads))

    def convolution(
        self, kernel, strides, channels, *, same=True, depthwise=False, group=1, reach=1
    ):
        """``reach`` is how much larger, per channel, biases are than sums of products."""
        rows, columns, inputs = self.shapes[self.tensor]
        window = self.window(kernel, strides, same=same)
        group = inputs if depthwise else group
        shape = (*kernel, inputs // group, channels)
        weights = self.numbers.integers(-128, 128, shape)
        spread = 60 * np.sqrt((weights.astype(float) ** 2).sum(axis=(0, 1, 2)))
        limit = (1 << 30) / np.maximum(spread, 1)
        spread = spread * np.minimum(reach, limit)
        bias = (self.numbers.normal(size=channels) * spread).astype(np.int64)
        bias = np.clip(bias, -(1 << 30), 1 << 30)
        sizes = window.outputs(rows, columns)
        zero = self.zeros[self.tensor]
        self.add(
            Linear,
            (*sizes, channels),
            weights=weights,
            bias=bias,
            zero=zero,
            window=window,
            group=group,
        )
        self.requantised(spread, 3)

    def dense(self, results, *, once):
        shape = self.shapes[self.tensor]
        zero = self.zeros[self.tensor]
        if len(shape) > 1:
            count = int(np.prod(shape))
            self.zeros[self.add(Move, (count,), how="reshape", numbers=(count,))] = zero
        count = self.shapes[self.tensor][0]
        weights = self.numbers.integers(-128, 128, (count, results))
        spread = 60 * np.sqrt((weights.astype(float) ** 2).sum(axis=0))
        bias = (self.numbers.normal(size=results) * spread).astype(np.int64)
        self.add(Linear, (results,), weights=weights, bias=bias, zero=zero)
        if once:
            factor = np.array([40 / spread.max()])
            name = self.add(Requantise, (results,), formula=DoubleAway(factor, 3, -128, 127))
            self.zeros[name] = 3
        else:
            self.requantised(spread, 1)

    def pool(self, how, kernel, strides, *, same=False):
        rows, columns, channels = self.shapes[self.tensor]
        zero = self.zeros[self.tensor]
        window = self.window(kernel, strides, same=same)
        shape = (*window.outputs(rows, columns), channels)
        name = self.add(Pool, shape, how=how, window=window)
        self.zeros[name] = zero
        if how == "sum":
            one = fractions(1).reshape(1, 1, 1)
            formula = Affine(one / (kernel[0] * kernel[1]), one * 0, -128, 127, "nearest_away")
            self.zeros[self.add(Requantise, shape, formula=formula)] = zero

    def sum_with(self, other):
        """As TensorFlow Lite adds: both operands with 20 more bits."""
        shape = self.shapes[self.tensor]
        scales = self.numbers.uniform(0.02, 0.1, 3)
        twice, operands = 2 * max(scales[0], scales[1]), (self.tensor, other)
        names = []
        for tensor, scale in zip(operands, scales[:2], strict=True):
            mantissa, shift = mantissas(np.full([1] * len(shape), scale / twice))
            formula = TwiceRounded(mantissa, shift, 0, *INT32, 20, self.zeros[tensor])
            names.append(self.add(Requantise, shape, (tensor,), formula=formula))
        self.add(Add, shape, tuple(names), factors=(1, 1))
        factor = np.full([1] * len(shape), twice / (scales[2] * (1 << 20)))
        zero = self.rng.randint(-128, 127)
        formula = TwiceRounded(*mantissas(factor), zero, -128, 127)
        self.zeros[self.add(Requantise, shape, formula=formula)] = zero

    def joined_with(self, other):
        a, b = self.shapes[self.tensor], self.shapes[other]
        zero = self.zeros[self.tensor]
        shape = (*a[:-1], a[-1] + b[-1])
        inputs = (self.tensor, other)
        self.zeros[self.add(Move, shape, inputs, how="concat", numbers=(len(a) - 1,))] = zero

    def padded(self, pairs, value):
        shape = self.shapes[self.tensor]
        zero = self.zeros[self.tensor]
        grown = tuple(n + a + b for n, (a, b) in zip(shape, pairs, strict=True))
        numbers = (*(n for pair in pairs for n in pair), value)
        self.zeros[self.add(Move, grown, how="pad", numbers=numbers)] = zero

    def softmax(self):
        shape = self.shapes[self.tensor]
        self.add(Softmax, shape, mantissa=1242899200, shift=24)


def random_network(seed):
    """Some layers of all kinds, whose sizes differ."""
    rng = random.Random(1000 + seed)
    shape = (rng.randint(3, 9), rng.randint(2, 9), rng.choice((1, 2, 3, 5, 8)))
    made = Builder(seed, shape)
    kernel, strides = (rng.randint(1, 4), rng.randint(1, 4)), (rng.randint(1, 2), 1)
    made.convolution(kernel, strides, rng.choice((3, 4, 9, 16)))
    before = made.tensor
    for _ in range(rng.randint(1, 4)):
        rows, columns, channels = made.shapes[made.tensor]
        match rng.choice("cdapmjsPg"):
            case "c":
                same = rng.random() < 0.7
                kernel = (rng.randint(1, min(3, rows)), rng.randint(1, min(3, columns)))
                count = rng.randint(1, 12)
                made.convolution(kernel, (1, rng.randint(1, 2)), count, same=same)
            case "d":
                stride = rng.randint(1, 2)
                made.convolution((3, 3), (stride, stride), channels, depthwise=True)
            case "g" if channels % 2 == 0:
                made.convolution((1, 1), (1, 1), channels, group=2)
            case "a":
                made.pool("sum", (min(2, rows), min(3, columns)), (1, 1))
            case "m":
                made.pool("maximum", (min(2, rows), min(2, columns)), (2, 1))
            case "p":
                made.convolution((1, 1), (1, 1), rng.randint(1, 20))
            case "j" | "s" if made.shapes[before] == made.shapes[made.tensor] and (
                before != made.tensor
            ):
                (made.sum_with if rng.random() < 0.7 else made.joined_with)(before)
            case "P":
                made.padded(((1, 0), (0, 2), (0, 0)), made.zeros[made.tensor])
            case _:
                # A residual block.
                start = made.tensor
                made.convolution((3, 3), (1, 1), channels)
                made.sum_with(start)
        before = rng.choice((before, made.tensor))
    if rng.random() < 0.4:
        made.pool("sum", made.shapes[made.tensor][:2], (1, 1))
    if rng.random() < 0.7:
        made.dense(rng.randint(2, 11), once=rng.random() < 0.5)
        if rng.random() < 0.3:
            made.softmax()
    return made.graph()


def _reach(made, channels):
    """Mostly 1; channels with larger biases hardly change, and have longer shifts."""
    exponents = made.numbers.choice([0, 0, 0, 6, 12], channels)
    return 2.0**exponents


def mobile_network(seed):
    """A convolution with any window, depthwise and pointwise pairs with residual sums, a mean."""
    rng = random.Random(7000 + seed)
    made = Builder(seed, (rng.randint(6, 14), rng.randint(4, 9), rng.choice((1, 2, 3))))
    kernel = rng.choice(((10, 4), (3, 3), (1, 1), (5, 2), (2, 3)))
    count = rng.choice((3, 4, 8))
    made.convolution(kernel, (rng.randint(1, 2), rng.randint(1, 2)), count)
    for _ in range(rng.randint(1, 3)):
        start, channels = made.tensor, made.shapes[made.tensor][2]
        stride = rng.choice((1, 1, 2))
        made.convolution(
            (3, 3), (stride, stride), channels, depthwise=True, reach=_reach(made, channels)
        )
        results = rng.choice((channels, channels, 5, 12, 16))
        made.convolution((1, 1), (1, 1), results, reach=_reach(made, results))
        if made.shapes[start] == made.shapes[made.tensor]:
            made.sum_with(start)
    made.pool("sum", made.shapes[made.tensor][:2], (1, 1))
    made.dense(rng.randint(2, 11), once=True)
    if rng.random() < 0.5:
        made.softmax()
    return made.graph()
