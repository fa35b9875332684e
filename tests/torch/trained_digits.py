"""Small networks that are trained on the images of digits that come with the package."""

from functools import cache

import numpy as np
import torch
from torch import nn

import holigrail_hw.torch as hgt
from holigrail_hw.models import shipped

BIAS = "sfix16_en10"


@cache
def digits():
    """Images as rows of 64 numbers from 0 to 1, and classes: for training, then for tests."""
    found = []
    for name in ("digits-training", "digits"):
        arrays = np.load(shipped.data(name))
        x = arrays["x"].reshape(-1, 64) / 16
        found += [torch.tensor(x, dtype=torch.float32), torch.tensor(arrays["y"].astype(np.int64))]
    return found


def train(model, epochs=6, optimizer=None):
    """Trains in place; the accuracy that a training prints, of the 360 images for tests."""
    # On a busy machine threads of PyTorch wait for each other.
    torch.set_num_threads(1)
    x, y, test_x, test_y = digits()
    optimizer = optimizer or torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    generator = torch.Generator().manual_seed(1)
    model.train()
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        for chosen in order[: len(x) // 64 * 64].reshape(-1, 64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        return float((model(test_x).argmax(1) == test_y).double().mean())


def layer(inputs, outputs, *weights):
    """A matrix whose weights pass parametrisations, with a bias of fixed point."""
    found = nn.Linear(inputs, outputs)
    for each in weights:
        hgt.attach(found, each)
    return hgt.attach(found, hgt.Quantize(BIAS), "bias")


def perceptron(weights, activation="uint4", hidden=16):
    """Images of 5 bits, a hidden layer, logits; ``weights()`` gives parametrisations."""
    torch.manual_seed(0)
    return nn.Sequential(
        hgt.Quantize("uint5", 1 / 16),
        layer(64, hidden, *weights()),
        nn.ReLU(),
        hgt.Quantize(activation, hgt.PowerOfTwo()),
        layer(hidden, 10, *weights()),
    )
