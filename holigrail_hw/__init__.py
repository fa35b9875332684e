"""holigrail_hw: number formats and arithmetic operators as verified hardware.

Importing this package is cheap: it imports neither amaranth nor numpy. The sub-packages are
``formats``, ``golden``, ``models``, ``hdl``, ``core``, ``arith``, ``flow`` and ``cli``.
"""

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

__all__ = ["__version__"]
__version__ = "0.1.0"

# Verilog must come from the pinned Yosys: another one on PATH would silently change the output.
os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")

_BESIDE = ("boards", "generators", "testbenches")


class _Checkout:
    """In a checkout three folders lie beside this package; an installed wheel has them inside.

    Both import as ``holigrail_hw.boards`` and so on. Nothing else beside this package does.
    """

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        package, _, folder = name.rpartition(".")
        if package != __name__ or folder not in _BESIDE:
            return None
        return PathFinder.find_spec(name, [str(_checkout)])


_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "pyproject.toml").exists():
    sys.meta_path.append(_Checkout)  # type: ignore[arg-type]
