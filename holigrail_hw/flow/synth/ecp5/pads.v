// Pads of an ECP5 as a map for Yosys's techmap: they become wires. Verilator takes no cell with a port
// for both directions at a pin of the top module that has only one.

module TRELLIS_IO(inout B, input I, T, output O);
  parameter DIR = "INPUT";
  generate
    if (DIR == "INPUT") assign O = B;
    else if (DIR == "OUTPUT") assign B = T ? 1'bz : I;
    else begin
      assign B = T ? 1'bz : I;
      assign O = B;
    end
  endgenerate
endmodule
