"""An accelerator for quantised networks: a matrix engine with memory and chains of descriptors.

All that a network needs lies in one scratchpad: activations, weights, parameters of channels, and
descriptors of 64 bytes. A descriptor is a convolution, a depthwise convolution, a dense layer or an
average pool, all as matrix products with addresses of six nested loops; or an addition, a maximum
pool, a copy or a fill. A chain of them is an inference::

    requests -> scratchpad <-> readers -> matrix engine | adder | maxima -> writer -> scratchpad

References: Genc et al., "Gemmini", DAC 2021; Sijstermans, "The NVIDIA deep learning accelerator",
Hot Chips 2018; Jacob et al., 2018, for the arithmetic.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core import Target, Timing, operator
from holigrail_hw.core.accesses import Accesses
from holigrail_hw.core.site import Site
from holigrail_hw.core.views import Table, View
from holigrail_hw.core.whole_system import WholeSystem
from holigrail_hw.soc.compiler.documents import image_header, manifest

from .cost import accelerator_cost
from .golden import accelerator_golden
from .jobs import corner_chains, random_job
from .network import frame_job, network_facts, network_of, program_of, sized
from .shape import AcceleratorShape
from .tables import network_accesses
from .views import accelerator_views, network_tables

__all__ = ["Accelerator"]


@operator(
    "accelerator",
    summary="a matrix engine with memory and chains of descriptors: whole quantised networks",
    references=(
        "H. Genc et al., Gemmini: Enabling systematic deep-learning architecture evaluation, 2021",
        "F. Sijstermans, The NVIDIA deep learning accelerator, Hot Chips 2018",
        "B. Jacob et al., Quantization and Training of Neural Networks for Efficient "
        "Integer-Arithmetic-Only Inference, 2018",
    ),
)
@dataclass(frozen=True, kw_only=True)
class Accelerator(AcceleratorShape):
    """Words of a scratchpad, and chains of descriptors in it, a request at a time.

    Operations: 0 reads the word at a byte address, 1 writes it, 2 starts the chain at an address, 3
    asks for the cycles of a descriptor of the latest chain, the address modulo 32. All but a write
    are answered: with the word; with the status register once the chain has ended, and the cycles
    of the chain; with the cycles of the descriptor. Words beyond the scratchpad are 0.

    With a loader the data of operation 2 are the address of a chain of loads that begins with it, 0
    for none. A load asks for words by an item of the stream ``fetch``; they come by ``block``. The
    answer comes when both chains have ended.

    Errors in the status: 1 an unknown operation or a wrong check sum; 2 a size is 0 or more than
    the engine holds; 3 an address lies outside or is misaligned; 4 the engine reports an error; 5
    the check sum of a block is wrong; 6 nothing moved for too long; 7 a wait that cannot end. A
    descriptor with error 1, 2, 3 or 7 changes nothing. The chain ends there; the next one works.
    """

    def golden(self, **items: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        return accelerator_golden(self.machine, items)

    def job(self, rng: np.random.Generator, size: int) -> dict[str, dict[str, Any]]:
        return random_job(self, rng, size)

    def corner_jobs(self) -> list[dict[str, dict[str, Any]]]:
        program = program_of(self)
        frames = [] if program is None else [frame_job(program, np.random.default_rng(1))]
        return [*frames, *corner_chains(self)]

    def architecture(self, timing: Timing) -> Any:
        from .core import StreamedAccelerator

        return StreamedAccelerator(self, timing)

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return accelerator_cost(self, timing or Timing())

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        machine, program = self.machine, program_of(self, timing)
        network = {} if program is None else network_facts(program)
        return network | {
            "multipliers": machine.rows * machine.columns,
            "grain": f"{machine.grain} bytes: vectors begin at multiples of it",
            "digest": f"{machine.digest:08x}, of images for these sizes",
        }

    def on(self, site: Site) -> "Accelerator":
        """With a model, what is not asked for is what the network takes."""
        return sized(self) if self.model is not None else self

    def whole_system(self, timing: Timing | None = None) -> WholeSystem | None:
        if self.processor in (None, "none"):
            return None
        from ..system.served import ServedAccelerator, inner

        network = network_of(self, timing and inner(timing))
        return ServedAccelerator(
            self.machine, self.form, self.lane_count, network, self.patience, self.style
        )

    def tables(self, timing: Timing | None = None) -> list[Table]:
        program = program_of(self, timing)
        return [] if program is None else network_tables(program)

    def accesses(self, timing: Timing | None = None) -> Accesses | None:
        program = program_of(self, timing)
        return None if program is None else network_accesses(program, self.lane_count)

    def companions(self, timing: Timing | None = None) -> Mapping[str, bytes]:
        """The network's image with what says where all of it is, and the system's files."""
        program = program_of(self, timing)
        found: dict[str, bytes] = {}
        if program is not None:
            text = json.dumps(manifest(program), indent=2) + "\n"
            found = {
                ".image": program.image,
                "_image.h": image_header(program).encode(),
                "_image.json": text.encode(),
            }
        if self.processor in (None, "none"):
            return found
        from ..system.files import system_files

        return found | system_files(self.form)

    def companion_designs(self, timing: Timing | None = None) -> Mapping[str, Any]:
        """The system with the processor, firmware in its memory."""
        if self.processor in (None, "none"):
            return {}
        from ..system.files import system_of

        system = system_of(
            self.machine, self.form, self.lane_count, timing, self.patience, self.style
        )
        return {"_system": system}

    def views(self, target: Target | None = None) -> list[View]:
        target = target or Target()
        return accelerator_views(self, program_of(self, target.timing), target)
