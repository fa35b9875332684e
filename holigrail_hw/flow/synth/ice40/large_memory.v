// Simulation model of the large memory of an iCE40 UltraPlus, for simulators without unknown values;
// written from Lattice's iCE40 SPRAM Usage Guide (TN-02022). Power modes are left out. What the
// output shows after a write is not promised: here something that nobody expects.

module SB_SPRAM256KA(
  input [13:0] ADDRESS, input [15:0] DATAIN, input [3:0] MASKWREN,
  input WREN, CHIPSELECT, CLOCK, STANDBY, SLEEP, POWEROFF, output reg [15:0] DATAOUT);
  reg [15:0] mem [0:16383];
  wire [15:0] mask = {{4{MASKWREN[3]}}, {4{MASKWREN[2]}}, {4{MASKWREN[1]}}, {4{MASKWREN[0]}}};
  always @(posedge CLOCK)
    if (CHIPSELECT) begin
      if (WREN) begin
        mem[ADDRESS] <= (mem[ADDRESS] & ~mask) | (DATAIN & mask);
        DATAOUT <= 16'h5aa5;
      end else
        DATAOUT <= mem[ADDRESS];
    end
endmodule
