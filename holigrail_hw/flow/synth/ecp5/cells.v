// Simulation models of the ECP5 cells that Yosys maps to, written from Lattice's FPGA Libraries
// Reference Guide: look-up tables, carry cells, multiplexers, flip-flops, the 18-bit multiplier
// without its registers, the global set/reset, and a phase-locked loop, whose clock is the one that
// comes in: a simulation has cycles and no frequencies.

module LUT4(input A, B, C, D, output Z);
  parameter [15:0] INIT = 16'h0000;
  // One multiplexer for each input: an unknown input that does not matter stays without effect.
  wire [7:0] d = D ? INIT[15:8] : INIT[7:0];
  wire [3:0] c = C ? d[7:4] : d[3:0];
  wire [1:0] b = B ? c[3:2] : c[1:0];
  assign Z = A ? b[1] : b[0];
endmodule

module PFUMX(input ALUT, BLUT, C0, output Z);
  assign Z = C0 ? ALUT : BLUT;
endmodule

module L6MUX21(input D0, D1, SD, output Z);
  assign Z = SD ? D1 : D0;
endmodule

module CCU2C(input CIN, A0, B0, C0, D0, A1, B1, C1, D1, output S0, S1, COUT);
  parameter [15:0] INIT0 = 16'h0000;
  parameter [15:0] INIT1 = 16'h0000;
  parameter INJECT1_0 = "YES";
  parameter INJECT1_1 = "YES";
  wire sum0, sum1, generate0, generate1, middle;
  LUT4 #(.INIT(INIT0)) upper0(.A(A0), .B(B0), .C(C0), .D(D0), .Z(sum0));
  LUT4 #(.INIT(INIT1)) upper1(.A(A1), .B(B1), .C(C1), .D(D1), .Z(sum1));
  LUT4 #(.INIT({12'h000, INIT0[3:0]})) lower0(.A(A0), .B(B0), .C(1'b0), .D(1'b0), .Z(generate0));
  LUT4 #(.INIT({12'h000, INIT1[3:0]})) lower1(.A(A1), .B(B1), .C(1'b0), .D(1'b0), .Z(generate1));
  assign S0 = sum0 ^ (INJECT1_0 == "YES" ? 1'b0 : CIN);
  assign middle = sum0 ? CIN : (INJECT1_0 == "YES" ? 1'b0 : generate0);
  assign S1 = sum1 ^ (INJECT1_1 == "YES" ? 1'b0 : middle);
  assign COUT = sum1 ? middle : (INJECT1_1 == "YES" ? 1'b0 : generate1);
endmodule

module TRELLIS_FF(input CLK, DI, LSR, CE, M, output reg Q);
  parameter GSR = "ENABLED";
  parameter CEMUX = "1";
  parameter CLKMUX = "CLK";
  parameter LSRMUX = "LSR";
  parameter LSRONMUX = "LSRMUX";
  parameter SRMODE = "LSR_OVER_CE";
  parameter REGSET = "RESET";
  parameter LSRMODE = "LSR";
  wire enable = CEMUX == "CE" ? CE : CEMUX == "INV" ? ~CE : CEMUX == "0" ? 1'b0 : 1'b1;
  wire reset = LSRMUX == "INV" ? ~LSR : LSRMUX == "0" ? 1'b0 : LSR;
  wire clock = CLKMUX == "INV" ? ~CLK : CLK;
  localparam value = REGSET == "SET" ? 1'b1 : 1'b0;
  initial Q = value;
  generate
    if (SRMODE == "ASYNC") begin
      always @(posedge clock, posedge reset)
        if (reset) Q <= value;
        else if (enable) Q <= DI;
    end else if (SRMODE == "LSR_OVER_CE") begin
      always @(posedge clock)
        if (reset) Q <= value;
        else if (enable) Q <= DI;
    end else begin
      always @(posedge clock)
        if (enable) Q <= reset ? value : DI;
    end
  endgenerate
endmodule

module MULT18X18D(
  input A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17,
  input B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, B10, B11, B12, B13, B14, B15, B16, B17,
  input C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13, C14, C15, C16, C17,
  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
  input CLK0, CLK1, CLK2, CLK3, CE0, CE1, CE2, CE3, RST0, RST1, RST2, RST3,
  output P0, P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11, P12, P13, P14, P15, P16, P17,
  output P18, P19, P20, P21, P22, P23, P24, P25, P26, P27, P28, P29, P30, P31, P32, P33, P34, P35);
  parameter REG_INPUTA_CLK = "NONE";
  parameter REG_INPUTB_CLK = "NONE";
  parameter REG_INPUTA_CE = "CE0";
  parameter REG_INPUTB_CE = "CE0";
  parameter REG_INPUTA_RST = "RST0";
  parameter REG_INPUTB_RST = "RST0";
  parameter REG_PIPELINE_CLK = "NONE";
  parameter REG_OUTPUT_CLK = "NONE";
  parameter REG_OUTPUT_CE = "CE0";
  parameter REG_OUTPUT_RST = "RST0";
  parameter CLK0_DIV = "ENABLED";
  parameter CLK1_DIV = "ENABLED";
  parameter CLK2_DIV = "ENABLED";
  parameter CLK3_DIV = "ENABLED";
  parameter GSR = "ENABLED";
  parameter RESETMODE = "SYNC";
  parameter SOURCEB_MODE = "B_SHIFT";
  wire [17:0] a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
  wire [17:0] b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
  reg [17:0] kept_a = 18'd0, kept_b = 18'd0;
  always @(posedge CLK0) begin
    if (RST0) kept_a <= 18'd0;
    else if (CE1) kept_a <= a;
    if (RST0) kept_b <= 18'd0;
    else if (CE2) kept_b <= b;
  end
  wire [17:0] used_a = REG_INPUTA_CLK == "CLK0" ? kept_a : a;
  wire [17:0] used_b = REG_INPUTB_CLK == "CLK0" ? kept_b : b;
  wire [35:0] wide_a = {{18{SIGNEDA & used_a[17]}}, used_a};
  wire [35:0] wide_b = {{18{SIGNEDB & used_b[17]}}, used_b};
  wire [35:0] product = wide_a * wide_b;
  reg [35:0] kept = 36'd0;
  always @(posedge CLK0)
    if (RST0) kept <= 36'd0;
    else if (CE0) kept <= product;
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
          P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0}
    = REG_OUTPUT_CLK == "CLK0" ? kept : product;
  initial
    if (REG_PIPELINE_CLK != "NONE"
        || (REG_INPUTA_CLK != "NONE" && (REG_INPUTA_CLK != "CLK0" || REG_INPUTA_CE != "CE1"
        || REG_INPUTA_RST != "RST0" || RESETMODE != "SYNC"))
        || (REG_INPUTB_CLK != "NONE" && (REG_INPUTB_CLK != "CLK0" || REG_INPUTB_CE != "CE2"
        || REG_INPUTB_RST != "RST0" || RESETMODE != "SYNC"))
        || (REG_OUTPUT_CLK != "NONE" && (REG_OUTPUT_CLK != "CLK0" || REG_OUTPUT_CE != "CE0"
        || REG_OUTPUT_RST != "RST0" || RESETMODE != "SYNC"))) begin
      $display("MULT18X18D: these registers are not modelled");
      $finish;
    end
endmodule

module SGSR(input CLK, GSR);
endmodule

module EHXPLLL(input CLKI, CLKFB, PHASESEL1, PHASESEL0, PHASEDIR, PHASESTEP, PHASELOADREG, STDBY,
               PLLWAKESYNC, RST, ENCLKOP, output CLKOP, LOCK);
  parameter CLKI_DIV = 1;
  parameter CLKFB_DIV = 1;
  parameter CLKOP_DIV = 8;
  parameter CLKOP_ENABLE = "ENABLED";
  parameter CLKOP_CPHASE = 0;
  parameter CLKOP_FPHASE = 0;
  parameter FEEDBK_PATH = "CLKOP";
  parameter PLLRST_ENA = "DISABLED";
  parameter INTFB_WAKE = "DISABLED";
  parameter STDBY_ENABLE = "DISABLED";
  parameter DPHASE_SOURCE = "DISABLED";
  assign CLKOP = CLKI;
  assign LOCK = 1'b1;
endmodule
