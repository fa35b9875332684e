"""Layers beside those of torch.nn; conversion of models; checks; graphs; reproducible training."""

import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import holigrail_hw.torch as hgt  # noqa: E402 - PyTorch may not be there
from holigrail_hw import kernels  # noqa: E402
from holigrail_hw.core.run import compiled_library  # noqa: E402
from holigrail_hw.torch import functional as F  # noqa: E402
from holigrail_hw.torch.random import OPERATIONS, part_key  # noqa: E402

pytestmark = pytest.mark.xdist_group("torch")
WIDE = hgt.Gemm(a="fp16", b="fp16", accumulator="tf32")
E4M3 = hgt.Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")
E5M2 = hgt.Gemm(a="fp8_e5m2", b="fp8_e4m3", accumulator="fp16")
FP8 = hgt.Arithmetic(forward=E4M3, grad_input=E5M2, grad_weight=E5M2, grad="fp8_e5m2")
ROUGH = hgt.Gemm(
    a="fp8_e4m3", b="fp8_e4m3", accumulator="e5m4", rounding="stochastic", random_width=13
)
NOISY = hgt.Arithmetic(
    forward=ROUGH,
    grad_weight=ROUGH,
    output=hgt.Conversion(format="fp8_e4m3", rounding="stochastic", random_width=5),
)


def drawn(*size, seed=1):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


BLOCKED = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
LAST = torch.tensor([[False] * 4 + [True]] * 3)
LAYERS = {
    "linear": (lambda: nn.Linear(7, 5), (3, 4, 7), {}),
    "linear without bias": (lambda: nn.Linear(7, 5, bias=False), (7,), {}),
    "conv1d": (lambda: nn.Conv1d(4, 6, 3, 2, 2, dilation=2, groups=2), (2, 4, 11), {}),
    "conv2d": (lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), groups=2), (2, 4, 9, 8), {}),
    "conv2d same": (
        lambda: nn.Conv2d(4, 6, 3, padding="same", padding_mode="reflect"),
        (4, 9, 8),
        {},
    ),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), (2, 4, 5, 6), {}),
    "transposed wide": (
        lambda: nn.ConvTranspose2d(4, 6, (3, 2), (1, 3), 2, dilation=2),
        (4, 5, 6),
        {},
    ),
    "means": (lambda: nn.AvgPool2d(3, 2, 1), (2, 4, 9, 8), {}),
    "means inside": (
        lambda: nn.AvgPool2d((3, 2), count_include_pad=False, padding=1),
        (4, 9, 8),
        {},
    ),
    "gelu": (lambda: nn.GELU("tanh"), (2, 9), {}),
    "softmax": (lambda: nn.Softmax(1), (2, 9, 3), {}),
    "norm": (lambda: nn.LayerNorm((4, 5)), (3, 4, 5), {}),
    "attention": (lambda: nn.MultiheadAttention(8, 2, batch_first=True), (3, 5, 8), {}),
    "attention masked": (
        lambda: nn.MultiheadAttention(8, 2, bias=False, batch_first=True),
        (3, 5, 8),
        {"attn_mask": BLOCKED, "key_padding_mask": LAST, "average_attn_weights": False},
    ),
    "attention alone": (lambda: nn.MultiheadAttention(8, 2), (5, 8), {"need_weights": False}),
}


def run(layer, x, options):
    x = x.clone().requires_grad_()
    found = layer(*[x] * (3 if isinstance(layer, nn.MultiheadAttention) else 1), **options)
    found, *others = found if isinstance(found, tuple) else (found,)
    (found * drawn(*found.shape, seed=2)).sum().backward()
    return [
        found,
        *[y for y in others if y is not None],
        x.grad,
        *[p.grad for p in layer.parameters()],
    ]


