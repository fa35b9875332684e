"""Changes in the cells of an FPGA, a relative figure for its dynamic power."""
