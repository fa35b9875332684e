"""The operators: bits of the golden models, gradients, graphs, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import holigrail_hw.torch as hgt  # noqa: E402 - PyTorch may not be there
from holigrail_hw.formats import FormatError, Rounding, parse  # noqa: E402
from holigrail_hw.kernels import GivenWords, Philox, ShiftRegister, decode, encode  # noqa: E402
from holigrail_hw.torch import computing, operators  # noqa: E402
from holigrail_hw.torch import functional as F  # noqa: E402

pytestmark = pytest.mark.xdist_group("torch")
SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "benchmarks" / "mptorch_sample.npz"
E4M3 = {"a": "fp8_e4m3", "b": "fp8_e4m3", "accumulator": "fp16"}
WAYS = {
    "fused": {},
    "cascade": {"accumulation": "cascade", "product": "fp8_e5m2"},
    "chunked": {"accumulation": "chunked"},
    "tiles": {"order": "tiles", "chunk": 5},
    "exact": {"accumulation": "exact"},
    "window": {"accumulation": "window", "window": 12},
}


def operands(how, rows=7, depth=19, columns=20, batch=()):
    rng = np.random.default_rng(1)
    a = encode(how.a, rng.normal(size=(*batch, rows, depth)) * 3)
    b = encode(how.b, rng.normal(size=(*batch, depth, columns)) * 3)
    x, y = (torch.from_numpy(decode(f, v)) for f, v in ((how.a, a), (how.b, b)))
    return a, b, x, y


def same(how, codes, tensor):
    """Whether a tensor holds the numbers of codes, signs of zeros included."""
    wanted, found = decode(how.accumulator, codes), tensor.numpy()
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    return np.array_equal(wanted, found, equal_nan=True) and np.array_equal(
        np.signbit(wanted), np.signbit(found)
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rounding", [mode.value for mode in Rounding])
def test_products_are_those_of_the_golden_models(way, rounding):
    chunked, stochastic = way in ("chunked", "tiles"), Rounding(rounding).is_stochastic
    if chunked and stochastic:
        with pytest.raises(FormatError, match="chunk must be left out with stochastic rounding"):
            hgt.Gemm(**E4M3, **WAYS[way], rounding=rounding)
        return
    how = hgt.Gemm(**{**E4M3, "accumulator": "e5m4"}, **WAYS[way], rounding=rounding)
    assert hgt.Gemm.from_text(how.text) == how
    a, b, x, y = operands(how)
    begin = None if way == "window" else encode(how.accumulator, np.linspace(-40, 40, 20))
    initial = None if begin is None else torch.from_numpy(decode(how.accumulator, begin))
    with hgt.seed(7) as seed:
        seed.advance()
        found = F.gemm(x, y, how, initial=initial, key=5)
    words = Philox(7, 5, 0, 1) if stochastic else None
    assert same(how, how.golden(a, b, random=words, initial=begin), found)


@pytest.mark.parametrize(
    "how",
    [
        hgt.Gemm(a="int8", b="int8", accumulator="int32"),
        hgt.Gemm(a="int8", b="sfix8_en6", accumulator="sfix12_en4", overflow="saturate"),
        hgt.Gemm(a="bf16", b="fp16", accumulator="e8m12"),
        hgt.Gemm(a="fp16", b="fp16", accumulator="fp16", via="float32"),
        hgt.Gemm(a="posit8_1", b="fp4_e2m1", accumulator="fp16"),
        hgt.Gemm(a="fp8_e5m2", b="fp8_e5m2", accumulator="fp8_e5m2"),
    ],
    ids=lambda how: how.text,
)
def test_other_formats(how):
    a, b, x, y = operands(how)
    begin = encode(how.accumulator, np.arange(20) - 9.0)
    found = F.gemm(x, y, how, initial=torch.from_numpy(decode(how.accumulator, begin)))
    assert same(how, how.golden(a, b, initial=begin), found)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 0, 4), (0, 5, 4), (13, 17, 0), (2, 300, 3)])
def test_sizes_and_strides(sizes):
    how = hgt.Gemm(**E4M3)
    a, b, x, y = operands(how, *sizes)
    assert same(how, how.golden(a, b), F.gemm(x, y, how))
    assert same(how, how.golden(a, b), F.gemm(x.T.contiguous().T, y.mT.clone().mT, how))
    if sizes[0] > 1 and sizes[1]:
        assert same(how, how.golden(a[::2], b), F.gemm(x[::2], y, how))


def test_long_sums_stop_where_fp16_does():
    found = F.gemm(torch.ones(2, 100_000), torch.ones(100_000, 3), hgt.Gemm(**E4M3))
    assert found.tolist() == [[2048.0] * 3] * 2


def test_batches_have_words_of_their_own():
    how = hgt.Gemm(**{**E4M3, "accumulator": "e5m3"}, rounding="stochastic", random_width=9)
    a, b, x, y = operands(how, batch=(3,))
    with hgt.seed(2):
        found = F.gemm(x, y, how)
        shared = F.gemm(x, y[0], how)
    for i in range(3):
        words = Philox(2, 0, i, 0)
        assert same(how, how.golden(a[i], b[i], random=words), found[i])
        assert same(how, how.golden(a[i], b[0], random=words), shared[i])


@pytest.mark.parametrize("rounding", ["nearest_even", "down", "stochastic"])
def test_threads_change_nothing(rounding, monkeypatch):
    monkeypatch.setattr(computing, "_WORTH", 0)
    how = hgt.Gemm(**{**E4M3, "accumulator": "e5m6"}, rounding=rounding)
    _, _, x, y = operands(how, 33, 40, 70)
    before, found = torch.get_num_threads(), []
    try:
        with hgt.seed(1):
            for threads in (1, 2, 7):
                torch.set_num_threads(threads)
                conversion = hgt.Conversion(format="e3m2", rounding=rounding)
                found.append((F.gemm(x, y, how), F.round(y / 3, conversion)))
    finally:
        torch.set_num_threads(before)
    assert all(
        torch.equal(p, q) for other in found[1:] for p, q in zip(found[0], other, strict=True)
    )


def test_flushed_subnormal_numbers_do_no_harm():
    how = hgt.Gemm(a="bf16", b="bf16", accumulator="bf16")
    x = torch.from_numpy(decode("bf16", np.arange(1, 40, dtype=np.uint64).reshape(3, 13)))
    y = torch.ones(13, 5)
    wanted, rounded = F.gemm(x, y, how), F.round(x, "bf16")
    assert same(how, how.golden(encode("bf16", x.numpy()), encode("bf16", y.numpy())), wanted)
    if not torch.set_flush_denormal(True):
        pytest.fail("this processor cannot flush subnormal numbers")
    try:
        found, again = F.gemm(x, y, how), F.round(x, "bf16")
        assert float(torch.tensor(1e-38) / 1024) == 0
    finally:
        torch.set_flush_denormal(False)
    assert torch.equal(found.view(torch.int32), wanted.view(torch.int32))
    assert torch.equal(again.view(torch.int32), rounded.view(torch.int32))


def test_roundings_are_those_of_formats():
    x = torch.randn(11, 13, generator=torch.Generator().manual_seed(1)) * 20
    for name in ("fp8_e4m3", "int4", "posit8_1", "e5m10_flush", "binary8p3", "int32"):
        for rounding in Rounding:
            how = hgt.Conversion(format=name, rounding=rounding, random_width=7)
            assert hgt.Conversion.from_text(how.text) == how
            with hgt.seed(3):
                found, codes = F.round(x, how, key=9), F.encode(x, how, key=9)
            words, width = None, 0
            if rounding.is_stochastic:
                words, width = Philox(3, 9 ^ 3).numbers(x.numel(), 7).reshape(x.shape), 7
            wanted = parse(name).encode(x.double().numpy(), rounding, words, width)
            assert np.array_equal(decode(name, wanted), found.numpy())
            assert torch.equal(F.decode(codes, name), found)


def test_numbers_of_other_types():
    for x in (torch.randn(5).half(), torch.randn(5).bfloat16(), torch.arange(5), torch.tensor(2.3)):
        assert torch.equal(F.round(x, "fp8_e4m3"), F.round(x.double(), "fp8_e4m3"))


def test_results_of_mptorch():
    if not SAMPLE.exists():
        pytest.skip("the samples in ../shared are not there")
    described, arrays = json.loads(SAMPLE.with_suffix(".json").read_text()), np.load(SAMPLE)

    def name_of(exponent, fraction, subnormals, saturate):
        return f"e{exponent}m{fraction}" + "_flush" * (not subnormals) + "_sat" * saturate

    for given in described["gemm"]:
        options = {"via": "mptorch"}
        if given.get("kind") == "fixed":
            names = [f"sfix{given[p + '_wl']}_en{given[p + '_fl']}" for p in ("in", "mul", "add")]
            options["overflow"] = "saturate"
        else:
            rest = given["subnormals"], given["saturate"]
            names = [f"e{given['in_exp']}m{given['in_man']}"]
            names += [name_of(given[f"{p}_exp"], given[f"{p}_man"], *rest) for p in ("mul", "add")]
        if not given["fma"]:
            options.update(accumulation="cascade", product=names[1])
        how = hgt.Gemm(a=names[0], b=names[0], accumulator=names[2], **options)
        a, b, wanted = (arrays[f"{given['key']}__{name}"] for name in ("a", "b", "c_cpu"))
        a, b = (torch.from_numpy(v.view(np.float32)) for v in (a, b))
        found = F.gemm(a, b, how).float().numpy()
        assert np.array_equal(found.view(np.uint32), wanted), given["key"]
    x = torch.from_numpy(arrays["quantiser_x"].view(np.float32))
    for key in described["quantiser"]:
        fields, subnormals, saturate = key.split("_")
        exponent, fraction = fields[1:].split("m")
        name = name_of(exponent, fraction, subnormals == "sub1", saturate == "sat1")
        found = F.round(x, hgt.Conversion(format=name, via="mptorch")).numpy()
        wanted = arrays[f"quantiser_{key}"].view(np.float32)
        assert np.array_equal(found, wanted, equal_nan=True), key
    assert len(described["gemm"]) == 11 and len(described["quantiser"]) == 7


def test_codes_instead_of_numbers():
    how = hgt.Gemm(**E4M3)
    a, b, x, y = operands(how)
    left, right = (torch.from_numpy(v.astype(np.uint8)) for v in (a, b))
    codes = F.gemm(left, right, how, codes=True)
    assert codes.dtype == torch.int16 and torch.equal(F.decode(codes, "fp16"), F.gemm(x, y, how))
    assert torch.equal(F.convert(left, "fp16", codes=True, source="fp8_e4m3"), F.encode(x, "fp16"))
    once = F.exact_gemm(x, y, how)
    assert torch.equal(once, F.round(x.double() @ y.double(), "fp16"))
    table = np.multiply.outer(np.arange(256), np.arange(256))
    assert torch.equal(F.table_gemm(left, right, table), left.long() @ right.long())
    with pytest.raises(ValueError, match=r"codes must be of integers, not torch.float32"):
        F.decode(x, "fp8_e4m3")


def test_words_of_the_hardware():
    how = hgt.Gemm(**{**E4M3, "accumulator": "e5m4"}, rounding="stochastic", random_width=8)
    a, b, x, y = operands(how, 3, 4, 5)
    with hgt.seed(1, words=ShiftRegister(77)):
        found, numbers = (
            F.gemm(x, y, how),
            F.round(x / 3, hgt.Conversion(format="e3m1", rounding="stochastic", random_width=5)),
        )
    assert same(how, how.golden(a, b, random=ShiftRegister(77)), found)
    words = ShiftRegister(77).words(range(1), 1, x.numel(), 5, 1)[0].reshape(x.shape)
    wanted = parse("e3m1").encode(x.double().numpy() / 3, "stochastic", words, 5)
    assert np.array_equal(decode("e3m1", wanted), numbers.numpy())
    given = GivenWords(np.arange(60).reshape(4, 3, 5))
    with hgt.seed(1, words=given):
        assert same(how, how.golden(a, b, random=given), F.gemm(x, y, how))


def test_gradients_are_products_too():
    how, back = hgt.Gemm(**E4M3), hgt.Gemm(a="fp8_e5m2", b="fp8_e4m3", accumulator="e5m6")
    _, _, x, y = operands(how)
    x.requires_grad_(), y.requires_grad_()
    begin = torch.zeros(20, requires_grad=True)
    options = {"grad_a": back, "grad_b": back, "grad": hgt.Conversion(format="fp8_e5m2")}
    upper = torch.randn(7, 20, generator=torch.Generator().manual_seed(2))
    F.gemm(x, y, how, initial=begin, **options).backward(upper)
    grad = F.round(upper, "fp8_e5m2")
    assert torch.equal(x.grad, F.gemm(grad, y.detach().mT, back))
    assert torch.equal(y.grad, F.gemm(grad.mT, x.detach(), back).mT)
    ones = hgt.Gemm(a="uint1", b="fp8_e5m2", accumulator="e5m6")
    assert torch.equal(begin.grad, F.gemm(torch.ones(1, 7), grad, ones)[0])
    clipped = torch.tensor([-500.0, 3.3, 500.0], requires_grad=True)
    F.round(clipped, hgt.Conversion(format="fp8_e4m3", ste="clipped")).sum().backward()
    assert clipped.grad.tolist() == [0, 1, 0]


def test_gradients_of_the_surrogate():
    """Where nothing is rounded, gradients are those of the function."""
    how = hgt.Gemm(a="sfix20_en10", b="sfix20_en10", accumulator="sfix48_en20")
    arithmetic = hgt.Arithmetic(forward=how, grad_input=how, grad_weight=how)
    generator = torch.Generator().manual_seed(3)
    x, w, bias = (
        (torch.randint(-64, 64, size, generator=generator) / 16).double().requires_grad_()
        for size in ((2, 3, 4), (5, 4), (5,))
    )

    def function(x, w, bias):
        return F.linear(x, w, bias, arithmetic)

    assert torch.autograd.gradcheck(function, (x, w, bias), eps=2.0**-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rounding", ["nearest_even", "stochastic"])
def test_operators_are_well_made(rounding):
    how = hgt.Gemm(**E4M3, rounding=rounding)
    _, _, x, y = operands(how, 3, 4, 5)
    x.requires_grad_(), y.requires_grad_()
    begin, text = torch.zeros(5, requires_grad=True), hgt.Gemm(**E4M3).text
    ops, conversion = torch.ops.holigrail, hgt.Conversion(format="e3m1", rounding=rounding).text
    with hgt.seed(1):
        for given in ((x, y, begin), (x[None], y[None], None), (x[None], y, None)):
            for back in (text, ""):
                args = (*given, how.text, back, back, "", 0, "forward", True)
                torch.library.opcheck(ops.gemm.default, args)
        torch.library.opcheck(ops.round.default, (x, conversion, 0, "input"))


def test_both_ways_give_the_same():
    how = hgt.Gemm(**E4M3)
    _, _, x, y = operands(how)
    found = []
    for call in (operators.gemm, operators.multiplied):
        a, b, begin = x.clone().requires_grad_(), y.clone().requires_grad_(), torch.ones(20)
        result = call(a, b, begin.requires_grad_(), *([how.text] * 3), "", 0, "forward", False)
        result.square().sum().backward()
        found.append((result, a.grad, b.grad, begin.grad))
    assert all(torch.equal(p, q) for p, q in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (
            ValueError,
            r"gemm: a must hold numbers of fp8_e4m3, not 0\.3",
            lambda g: F.gemm(torch.full((1, 1), 0.3), torch.ones(1, 1), g),
        ),
        (
            ValueError,
            "gemm: b must have 2 rows, as many as a has columns, not 3",
            lambda g: F.gemm(torch.eye(2), torch.eye(3), g),
        ),
        (
            ValueError,
            "gemm: tensors must be on one device, not a on cpu and b on meta",
            lambda g: F.gemm(torch.eye(2), torch.eye(2, device="meta"), g),
        ),
        (
            ValueError,
            "gemm: a must be of floats or integers, not torch.complex64",
            lambda g: F.gemm(torch.eye(2, dtype=torch.complex64), torch.eye(2), g),
        ),
        (
            ValueError,
            "gemm: a and b must be matrices, or batches of them, not of 1, 2 axes",
            lambda g: F.gemm(torch.ones(2), torch.eye(2), g),
        ),
        (
            ValueError,
            "gemm: b must be 3 matrices, not 2",
            lambda g: F.gemm(torch.ones(3, 2, 2), torch.ones(2, 2, 2), g),
        ),
        (
            ValueError,
            r"gemm: initial must be of 2 numbers, not \(3,\)",
            lambda g: F.gemm(torch.eye(2), torch.eye(2), g, initial=torch.ones(3)),
        ),
        (
            FormatError,
            "kernels: format must have numbers that float64 holds, not int64",
            lambda g: F.round(torch.ones(2), "int64"),
        ),
        (
            FormatError,
            "conversion: ste must be identity or clipped, not 'x'; via must be exact or mptorch",
            lambda g: hgt.Conversion(format="int8", ste="x", via="y"),
        ),
        (
            FormatError,
            "conversion: overflow must be left out for fp16, not wrap",
            lambda g: hgt.Conversion(format="fp16", overflow="wrap"),
        ),
        (
            FormatError,
            "arithmetic: bias must be initial or after, not 'x';"
            " input must be of numbers of fp8_e4m3, not of fp16",
            lambda g: hgt.Arithmetic(forward=g, bias="x", input="fp16"),
        ),
        (
            FormatError,
            "arithmetic: bias must be after with windows",
            lambda g: hgt.Arithmetic(forward=hgt.Gemm(**E4M3, accumulation="window")),
        ),
        (
            FormatError,
            "gemm: order must be sequential or tiles, not 'x'",
            lambda g: hgt.Gemm(**E4M3, order="x"),
        ),
        (
            RuntimeError,
            "stochastic rounding must have a seed, not none",
            lambda g: F.round(torch.ones(2), hgt.Conversion(format="int8", rounding="stochastic")),
        ),
    ],
)
def test_refusals(error, message, call):
    with pytest.raises(error, match=message):
        call(hgt.Gemm(**E4M3))