@pytest.mark.parametrize("name", LAYERS)
def test_wide_formats_come_near_torch(name):
    """Values, gradients and shapes; parameters have the same names."""
    make, size, options = LAYERS[name]
    torch.manual_seed(0)
    layer, x = make(), drawn(*size)
    arithmetic = hgt.Arithmetic(forward=WIDE, grad_input=WIDE, grad_weight=WIDE)
    for bias in ("initial", "after"):
        how = hgt.Arithmetic(forward=WIDE, grad_input=WIDE, grad_weight=WIDE, bias=bias)
        ours = hgt.convert(layer, {type(layer): how})
        assert list(ours.state_dict()) == list(layer.state_dict())
        layer.zero_grad()
        for wanted, found in zip(run(layer, x, options), run(ours, x, options), strict=True):
            assert found.shape == wanted.shape
            most = 2e-3 * float(wanted.detach().abs().max())
            torch.testing.assert_close(found, wanted, rtol=2e-3, atol=most)
    made = type(ours)(**constructor_of(layer), arithmetic=arithmetic)
    made.load_state_dict(layer.state_dict())
    assert "accumulator=tf32" in repr(made)


def constructor_of(layer):
    """Parameters of the constructor that a layer of the list above needs at least."""
    match layer:
        case nn.Linear():
            return {"in_features": 7, "out_features": 5, "bias": layer.bias is not None}
        case nn.MultiheadAttention():
            return {"embed_dim": 8, "num_heads": 2, "bias": layer.in_proj_bias is not None}
        case nn.Conv1d() | nn.Conv2d() | nn.ConvTranspose2d():
            names = ("in_channels", "out_channels", "kernel_size", "groups")
            return {name: getattr(layer, name) for name in names}
        case nn.AvgPool2d():
            return {"kernel_size": 3}
        case nn.LayerNorm():
            return {"normalized_shape": (4, 5)}
    return {}


def test_a_layer_is_its_products():
    torch.manual_seed(0)
    layer = hgt.Conv2d(3, 4, 3, stride=2, padding=1, groups=1, arithmetic=FP8)
    x = drawn(2, 3, 7, 6)
    padded = F.round(nn.functional.pad(x, (1, 1, 1, 1)), "fp8_e4m3")
    weight, bias = F.round(layer.weight, "fp8_e4m3"), F.round(layer.bias, "fp16")
    found = layer(x)
    for row, column in ((0, 0), (3, 2)):
        # K is ordered channel, then row, then column of the window.
        window = padded[1, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3].reshape(1, -1)
        wanted = F.gemm(window, weight.reshape(4, -1).T, E4M3, initial=bias)
        assert torch.equal(found[1, :, row, column], wanted[0])
    after = hgt.Linear(5, 3, arithmetic=hgt.Arithmetic(forward=E4M3, bias="after", output="e4m3"))
    x = drawn(4, 5)
    sums = F.gemm(F.round(x, "fp8_e4m3"), F.round(after.weight, "fp8_e4m3").T, E4M3)
    assert torch.equal(after(x), F.round(sums + after.bias, "e4m3"))


def test_tables_of_vectors_are_rounded():
    layer = nn.Embedding(10, 4, padding_idx=2)
    ours = hgt.convert(layer, {nn.Embedding: FP8})
    places = torch.tensor([[1, 2], [9, 1]])
    found = ours(places)
    assert torch.equal(found, F.round(layer.weight, "fp8_e4m3")[places])
    found.sum().backward()
    assert ours.weight.grad[1].tolist() == [2.0] * 4 and not ours.weight.grad[2].any()


