"""What a test needs from the system."""

import pytest

from holigrail_hw.flow import tools

__all__ = ["iverilog"]

iverilog = pytest.mark.skipif(
    tools.find("iverilog") is None, reason="the system package iverilog is not installed"
)
