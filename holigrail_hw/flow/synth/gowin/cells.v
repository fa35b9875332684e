// Simulation models of the Gowin multipliers, which Yosys describes by their ports only, without
// their registers; written from Gowin's Digital Signal Processing user guide (UG287).

module MULT9X9(
  input [8:0] A, SIA, B, SIB, input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
  output [17:0] DOUT, output [8:0] SOA, SOB);
  wire [17:0] wide_a = {{9{ASIGN & A[8]}}, A};
  wire [17:0] wide_b = {{9{BSIGN & B[8]}}, B};
  assign DOUT = wide_a * wide_b;
endmodule

module MULT18X18(
  input [17:0] A, SIA, B, SIB, input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
  output [35:0] DOUT, output [17:0] SOA, SOB);
  wire [35:0] wide_a = {{18{ASIGN & A[17]}}, A};
  wire [35:0] wide_b = {{18{BSIGN & B[17]}}, B};
  assign DOUT = wide_a * wide_b;
endmodule

module MULT36X36(
  input [35:0] A, B, input ASIGN, BSIGN, CE, CLK, RESET, output [71:0] DOUT);
  wire [71:0] wide_a = {{36{ASIGN & A[35]}}, A};
  wire [71:0] wide_b = {{36{BSIGN & B[35]}}, B};
  assign DOUT = wide_a * wide_b;
endmodule
