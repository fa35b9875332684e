"""Layers computed as one operation: the bits of their roundings and products, one by one."""

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402 - PyTorch may not be there

import holigrail_hw.torch as hgt  # noqa: E402
from holigrail_hw.kernels import layers as kernel_layers  # noqa: E402
from holigrail_hw.kernels import library as native  # noqa: E402
from holigrail_hw.kernels.operands import largest  # noqa: E402
from holigrail_hw.torch import functional as F  # noqa: E402
from holigrail_hw.torch.functional import layers  # noqa: E402

pytestmark = pytest.mark.xdist_group("torch")


def arithmetic(sums="fp16", a="fp8_e4m3", grad="fp8_e5m2", **options):
    def product(a, b):
        return hgt.Gemm(a=a, b=b, accumulator=sums, **options)

    bias = "after" if "start" in options else "initial"
    products = {"grad_input": product(grad, a), "grad_weight": product(grad, a)}
    return hgt.Arithmetic(forward=product(a, a), bias=bias, **products)


WAYS = {
    "fp16": arithmetic(),
    "fp32": arithmetic("fp32"),
    "fp32, e6m9": arithmetic("fp32", a="e6m9", grad="fp16", accumulation="cascade"),
    "e6m9": arithmetic("e6m9"),
    "narrow": arithmetic("e5m4"),
    "saturated": arithmetic("e4m3_sat", grad="e4m3_sat"),
    "cascade": arithmetic(accumulation="cascade"),
    "cascade, e6m9": arithmetic("e6m9", accumulation="cascade"),
    "chunks": arithmetic(chunk=5),
    "chunks, e5m7": arithmetic("e5m7", chunk=3),
    "to odd": arithmetic("e6m9", a="fp16", grad="fp8_e5m2"),
    "first product": arithmetic(start="product"),
}
# images, channels, rows, columns, outputs, kernel, stride, padding, dilation, bias
CONVOLUTIONS = {
    "runs of 8": (5, 1, 8, 8, 8, (3, 3), 1, (1, 1, 1, 1), 1, True),
    "runs of 4": (9, 3, 4, 4, 17, (3, 3), 1, (1, 1, 1, 1), 1, True),
    "one number": (1, 1, 1, 1, 1, (1, 1), 1, (0, 0, 0, 0), 1, False),
    "strides": (2, 2, 9, 7, 40, (2, 3), 2, (2, 0, 1, 2), 2, True),
    "many places": (2, 2, 20, 20, 2, (5, 5), 1, (2, 2, 2, 2), 1, False),
    "many outputs": (3, 2, 6, 6, 70, (3, 3), 3, (0, 0, 0, 0), 1, True),
}
MATRICES = {"small": (64, 64, 10, True), "one": (1, 1, 1, True), "odd": (5, 33, 65, False)}


@pytest.fixture
def pieces(monkeypatch):
    """Calls what it is given with layers that are computed by single operations."""

    def run(function):
        with monkeypatch.context() as patched:
            patched.setattr(layers, "_sums", lambda how: None)
            layers._known.clear()
            found = function()
        layers._known.clear()
        return found

    return run


def numbers(shape, scale, seed):
    drawn = np.random.default_rng(seed).normal(size=shape) * scale
    return torch.tensor(drawn, dtype=torch.float32)


def convolved(how, sizes, scale):
    """A function that gives results and gradients of a convolution."""
    n, c, high, wide, outputs, kernel, stride, pads, dilation, has_bias = sizes
    given = [numbers((n, c, high, wide), scale, 1), numbers((outputs, c, *kernel), scale, 2)]
    given += [numbers((outputs,), scale, 3)] if has_bias else []
    options = {"stride": (stride, stride), "dilation": (dilation, dilation), "padding": pads}

    def run(x, w, b=None):
        return F.conv2d(x, w, b, how, **options)

    return lambda: with_gradients(run, given, scale)


