"""``prove``: right designs are proved, wrong ones refuted with operands, hard ones given up."""

import numpy as np
import pytest
from amaranth import Mux, Value, unsigned
from hardware import make
from sample_operators import Accumulate, Broken, BrokenAccumulate, MultiplyAdd

from holigrail_hw.core import DesignError, RequestError, Timing, find
from holigrail_hw.flow import tools
from holigrail_hw.flow.prove import equivalence, prove
from holigrail_hw.flow.prove.aig import Graph, read_aiger, unroll, write_aiger
from holigrail_hw.flow.prove.prospect import prospect
from holigrail_hw.formats import parse
from holigrail_hw.hdl.shapes import shape_of

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


def evaluate(graph: Graph, values: list[int]) -> list[int]:
    """Outputs of a graph for bits at its inputs."""
    known = [0, *values]
    for a, b in graph.ands:
        known.append((known[a >> 1] ^ (a & 1)) & (known[b >> 1] ^ (b & 1)))
    return [known[output >> 1] ^ (output & 1) for output in graph.outputs]


class TestGraph:
    def test_truth_table(self):
        rng = np.random.default_rng(1)
        for inputs in (1, 3, 6):
            table = rng.integers(0, 2, 1 << inputs)
            graph = Graph(inputs)
            order = [graph.input(index) for index in range(inputs)]
            graph.outputs = [graph.table(table, order)]
            for code in range(1 << inputs):
                bits = [code >> (inputs - 1 - index) & 1 for index in range(inputs)]
                assert evaluate(graph, bits) == [table[code]]

    def test_equal_nodes_are_shared(self):
        graph = Graph(2)
        a, b = graph.input(0), graph.input(1)
        assert graph.both(a, b) == graph.both(b, a)
        assert graph.both(a, a ^ 1) == graph.both(a, 0) == 0
        assert graph.both(a, 1) == graph.both(a, a) == a
        assert len(graph.ands) == 1

    def test_file_round_trip(self):
        graph = Graph(9)
        table = np.random.default_rng(2).integers(0, 2, 512)
        graph.outputs = [graph.table(table, [graph.input(index) for index in range(9)]), 3]
        circuit = read_aiger(write_aiger(graph))
        assert (circuit.ands, circuit.output_literals) == (graph.ands, graph.outputs)
        again = Graph(9)
        again.outputs = unroll(again, circuit, [], [[again.input(i) for i in range(9)]])
        assert again.ands == graph.ands

    def test_unrolling_a_register(self):
        """A register between input and output: the second frame shows the first input."""
        text = b"aig 2 1 1 1 0\n2\n4\ni0 d\no0 q\n"
        circuit = read_aiger(text)
        assert (circuit.inputs, circuit.outputs) == (["d"], ["q"])
        graph = Graph(3)
        graph.outputs = unroll(graph, circuit, [graph.input(2)], [[2], [4]])
        assert graph.outputs == [2]

    def test_another_file(self):
        with pytest.raises(ValueError, match="must start with 'aig'"):
            read_aiger(b"aag 1 1 0 0 0\n")


class TestProved:
    @pytest.mark.parametrize("timing", [Timing(), Timing(latency=2)])
    def test_against_golden(self, timing):
        result = prove.run(MultiplyAdd(), timing)
        assert (result.status, result.against, result.proved) == ("proved", "golden", True)
        assert ("2 cycles before" in result.claim) == (timing.latency == 2)

    @pytest.mark.parametrize("width", [4, 40])
    def test_state_by_induction(self, width):
        result = prove.run(Accumulate(width=width))
        assert (result.status, result.against) == ("proved", "reference circuit")

    def test_reference_circuit_of_a_large_operator(self):
        class Large(MultiplyAdd):
            def reference_circuit(self, plan, a, b, c):
                def row(k):
                    def function(a, b):
                        return Mux(b[k], a, 0).shift_left(k)

                    return plan.step(f"row{k}", unsigned(24), function, a, b)

                def plus(c, *rows):
                    return sum(rows, c)

                rows = [row(k) for k in range(self.b_width)]
                return {"r": plan.step("sum", unsigned(self.width), plus, c, *rows, wrap=True)}

        result = prove.run(Large(a_width=20, b_width=2, c_width=3))
        assert (result.status, result.against) == ("proved", "reference circuit")

    def test_eight_bit_converter(self):
        spec = find("convert")(source=parse("fp8_e4m3"), result=parse("fp8_e5m2"))
        assert prove.run(spec).proved

    def test_fp8_multiply(self):
        formats = {name: parse("fp8_e4m3") for name in ("a", "b", "result")}
        assert prove.run(find("multiply")(**formats)).proved

    @pytest.mark.heavy
    def test_fp8_add(self):
        formats = {name: parse("fp8_e4m3") for name in ("a", "b", "result")}
        assert prove.run(find("add")(**formats)).proved

    def test_int4_multiply_accumulate(self):
        spec = find("mac")(a=parse("int4"), b=parse("int4"), accumulator=parse("int16"))
        assert prove.run(spec).proved

    @pytest.mark.parametrize("accumulator", ["sfix9_en1", "fp6_e3m2"])
    def test_exact_sum_of_floats(self, accumulator):
        texts = {"a": "fp4_e2m1", "b": "fp4_e2m1", "products": "4", "accumulation": "exact"}
        result = prove.run(make(find("mac"), **texts, accumulator=accumulator))
        assert (result.status, result.against) == ("proved", "reference circuit")


