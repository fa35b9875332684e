"""Names of floats: ``fp16``, ``fp8_e4m3_sat``, ``e4m3_fnuz_bias11_flush``.

A name is a named float or ``e{E}m{M}``, then options in this order: special values, bias, flush,
sat. The canonical name leaves out whatever is the default and prefers a named float.
"""

from typing import Any

__all__ = ["NAMED_FLOATS", "float_name"]

NAMED_FLOATS: dict[str, tuple[int, int, str]] = {
    "fp32": (8, 23, "ieee"),
    "tf32": (8, 10, "ieee"),
    "fp16": (5, 10, "ieee"),
    "bf16": (8, 7, "ieee"),
    "fp8_e4m3": (4, 3, "fn"),
    "fp8_e5m2": (5, 2, "ieee"),
    "fp6_e3m2": (3, 2, "finite"),
    "fp6_e2m3": (2, 3, "finite"),
    "fp4_e2m1": (2, 1, "finite"),
}
"""Name to exponent width, fraction width and special values; all with the default bias."""

_BY_FIELDS: dict[Any, str] = {fields: name for name, fields in NAMED_FLOATS.items()}


def float_name(given: Any) -> str:
    """The canonical name of a float."""
    fields = (given.exponent_width, given.fraction_width, given.specials)
    has_default_bias = given.bias == given.default_bias
    if has_default_bias and fields in _BY_FIELDS:
        parts = [_BY_FIELDS[fields]]
    else:
        parts = [f"e{given.exponent_width}m{given.fraction_width}"]
        if given.specials != ("ieee" if given.fraction_width else "fn"):
            parts.append(given.specials)
        if not has_default_bias:
            parts.append(f"bias{given.bias}")
    parts += ["flush"] * (not given.subnormals) + ["sat"] * given.saturate
    return "_".join(parts)
