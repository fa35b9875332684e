// A product in a DSP block of an iCE40 UltraPlus, as a map for Yosys's techmap: the multiplier alone.
// Every control pin has its idle value. Without a clock pin nextpnr would not say when operands
// arrive at the block, and the clock frequency would be that of a block that takes no time.

module \$__MUL16X16 (input [15:0] A, B, output [31:0] Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 16;
  parameter B_WIDTH = 16;
  parameter Y_WIDTH = 32;

  SB_MAC16 #(
    .A_SIGNED(A_SIGNED),
    .B_SIGNED(B_SIGNED),
    .TOPOUTPUT_SELECT(2'b11),
    .BOTOUTPUT_SELECT(2'b11)
  ) _TECHMAP_REPLACE_ (
    .A(A),
    .B(B),
    .O(Y),
    .C(16'd0),
    .D(16'd0),
    .CLK(1'b0),
    .CE(1'b0),
    .IRSTTOP(1'b0),
    .IRSTBOT(1'b0),
    .ORSTTOP(1'b0),
    .ORSTBOT(1'b0),
    .AHOLD(1'b0),
    .BHOLD(1'b0),
    .CHOLD(1'b0),
    .DHOLD(1'b0),
    .OHOLDTOP(1'b0),
    .OHOLDBOT(1'b0),
    .OLOADTOP(1'b0),
    .OLOADBOT(1'b0),
    .ADDSUBTOP(1'b0),
    .ADDSUBBOT(1'b0),
    .CI(1'b0),
    .ACCUMCI(1'b0),
    .SIGNEXTIN(1'b0)
  );
endmodule
