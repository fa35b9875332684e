"""The firmware: the programmes that come with the package, run instruction by instruction."""

import ctypes
import importlib.util
import json
import shutil
import subprocess
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from memory_map_device import SCRATCHPAD, Accelerator
from random_networks import Builder
from rv32 import Processor

from holigrail_hw.core import DesignError
from holigrail_hw.models.graph.softmax import powers_of, softmax_codes
from holigrail_hw.models.reading import read
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.program import FLASH
from holigrail_hw.soc.firmware.build import PRESETS, build, prebuilt, sources, zig_version
from holigrail_hw.soc.hosts.firmware_host import FirmwareHost
from holigrail_hw.soc.machine import Machine
from holigrail_hw.soc.registers.documents import as_c, as_csv, as_json, as_svd
from holigrail_hw.soc.registers.memory_map import CONTROL, UART

SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"
MACHINE = Machine(scratchpad=1 << 16)


class Bytes:
    """A device of bytes on top of the words of an accelerator."""

    def __init__(self, accelerator, base):
        self.accelerator, self.base = accelerator, base

    def read(self, offset, size):
        if self.base == SCRATCHPAD:
            return int.from_bytes(self.accelerator.memory[offset : offset + size], "little")
        return self.accelerator.read_word(self.base + offset)

    def write(self, offset, size, value):
        if self.base == SCRATCHPAD:
            data = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
            self.accelerator.memory[offset : offset + size] = np.frombuffer(data, np.uint8)
            return
        assert size == 4
        self.accelerator.write_word(self.base + offset, value)


class Line:
    """The serial line: the processor runs while somebody waits for a line of text."""

    def __init__(self, code, accelerator):
        self.waiting, self.sent = bytearray(), bytearray()
        self.most = 2_000_000
        devices = [
            (UART.base, self),
            (SCRATCHPAD, Bytes(accelerator, SCRATCHPAD)),
            (CONTROL.base, Bytes(accelerator, CONTROL.base)),
        ]
        self.processor = Processor(code, bytes(8192), devices)

    def read(self, offset, size):
        match offset:
            case 0:
                return self.waiting.pop(0)
            case 4:
                return 1 | bool(self.waiting) << 1
            case _:
                return self.processor.count & 0xFFFFFFFF

    # What a port has and what a device has differ in what they are given.
    def write(self, *given):
        if len(given) == 1:
            self.waiting += given[0]
        else:
            self.sent.append(given[2] & 0xFF)

    def readline(self):
        for _ in range(self.most):
            if self.sent.endswith(b"\n") or b"\n" in self.sent:
                break
            self.processor.step()
        line, mark, rest = self.sent.partition(b"\n")
        self.sent = bytearray(rest)
        return bytes(line + mark)


def network():
    made = Builder(6, (4, 4, 3))
    made.convolution((3, 3), (1, 1), 4)
    made.dense(6, once=True)
    made.softmax()
    return made.graph()


@pytest.mark.parametrize("name", PRESETS)
def test_frames_through_the_firmware(name):
    graph = network()
    program = compiled(graph, MACHINE)
    accelerator = Accelerator(MACHINE)
    host = FirmwareHost(Line(prebuilt(name).code, accelerator))
    assert host.digest() == MACHINE.digest
    with pytest.raises(DesignError, match="there is no image in the scratchpad"):
        host._port.write(b"C")
        host._expect("C", "ok")
    host.load(program)
    frames = np.random.default_rng(3).integers(-128, 128, (3, 4, 4, 3))
    assert (host.run(program, frames) == graph.evaluate(frames)).all()
    assert host.cycles == 3 * 1234