class TestWideOperands:
    """More operand bits than a truth table takes: against the operator's own reference circuit."""

    @pytest.mark.parametrize(
        "name, texts, latency",
        [
            ("add", {"a": "int16", "b": "int16"}, None),
            ("compare", {"a": "fp16", "b": "int12"}, 1),
            ("thresholds", {"ports": "5"}, None),
        ],
        ids=str,
    )
    def test_proved(self, name, texts, latency):
        result = prove.run(make(find(name), **texts), Timing(latency=latency), time_limit_s=240)
        assert (result.status, result.against) == ("proved", "reference circuit")

    @pytest.mark.heavy
    @pytest.mark.parametrize(
        "name, texts, latency",
        [
            ("add", {"a": "fp16", "b": "fp16"}, None),
            ("add", {"a": "int24", "b": "uint20", "operation": "subtract"}, 2),
            ("multiply", {"a": "fp16", "b": "fp16", "rounding": "up"}, None),
            ("multiply", {"a": "int16", "b": "int16"}, None),
            ("multiply", {"a": "int12", "b": "uint9", "result": "sfix13_en-5"}, None),
            ("fma", {"a": "int8", "b": "int8", "c": "int24"}, None),
            ("convert", {"source": "fp32", "result": "fp16", "rounding": "stochastic"}, None),
            ("convert", {"source": "fp32", "result": "fp8_e4m3", "rounding": "to_odd"}, None),
            ("compare", {"a": "fp32"}, 1),
            ("max", {"format": "fp32", "nan": "propagate"}, None),
            ("max", {"format": "int24"}, None),
            ("min", {"format": "bf16"}, None),
        ],
        ids=str,
    )
    def test_more_are_proved(self, name, texts, latency):
        result = prove.run(make(find(name), **texts), Timing(latency=latency), time_limit_s=1500)
        assert (result.status, result.against) == ("proved", "reference circuit")

    def test_a_case_that_differs_is_decoded(self, monkeypatch):
        """The whole is left undecided, so that one of the cases of the exponents must tell."""
        whole = equivalence._several

        def only_cases(pairs, *rest):
            return equivalence.Outcome(None) if len(pairs) == 1 else whole(pairs, *rest)

        monkeypatch.setattr(equivalence, "_several", only_cases)

        class Wrong(type(find("add")())):
            def datapath(self, plan, **wires):
                wires["a"] = plan.step("a", 10, lambda a: broken(Value.cast(a)), wires["a"])
                wires["a"] = plan.step("a", shape_of(self.a), lambda a: a, wires["a"])
                return super().datapath(plan, **wires)

        def broken(a):
            """Wrong for the code 0x0b3, whose exponent field is 5, and no other."""
            return Mux(a == 0x0B3, 0x0B2, a)

        formats = {name: parse("e4m5") for name in ("a", "b", "result")}
        formats["b"] = parse("e4m6")
        with pytest.raises(DesignError) as caught:
            prove.run(Wrong(**formats))
        first, operands, result = str(caught.value).splitlines()
        assert first == "add: refuted: the Verilog differs from the reference circuit"
        assert operands.startswith("  a = 0x0b3 (")
        b = int(operands.split("b = 0x")[1].split()[0], 16)
        wanted = find("add")(**formats).golden(a=np.array([0xB3]), b=np.array([b]))["result"]
        assert f"golden 0x{int(wanted[0]):03x} " in result

    def test_where_it_ends_is_said(self):
        def text(name, **texts):
            return prospect(make(find(name), **texts))

        assert text("add") == "all 16 operand bits, against golden"
        assert text("add", a="int16", b="int16") == (
            "all 32 operand bits, against a reference circuit, where SAT sweeping closes"
        )
        assert text("add", a="fp16", b="fp16").endswith(", or in 1024 cases of the exponents")
        assert text("add", a="bf16", b="bf16").endswith(
            "; not by its 65536 cases of exponents (4096 at most)"
        )
        assert text("add", a="e2m8_bias1000", b="e2m8_bias-999") == (
            "none: 22 operand bits, not at most 20, and no reference circuit"
        )
        assert text("gemm") == "none: it has state and no reference circuit"
        assert text("mac") == "by induction from power-on, against a reference circuit"


