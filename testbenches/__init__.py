"""Benches that run inside a simulator, on the emitted Verilog."""