class Network(nn.Module):
    """One of everything."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.pool = nn.AvgPool2d(2)
        self.norm = nn.LayerNorm(16)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.gelu, self.head = nn.GELU(), nn.Sequential(nn.Linear(64, 10), nn.Softmax(-1))

    def forward(self, x):
        x = self.norm(self.pool(self.conv(x)).flatten(2))
        return self.head(self.gelu(self.attention(x, x, x)[0]).flatten(1))


def converted(arithmetic):
    torch.manual_seed(0)
    kinds = (nn.Conv2d, nn.AvgPool2d, nn.LayerNorm, nn.MultiheadAttention, nn.GELU, nn.Linear)
    return hgt.convert(Network(), dict.fromkeys((*kinds, nn.Softmax), arithmetic))


def test_check_runs_all_layers_again():
    x = drawn(2, 1, 8, 8)
    for arithmetic in (FP8, NOISY):
        with hgt.seed(7):
            found = hgt.check(converted(arithmetic), x)
        assert found.products["conv"] == 2 * 4 * 64 and found.products["head.0"] == 20
        assert set(found.roundings) >= {"norm", "attention", "gelu", "pool", "head.1"}
        assert found.left_out == 0 and "conv: 512 results of products" in str(found)
    assert hgt.check(converted(FP8), x, limit=100).left_out > 0
    with pytest.raises(ValueError, match="check: a layer of the model must have an arithmetic"):
        hgt.check(Network(), x)


def test_check_finds_a_planted_fault(monkeypatch):
    model, x, right = converted(FP8), drawn(2, 1, 8, 8), kernels.Gemm.numbers

    def wrong(self, a, b, **options):
        found = right(self, a, b, **options)
        if found.shape[-1] == 10:
            found[1, 3] += 0.25
        return found

    monkeypatch.setattr(kernels.Gemm, "numbers", wrong)
    message = (
        r"check: head\.0: a=fp8_e4m3 .*result \(1, 3\) must be 0x[0-9a-f]{4} \(.*1 of 20 differ"
    )
    with pytest.raises(hgt.DifferenceError, match=message) as told:
        hgt.check(model, x)
    text = str(told.value)
    assert "the sum begins with 0x" in text and "k = 7: 0x" in text and "56 products more" in text
    monkeypatch.undo()
    quantise = kernels.quantise
    monkeypatch.setattr(
        kernels, "quantise", lambda *given, **options: quantise(*given, **options) * 2
    )
    with pytest.raises(hgt.DifferenceError, match=r"check: conv: format=fp8_e4m3: .* must be 0x"):
        hgt.check(model, x)


def test_models_are_converted_by_rules():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2, 2), nn.Linear(2, 2)
    )
    model[0].register_forward_hook(lambda *_: None)
    rules = {nn.Linear: FP8, nn.Conv2d: NOISY, "4": None, (lambda path, module: path == "3"): NOISY}
    found = hgt.convert(model, rules)
    assert [type(module) for module in found] == [
        hgt.Conv2d,
        nn.ReLU,
        nn.Flatten,
        hgt.Linear,
        nn.Linear,
    ]
    assert found[3].arithmetic == NOISY and type(model[0]) is nn.Conv2d
    assert len(found[0]._forward_hooks) == 1 and found[0].random_key != found[3].random_key
    report = hgt.report(found)
    assert list(report.replaced) == ["0", "3"] and list(report.kept) == ["1", "2", "4"]
    assert "4: Linear, in float" in str(report)
    again = hgt.convert(found, {nn.Linear: FP8})
    assert again[3].arithmetic == FP8 and type(again[4]) is hgt.Linear


def test_encoders_call_their_layers_for_evaluation_too():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2).eval()
    model = hgt.convert(encoder, {"*.linear1": FP8})
    x, padding = drawn(3, 5, 8), torch.tensor([[False] * 4 + [True]] * 3)
    with torch.no_grad():
        found = model(x, src_key_padding_mask=padding)
        checked = hgt.check(model, x)
    x.requires_grad_()
    wanted = model(x, src_key_padding_mask=padding)
    exact = encoder(x, src_key_padding_mask=padding)
    assert torch.equal(found, wanted)
    assert not torch.allclose(found[:, :4], exact[:, :4], atol=1e-3)
    assert {*checked.products} == {f"layers.{i}.linear1" for i in range(2)}


def test_sums_of_nothing_are_the_bias():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # PyTorch says that weights are none.
        layer = nn.Linear(0, 2)
    layer = hgt.convert(layer, {nn.Linear: FP8})
    x = torch.zeros(3, 0, requires_grad=True)
    found = layer(x)
    found.sum().backward()
    rounded = F.round(layer.bias, "fp16")
    assert torch.equal(found, rounded.expand(3, 2)) and x.grad.shape == (3, 0)
    assert layer.bias.grad.tolist() == [3.0, 3.0]


def test_parts_of_an_attention_have_words_of_their_own(monkeypatch):
    from holigrail_hw.torch import computing

    asked, source = [], computing.source

    def heard(key, operation, batch=0):
        asked.append((key, operation, batch))
        return source(key, operation, batch)

    monkeypatch.setattr(computing, "source", heard)
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    layer = hgt.convert(layer, {nn.MultiheadAttention: hgt.Arithmetic(forward=ROUGH)})
    with hgt.seed(1):
        layer(*[drawn(2, 3, 4)] * 3)
    assert len(asked) == len({*asked}) == 3 + 4 + 1 + 4 + 1


def test_all_refusals_come_at_once():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.GRU(2, 2), nn.Linear(2, 2))
    model.pool, model.attention = (
        nn.AvgPool2d(2, ceil_mode=True),
        nn.MultiheadAttention(4, 2, kdim=3),
    )
    nn.utils.parametrize.register_parametrization(model[2], "weight", nn.Identity())
    rules = {"*": FP8, "missing*": FP8}
    with pytest.raises(ValueError) as told:
        hgt.convert(model, rules)
    for text in (
        "convert: a layer must fit the pattern 'missing*', but none does",
        "0 (BatchNorm1d) must be one of Linear, Conv1d",
        "1 (GRU) must be one of",
        "2 (ParametrizedLinear) must be converted before it is parametrised",
        "pool (AvgPool2d): ceil_mode must be False",
        "attention (MultiheadAttention): kdim and vdim must be embed_dim",
    ):
        assert text in str(told.value)
    with pytest.raises(
        ValueError, match=r"a rule must be for a type.*not 3; 'a' must have an Arith"
    ):
        hgt.convert(model, {3: FP8, "a": "fp8"})
    with pytest.raises(TypeError, match="Linear: arithmetic must be an Arithmetic, not 'fp8'"):
        hgt.Linear(2, 2, arithmetic="fp8")
    with pytest.raises(ValueError, match="MultiheadAttention: add_zero_attn must be False"):
        hgt.MultiheadAttention(4, 2, add_zero_attn=True, arithmetic=FP8)


def test_copies_and_other_devices():
    model, x = converted(FP8), drawn(2, 1, 8, 8)
    wanted = model(x)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(x), wanted)
    empty = copy.deepcopy(model).to("meta")
    assert empty(x.to("meta")).shape == (2, 10)
    empty.to_empty(device="cpu").load_state_dict(model.state_dict())
    assert torch.equal(empty(x), wanted)
    with pytest.raises(
        ValueError, match="tensors must be on one device, not a on cpu and b on meta"
    ):
        copy.deepcopy(model[0] if isinstance(model, nn.Sequential) else model.head).to("meta")(
            drawn(2, 64)
        )
    with torch.autocast("cpu"):
        assert torch.equal(model(x), wanted)


@pytest.mark.filterwarnings("ignore")
def test_graphs_compute_the_same():
    model, x = converted(FP8), drawn(2, 1, 8, 8)
    wanted = model(x)
    wanted.square().sum().backward()
    grads = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    found = compiled(x)
    found.square().sum().backward()
    assert torch.equal(found, wanted)
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads, strict=True))
    exported = torch.export.export(model, (x,))
    assert torch.equal(exported.module()(x), wanted)
    targets = [node.target for node in exported.graph.nodes]
    assert targets.count(torch.ops.holigrail.gemm.default) == 13
    texts = {node.args[3] for node in exported.graph.nodes if "gemm" in str(node.target)}
    assert E4M3.text in texts


TRAINING = """
import torch
import holigrail_hw.torch as hgt
from torch import nn

