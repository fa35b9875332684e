"""A plain host: it writes the image and a frame, starts the chain, and reads the answer.

What a processor beside the accelerator would do, the host does: the softmax of the last codes.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.soc.compiler.buffers import Buffer
from holigrail_hw.soc.compiler.compare import Difference, finished, tensor_at, told
from holigrail_hw.soc.compiler.plans import Step
from holigrail_hw.soc.compiler.program import Program, check_image
from holigrail_hw.soc.descriptors.checks import WHY, Error
from holigrail_hw.soc.machine import DESCRIPTOR_BYTES
from holigrail_hw.soc.registers.memory_map import CONTROL

from .buses import Bus

__all__ = ["AcceleratorHost", "checked_frames"]

_WORD = 4


def checked_frames(program: Program, frames: Any) -> np.ndarray:
    """Frames as int8, (frames, codes).

    Raises
    ------
    RequestError
        If they are no integers, have another size, or are no int8 codes.
    """
    frames = np.asarray(frames)
    size = program.input[1]
    if frames.ndim < 2 or not len(frames) or frames[0].size != size:
        raise RequestError(
            f"accelerator host: frames must have {size} codes each, not the shape {frames.shape}"
        )
    if frames.dtype.kind not in "iu" or frames.min() < -128 or frames.max() > 127:
        raise RequestError("accelerator host: frames must be integers from -128 to 127")
    return frames.reshape(len(frames), -1).astype(np.int8)


class AcceleratorHost:
    """Frames through an accelerator behind a bus.

    Parameters
    ----------
    bus : Bus
        To the accelerator.
    program : Program
        Written at once.

    Attributes
    ----------
    cycles : int
        Of the accelerator, in the latest call of :meth:`run`.

    Raises
    ------
    RequestError
        The accelerator has other sizes than those that the program is for.
    """

    def __init__(self, bus: Bus, program: Program):
        digest = bus.digest()
        if digest is not None:
            check_image(program.image, digest, program.network.name)
        self._bus, self._program, self.cycles = bus, program, 0
        self._write(0, program.image[: program.resident])

    def _write(self, address: int, data: bytes) -> None:
        """Bytes from the address of a word on; behind every tensor there is room for a word."""
        whole = data + bytes(-len(data) % _WORD)
        self._bus.write(address, np.frombuffer(whole, "<u4").tolist())

    def run(self, frames: Any) -> np.ndarray:
        """The codes of the network's output, (frames, codes).

        Parameters
        ----------
        frames : array of integers
            (frames, *shape of the input), channels last.

        Raises
        ------
        RequestError
            Frames of another size, or no int8 codes.
        DesignError
            The accelerator reports an error, or does not answer.
        """
        self.cycles, found = 0, []
        for frame in checked_frames(self._program, frames):
            self._write(self._program.input[0], frame.tobytes())
            word, cycles = self._bus.run(self._program.start, self._program.loader_start)
            self._check(word)
            self.cycles += cycles
            at, size = self._program.output
            words = self._bus.read(at, -(-size // _WORD))
            codes = np.array(words, "<u4").view(np.int8)[:size]
            found.append(finished(self._program, codes.astype(np.int64)))
        return np.stack(found)

    def first_difference(self, graph: IntegerGraph, frame: Any) -> Difference | None:
        """The first layer that the accelerator computes wrong; the rest is not run.

        Every layer is a chain of its own: its last descriptor gets the mark ``last`` for as long.

        Parameters
        ----------
        graph : IntegerGraph
            What the program was compiled from; tensors of other shapes are left out.
        frame : array of integers
            One frame of the input.

        Raises
        ------
        RequestError
            Weights of the program are loaded while it runs, or the frame has another size.
        DesignError
            The accelerator reports an error, or does not answer.
        """
        program = self._program
        if program.loads:
            raise RequestError(
                "accelerator host: layer by layer, all weights must stay in the scratchpad",
                hint="a larger scratchpad",
            )
        codes = checked_frames(program, np.asarray(frame)[None])[0]
        tensors = graph.evaluate(np.asarray(frame).reshape(1, *graph.inputs[0].shape), every=True)
        self._write(program.input[0], codes.tobytes())
        for step in program.steps:
            self._alone(step)
            buffer, expected = program.buffers.get(step.name), tensors.get(step.name)
            if buffer is None or expected is None:
                continue
            image = buffer.geometry.image
            if expected[0].size != np.prod(image):
                continue
            found = told(step, expected[0].reshape(image), tensor_at(self._around(buffer), buffer))
            if found is not None:
                return found
        return None

    def _alone(self, step: Step) -> None:
        """The descriptors of a step, and no others."""
        program, end = self._program, step.first + step.count - 1
        at = program.start + DESCRIPTOR_BYTES * end
        marked = replace(program.descriptors[end], last=1)
        self._write(at, marked.encode())
        try:
            word, _ = self._bus.run(program.start + DESCRIPTOR_BYTES * step.first, None)
        finally:
            self._write(at, program.descriptors[end].encode())
        self._check(word, step.first)

    def _around(self, buffer: Buffer) -> np.ndarray:
        """A scratchpad of which the bytes of a tensor are read."""
        memory = np.zeros(self._program.machine.scratchpad, np.uint8)
        first, count = buffer.base // _WORD, -(-buffer.end // _WORD) - buffer.base // _WORD
        memory.view("<u4")[first : first + count] = self._bus.read(_WORD * first, count)
        return memory

    def _check(self, word: int, first: int = 0) -> None:
        """An error of a chain that begins with descriptor ``first``."""
        status = CONTROL.register("status")
        error = status.part("error").get(word)
        if not error:
            return
        index = first + status.part("index").get(word)
        known = index < len(self._program.descriptors)
        layer = self._program.step_of(index).name if known else "unknown"
        why = WHY[Error(error)] if error in {*Error} else f"error {error}"
        raise DesignError(
            f"accelerator host: layer {layer}, descriptor {index}: the chain must end well, not"
            f" with: {why}"
        )