def multiplied(how, sizes, scale):
    rows, depth, outputs, has_bias = sizes
    given = [numbers((rows, depth), scale, 1), numbers((outputs, depth), scale, 2)]
    given += [numbers((outputs,), scale, 3)] if has_bias else []
    return lambda: with_gradients(lambda x, w, b=None: F.linear(x, w, b, how), given, scale)


def with_gradients(run, given, scale):
    given = [tensor.clone().requires_grad_() for tensor in given]
    found = run(*given)
    found.backward(numbers(found.shape, scale, 4))
    return [found.detach(), *(tensor.grad for tensor in given)]


def same(found, wanted):
    return all(
        torch.equal(torch.nan_to_num(x), torch.nan_to_num(y))
        and torch.equal(torch.signbit(x), torch.signbit(y))
        and torch.equal(torch.isnan(x), torch.isnan(y))
        for x, y in zip(found, wanted, strict=True)
    )


def compare(pieces, make, how, sizes):
    """The same results, whatever sums there are: small ones, and ones beyond all ranges."""
    for scale in (0.01, 1.0, 15.0):
        run = make(how, sizes, scale)
        assert same(run(), pieces(run)), (how, sizes, scale)


@pytest.mark.parametrize("way", WAYS)
def test_convolutions_have_the_bits_of_their_parts(way, pieces):
    usual = kernel_layers.Geometry(5, 1, 8, 8, 8)
    assert layers._plan(WAYS[way])._described(usual, way != "first product") is not None
    for name in ("runs of 8", "strides"):
        sizes = CONVOLUTIONS[name]
        compare(pieces, convolved, WAYS[way], sizes[:-1] + (way != "first product",))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_all_sizes_of_convolutions(name, pieces):
    for way in ("fp16", "e6m9"):
        compare(pieces, convolved, WAYS[way], CONVOLUTIONS[name])


@pytest.mark.parametrize("name", MATRICES)
def test_matrices_have_the_bits_of_their_parts(name, pieces):
    for way in ("fp16", "narrow", "cascade, e6m9"):
        compare(pieces, multiplied, WAYS[way], MATRICES[name])


@pytest.mark.heavy
@pytest.mark.parametrize("instructions", ["AVX-512", "AVX2", "portable"])
def test_other_instructions_give_the_same_bits(instructions, pieces, monkeypatch):
    wanted = {}
    for way in WAYS:
        for name, sizes in CONVOLUTIONS.items():
            run = convolved(WAYS[way], sizes[:-1] + (sizes[-1] and way != "first product",), 1.0)
            wanted[way, name] = run, run()
        for name, sizes in MATRICES.items():
            run = multiplied(WAYS[way], sizes[:-1] + (sizes[-1] and way != "first product",), 1.0)
            wanted[way, name] = run, run()
    monkeypatch.setattr(native, "instructions", lambda: instructions)
    layers._known.clear()
    for place, (run, found) in wanted.items():
        assert same(run(), found), place
    layers._known.clear()


def test_threads_do_not_matter():
    before = torch.get_num_threads()
    large = (16, 4, 16, 16, 24, (3, 3), 1, (1, 1, 1, 1), 1, True)
    try:
        for way in ("fp16", "e6m9"):
            run = convolved(WAYS[way], large, 1.0)
            found = []
            for threads in (1, 2, 7):
                torch.set_num_threads(threads)
                found.append(run())
            assert same(found[0], found[1]) and same(found[0], found[2])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("sums", ["fp16", "e6m9", "e5m4", "fp8_e4m3"])
def test_sums_at_the_end_of_the_range(sums, pieces):
    """Certificates of sums that reach the largest number exactly, and miss it by a little."""
    how = arithmetic(sums, a="fp8_e5m2" if sums == "e6m9" else "fp8_e4m3")
    top, depth = largest(how.forward.accumulator), 40
    for part in (0.4, 0.9, 0.99, 1.0, 1.01, 1.2):
        magnitude = float(np.sqrt(top * part / depth))
        x, w = torch.full((3, depth), magnitude), torch.full((70, depth), magnitude)
        x[1:], w[5:, ::2] = numbers((2, depth), magnitude / 2, 5), -magnitude
        run = lambda: with_gradients(lambda x, w: F.linear(x, w, None, how), [x, w], magnitude)  # noqa: B023, E731
        assert same(run(), pieces(run)), part