def test_the_keyword_spotter_through_the_firmware():
    path = SHARED / "tiny_kws_int8.tflite"
    if not path.exists():
        pytest.skip("the model files in ../shared are not there")
    graph, stored = read(path), np.load(SHARED / "ref" / "tiny_kws_int8.tflite.npz")
    program = compiled(graph, MACHINE)
    accelerator = Accelerator(MACHINE, bytes(FLASH) + program.image)
    line = Line(prebuilt("rv32im").code, accelerator)
    line.write(b"F")
    assert line.readline() == b"ok\n"
    found = FirmwareHost(line).run(program, stored["x"][:1].reshape(1, -1))
    assert found.tolist() == stored["y"][:1].reshape(1, -1).tolist()


def test_errors_are_said():
    program = compiled(network(), MACHINE)
    other = Accelerator(replace(MACHINE, rows=8))
    host = FirmwareHost(Line(prebuilt("rv32im").code, other))
    with pytest.raises(DesignError, match="is for an accelerator with another digest"):
        host.load(program)
    accelerator = Accelerator(MACHINE)
    host = FirmwareHost(Line(prebuilt("rv32im").code, accelerator))
    host.load(program)
    frames = np.zeros((1, 48), int)
    kept = accelerator.memory.copy()
    accelerator.memory[program.start + 64 + 1] ^= 1
    with pytest.raises(DesignError, match="command G, descriptor 1: .* check sum wrong"):
        host.run(program, frames)
    accelerator.memory[:] = kept
    host.run(program, frames)
    assert not host._port.sent


def test_a_line_that_says_nothing_is_an_error():
    class Silent:
        def write(self, data):
            pass

        def readline(self):
            return b"mach"

    with pytest.raises(DesignError, match=r"\? must be answered with a line, not with b'mach'"):
        FirmwareHost(Silent()).digest()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"machine 12x4 image 0", "command ? must be answered with 1 number, not with 12x4"),
        (b"machine", "command ? must be answered with 1 number, not with "),
        (b"error 99 7", "command ?, descriptor 7: error 99"),
        (b"error", "command ? must be answered with 2 numbers, not with "),
        (b"\xff\xfe", "command ? must be answered with machine, not with \ufffd\ufffd"),
    ],
)
def test_what_a_broken_line_says_is_an_error(line, message):
    class Broken:
        def write(self, data):
            pass

        def readline(self):
            return line + b"\n"

    with pytest.raises(DesignError) as caught:
        FirmwareHost(Broken()).digest()
    assert str(caught.value) == f"firmware host: {message}"


def test_a_chain_that_never_ends_is_stopped():
    accelerator = Accelerator(MACHINE)
    line = Line(prebuilt("rv32im").code, accelerator)
    host, program = FirmwareHost(line), compiled(network(), MACHINE)
    host.load(program)
    accelerator.stands = True
    # The timer of a processor that is this slow would take hours.
    fast = line.read
    line.read = lambda offset, size: fast(offset, size) << (14 if offset == 8 else 0)
    with pytest.raises(DesignError, match="the chain did not end in time"):
        host.run(program, np.zeros((1, 48), int))
    assert accelerator.stopped == 1


