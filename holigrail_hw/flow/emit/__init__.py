"""Files that are handed over: Verilog, benches, manifests, descriptions for other tools."""
