"""Parameters of a precision-scalable unit, what must hold among them, and what follows."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.core import OperatorSpec, parameter
from holigrail_hw.formats import FixedFormat, Format, parse

from .mode_names import ModeNames
from .packing import Packing, packing, port_widths, result_width
from .structures import MODES_MEANING, STRUCTURES, Mode, Structure, precisions

__all__ = ["ScalableMacShape"]

_BIT = parse("uint1")


@dataclass(frozen=True, kw_only=True)
class ScalableMacShape(OperatorSpec):
    """Structure, widths and signs of a unit."""

    stateful: ClassVar[bool] = True

    structure: str = parameter(
        "subword-together", "how precision is traded for products", choices=tuple(STRUCTURES)
    )
    width: int = parameter(8, "full width of an operand, in bits", low=2, high=16, samples=(4, 6))
    levels: int = parameter(1, "how often operands can be halved", low=1, high=3)
    modes: tuple[Mode, ...] | None = parameter(None, MODES_MEANING, nothing="all", kind=ModeNames())
    digit: int = parameter(2, "bits of a serial operand in a cycle", low=1, high=4)
    lanes: int = parameter(1, "products that a serial unit adds in a cycle", low=1, high=128)
    signed_activations: bool = parameter(False, "whether activations are signed")
    signed_weights: bool = parameter(True, "whether weights are signed")
    headroom: int = parameter(4, "bits of a sum above those of its widest product", low=0, high=32)
    restart: str = parameter(
        "product", "the sum after clear: with this item's product", choices=("product", "zero")
    )

    def check(self) -> list[str]:
        wrong = self._wrong_width()
        if self.digit not in (1, 2, 4):
            wrong.append(f"digit must be 1, 2 or 4 bits, not {self.digit}")
        if self.lanes > 1 and not self.kind.serial:
            wrong.append(
                f"lanes must be 1 for {self.structure}, which has its products by mode, not"
                f" {self.lanes}; serial-1d and serial-2d have lanes"
            )
        return wrong or self._wrong_modes()

    def _wrong_width(self) -> list[str]:
        if self.width >> self.levels << self.levels == self.width:
            return []
        return [
            f"width must be a multiple of {1 << self.levels} to be halved"
            f" {('once', 'twice', 'three times')[self.levels - 1]}, not {self.width}"
        ]

    def _wrong_modes(self) -> list[str]:
        if self.modes is None:
            return []
        legal = [Mode(a, w) for a in self.precisions for w in self.precisions]
        wrong = [mode for mode in self.modes if mode not in legal]
        if wrong or len({*self.modes}) < len(self.modes):
            once = f"each once, not {','.join(map(str, self.modes))}"
            told = f"not {', '.join(map(str, wrong))}" if wrong else once
            return [
                f"modes must be among {', '.join(map(str, legal))} for {self.structure} of width"
                f" {self.width} with {self.levels} level{'s' * (self.levels > 1)}, {told}"
            ]
        return []

    @property
    def kind(self) -> Structure:
        """What the structure is."""
        return STRUCTURES[self.structure]

    @property
    def precisions(self) -> tuple[int, ...]:
        """Widths that an operand can have."""
        return precisions(self.width, self.levels)

    @property
    def mode_list(self) -> tuple[Mode, ...]:
        """The modes, in the order of their codes; codes beyond the last stand for the last."""
        if self.modes is None:
            return self.kind.modes(self.width, self.levels)
        return self.modes

    @property
    def mode_width(self) -> int:
        """Bits of the port ``mode``; 0 without one."""
        return 0 if self.kind.serial else (len(self.mode_list) - 1).bit_length()

    @property
    def packings(self) -> tuple[Packing, ...]:
        """Where operands and sums of every mode lie; of units without serial operands."""
        given = (self.kind, self.width, self.levels, self.headroom)
        return tuple(packing(*given, mode) for mode in self.mode_list)

    @property
    def activation_digit(self) -> int:
        """Bits of an activation that a serial unit takes in a cycle."""
        return self.digit if self.kind.serial == 2 else self.width

    @property
    def port_widths(self) -> tuple[int, int]:
        """Widths of the words of activations and of weights, in bits."""
        if self.kind.serial:
            return self.lanes * self.activation_digit, self.lanes * self.digit
        return port_widths(self.kind, self.width, self.levels)

    @property
    def result_width(self) -> int:
        """Width of the word of sums, in bits."""
        return result_width(self.kind, self.width, self.levels, self.headroom)

    @property
    def tops(self) -> dict[str, bool]:
        """Operands whose highest digit needs a mark, since it bears a sign: name to whether."""
        return {
            "activation": self.kind.serial == 2 and self.signed_activations,
            "weight": self.kind.serial > 0 and self.signed_weights,
        }

    def inputs(self) -> dict[str, Format]:
        """Words of operands; ``mode``; marks of a serial unit; ``clear``."""
        ports: dict[str, Format] = {
            name: FixedFormat(width, False, 0)
            for name, width in zip(("activation", "weight"), self.port_widths, strict=True)
        }
        if self.mode_width:
            ports["mode"] = parse(f"uint{self.mode_width}")
        if self.kind.serial:
            ports |= {f"top_{name}": _BIT for name, has in self.tops.items() if has}
            ports["advance"] = _BIT
        return ports | {"clear": _BIT}

    def outputs(self) -> dict[str, Format]:
        return {"result": FixedFormat(self.result_width, False, 0)}

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        codes = super().stimulus(rng, count)
        # Rare clears let sums grow; a mode lasts for some items.
        for name, share in (("clear", 0.06), ("advance", 0.3)):
            if name in codes:
                codes[name] = (rng.random(count) < share).astype(codes[name].dtype)
        if "mode" in codes:
            changes = rng.random(count) < 0.4
            codes["mode"] = codes["mode"][np.maximum.accumulate(np.where(changes, range(count), 0))]
        return codes