def test_prebuilt_programmes_are_those_of_the_manifest():
    folder = Path(importlib.util.find_spec("holigrail_hw.soc.firmware.build").origin).parent
    manifest = json.loads((folder / "prebuilt" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["tool"].startswith("ziglang ")
    for name, digest in manifest["sha256"].items():
        one = prebuilt(name)
        assert sha256(one.code).hexdigest() == digest == one.sha256
        assert len(one.code) < 4096
        assert one.words(2048)[: len(one.code) // 4] == np.frombuffer(one.code, "<u4").tolist()
    assert {*manifest["sha256"]} == {*PRESETS}


@pytest.mark.heavy
@pytest.mark.parametrize("name", PRESETS)
def test_prebuilt_programmes_are_what_the_sources_make(name, tmp_path):
    one = prebuilt(name)
    if zig_version() is None or f"ziglang {zig_version()}" != one.tool:
        pytest.skip(f"{one.tool} is not installed")
    assert build(name, cache=tmp_path / "zig").code == one.code


@pytest.mark.heavy
def test_a_main_of_ones_own(tmp_path):
    if zig_version() is None:
        pytest.skip("ziglang is not installed")
    main = tmp_path / "own.c"
    main.write_text(
        '#include "accelerator.h"\n'
        "int main(void) { ACCELERATOR_REGISTER(ACCELERATOR_UART_DATA) = 'x';"
        " ACCELERATOR_REGISTER(ACCELERATOR_UART_DATA) = '\\n'; for (;;) {} }\n"
    )
    made = build("rv32i", main=main, cache=tmp_path / "zig")
    assert Line(made.code, Accelerator(MACHINE)).readline() == b"x\n"


def compiler():
    found = shutil.which("gcc")
    if found is None:
        pytest.skip("gcc is not installed")
    return found


def test_the_softmax_in_c_is_that_of_the_graph(tmp_path):
    for name, text in sources().items():
        (tmp_path / name).write_text(text)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC"]
    subprocess.run([compiler(), *flags, "-o", "s.so", "softmax.c"], cwd=tmp_path, check=True)
    function = ctypes.CDLL(str(tmp_path / "s.so")).accelerator_softmax
    rng = np.random.default_rng(7)
    for mantissa, shift in ((1242899200, 24), (1 << 30, 20), ((1 << 31) - 1, 28)):
        table = powers_of(-np.arange(256), mantissa, shift).astype(np.int32)
        count = int(np.flatnonzero(table).max()) + 1
        for size in (1, 2, 12, 100):
            codes = rng.integers(-128, 128, (60, size)).astype(np.int8)
            for row in codes:
                shares = np.zeros(size, np.int8)
                pointers = (a.ctypes.data_as(ctypes.c_void_p) for a in (row, shares, table))
                given, taken, powers = pointers
                function(given, taken, size, powers, count)
                assert shares.tolist() == softmax_codes(row, mantissa, shift).tolist()


def test_the_sources_compile_without_a_warning(tmp_path):
    """For any target; addresses are only cast."""
    for name, text in sources().items():
        (tmp_path / name).write_text(text)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fsyntax-only"]
    flags += ["-Wno-int-to-pointer-cast", "-Wno-main"]
    for name in ("driver.c", "softmax.c", "main.c"):
        subprocess.run([compiler(), *flags, name], cwd=tmp_path, check=True)


def test_the_register_map_is_the_same_in_all_documents():
    known = {
        (block.name, one.name): block.base + one.offset
        for block in (CONTROL, UART)
        for one in block.registers
    }
    document = json.loads(as_json())
    assert known == {
        (block["name"], one["name"]): block["base"] + one["offset"]
        for block in document["blocks"]
        for one in block["registers"]
    }
    lines = [line.split(",") for line in as_csv().splitlines()[1:]]
    assert known == {(b, r): int(at, 0) for b, r, part, at, *_ in lines if not part}
    device = ElementTree.fromstring(as_svd())
    found = {}
    for block in device.iter("peripheral"):
        base = int(block.findtext("baseAddress"), 0)
        for one in block.iter("register"):
            name = one.findtext("name").removesuffix("[%s]")
            found[block.findtext("name"), name] = base + int(one.findtext("addressOffset"), 0)
    assert known == found
    header = as_c()
    for (block, name), at in known.items():
        assert f"#define ACCELERATOR_{block.upper()}_{name.upper()} 0x{at:08x}u" in header


def test_registers_do_not_overlap():
    for block in (CONTROL, UART):
        words = [one.offset + 4 * n for one in block.registers for n in range(one.count)]
        assert len(words) == len({*words})
        for one in block.registers:
            bits = [part.low + n for part in one.parts for n in range(part.width)]
            assert len(bits) == len({*bits})
            assert all(part.get(part.put(-1)) == (1 << part.width) - 1 for part in one.parts)
