"""A program run by the executor, and its tensors compared with the graph's, layer by layer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core.errors import DesignError
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.softmax import shares_of
from holigrail_hw.soc.descriptors.checks import WHY, Error
from holigrail_hw.soc.descriptors.kinds import Descriptor
from holigrail_hw.soc.executor.execute import Outcome, run

from .buffers import Buffer
from .plans import Step
from .program import FLASH, Program

__all__ = [
    "Difference",
    "answer",
    "executed",
    "finished",
    "first_difference",
    "loaded",
    "tensor_at",
    "told",
]


@dataclass(frozen=True)
class Difference:
    """The first layer whose result is wrong: how many codes differ, and the first of them."""

    layer: str
    source: str
    wrong: int
    place: tuple[int, ...]
    expected: int
    found: int

    @property
    def text(self) -> str:
        """The difference for people."""
        place = ", ".join(map(str, self.place))
        return (
            f"layer {self.layer}, {self.source}: {self.wrong} codes differ, the first at ({place}):"
            f" {self.found}, not {self.expected}"
        )


def loaded(program: Program, frame: Any, fill: int = 0) -> np.ndarray:
    """The scratchpad with a program's image and a frame; the rest is ``fill``."""
    memory = np.full(program.machine.scratchpad, fill, np.uint8)
    memory[: program.resident] = np.frombuffer(program.image[: program.resident], np.uint8)
    at, size = program.input
    codes = np.asarray(frame).reshape(-1).astype(np.int8)
    memory[at : at + size] = codes.view(np.uint8)
    return memory


def tensor_at(memory: np.ndarray, buffer: Buffer) -> np.ndarray:
    """The codes of an image in the scratchpad, as int64."""
    rows, columns, channels = buffer.geometry.image
    at = buffer.first + buffer.geometry.row_step * np.arange(rows)[:, None, None]
    at = at + buffer.geometry.pitch * np.arange(columns)[:, None] + np.arange(channels)
    return memory[at].view(np.int8).astype(np.int64)


def executed(
    program: Program,
    memory: np.ndarray,
    after: Callable[[int, Descriptor], None] | None = None,
    *,
    late: bool = False,
) -> Outcome:
    """The whole chain with its loads, early or late, by the executor; ``memory`` is changed."""
    return run(
        program.machine,
        memory,
        program.start,
        loader_start=program.loader_start,
        flash=bytes(FLASH) + program.image,
        after=after,
        late=late,
    )


def answer(program: Program, memory: np.ndarray) -> np.ndarray:
    """The codes of the network's output, its softmax included, in one row."""
    at, size = program.output
    return finished(program, memory[at : at + size].view(np.int8).astype(np.int64))


def finished(program: Program, codes: np.ndarray) -> np.ndarray:
    """What the processor or the host makes of the accelerator's output: the softmax, if any."""
    if program.network.shares is None:
        return codes
    table = np.zeros(256, np.int64)
    table[: len(program.powers)] = program.powers
    channels = program.network.images[program.network.output][2]
    rows = codes.reshape(-1, channels)
    return shares_of(table[rows.max(axis=-1, keepdims=True) - rows]).reshape(-1)


def told(step: Step, expected: np.ndarray, codes: np.ndarray) -> Difference | None:
    """How the codes of a layer differ from those expected."""
    wrong = np.argwhere(codes != expected)
    if not len(wrong):
        return None
    place = tuple(int(v) for v in wrong[0])
    return Difference(
        step.name, step.source, len(wrong), place, int(expected[place]), int(codes[place])
    )


def first_difference(
    program: Program, graph: IntegerGraph, frame: Any, memory: np.ndarray | None = None
) -> Difference | None:
    """The first layer of a frame that is not what the graph has.

    Parameters
    ----------
    program : Program
        Compiled with all channels, or for a graph without constant ones.
    graph : IntegerGraph
        The graph whose tensors are compared; those of other shapes are left out.
    frame : array of integers
        One frame of the input.
    memory : array of uint8, optional
        The scratchpad, if the frame has been loaded already.

    Raises
    ------
    DesignError
        If the chain ends with an error.
    """
    tensors = graph.evaluate(np.asarray(frame)[None], every=True)
    memory = loaded(program, frame) if memory is None else memory
    found: list[Difference] = []
    lasts = {step.first + step.count - 1: step for step in program.steps}

    def compare(at: int, descriptor: Descriptor) -> None:
        step = lasts.get(at)
        if step is None or found or step.name not in tensors:
            return
        buffer = program.buffers[step.name]
        expected = tensors[step.name][0]
        if expected.size != np.prod(buffer.geometry.image):
            return
        expected = expected.reshape(buffer.geometry.image)
        difference = told(step, expected, tensor_at(memory, buffer))
        if difference is not None:
            found.append(difference)

    outcome = executed(program, memory, compare)
    if outcome.error is not Error.NONE:
        where = program.step_of(outcome.index).name
        raise DesignError(
            f"accelerator: layer {where}, descriptor {outcome.index}: {WHY[outcome.error]}"
        )
    return found[0] if found else None
