"""The devices `synth` knows: how each is synthesised, placed and routed, and how its cells count.

The delay models of ``estimate/devices`` are measured on these targets; ``Target.model`` names the
one that fits.
"""

import re
from dataclasses import dataclass, field

from holigrail_hw.core.errors import RequestError

__all__ = ["TARGETS", "Target", "target"]

_ICE40_COUNTS = {
    "luts": {"SB_LUT4": 1},
    "carries": {"SB_CARRY": 1},
    "dsps": {"SB_MAC16": 1},
    "memories": {"SB_RAM40_4K": 1, "SB_SPRAM256KA": 1},
}
_ECP5_COUNTS = {
    "luts": {"LUT4": 1},
    "carries": {"CCU2C": 1},
    "dsps": {"MULT18X18D": 1, "ALU54B": 1},
    "memories": {"DP16KD": 1, "PDPW16KD": 1, "TRELLIS_DPR16X4": 1},
}
_GOWIN_COUNTS = {
    "luts": {"LUT1": 1, "LUT2": 1, "LUT3": 1, "LUT4": 1},
    "carries": {"ALU": 1},
    "dsps": {"MULT9X9": 1, "MULT18X18": 1, "MULT36X36": 1, "MULTALU18X18": 1, "MULTALU36X18": 1},
    "memories": {"SP": 1, "SDPB": 1, "SDPX9B": 1, "DPB": 1, "DPX9B": 1, "RAM16SDP4": 1},
}
_FLIP_FLOPS = {"ice40": r"SB_DFF", "ecp5": r"TRELLIS_FF", "gowin": r"DFF", "gates": r"\$_\w*DFF"}


@dataclass(frozen=True)
class Target:
    """One device.

    ``synthesis`` is the Yosys command; ``without_dsp`` tells it to leave products alone, and
    ``without_pads`` to leave the ports as they are.
    ``placer`` starts with the tool's name; ``pins`` places the three pins of the harness where the
    tool insists on it. ``counts`` says which cells make a look-up table (LUT), a carry cell, a DSP
    block or a memory, as Yosys names them. ``frequency`` is what place and route aims at, in MHz,
    when nothing is asked. ``room`` is what the device has: ``luts`` of four inputs, ``flip_flops``,
    ``memory_bits`` in blocks of its logic, ``dsps`` that make one product each, and the
    ``large_memory_bits`` of memories that nothing can be written into beforehand.
    """

    name: str
    summary: str
    family: str
    model: str
    synthesis: str
    without_dsp: str = ""
    without_pads: str = ""
    placer: tuple[str, ...] = ()
    pins: dict[str, str] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    has_dsp: bool = False
    frequency: float = 100.0
    room: dict[str, int] = field(default_factory=dict)

    def count(self, cells: dict[str, int], kind: str) -> int:
        """How many ``luts``, ``carries``, ``flip_flops``, ``dsps`` or ``memories`` are in cells."""
        if kind == "flip_flops":
            pattern = _FLIP_FLOPS[self.family]
            return sum(number for cell, number in cells.items() if re.match(pattern, cell))
        weights = self.counts.get(kind, {})
        return sum(weight * cells.get(cell, 0) for cell, weight in weights.items())


# The 12k is a 25k, sold with fewer look-up tables.
_ECP5_ROOM = {
    "12k": (12144, 32, 28),
    "25k": (24288, 56, 28),
    "45k": (43848, 108, 72),
    "85k": (83640, 208, 156),
}


def _room(
    luts: int, memory_bits: int, dsps: int, *, flip_flops: int | None = None, large: int = 0
) -> dict[str, int]:
    return {
        "luts": luts,
        # One behind each look-up table, unless said otherwise.
        "flip_flops": luts if flip_flops is None else flip_flops,
        "memory_bits": memory_bits,
        "large_memory_bits": large,
        "dsps": dsps,
    }


def _ecp5(size: str) -> Target:
    luts, memories, dsps = _ECP5_ROOM[size]
    return Target(
        name=f"ecp5-{size}",
        summary=f"Lattice ECP5 LFE5U-{size[:-1]}F, speed grade 6",
        family="ecp5",
        model="ecp5",
        synthesis="synth_ecp5",
        without_dsp="-nodsp",
        placer=("nextpnr-ecp5", f"--{size}", "--package", "CABGA381", "--speed", "6"),
        counts=_ECP5_COUNTS,
        has_dsp=True,
        frequency=150.0,
        room=_room(luts, memories * 18432, dsps),
    )


_TARGETS = (
    Target(
        name="generic",
        summary="gates with up to four inputs, no place and route",
        family="gates",
        model="generic",
        synthesis="synth -flatten -noabc",
    ),
    Target(
        name="ice40up5k",
        summary="Lattice iCE40 UltraPlus UP5K",
        family="ice40",
        model="ice40up5k",
        synthesis="synth_ice40",
        placer=("nextpnr-ice40", "--up5k", "--package", "sg48"),
        counts=_ICE40_COUNTS,
        has_dsp=True,
        frequency=30.0,
        room=_room(5280, 30 * 4096, 8, large=4 << 18),
    ),
    Target(
        name="ice40hx8k",
        summary="Lattice iCE40 HX8K",
        family="ice40",
        model="ice40hx8k",
        synthesis="synth_ice40",
        placer=("nextpnr-ice40", "--hx8k", "--package", "ct256"),
        counts=_ICE40_COUNTS,
        frequency=100.0,
        room=_room(7680, 32 * 4096, 0),
    ),
    *(_ecp5(size) for size in ("12k", "25k", "45k", "85k")),
    Target(
        name="gw1n-9c",
        summary="Gowin GW1NR-9C, grade C6/I5",
        family="gowin",
        model="generic",
        synthesis="synth_gowin",
        without_dsp="-nodsp",
        without_pads="-noiopads",
        placer=(
            "nextpnr-himbaechel-gowin",
            "--device",
            "GW1NR-LV9QN88PC6/I5",
            "--vopt",
            "family=GW1N-9C",
        ),
        pins={"clk": "52", "harness_in": "25", "harness_out": "26"},
        counts=_GOWIN_COUNTS,
        has_dsp=True,
        frequency=50.0,
        room=_room(8640, 26 * 18432, 20, flip_flops=6480),
    ),
)

_ALIASES = {"ecp5": "ecp5-85k", "up5k": "ice40up5k", "hx8k": "ice40hx8k", "gowin": "gw1n-9c"}

TARGETS: dict[str, Target] = {entry.name: entry for entry in _TARGETS}


def target(name: str, who: str = "synth") -> Target:
    """The target called ``name``; short names such as ``ecp5`` and ``up5k`` are understood.

    Raises
    ------
    RequestError
        If there is none.
    """
    known = TARGETS.get(_ALIASES.get(name, name))
    if known is None:
        names = ", ".join([*TARGETS, *_ALIASES])
        raise RequestError(f"{who}: device must be one of {names}, not {name!r}")
    return known
