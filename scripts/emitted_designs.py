"""Designs that no single parameter makes of a default: odd widths, one bit, mixed signs, styles.

Parameters as texts, by the names of the operators.
"""

__all__ = ["FURTHER"]

_FP8 = {"a": "fp8_e4m3", "b": "fp8_e5m2"}
FURTHER: dict[str, tuple[dict[str, str], ...]] = {
    "accelerator": (
        {"rows": "4", "columns": "2", "addition": "false", "maximum": "false", "loader": "true"},
        {"rows": "2", "columns": "4", "memory": "large", "serial_checks": "true"},
        {"rows": "2", "columns": "4", "processor": "picorv32"},
        {"rows": "2", "columns": "4", "processor": "serv"},
        {"rows": "2", "columns": "4", "processor": "sentinel"},
    ),
    "argmax": ({"length": "7", "format": "uint1"}, {"length": "3", "format": "fp8_e4m3"}),
    "divide": (
        {"a": "int1", "b": "uint1", "result": "int3"},
        {"a": "fp8_e4m3", "b": "int5", "result": "bf16", "bits_per_cycle": "3"},
    ),
    "dot-product": (
        {**_FP8, "terms": "3", "c": "fp16", "result": "fp16"},
        {"a": "int1", "b": "uint1", "terms": "5", "result": "int4"},
    ),
    "envision-multiplier": ({"width": "4", "a_signed": "false"},),
    "function": ({"f": "exp", "input": "sfix7_en3", "result": "ufix20_en3"},),
    "hybrid-element": ({"pipes": "merged", "lanes": "5", "bypass": "true"},),
    "layer-normalization": ({"length": "5", "input": "uint1", "result": "sfix5_en2"},),
    "network": ({"style": "parallel"}, {"style": "engine"}),
    "quantize-block": ({"source": "fp16", "result": "block3_int4_e8m0"},),
    "reciprocal": ({"x": "int2", "result": "bf16", "flags": "true"},),
    "reciprocal-square-root": ({"x": "uint3", "result": "fp16", "bits_per_cycle": "1"},),
    "scalable-array": ({"rows": "1", "columns": "3", "placing": "serial", "width": "8"},),
    "scalable-mac": ({"structure": "serial-1d", "width": "4", "digit": "1", "lanes": "3"},),
    "softmax": ({"length": "5", "input": "sfix4_en1", "result": "ufix3_en3"},),
    "square-root": (
        {"x": "uint1", "result": "uint1"},
        {"x": "fp16", "result": "fp16", "bits_per_cycle": "2"},
    ),
}
