"""What ``prove`` would do with a design, and where that ends, before anything is proved."""

from holigrail_hw.core.spec import OperatorSpec

__all__ = ["GOLDEN_BITS", "MOST_CASES", "prospect"]

GOLDEN_BITS = 20
"""The most operand bits for which golden becomes a table."""
MOST_CASES = 1 << 12
"""More cases of exponents than these are not tried."""


def prospect(spec: OperatorSpec) -> str:
    """How a design of this operator would be proved, and where that ends, in one line."""
    bits = sum(format.width for format in spec.inputs().values())
    has_reference = spec.reference_circuit is not None
    if not (spec.planned or spec.stateful):
        return "none: a result takes several cycles"
    if spec.stateful:
        if has_reference:
            return "by induction from power-on, against a reference circuit"
        return "none: it has state and no reference circuit"
    if bits <= GOLDEN_BITS:
        return f"all {bits} operand bits, against golden"
    if not has_reference:
        return f"none: {bits} operand bits, not at most {GOLDEN_BITS}, and no reference circuit"
    exponents = sum(len(format.exponent_field) for format in spec.inputs().values())
    text = f"all {bits} operand bits, against a reference circuit, where SAT sweeping closes"
    if not exponents:
        return text
    cases = 1 << exponents
    if cases > MOST_CASES:
        return f"{text}; not by its {cases} cases of exponents ({MOST_CASES} at most)"
    return f"{text}, or in {cases} cases of the exponents"
