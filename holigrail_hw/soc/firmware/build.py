"""Firmware built from its sources by ``ziglang`` (extra ``firmware``) or a RISC-V gcc.

The programmes in ``prebuilt`` are what ``ziglang`` of the version in their manifest makes, byte for
byte: its output depends on the sources only.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from struct import unpack_from
from tempfile import TemporaryDirectory

from holigrail_hw.core.errors import ToolError
from holigrail_hw.soc.registers.documents import as_c

__all__ = ["PRESETS", "Firmware", "build", "prebuilt", "sources", "zig_version"]

_HERE = Path(__file__).parent
_SOURCES, _PREBUILT = _HERE / "sources", _HERE / "prebuilt"
_UNITS = ("start.S", "driver.c", "softmax.c", "main.c")
_GCC = ("riscv64-unknown-elf-gcc", "riscv32-unknown-elf-gcc")
MEMORY_BYTES = 8192
_LOAD, _PROGRAM_HEADERS, _HEADER_COUNT, _HEADER_SIZE = 1, 28, 44, 32
PRESETS = {"rv32i": "", "rv32im": "+m"}
"""Instruction sets, with what Zig calls them."""


@dataclass(frozen=True)
class Firmware:
    """A programme from address 0 on, and the tool that made it."""

    name: str
    code: bytes
    tool: str

    @property
    def sha256(self) -> str:
        """Of its bytes."""
        return sha256(self.code).hexdigest()

    def words(self, count: int = MEMORY_BYTES // 4) -> list[int]:
        """As the first contents of a memory of words."""
        padded = self.code + bytes(4 * count - len(self.code))
        return [*unpack_from(f"<{count}I", padded)]


def sources(memory: int = MEMORY_BYTES) -> dict[str, str]:
    """All sources by name, for a memory of so many bytes, the header of the registers included."""
    files = sorted(p for p in _SOURCES.iterdir() if p.suffix in (".S", ".c", ".h", ".ld"))
    texts = {p.name: p.read_text(encoding="utf-8") for p in files} | {"registers.h": as_c()}
    return texts | {"link.ld": texts["link.ld"].replace("FIRMWARE_BYTES", str(memory))}


def prebuilt(name: str) -> Firmware:
    """A programme that comes with the package: a key of :data:`PRESETS`."""
    known = json.loads((_PREBUILT / "manifest.json").read_text(encoding="utf-8"))
    return Firmware(name, (_PREBUILT / f"{name}.bin").read_bytes(), known["tool"])


def zig_version() -> str | None:
    """The version of the package ``ziglang``; None if it is not there."""
    if importlib.util.find_spec("ziglang") is None:
        return None
    found = subprocess.run(
        [sys.executable, "-m", "ziglang", "version"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or None


def build(
    name: str,
    *,
    main: Path | None = None,
    memory: int = MEMORY_BYTES,
    cache: Path | None = None,
) -> Firmware:
    """A programme, by Zig or else by a RISC-V gcc (``GCC`` names another one).

    Parameters
    ----------
    name : str
        A key of :data:`PRESETS`.
    main : Path or None
        A file in C that takes the place of ``main.c``; it can include ``accelerator.h``.
    memory : int
        Bytes of the processor's memory.
    cache : Path or None
        A folder for what Zig keeps: about 50 MB. It is made anew each time if none is given.

    Raises
    ------
    ToolError
        If there is no compiler, or it fails.
    """
    with TemporaryDirectory() as made:
        folder = Path(made)
        for file, text in sources(memory).items():
            (folder / file).write_text(text, encoding="utf-8")
        if main is not None:
            (folder / "main.c").write_bytes(main.read_bytes())
        tool, command = _command(name)
        kept = cache or folder / "cache"
        kept.mkdir(parents=True, exist_ok=True)
        surroundings = dict(os.environ)
        surroundings |= {f"ZIG_{kind}_CACHE_DIR": str(kept) for kind in ("GLOBAL", "LOCAL")}
        done = subprocess.run(
            [*command, "-o", "firmware.elf", *_UNITS],
            cwd=folder,
            env=surroundings,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line]
            said = lines[0] if lines else f"status {done.returncode}"
            raise ToolError(f"firmware: {tool} must compile it, not stop: {said}")
        return Firmware(name, _loaded((folder / "firmware.elf").read_bytes()), tool)


def _command(name: str) -> tuple[str, list[str]]:
    """The compiler with its version, and its command without files."""
    common = ["-Os", "-ffreestanding", "-ffunction-sections", "-Wl,--gc-sections"]
    common += ["-Wl,-T,link.ld", "-std=c99"]
    version = zig_version()
    if version is not None:
        command = [sys.executable, "-m", "ziglang", "cc", "-target", "riscv32-freestanding-none"]
        command += [f"-mcpu=generic_rv32{PRESETS[name]}", "-fno-sanitize=undefined", *common]
        return f"ziglang {version}", command
    for gcc in (os.environ.get("GCC", ""), *_GCC):
        found = shutil.which(gcc) if gcc else None
        if found:
            command = [found, f"-march={name}", "-mabi=ilp32", "-nostdlib", *common]
            return gcc, [*command, "-Wno-main", "-lgcc"]
    raise ToolError(
        "firmware: a compiler for RISC-V must be there: neither ziglang nor a RISC-V gcc is",
        hint="pip install 'holigrail-hw[firmware]', or use the programmes that come with it",
    )


def _loaded(elf: bytes) -> bytes:
    """The bytes of a programme from address 0 on."""
    (start,) = unpack_from("<I", elf, _PROGRAM_HEADERS)
    (count,) = unpack_from("<H", elf, _HEADER_COUNT)
    memory = bytearray()
    for number in range(count):
        kind, offset, _, address, size = unpack_from("<5I", elf, start + _HEADER_SIZE * number)
        if kind == _LOAD and size:
            memory += bytes(max(address + size - len(memory), 0))
            memory[address : address + size] = elf[offset : offset + size]
    return bytes(memory) + bytes(-len(memory) % 4)