@pytest.mark.parametrize("way", ["fp16", "e6m9"])
def test_numbers_that_are_not_finite(way, pieces):
    sizes = CONVOLUTIONS["runs of 4"]
    for strange in (np.inf, -np.inf, np.nan, 3e38, 1e-45, -0.0):
        run = convolved(WAYS[way], sizes, 1.0)
        given = [numbers((2, 3, 4, 4), 1.0, 1), numbers((5, 3, 3, 3), 1.0, 2)]
        for tensor in given:
            tensor.flatten()[7] = strange
        run = lambda: with_gradients(  # noqa: E731
            lambda x, w: F.conv2d(x, w, None, WAYS[way]),
            given,  # noqa: B023
            1.0,
        )
        assert same(run(), pieces(run)), strange
    # Output gradients beyond E5M2 become infinite there.
    run = lambda: with_gradients(  # noqa: E731
        lambda x, w: F.linear(x, w, None, WAYS[way]),
        [torch.ones(3, 4), torch.ones(5, 4)],
        1e6,
    )
    assert same(run(), pieces(run))


def test_sizes_that_do_not_fit(pieces):
    """What no layer in one piece may read beyond its end, its parts refuse or compute."""
    how, ones = WAYS["fp16"], torch.ones
    wrong = {
        "36 rows, as many": lambda: F.conv2d(ones(2, 4, 5, 5), ones(4, 3, 3, 3), None, how),
        "27 rows, as many": lambda: F.conv2d(ones(2, 3, 5, 5), ones(4, 4, 3, 3), None, how),
        r"4 numbers, not \(2,\)": lambda: F.linear(ones(2, 3), ones(4, 3), ones(2), how),
        r"4 numbers, not \(1, 4\)": lambda: F.linear(ones(2, 3), ones(4, 3), ones(1, 4), how),
        r"4 numbers, not \(3,\)": lambda: F.conv2d(
            ones(2, 3, 5, 5), ones(4, 3, 3, 3), ones(3), how
        ),
        "2, 3 axes": lambda: F.linear(ones(2, 3), ones(4, 3, 1), None, how),
    }
    for words, run in wrong.items():
        with pytest.raises(ValueError, match=words):
            run()
    model = hgt.convert(nn.Sequential(nn.Conv2d(3, 4, 3)), {nn.Conv2d: how})
    with pytest.raises(ValueError, match="18 rows, as many"):
        model(ones(2, 2, 5, 5))
    x, w = numbers((2, 3, 7, 6), 1.0, 1), numbers((4, 3, 3, 3), 1.0, 2)
    run = lambda: with_gradients(  # noqa: E731
        lambda x, w: F.conv2d(x, w, None, how, padding=(-1, 1, -2, 0)), [x, w], 1.0
    )
    assert same(run(), pieces(run))


def test_results_may_be_changed_in_place(pieces):
    """Of numbers that are not finite, too, where parts compute them."""
    x, w = numbers((3, 2, 4, 4), 1.0, 1), numbers((5, 2, 3, 3), 1.0, 2)
    for strange in (1.0, np.inf):
        x[0, 0, 1, 1] = strange
        for run in (
            lambda x, w: F.conv2d(x, w, None, WAYS["fp16"]).relu_(),
            lambda x, w: F.linear(x.flatten(1)[:, :18], w.flatten(1), None, WAYS["e6m9"]).relu_(),
        ):
            every = lambda: with_gradients(run, [x, w], 1.0)  # noqa: B023, E731
            assert same(every(), pieces(every))


