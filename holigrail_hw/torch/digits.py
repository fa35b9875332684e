"""Handwritten digits, from training to the files that build their hardware.

Usage: python -m holigrail_hw.torch.digits fp8|powers [--epochs N] [--seed N] [--hidden N]
       [--output FOLDER] [--no-simulation]

One hidden layer, trained on the 1437 images that come with the package and judged by the 360 for
tests. ``fp8``: products of E4M3, gradients of E5M2, all sums in E5M10, one rounding a step; the
hardware is the matrix engine. ``powers``: weights are powers of two, so that the hardware has no
adder for a product. The same seed gives the same files.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from holigrail_hw.core import Timing
from holigrail_hw.flow.emit import recipe
from holigrail_hw.formats import parse
from holigrail_hw.models import shipped
from holigrail_hw.ui.tables import pairs

from .arithmetic import Arithmetic, Gemm
from .convert import convert
from .exporting.export import exported
from .exporting.network import IntegerNetwork, NumberNetwork
from .methods import fit
from .quantizers import Quantize, Words, attach
from .random import seed as seeded
from .scales import PowerOfTwo

__all__ = ["main"]

_RATE, _MOMENTUM, _LOSS_SCALE = 0.1, 0.9, 1024.0
_POWERS = (0, *(sign << places for places in range(5) for sign in (1, -1)))
_PERIOD_NS, _BOARD = 40.0, "ulx3s"
Data = tuple[Tensor, Tensor]


def images(name: str) -> Data:
    """Images as rows of 64 numbers from 0 to 1, and their classes."""
    with np.load(shipped.data(name)) as arrays:
        x = torch.tensor(arrays["x"].reshape(-1, 64) / 16.0, dtype=torch.float32)
        return x, torch.tensor(arrays["y"].astype(np.int64))


def fp8(hidden: int) -> nn.Module:
    """A network whose three products compute as the engine does."""

    def product(a: str) -> Gemm:
        return Gemm(a=parse(a), b=parse("fp8_e4m3"), accumulator=parse("fp16"))

    how = Arithmetic(
        forward=product("fp8_e4m3"),
        grad_input=product("fp8_e5m2"),
        grad_weight=product("fp8_e5m2"),
    )
    plain = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))
    return convert(plain, {nn.Linear: how})


def powers(hidden: int) -> nn.Module:
    """A network of integers whose weights are powers of two."""

    def layer(inputs: int, outputs: int) -> nn.Module:
        found = attach(nn.Linear(inputs, outputs), Words(_POWERS, 2.0**-4))
        return attach(found, Quantize("sfix16_en10"), "bias")

    return nn.Sequential(
        Quantize("uint5", 1 / 16),
        layer(64, hidden),
        nn.ReLU(),
        Quantize("uint4", PowerOfTwo()),
        layer(hidden, 10),
    )


MAKERS = {"fp8": fp8, "powers": powers}


def trained(kind: str, hidden: int, epochs: int, seed: int) -> nn.Module:
    """A network, trained; in one thread, so that sums of floats have one order."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = MAKERS[kind](hidden)

    def optimizer(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, _RATE, momentum=_MOMENTUM)

    with seeded(seed, model):
        fit(
            model,
            images("digits-training"),
            optimizer,
            epochs=epochs,
            seed=seed,
            scale=_LOSS_SCALE if kind == "fp8" else 1.0,
        )
    return model.eval()


def written(network: IntegerNetwork | NumberNetwork, folder: Path) -> list[Path]:
    """The files of a network, and of an engine its recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [folder / f"{network.name}.json"]
    network.to_json(found[0])
    if isinstance(network, IntegerNetwork):
        found.append(folder / f"{network.name}.onnx")
        network.to_qonnx(found[-1])
    else:
        found.append(folder / f"{network.name}.toml")
        timing = Timing(period_ns=_PERIOD_NS, device="ecp5")
        summary = "the matrix engine of a network in FP8"
        found[-1].write_text(recipe.text(network.design(), timing, _BOARD, summary))
    return found


def run(
    kind: str, hidden: int, epochs: int, seed: int, folder: Path, simulate: bool
) -> dict[str, Any]:
    """Trains, exports, simulates and writes; what is said about it."""
    model = trained(kind, hidden, epochs, seed)
    x, y = images("digits")
    with torch.no_grad():
        logits = model(x)
    right = 100 * float((logits.argmax(1) == y).double().mean())
    network = exported(model, x, f"digits_{kind}")
    wanted = network.codes_of(logits.double().numpy())
    samples, classes = x.numpy(), y.numpy()
    said: dict[str, Any] = {
        "network": f"64-{hidden}-10, {kind}, {epochs} epochs, seed {seed}",
        "training (%)": f"{right:.2f}",
        "exported (%)": f"{100 * network.accuracy(samples, classes):.2f}",
    }
    if simulate:
        if isinstance(network, NumberNetwork):
            found = network.simulate(samples, network.design())
        else:
            found = network.simulate(samples, network.design("parallel", iterations=0))
        equal = int((found == wanted).sum())
        said["hardware (%)"] = f"{100 * network.accuracy(samples, classes, found):.2f}"
        said["logits"] = f"{equal} of {wanted.size} equal"
    for path in written(network, folder):
        said.setdefault("written", []).append(str(path))
    return said


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit status is 1 if a logit of the hardware differs."""
    parser = argparse.ArgumentParser(
        prog="python -m holigrail_hw.torch.digits",
        description="Trains a network of handwritten digits for hardware, and exports it.",
    )
    parser.add_argument("kind", choices=MAKERS)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hidden", type=int, default=24, help="neurons of the hidden layer")
    parser.add_argument("--output", type=Path, default=Path("out/digits"), metavar="FOLDER")
    parser.add_argument("--no-simulation", action="store_true")
    given = parser.parse_args(arguments)
    for name in ("epochs", "hidden"):
        if getattr(given, name) < 1:
            parser.error(f"{name} must be at least 1, not {getattr(given, name)}")
    said = run(
        given.kind, given.hidden, given.epochs, given.seed, given.output, not given.no_simulation
    )
    pairs(Console(highlight=False), [*said.items()])
    logits = said.get("logits", "")
    return int(bool(logits) and logits.split()[0] != logits.split()[2])


if __name__ == "__main__":
    sys.exit(main())