class TestRefuted:
    @pytest.mark.parametrize("timing", [Timing(), Timing(latency=3)])
    def test_wrong_pair(self, timing):
        with pytest.raises(DesignError) as caught:
            prove.run(Broken(), timing)
        first, operands, result = str(caught.value).splitlines()
        assert first == "test-broken: refuted: the Verilog differs from the golden model"
        assert operands.startswith("  a = 0xb (11)   b = 0xd (13)   c = ")
        assert result in ("  r: golden 0x8f (143)", "  r: golden 0x90 (144)")

    def test_wrong_state(self):
        with pytest.raises(DesignError) as caught:
            prove.run(BrokenAccumulate())
        first, *steps = str(caught.value).splitlines()
        assert first.startswith(
            "test-broken-accumulate: refuted: the Verilog differs from the reference circuit"
            " in cycle "
        )
        # The sequence must reach the wrong place: 3 and more.
        assert sum(int(step.split("(")[1].split(")")[0]) for step in steps) >= 3


class TestNothingIsClaimed:
    def test_time_limit(self):
        formats = {name: parse("fp8_e4m3") for name in ("a", "b", "result")}
        result = prove.run(find("add")(**formats), time_limit_s=0.2)
        assert (result.status, result.proved) == ("gave up", False)

    def test_a_circuit_too_large_to_be_made(self, monkeypatch):
        def exhausted(*command, **options):
            assert options["memory_limit"] and options["time_limit"]
            raise prove.process.Exhausted("yosys: must finish within 4096 MiB\nmore")

        monkeypatch.setattr(prove.process, "run", exhausted)
        for spec in (MultiplyAdd(), Accumulate()):
            result = prove.run(spec)
            assert (result.status, result.method) == (
                "gave up",
                "yosys: must finish within 4096 MiB",
            )

    def test_solver_that_says_nothing(self, monkeypatch):
        monkeypatch.setattr(prove._Proof, "_abc", lambda self, script, seconds=None: "")
        assert prove.run(MultiplyAdd()).status == "gave up"
        assert prove.run(Accumulate()).status == "gave up"

    def test_requests_that_make_no_sense(self):
        with pytest.raises(RequestError) as caught:
            prove.run(MultiplyAdd(a_width=30))
        assert str(caught.value) == (
            "test-multiply-add: without a reference circuit a proof takes an operator without state"
            " and at most 20 operand bits, not 35"
        )
        with pytest.raises(RequestError, match="proofs need the plain shell, not stream"):
            prove.run(MultiplyAdd(), Timing(shell="stream"))
        with pytest.raises(RequestError, match="the time limit must be positive, not 0 s"):
            prove.run(MultiplyAdd(), time_limit_s=0)
        with pytest.raises(RequestError, match="proofs take one sum, not 5 interleaved ones"):
            prove.run(Accumulate(slow=True), Timing(period_ns=4))

    def test_missing_solver(self, monkeypatch):
        from holigrail_hw.core import ToolError

        original = tools.find
        monkeypatch.setattr(tools, "find", lambda n: None if n == "yosys-abc" else original(n))
        with pytest.raises(ToolError, match="prove: yosys-abc .* must be installed, not missing"):
            prove.run(MultiplyAdd())
