// Simulation models of the Gowin block memories that Yosys maps to: with one port, with one for
// writing and one for reading, or with two for both; written from Gowin's guide to its memories
// (UG285). Modes with a register behind the output, which Yosys never uses, are left out: such a
// cell stops the simulation.

// Rows of four bytes, of 8 bits or of 9. The lowest address bits of a word of two or four bytes say
// which of them are written. What is read while it is written is the old word, but with through. A
// reset that does not wait for the clock changes with it here.
module gowin_block_memory #(
  parameter BYTE = 8, WIDTH_A = 32, WIDTH_B = 32, MODES = 1'b0, RESET_MODE = "SYNC",
  parameter [512*4*BYTE-1:0] FIRST = 0
) (
  input clock_a, write_a, read_a, through_a, reset_a, input [13:0] address_a,
  input [4*BYTE-1:0] data_a, output [4*BYTE-1:0] found_a,
  input clock_b, write_b, read_b, through_b, reset_b, input [13:0] address_b,
  input [4*BYTE-1:0] data_b, output [4*BYTE-1:0] found_b);
  reg [4*BYTE-1:0] rows [0:511];
  integer row;
  genvar place;
  initial for (row = 0; row < 512; row = row + 1) rows[row] = FIRST[4 * BYTE * row +: 4 * BYTE];

  function [4*BYTE-1:0] word(
    input [4*BYTE-1:0] whole, input integer width, input [4:0] address);
    begin
      word = 0;
      case (width)
        4 * BYTE: word = whole;
        2 * BYTE: word[2*BYTE-1:0] = whole[2 * BYTE * address[4] +: 2 * BYTE];
        BYTE: word[BYTE-1:0] = whole[BYTE * address[4:3] +: BYTE];
        4: word[3:0] = whole[4 * address[4:2] +: 4];
        2: word[1:0] = whole[2 * address[4:1] +: 2];
        default: word[0] = whole[address +: 1];
      endcase
    end
  endfunction

  function [4*BYTE-1:0] merge(
    input [4*BYTE-1:0] whole, part, input integer width, input [4:0] address);
    begin
      merge = whole;
      case (width)
        4 * BYTE: merge = part;
        2 * BYTE: merge[2 * BYTE * address[4] +: 2 * BYTE] = part[2*BYTE-1:0];
        BYTE: merge[BYTE * address[4:3] +: BYTE] = part[BYTE-1:0];
        4: merge[4 * address[4:2] +: 4] = part[3:0];
        2: merge[2 * address[4:1] +: 2] = part[1:0];
        default: merge[address +: 1] = part[0];
      endcase
    end
  endfunction

  function [3:0] bytes(input integer width, input [4:0] address);
    case (width)
      4 * BYTE: bytes = address[3:0];
      2 * BYTE: bytes = {2'b0, address[1:0]} << 2 * address[4];
      default: bytes = 4'b1 << address[4:3];
    endcase
  endfunction

  wire [3:0] bytes_a = bytes(WIDTH_A, address_a[4:0]);
  wire [4*BYTE-1:0] old_a = rows[address_a[13:5]];
  wire [4*BYTE-1:0] new_a = merge(old_a, data_a, WIDTH_A, address_a[4:0]);
  reg [4*BYTE-1:0] held_a = 0;
  always @(posedge clock_a)
    if (reset_a) held_a <= 0;
    else if (read_a)
      held_a <= word(through_a ? new_a : old_a, WIDTH_A, address_a[4:0]);
  assign found_a = RESET_MODE == "ASYNC" && reset_a ? 0 : held_a;
  generate
    for (place = 0; place < 4; place = place + 1)
      always @(posedge clock_a)
        if (write_a && bytes_a[place])
          rows[address_a[13:5]][place*BYTE +: BYTE] <= new_a[place*BYTE +: BYTE];
  endgenerate

  wire [3:0] bytes_b = bytes(WIDTH_B, address_b[4:0]);
  wire [4*BYTE-1:0] old_b = rows[address_b[13:5]];
  wire [4*BYTE-1:0] new_b = merge(old_b, data_b, WIDTH_B, address_b[4:0]);
  reg [4*BYTE-1:0] held_b = 0;
  always @(posedge clock_b)
    if (reset_b) held_b <= 0;
    else if (read_b)
      held_b <= word(through_b ? new_b : old_b, WIDTH_B, address_b[4:0]);
  assign found_b = RESET_MODE == "ASYNC" && reset_b ? 0 : held_b;
  generate
    for (place = 0; place < 4; place = place + 1)
      always @(posedge clock_b)
        if (write_b && bytes_b[place])
          rows[address_b[13:5]][place*BYTE +: BYTE] <= new_b[place*BYTE +: BYTE];
  endgenerate

  generate
    if (MODES != 1'b0 || (RESET_MODE != "SYNC" && RESET_MODE != "ASYNC")
        || (WIDTH_A != 1 && WIDTH_A != 2 && WIDTH_A != 4 && WIDTH_A != BYTE
            && WIDTH_A != 2 * BYTE && WIDTH_A != 4 * BYTE)
        || (WIDTH_B != 1 && WIDTH_B != 2 && WIDTH_B != 4 && WIDTH_B != BYTE
            && WIDTH_B != 2 * BYTE && WIDTH_B != 4 * BYTE))
      $error("gowin_block_memory: this mode is not modelled");
  endgenerate
endmodule

module SDPB(
  input CLKA, CEA, RESETA, CLKB, CEB, RESETB, OCE, input [2:0] BLKSELA, BLKSELB,
  input [13:0] ADA, ADB, input [31:0] DI, output [31:0] DO);
  parameter READ_MODE = 1'b0;
  parameter BIT_WIDTH_0 = 32, BIT_WIDTH_1 = 32;
  parameter [2:0] BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000;
  parameter RESET_MODE = "SYNC";
  parameter [255:0] INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0,
    INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0,
    INIT_RAM_06 = 0, INIT_RAM_07 = 0, INIT_RAM_08 = 0,
    INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0,
    INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0,
    INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0,
    INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0,
    INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0,
    INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0,
    INIT_RAM_1B = 0, INIT_RAM_1C = 0, INIT_RAM_1D = 0,
    INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0,
    INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0,
    INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0,
    INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0,
    INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0,
    INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0,
    INIT_RAM_30 = 0, INIT_RAM_31 = 0, INIT_RAM_32 = 0,
    INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0,
    INIT_RAM_36 = 0, INIT_RAM_37 = 0, INIT_RAM_38 = 0,
    INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0,
    INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0,
    INIT_RAM_3F = 0;
  wire [31:0] none;
  gowin_block_memory #(
    .BYTE(8), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .MODES(READ_MODE),
    .RESET_MODE(RESET_MODE), .FIRST({
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A,
    INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34,
    INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E,
    INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28,
    INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22,
    INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C,
    INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, INIT_RAM_17, INIT_RAM_16,
    INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10,
    INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A,
    INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04,
    INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00})
  ) kept (
    .clock_a(CLKA), .write_a(CEA && BLKSELA == BLK_SEL_0), .read_a(1'b0), .through_a(1'b0),
    .reset_a(1'b0), .address_a(ADA), .data_a(DI), .found_a(none),
    .clock_b(CLKB), .write_b(1'b0), .read_b(CEB && BLKSELB == BLK_SEL_1), .through_b(1'b0),
    .reset_b(RESETB), .address_b(ADB), .data_b(32'b0), .found_b(DO));
endmodule

module SDPX9B(
  input CLKA, CEA, RESETA, CLKB, CEB, RESETB, OCE, input [2:0] BLKSELA, BLKSELB,
  input [13:0] ADA, ADB, input [35:0] DI, output [35:0] DO);
  parameter READ_MODE = 1'b0;
  parameter BIT_WIDTH_0 = 36, BIT_WIDTH_1 = 36;
  parameter [2:0] BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000;
  parameter RESET_MODE = "SYNC";
  parameter [287:0] INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0,
    INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0,
    INIT_RAM_06 = 0, INIT_RAM_07 = 0, INIT_RAM_08 = 0,
    INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0,
    INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0,
    INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0,
    INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0,
    INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0,
    INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0,
    INIT_RAM_1B = 0, INIT_RAM_1C = 0, INIT_RAM_1D = 0,
    INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0,
    INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0,
    INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0,
    INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0,
    INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0,
    INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0,
    INIT_RAM_30 = 0, INIT_RAM_31 = 0, INIT_RAM_32 = 0,
    INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0,
    INIT_RAM_36 = 0, INIT_RAM_37 = 0, INIT_RAM_38 = 0,
    INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0,
    INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0,
    INIT_RAM_3F = 0;
  wire [35:0] none;
  gowin_block_memory #(
    .BYTE(9), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .MODES(READ_MODE),
    .RESET_MODE(RESET_MODE), .FIRST({
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A,
    INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34,
    INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E,
    INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28,
    INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22,
    INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C,
    INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, INIT_RAM_17, INIT_RAM_16,
    INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10,
    INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A,
    INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04,
    INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00})
  ) kept (
    .clock_a(CLKA), .write_a(CEA && BLKSELA == BLK_SEL_0), .read_a(1'b0), .through_a(1'b0),
    .reset_a(1'b0), .address_a(ADA), .data_a(DI), .found_a(none),
    .clock_b(CLKB), .write_b(1'b0), .read_b(CEB && BLKSELB == BLK_SEL_1), .through_b(1'b0),
    .reset_b(RESETB), .address_b(ADB), .data_b(36'b0), .found_b(DO));
endmodule

module SP(
  input CLK, CE, WRE, RESET, OCE, input [2:0] BLKSEL, input [13:0] AD,
  input [31:0] DI, output [31:0] DO);
  parameter READ_MODE = 1'b0;
  parameter [1:0] WRITE_MODE = 2'b00;
  parameter BIT_WIDTH = 32;
  parameter [2:0] BLK_SEL = 3'b000;
  parameter RESET_MODE = "SYNC";
  parameter [255:0] INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0,
    INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0,
    INIT_RAM_06 = 0, INIT_RAM_07 = 0, INIT_RAM_08 = 0,
    INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0,
    INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0,
    INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0,
    INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0,
    INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0,
    INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0,
    INIT_RAM_1B = 0, INIT_RAM_1C = 0, INIT_RAM_1D = 0,
    INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0,
    INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0,
    INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0,
    INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0,
    INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0,
    INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0,
    INIT_RAM_30 = 0, INIT_RAM_31 = 0, INIT_RAM_32 = 0,
    INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0,
    INIT_RAM_36 = 0, INIT_RAM_37 = 0, INIT_RAM_38 = 0,
    INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0,
    INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0,
    INIT_RAM_3F = 0;
  wire chosen = CE && BLKSEL == BLK_SEL;
  wire [31:0] none;
  gowin_block_memory #(
    .BYTE(8), .WIDTH_A(BIT_WIDTH), .WIDTH_B(BIT_WIDTH), .MODES(READ_MODE),
    .RESET_MODE(RESET_MODE), .FIRST({
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A,
    INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34,
    INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E,
    INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28,
    INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22,
    INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C,
    INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, INIT_RAM_17, INIT_RAM_16,
    INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10,
    INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A,
    INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04,
    INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00})
  ) kept (
    .clock_a(CLK), .write_a(chosen && WRE), .read_a(chosen && (!WRE || WRITE_MODE != 2'b00)),
    .through_a(WRE && WRITE_MODE == 2'b01), .reset_a(RESET), .address_a(AD), .data_a(DI),
    .found_a(DO), .clock_b(CLK), .write_b(1'b0), .read_b(1'b0), .through_b(1'b0),
    .reset_b(1'b0), .address_b(AD), .data_b(32'b0), .found_b(none));
endmodule

module SPX9(
  input CLK, CE, WRE, RESET, OCE, input [2:0] BLKSEL, input [13:0] AD,
  input [35:0] DI, output [35:0] DO);
  parameter READ_MODE = 1'b0;
  parameter [1:0] WRITE_MODE = 2'b00;
  parameter BIT_WIDTH = 36;
  parameter [2:0] BLK_SEL = 3'b000;
  parameter RESET_MODE = "SYNC";
  parameter [287:0] INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0,
    INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0,
    INIT_RAM_06 = 0, INIT_RAM_07 = 0, INIT_RAM_08 = 0,
    INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0,
    INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0,
    INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0,
    INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0,
    INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0,
    INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0,
    INIT_RAM_1B = 0, INIT_RAM_1C = 0, INIT_RAM_1D = 0,
    INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0,
    INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0,
    INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0,
    INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0,
    INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0,
    INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0,
    INIT_RAM_30 = 0, INIT_RAM_31 = 0, INIT_RAM_32 = 0,
    INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0,
    INIT_RAM_36 = 0, INIT_RAM_37 = 0, INIT_RAM_38 = 0,
    INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0,
    INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0,
    INIT_RAM_3F = 0;
  wire chosen = CE && BLKSEL == BLK_SEL;
  wire [35:0] none;
  gowin_block_memory #(
    .BYTE(9), .WIDTH_A(BIT_WIDTH), .WIDTH_B(BIT_WIDTH), .MODES(READ_MODE),
    .RESET_MODE(RESET_MODE), .FIRST({
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A,
    INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34,
    INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E,
    INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28,
    INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22,
    INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C,
    INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, INIT_RAM_17, INIT_RAM_16,
    INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10,
    INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A,
    INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04,
    INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00})
  ) kept (
    .clock_a(CLK), .write_a(chosen && WRE), .read_a(chosen && (!WRE || WRITE_MODE != 2'b00)),
    .through_a(WRE && WRITE_MODE == 2'b01), .reset_a(RESET), .address_a(AD), .data_a(DI),
    .found_a(DO), .clock_b(CLK), .write_b(1'b0), .read_b(1'b0), .through_b(1'b0),
    .reset_b(1'b0), .address_b(AD), .data_b(36'b0), .found_b(none));
endmodule

module DPB(
  input CLKA, CEA, WREA, RESETA, OCEA, CLKB, CEB, WREB, RESETB, OCEB,
  input [2:0] BLKSELA, BLKSELB, input [13:0] ADA, ADB,
  input [15:0] DIA, DIB, output [15:0] DOA, DOB);
  parameter READ_MODE0 = 1'b0, READ_MODE1 = 1'b0;
  parameter [1:0] WRITE_MODE0 = 2'b00, WRITE_MODE1 = 2'b00;
  parameter BIT_WIDTH_0 = 16, BIT_WIDTH_1 = 16;
  parameter [2:0] BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000;
  parameter RESET_MODE = "SYNC";
  parameter [255:0] INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0,
    INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0,
    INIT_RAM_06 = 0, INIT_RAM_07 = 0, INIT_RAM_08 = 0,
    INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0,
    INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0,
    INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0,
    INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0,
    INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0,
    INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0,
    INIT_RAM_1B = 0, INIT_RAM_1C = 0, INIT_RAM_1D = 0,
    INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0,
    INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0,
    INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0,
    INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0,
    INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0,
    INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0,
    INIT_RAM_30 = 0, INIT_RAM_31 = 0, INIT_RAM_32 = 0,
    INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0,
    INIT_RAM_36 = 0, INIT_RAM_37 = 0, INIT_RAM_38 = 0,
    INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0,
    INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0,
    INIT_RAM_3F = 0;
  wire chosen_A = CEA && BLKSELA == BLK_SEL_0, chosen_B = CEB && BLKSELB == BLK_SEL_1;
  wire [31:0] found_A, found_B;
  assign DOA = found_A[15:0];
  assign DOB = found_B[15:0];
  gowin_block_memory #(
    .BYTE(8), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .MODES(READ_MODE0 | READ_MODE1),
    .RESET_MODE(RESET_MODE), .FIRST({
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A,
    INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34,
    INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E,
    INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28,
    INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22,
    INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C,
    INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, INIT_RAM_17, INIT_RAM_16,
    INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10,
    INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A,
    INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04,
    INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00})
  ) kept (
    .clock_a(CLKA), .write_a(chosen_A && WREA),
    .read_a(chosen_A && (!WREA || WRITE_MODE0 != 2'b00)),
    .through_a(WREA && WRITE_MODE0 == 2'b01), .reset_a(RESETA), .address_a(ADA),
    .data_a({16'b0, DIA}), .found_a(found_A),
    .clock_b(CLKB), .write_b(chosen_B && WREB),
    .read_b(chosen_B && (!WREB || WRITE_MODE1 != 2'b00)),
    .through_b(WREB && WRITE_MODE1 == 2'b01), .reset_b(RESETB), .address_b(ADB),
    .data_b({16'b0, DIB}), .found_b(found_B));
endmodule

module DPX9B(
  input CLKA, CEA, WREA, RESETA, OCEA, CLKB, CEB, WREB, RESETB, OCEB,
  input [2:0] BLKSELA, BLKSELB, input [13:0] ADA, ADB,
  input [17:0] DIA, DIB, output [17:0] DOA, DOB);
  parameter READ_MODE0 = 1'b0, READ_MODE1 = 1'b0;
  parameter [1:0] WRITE_MODE0 = 2'b00, WRITE_MODE1 = 2'b00;
  parameter BIT_WIDTH_0 = 18, BIT_WIDTH_1 = 18;
  parameter [2:0] BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000;
  parameter RESET_MODE = "SYNC";
  parameter [287:0] INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0,
    INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0,
    INIT_RAM_06 = 0, INIT_RAM_07 = 0, INIT_RAM_08 = 0,
    INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0,
    INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0,
    INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0,
    INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0,
    INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0,
    INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0,
    INIT_RAM_1B = 0, INIT_RAM_1C = 0, INIT_RAM_1D = 0,
    INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0,
    INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0,
    INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0,
    INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0,
    INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0,
    INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0,
    INIT_RAM_30 = 0, INIT_RAM_31 = 0, INIT_RAM_32 = 0,
    INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0,
    INIT_RAM_36 = 0, INIT_RAM_37 = 0, INIT_RAM_38 = 0,
    INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0,
    INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0,
    INIT_RAM_3F = 0;
  wire chosen_A = CEA && BLKSELA == BLK_SEL_0, chosen_B = CEB && BLKSELB == BLK_SEL_1;
  wire [35:0] found_A, found_B;
  assign DOA = found_A[17:0];
  assign DOB = found_B[17:0];
  gowin_block_memory #(
    .BYTE(9), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .MODES(READ_MODE0 | READ_MODE1),
    .RESET_MODE(RESET_MODE), .FIRST({
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A,
    INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34,
    INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E,
    INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28,
    INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22,
    INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C,
    INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, INIT_RAM_17, INIT_RAM_16,
    INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10,
    INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A,
    INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04,
    INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00})
  ) kept (
    .clock_a(CLKA), .write_a(chosen_A && WREA),
    .read_a(chosen_A && (!WREA || WRITE_MODE0 != 2'b00)),
    .through_a(WREA && WRITE_MODE0 == 2'b01), .reset_a(RESETA), .address_a(ADA),
    .data_a({18'b0, DIA}), .found_a(found_A),
    .clock_b(CLKB), .write_b(chosen_B && WREB),
    .read_b(chosen_B && (!WREB || WRITE_MODE1 != 2'b00)),
    .through_b(WREB && WRITE_MODE1 == 2'b01), .reset_b(RESETB), .address_b(ADB),
    .data_b({18'b0, DIB}), .found_b(found_B));
endmodule
