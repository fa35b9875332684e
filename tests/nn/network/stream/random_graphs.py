"""Small random networks of integers, for the style stream."""

import numpy as np

from holigrail_hw.models import IntegerGraph
from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.graph.nodes import Add, Linear, Move, Pool, Port, Requantise
from holigrail_hw.models.source.windows import Window

__all__ = ["grouped_graph", "random_graph"]


class _Graph:
    def __init__(self, rng, shape, low, high):
        self.rng, self.nodes = rng, []
        self.port = Port(
            name="x", tensor="x", file_shape=(1, *shape), shape=shape, low=low, high=high
        )

    def put(self, node):
        self.nodes.append(node)
        return node.name

    def graph(self):
        end = self.nodes[-1].name
        output = Port(name="y", tensor=end, file_shape=(1,), shape=(1,))
        found = IntegerGraph(
            name="random", inputs=(self.port,), outputs=(output,), nodes=tuple(self.nodes)
        )
        shape = found.tensors[end].shape
        return found.changed(outputs=(output.changed(file_shape=(1, *shape), shape=shape),))

    def shape(self, name):
        return self.port.shape if name == "x" else self.graph().tensors[name].shape

    def weights(self, *shape):
        bits = int(self.rng.integers(1, 5))
        return self.rng.integers(-(1 << bits), 1 << bits, shape)

    def codes(self, name):
        """Codes of a few bits, one rule or one per channel."""
        tensor = self.graph().tensors[name]
        count = tensor.shape[-1] if self.rng.random() < 0.6 else 1
        bits, signed = int(self.rng.integers(1, 6)), bool(self.rng.random() < 0.5)
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        reach = max(1, int(tensor.high.max() - tensor.low.min()))
        shape = [1] * (len(tensor.shape) - 1) + [count]
        numbers = self.rng.integers(1, 40, count) * (high - low + 1)
        factor = fractions(numbers.reshape(shape)) / (20 * reach)
        offset = fractions(self.rng.integers(low, high + 1, count).reshape(shape))
        formula = Affine(factor, offset, low, high)
        return self.put(Requantise(name=f"{name}_codes", inputs=(name,), formula=formula))

    def conv(self, name, kernel=None, stride=1, depthwise=False, results=None):
        rng, shape = self.rng, self.shape(name)
        kernel = kernel or tuple(int(min(n, rng.integers(1, 4))) for n in shape[:2])
        pads = tuple(int(rng.integers(0, k)) if stride == 1 else 0 for k in kernel * 2)
        window = Window(kernel, (stride, stride), (1, 1), pads)
        outputs = shape[2] if depthwise else results or int(rng.integers(1, 5))
        inputs = 1 if depthwise else shape[2]
        zero = 0
        if any(pads) and rng.random() < 0.5:
            tensor = self.graph().tensors[name] if name != "x" else None
            zero = int(self.port.low if tensor is None else tensor.low.min())
        made = Linear(
            name=f"conv{len(self.nodes)}",
            inputs=(name,),
            weights=self.weights(*kernel, inputs, outputs),
            bias=rng.integers(-20, 20, outputs),
            zero=zero,
            window=window,
            group=shape[2] if depthwise else 1,
        )
        return self.codes(self.put(made))

    def pool(self, name):
        rng, shape = self.rng, self.shape(name)
        kernel = tuple(int(min(n, rng.integers(1, 3))) for n in shape[:2])
        how = str(rng.choice(["maximum", "sum"]))
        found = self.put(
            Pool(
                name=f"pool{len(self.nodes)}",
                inputs=(name,),
                how=how,
                window=Window(kernel, kernel),
            )
        )
        return self.codes(found) if how == "sum" else found

    def grouped(self, name, groups, each):
        """A convolution in groups, each with so many results."""
        shape = self.shape(name)
        kernel = tuple(int(min(n, 2)) for n in shape[:2])
        made = Linear(
            name=f"conv{len(self.nodes)}",
            inputs=(name,),
            weights=self.weights(*kernel, shape[2] // groups, groups * each),
            bias=self.rng.integers(-20, 20, groups * each),
            window=Window(kernel, pads=(1, 0, 0, 1)),
            zero=int(self.rng.integers(0, 2)),
            group=groups,
        )
        return self.codes(self.put(made))

    def pad(self, name):
        """Rows and columns around an image, or elements around a vector."""
        counts = self.rng.integers(0, 3, 4 if len(self.shape(name)) == 3 else 2).tolist()
        numbers = (*counts, *(0, 0) * (len(counts) == 4), int(self.rng.integers(-9, 9)))
        return self.put(
            Move(name=f"pad{len(self.nodes)}", inputs=(name,), how="pad", numbers=numbers)
        )

    def cut(self, name):
        """Some channels of an image, or every second element from a place on."""
        shape = self.shape(name)
        size = int(np.prod(shape))
        begin = int(self.rng.integers(0, shape[-1]))
        end = int(self.rng.integers(begin + 1, shape[-1] + 1))
        places = np.arange(size).reshape(shape)[..., begin:end].reshape(-1)
        if self.rng.random() < 0.3:
            places = np.arange(begin, size, 2)
        flat = self.put(
            Move(name=f"flat{len(self.nodes)}", inputs=(name,), how="reshape", numbers=(size,))
        )
        numbers = tuple(places.tolist())
        return self.put(
            Move(name=f"cut{len(self.nodes)}", inputs=(flat,), how="select", numbers=numbers)
        )

    def same(self, name):
        """A convolution that keeps the size."""
        rng, shape = self.rng, self.shape(name)
        size = 3 if min(shape[:2]) >= 3 and rng.random() < 0.7 else 1
        return self.padded(name, size, shape[2])

    def padded(self, name, size, results):
        shape = self.shape(name)
        pad = size // 2
        made = Linear(
            name=f"conv{len(self.nodes)}",
            inputs=(name,),
            weights=self.weights(size, size, shape[2], results),
            bias=self.rng.integers(-20, 20, results),
            window=Window((size, size), pads=(pad,) * 4),
        )
        return self.codes(self.put(made))


def random_graph(seed):
    """Convolutions, pools, sums of two ways, joined channels, and often a matrix at the end."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 7, 2)) + (int(rng.choice([1, 2, 3, 4])),)
    low = int(rng.choice([0, -8]))
    graph = _Graph(rng, shape, low, low + int(rng.choice([1, 7, 15])))
    last = "x"
    for _ in range(int(rng.integers(1, 4))):
        what = rng.choice(["conv", "depthwise", "pool", "skip", "concat"])
        if what == "conv":
            last = graph.conv(last, stride=int(rng.integers(1, 3)))
        elif what == "depthwise" and graph.shape(last)[2] > 1:
            last = graph.conv(last, depthwise=True)
        elif what == "pool":
            last = graph.pool(last)
        elif what == "skip":
            other = graph.same(last)
            factors = tuple(int(n) for n in rng.integers(1, 4, 2))
            added = Add(name=f"sum{len(graph.nodes)}", inputs=(last, other), factors=factors)
            last = graph.codes(graph.put(added))
        else:
            other = graph.padded(last, 1, graph.shape(last)[2])
            move = Move(
                name=f"both{len(graph.nodes)}", inputs=(last, other), how="concat", numbers=(2,)
            )
            last = graph.put(move)
    if not graph.nodes or rng.random() < 0.6:
        count = int(np.prod(graph.shape(last)))
        last = graph.put(Move(name="flat", inputs=(last,), how="reshape", numbers=(count,)))
        results = int(rng.choice([1, 3, 4]))
        graph.put(
            Linear(
                name="dense",
                inputs=(last,),
                weights=graph.weights(count, results),
                bias=rng.integers(-9, 9, results),
            )
        )
    return graph.graph()


def grouped_graph(seed):
    """An image in groups of channels, padded and cut, and often a matrix at the end."""
    rng = np.random.default_rng(seed)
    shape = (*(int(n) for n in rng.integers(2, 5, 2)), int(rng.choice([2, 4, 6])))
    graph = _Graph(rng, shape, -8, 7)
    last = "x"
    if rng.random() < 0.5:
        last = graph.pad(last)
    last = graph.grouped(last, 2, int(rng.integers(1, 4)))
    if rng.random() < 0.5:
        last = graph.grouped(last, graph.shape(last)[2], int(rng.integers(1, 3)))
    if rng.random() < 0.5:
        last = graph.pad(last)
    last = graph.cut(last)
    if rng.random() < 0.5:
        last = graph.pad(last)
    if rng.random() < 0.6:
        count = graph.shape(last)[0]
        graph.put(
            Linear(
                name="dense",
                inputs=(last,),
                weights=graph.weights(count, 3),
                bias=rng.integers(-9, 9, 3),
            )
        )
    return graph.graph()