rough = hgt.Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="e5m4", rounding="stochastic")
noisy = hgt.Conversion(format="fp8_e4m3", rounding="stochastic")
how = hgt.Arithmetic(forward=rough, grad_weight=rough, input=noisy)

def train(steps, start=None):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    model, data = hgt.convert(model, {nn.Linear: how}), torch.randn(64, 8)
    optimizer, seed = torch.optim.SGD(model.parameters(), 0.1), hgt.seed(5)
    if start:
        model.load_state_dict(torch.load(start)["model"])
        seed.load_state_dict(torch.load(start)["seed"])
    with seed:
        for _ in range(steps):
            optimizer.zero_grad()
            model(data).square().mean().backward()
            optimizer.step()
            hgt.advance()
            torch.rand(3)
    return {"model": model.state_dict(), "seed": seed.state_dict()}
"""


def test_the_same_seed_gives_the_same_checkpoint(tmp_path):
    """In two processes, with other threads, other random numbers of PyTorch, and after a pause."""
    space: dict = {}
    exec(TRAINING, space)
    here = space["train"](6)
    torch.save(space["train"](4), tmp_path / "half.pt")
    resumed = space["train"](2, tmp_path / "half.pt")
    path = tmp_path / "other.pt"
    program = f"{TRAINING}\ntorch.set_num_threads(1)\ntorch.save(train(6), {str(path)!r})"
    subprocess.run([sys.executable, "-c", program], check=True)
    other = torch.load(path)
    assert here["seed"] == resumed["seed"] == other["seed"] == {"seed": 5, "training_step": 6}
    for name, value in here["model"].items():
        assert torch.equal(value, other["model"][name]) and torch.equal(
            value, resumed["model"][name]
        )


def test_words_depend_on_seed_step_path_and_operation():
    x, how = torch.full((1000,), 1 / 3), hgt.Conversion(format="fp8_e4m3", rounding="stochastic")
    with hgt.seed(1) as seed:
        first, again = F.round(x, how, key=3), F.round(x, how, key=3)
        other = [F.round(x, how, key=4), F.round(x, how, key=3, operation="weight")]
        other.append(F.round(x, how, key=part_key(3, 1)))
        with hgt.seed(2):
            other.append(F.round(x, how, key=3))
        seed.advance()
        other.append(F.round(x, how, key=3))
    assert torch.equal(first, again) and not any(torch.equal(first, found) for found in other)
    assert sorted(OPERATIONS.values()) == list(range(8))
    model = nn.Sequential(hgt.Linear(2, 2, arithmetic=FP8), hgt.Linear(2, 2, arithmetic=FP8))
    assert [module.random_key for module in model] == [0, 0]
    hgt.seed(1, model)
    assert model[0].random_key != model[1].random_key
    with pytest.raises(ValueError, match="Philox: seed must be between 0 and"):
        hgt.seed(-1)


@pytest.mark.parametrize("width", [2, 4, 8, 13])
def test_means_of_stochastic_roundings(width):
    """Within four standard deviations; words of few bits move the mean by what they cannot tell."""
    count = 1 << 16
    for fraction in (0.25, 0.5, 0.75, 0.9):
        how = hgt.Conversion(format="int8", rounding="stochastic", random_width=width)
        with hgt.seed(11):
            mean = float(F.round(torch.full((count,), 3 + fraction), how).mean()) - 3
        chance = np.floor(fraction * 2**width) / 2**width
        assert abs(mean - chance) < 4 * np.sqrt(chance * (1 - chance) / count) + 1e-9


def test_without_a_compiler_layers_compute_the_same(monkeypatch):
    model, x = converted(NOISY), drawn(2, 1, 8, 8)
    with hgt.seed(3):
        wanted = model(x)
    monkeypatch.setattr(compiled_library, "load", lambda *_: None)
    monkeypatch.setattr(compiled_library, "why_not", lambda _: "no C++ compiler found (g++)")
    kernels.library._warn.cache_clear()
    with warnings.catch_warnings(record=True) as told, hgt.seed(3):
        warnings.simplefilter("always")
        found = model(x)
    kernels.library._warn.cache_clear()
    assert torch.equal(found, wanted)
    texts = [str(warning.message) for warning in told]
    assert len(texts) == 1 and texts[0].startswith("kernels: loops in NumPy compute the same")


def test_without_pytorch_the_error_says_what_to_install():
    program = "import sys; sys.modules['torch'] = None; import holigrail_hw.torch"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.returncode == 1
    assert "PyTorch must be installed; try `pip install holigrail_hw[torch]`" in found.stderr
