# Amaranth is untyped: its shapes look wrong to a type checker.
# pyright: reportArgumentType=false

"""The status register of an accelerator."""

from typing import Any

from amaranth import Cat, Const

from holigrail_hw.soc.registers.memory_map import CONTROL

__all__ = ["status_of"]


def status_of(core: Any) -> Any:
    """The status register: what its parts say, and zeros between them."""
    values = {
        "running": core.running,
        "loading": core.loading,
        "done": core.done,
        "error": core.error,
        "engine_code": core.engine_code,
        "index": core.index,
    }
    bits: list[Any] = []
    for part in CONTROL.register("status").parts:
        bits.append(Const(0, part.low - sum(len(one) for one in bits)))
        bits.append(values.get(part.name, Const(0, part.width)))
    return Cat(bits)
