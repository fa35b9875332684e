"""From Verilog to a placed netlist, checked and measured."""
