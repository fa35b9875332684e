"""holigrail_hw: number formats and arithmetic operators as verified hardware.

Importing this package is cheap: it imports neither amaranth nor numpy. The sub-packages are
``formats``, ``golden``, ``hdl``, ``core``, ``arith``, ``flow`` and ``cli``.
"""

import os
from pathlib import Path

__all__ = ["__version__"]
__version__ = "0.1.0"

# Verilog must come from the pinned Yosys: another one on PATH would silently change the output.
os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")

# In a checkout the folders boards/, testbenches/ and generators/ lie beside this package; an
# installed wheel maps them into it. Both then import as holigrail_hw.boards and so on.
_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "pyproject.toml").exists():
    __path__.append(str(_checkout))
