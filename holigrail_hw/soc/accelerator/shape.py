"""The parameters of an accelerator, and what follows from them."""

from dataclasses import dataclass
from typing import ClassVar

from holigrail_hw.core import Engine, Stream, parameter
from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import GivenFile
from holigrail_hw.formats import parse
from holigrail_hw.nn.network.model import MODEL_FILE
from holigrail_hw.soc.hardware.style import MEMORIES, Style
from holigrail_hw.soc.machine import Machine
from holigrail_hw.soc.registers.requests import PROFILE, READ, START, WRITE
from holigrail_hw.soc.system.presets import PRESETS, PROCESSORS

__all__ = ["PROFILE", "READ", "START", "WITH_MODEL", "WRITE", "AcceleratorShape"]

# Sizes where none are asked for: with a network, and without.
WITH_MODEL = {"activation_depth": 2048, "accumulator_depth": 128, "processor": "picorv32"}
_ALONE = {"activation_depth": 256, "accumulator_depth": 64, "scratchpad": 8192}


@dataclass(frozen=True, kw_only=True)
class AcceleratorShape(Engine):
    """Sizes of an accelerator, and its streams."""

    # A chain of descriptors may take that long before it answers.
    quiet_cycles: ClassVar[int] = 1 << 20

    rows: int = parameter(4, "rows of the array: 2, 4, 8 or 16", low=2, high=16, samples=(2,))
    columns: int = parameter(
        4, "columns of the array: 2, 4, 8 or 16, from half to twice the rows", low=2, high=16
    )
    activation_depth: int | None = parameter(
        None,
        "vectors that a command of the engine can hold; 2048 with a model and 256 without if none",
        low=2,
        high=(1 << 16) - 1,
        samples=(256,),
    )
    accumulator_depth: int | None = parameter(
        None,
        "vectors of sums that it can hold; 128 with a model and 64 without if none",
        low=1,
        high=(1 << 15),
        samples=(16,),
    )
    lane_count: int | None = parameter(
        None,
        "lanes of requantisation that the columns share, a divisor of their number; one each if"
        " none",
        low=1,
        high=16,
        samples=(2,),
    )
    scratchpad: int | None = parameter(
        None,
        "bytes of memory, a multiple of 64; if none, what a model takes, and 8192 without one",
        low=64,
        high=1 << 20,
        samples=(4096,),
    )
    maximum: bool = parameter(
        True, "whether maxima of windows (max pooling) are supported", samples=(False,)
    )
    loader: bool = parameter(
        False,
        "whether blocks of a flash memory are loaded beside what is computed",
        samples=(True,),
    )
    wide_parameters: bool = parameter(
        False,
        "whether biases may have 32 bits, in records of 16 bytes",
        samples=(True,),
    )
    line_buffer: int = parameter(
        0,
        "pixels of a row that a unit for depthwise layers with windows of 3 x 3 can hold; no unit"
        " if 0",
        low=0,
        high=4096,
        samples=(16,),
    )
    addition: bool = parameter(
        True, "whether sums of two tensors, and tables, are supported", samples=(False,)
    )
    memory: str = parameter(
        "block",
        "what the scratchpad and the engine's vectors lie in: block memories, or large ones with a"
        " single port (iCE40 UP5K)",
        choices=MEMORIES,
    )
    serial_checks: bool = parameter(
        False,
        "whether descriptors are checked a bit per cycle, and only cycles are counted",
        samples=(True,),
    )
    patience: int = parameter(
        20,
        "a descriptor that moves no data for 2 to this power of cycles ends with an error",
        low=8,
        high=31,
        samples=(12,),
    )

    model: GivenFile | None = parameter(
        None, "a network to ask about and to verify with", kind=MODEL_FILE, hardware=False
    )
    runtime: str = parameter(
        "litert",
        "runtime whose kernels an int8 TFLite file is meant for",
        choices=("litert", "tflm"),
        samples=("litert",),
        hardware=False,
    )

    processor: str | None = parameter(
        None,
        "processor of the whole system on a board; if none, picorv32 if there is a model",
        choices=("none", *PROCESSORS),
        samples=("none",),
        hardware=False,
    )
    preset: str = parameter(
        "fast",
        "size of picorv32: shifts bit by bit, shifts in one cycle, or products in one cycle, too",
        choices=tuple(PRESETS),
        samples=("fast",),
        hardware=False,
    )

    def check(self) -> list[str]:
        try:
            self.machine  # noqa: B018
        except RequestError as error:
            return [line.removeprefix("machine: ") for line in str(error).splitlines()]
        if self.columns % (self.lane_count or self.columns):
            return [f"lane_count must divide {self.columns} columns, not be {self.lane_count}"]
        if self.line_buffer and self.style.has_one_port:
            return [
                f"line_buffer must be 0 with a {self.memory} memory, which is read or written, not"
                f" {self.line_buffer}"
            ]
        return []

    @property
    def form(self) -> str:
        """Of the processor: the preset of one that has some, else its name."""
        return self.preset if self.processor == "picorv32" else self.processor or "none"

    @property
    def style(self) -> Style:
        """What the hardware is made of."""
        return Style(memory=self.memory, serial=self.serial_checks)

    @property
    def machine(self) -> Machine:
        """The sizes, as compilers and descriptors need them."""
        return Machine(
            rows=self.rows,
            columns=self.columns,
            activation_depth=self.activation_depth or _ALONE["activation_depth"],
            accumulator_depth=self.accumulator_depth or _ALONE["accumulator_depth"],
            scratchpad=self.scratchpad or _ALONE["scratchpad"],
            maximum=self.maximum,
            loader=self.loader,
            wide_parameters=self.wide_parameters,
            line_buffer=self.line_buffer,
            addition=self.addition,
        )

    def streams(self) -> dict[str, Stream]:
        word = parse("uint32")
        request = {"operation": parse("uint2"), "address": parse("uint24"), "data": word}
        found = {
            "request": Stream("in", request),
            "answer": Stream("out", {"data": word, "cycles": word}),
        }
        if not self.loader:
            return found
        fetch = {"address": parse("uint24"), "words": parse("uint23")}
        return found | {"fetch": Stream("out", fetch), "block": Stream("in", {"data": word})}