def test_tensors_that_are_marked_instead_of_computed(pieces):
    """Negated ones, as parts of complex numbers are, and zeros without memory."""
    how, w = WAYS["fp16"], numbers((4, 1), 1.0, 2).requires_grad_()
    negated = torch.complex(torch.zeros(1, 1), torch.ones(1, 1)).conj().imag
    for x, number in ((negated, -1.0), (torch._efficientzerotensor((1, 1)), 0.0)):
        wanted = F.linear(torch.full((1, 1), number), w, None, how)
        for found in (F.linear(x, w, None, how), pieces(lambda: F.linear(x, w, None, how))):  # noqa: B023
            assert torch.equal(found, wanted)
        row = torch.ones(1, 4, requires_grad=True)
        (got,) = torch.autograd.grad(F.linear(row, torch.ones(1, 4), None, how), row, x)
        assert got.tolist() == [[number] * 4]


def test_gradients_of_gradients(pieces):
    x, w = numbers((4, 6), 1.0, 1).requires_grad_(), numbers((3, 6), 1.0, 2).requires_grad_()

    def twice():
        (first,) = torch.autograd.grad(
            F.linear(x, w, None, WAYS["fp16"]).square().sum(), x, create_graph=True
        )
        return [first.detach(), *torch.autograd.grad(first.square().sum(), (x, w))]

    assert same(twice(), pieces(twice))


def test_what_needs_no_gradient_gets_none():
    how, x = WAYS["fp16"], numbers((4, 6), 1.0, 1)
    w, bias = numbers((3, 6), 1.0, 2), numbers((3,), 1.0, 3).requires_grad_()
    F.linear(x, w, bias, how).sum().backward()
    assert x.grad is None and w.grad is None and bias.grad.tolist() == [4.0, 4.0, 4.0]
    with torch.no_grad():
        assert F.linear(x, w, bias, how).grad_fn is None


def network():
    torch.manual_seed(0)
    parts = [nn.Conv2d(1, 3, 3, padding=1, padding_mode="circular"), nn.ReLU()]
    parts += [nn.Conv2d(3, 2, 3, padding="same"), nn.Flatten(), nn.Linear(50, 4)]
    rules = {nn.Linear: WAYS["fp16"], nn.Conv2d: WAYS["e6m9"]}
    return hgt.convert(nn.Sequential(*parts), rules)


def test_copies_and_files(tmp_path):
    model, x = network(), numbers((2, 1, 5, 5), 1.0, 1)
    wanted = model(x)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(x), wanted)
    assert model.to("meta")(x.to("meta")).shape == (2, 4)


def test_check_looks_at_layers_in_one_piece(monkeypatch):
    """Golden models check the parts, and parts the whole: one wrong bit is found."""
    model, x = network(), numbers((2, 1, 5, 5), 1.0, 1)
    checked = hgt.check(model, x)
    assert checked.products == {"0": 150, "2": 100, "4": 8}
    right = layers.run_forward

    def wrong(template, threads, pointers):
        other = kernel_layers.Layer.from_buffer_copy(template)
        other.of_x.rounding.threshold[0] = 0.75
        return right(other, threads, pointers)

    monkeypatch.setattr(layers, "run_forward", wrong)
    with pytest.raises(hgt.DifferenceError, match=r"check: 0: a=fp8_e4m3 .* must be .*, not"):
        hgt.check(model, x)


def test_what_has_no_one_operation():
    """Random words, several formats of output gradients, functions after sums, float gradients."""
    usual = WAYS["fp16"].forward
    chance = hgt.Conversion(format="fp8_e4m3", rounding="stochastic")
    clipped = hgt.Conversion(format="fp8_e4m3", ste="clipped")
    products = {"grad_input": usual, "grad_weight": usual}
    other = hgt.Gemm(a="fp8_e5m2", b="fp8_e4m3", accumulator="fp16")
    geometry = kernel_layers.Geometry(2, 3, 1, 1, 4, is_matrix=True)
    for options in (
        {},
        {**products, "input": chance},
        {**products, "weight": clipped},
        {**products, "output": "fp8_e4m3"},
        {"grad_input": usual, "grad_weight": other},
    ):
        plan = layers._Plan(hgt.Arithmetic(forward=usual, **options))
        assert plan._described(geometry, True) is None
    plan = layers._Plan(hgt.Arithmetic(forward=usual, **products, bias="after"))
    assert plan._described(geometry, True) is None and plan._described(geometry, False)
