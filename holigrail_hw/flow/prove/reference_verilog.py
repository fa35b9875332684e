"""The naive circuit that a design is proved against, as Verilog."""

from amaranth import Module
from amaranth.back import verilog as amaranth_verilog

from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.estimate.primitives import device_model
from holigrail_hw.hdl.plan.plan import Plan
from holigrail_hw.hdl.shapes import shape_of

__all__ = ["reference_verilog"]


def reference_verilog(spec: OperatorSpec, name: str) -> tuple[str, int]:
    """Verilog of an operator's ``reference_circuit`` as a module ``name``, and its latency."""
    inputs = {n: shape_of(format) for n, format in spec.inputs().items()}
    outputs = {n: shape_of(format) for n, format in spec.outputs().items()}
    assert spec.reference_circuit is not None
    plan = Plan(inputs, outputs, spec.reference_circuit, device=device_model(Timing().device))
    module = Module()
    plan.add_to(module)
    module.d.comb += plan.valid.eq(1)
    ports = [*plan.inputs.values(), *plan.outputs.values()]
    signals = [port.as_value() if hasattr(port, "as_value") else port for port in ports]
    text = amaranth_verilog.convert(
        module, name=name, ports=signals, emit_src=False, strip_internal_attrs=True
    )
    return text, plan.latency
