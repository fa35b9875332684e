"""Products in the DSP blocks of a device: which blocks they go to, as passes for Yosys.

Each product is cut into parts as wide as a block, and each part becomes one block, by
substitution alone: a block is put where a product was, and nothing around it moves. No pass that
looks for registers and adders to move into a block is run, since those of Yosys are wrong for some
designs: ``ice40_dsp`` (0.23 to 0.70) loses the bits of a sum above 32, and gives a register
between two blocks to both, so that one product has no reader any more and the other block adds an
undefined number. What moves into a block afterwards is moved where it is certain
(:mod:`.multipliers`).

Products too small to be worth a block stay in logic, by the limits of Yosys's own scripts; they are
in :mod:`holigrail_hw.estimate.product_cut`, by which the device models count blocks.
"""

from pathlib import Path

from holigrail_hw.core.work_folder import plain
from holigrail_hw.estimate.product_cut import BLOCKS

__all__ = ["product_commands"]


_HERE = Path(__file__).parent
_WRAPPERS = {
    "ice40": "ice40/products.v",
    "ecp5": "+/lattice/dsp_map_18x18.v",
    "gowin": "+/gowin/dsp_map.v",
}
# The simplifications with which the scripts of the families begin: they narrow the operands.
_NARROW = ("opt_expr", "opt_clean", "opt -nodffe -nosdff", "wreduce", "peepopt", "opt_clean")


def product_commands(family: str) -> list[str]:
    """Passes between those that prepare a design and the script of the family.

    The script must be told to leave products alone: with ``-nodsp``, or without ``-dsp``.
    """
    wrapper = _WRAPPERS[family]
    passes = [*_NARROW, "wreduce t:$mul"]
    for block in BLOCKS[family]:
        limits = {
            "DSP_A_MAXWIDTH": block.width,
            "DSP_B_MAXWIDTH": block.width,
            "DSP_A_MINWIDTH": block.least_wide,
            "DSP_B_MINWIDTH": block.least_narrow,
            "DSP_Y_MINWIDTH": block.least_result,
            "DSP_NAME": block.name,
        }
        defines = " ".join(f"-D {name}={value}" for name, value in limits.items())
        passes += [f"techmap -map +/mul2dsp.v {defines}", "chtype -set $mul t:$__soft_mul"]
    if not wrapper.startswith("+"):
        wrapper = str(plain(_HERE / wrapper))
    return [
        *passes,
        f"techmap -map {wrapper}",
        "select a:mul2dsp",
        "setattr -unset mul2dsp",
        "opt_expr -fine",
        "wreduce",
        "select -clear",
    ]
