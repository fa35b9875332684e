// Simulation models of the Gowin block memories that Yosys maps to, one port or one for writing and
// one for reading, without registers behind their outputs; written from Gowin's BSRAM and SSRAM
// user guide (UG285). Modes that Yosys never uses are left out: such a cell stops the simulation.

// Rows of four bytes, of 8 bits or of 9. The lowest address bits of a word of two or four bytes say
// which of them are written. What is read while it is written is the old word, but with through.
module gowin_block_memory #(
  parameter BYTE = 8, WRITTEN = 32, FOUND = 32, READ_MODE = 1'b0, RESET_MODE = "SYNC",
  parameter [512*4*BYTE-1:0] FIRST = 0
) (
  input write_clock, write, input [13:0] write_address, input [4*BYTE-1:0] data,
  input read_clock, read, through, reset, input [13:0] read_address,
  output [4*BYTE-1:0] found);
  reg [4*BYTE-1:0] rows [0:511];
  reg [4*BYTE-1:0] held = 0;
  integer row;
  initial for (row = 0; row < 512; row = row + 1) rows[row] = FIRST[4 * BYTE * row +: 4 * BYTE];

  function [4*BYTE-1:0] word(input [4*BYTE-1:0] whole, input [4:0] address);
    begin
      word = 0;
      case (FOUND)
        4 * BYTE: word = whole;
        2 * BYTE: word[2*BYTE-1:0] = whole[2 * BYTE * address[4] +: 2 * BYTE];
        BYTE: word[BYTE-1:0] = whole[BYTE * address[4:3] +: BYTE];
        4: word[3:0] = whole[4 * address[4:2] +: 4];
        2: word[1:0] = whole[2 * address[4:1] +: 2];
        default: word[0] = whole[address];
      endcase
    end
  endfunction

  function [4*BYTE-1:0] merge(input [4*BYTE-1:0] whole, part, input [4:0] address);
    begin
      merge = whole;
      case (WRITTEN)
        4 * BYTE: merge = part;
        2 * BYTE: merge[2 * BYTE * address[4] +: 2 * BYTE] = part[2*BYTE-1:0];
        BYTE: merge[BYTE * address[4:3] +: BYTE] = part[BYTE-1:0];
        4: merge[4 * address[4:2] +: 4] = part[3:0];
        2: merge[2 * address[4:1] +: 2] = part[1:0];
        default: merge[address] = part[0];
      endcase
    end
  endfunction

  wire [4:0] low = write_address[4:0];
  wire [3:0] bytes = WRITTEN == 4 * BYTE ? low[3:0]
    : WRITTEN == 2 * BYTE ? {2'b0, low[1:0]} << 2 * low[4] : 4'b1 << low[4:3];
  wire [4*BYTE-1:0] merged = merge(rows[write_address[13:5]], data, low);
  genvar place;
  generate
    for (place = 0; place < 4; place = place + 1)
      always @(posedge write_clock)
        if (write && bytes[place])
          rows[write_address[13:5]][place*BYTE +: BYTE] <= merged[place*BYTE +: BYTE];
    if (READ_MODE != 1'b0 || (RESET_MODE != "SYNC" && RESET_MODE != "ASYNC")
        || (WRITTEN != 1 && WRITTEN != 2 && WRITTEN != 4 && WRITTEN != BYTE
            && WRITTEN != 2 * BYTE && WRITTEN != 4 * BYTE)
        || (FOUND != 1 && FOUND != 2 && FOUND != 4 && FOUND != BYTE && FOUND != 2 * BYTE
            && FOUND != 4 * BYTE))
      $error("gowin_block_memory: this mode is not modelled");
  endgenerate
  always @(posedge read_clock)
    if (reset) held <= 0;
    else if (read) held <= word(through ? merged : rows[read_address[13:5]], read_address[4:0]);
  // A reset that does not wait for the clock changes with it here.
  assign found = RESET_MODE == "ASYNC" && reset ? 0 : held;
endmodule

module SDPB(
  input CLKA, CEA, RESETA, CLKB, CEB, RESETB, OCE, input [2:0] BLKSELA, BLKSELB,
  input [13:0] ADA, ADB, input [31:0] DI, output [31:0] DO);
  parameter READ_MODE = 1'b0;
  parameter BIT_WIDTH_0 = 32;
  parameter BIT_WIDTH_1 = 32;
  parameter [2:0] BLK_SEL_0 = 3'b000;
  parameter [2:0] BLK_SEL_1 = 3'b000;
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
  gowin_block_memory #(
    .BYTE(8), .WRITTEN(BIT_WIDTH_0), .FOUND(BIT_WIDTH_1), .READ_MODE(READ_MODE),
    .RESET_MODE(RESET_MODE), .FIRST({
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39,
    INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32,
    INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B,
    INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24,
    INIT_RAM_23, INIT_RAM_22, INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D,
    INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, INIT_RAM_17, INIT_RAM_16,
    INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, INIT_RAM_0F,
    INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08,
    INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, INIT_RAM_03, INIT_RAM_02, INIT_RAM_01,
    INIT_RAM_00})
  ) kept (
    .write_clock(CLKA), .write(CEA && BLKSELA == BLK_SEL_0), .write_address(ADA), .data(DI),
    .read_clock(CLKB), .read(CEB && BLKSELB == BLK_SEL_1), .through(1'b0), .reset(RESETB),
    .read_address(ADB), .found(DO));
endmodule

module SDPX9B(
  input CLKA, CEA, RESETA, CLKB, CEB, RESETB, OCE, input [2:0] BLKSELA, BLKSELB,
  input [13:0] ADA, ADB, input [35:0] DI, output [35:0] DO);
  parameter READ_MODE = 1'b0;
  parameter BIT_WIDTH_0 = 36;
  parameter BIT_WIDTH_1 = 36;
  parameter [2:0] BLK_SEL_0 = 3'b000;
  parameter [2:0] BLK_SEL_1 = 3'b000;
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
  gowin_block_memory #(
    .BYTE(9), .WRITTEN(BIT_WIDTH_0), .FOUND(BIT_WIDTH_1), .READ_MODE(READ_MODE),
    .RESET_MODE(RESET_MODE), .FIRST({
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39,
    INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32,
    INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B,
    INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24,
    INIT_RAM_23, INIT_RAM_22, INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D,
    INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, INIT_RAM_17, INIT_RAM_16,
    INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, INIT_RAM_0F,
    INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08,
    INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, INIT_RAM_03, INIT_RAM_02, INIT_RAM_01,
    INIT_RAM_00})
  ) kept (
    .write_clock(CLKA), .write(CEA && BLKSELA == BLK_SEL_0), .write_address(ADA), .data(DI),
    .read_clock(CLKB), .read(CEB && BLKSELB == BLK_SEL_1), .through(1'b0), .reset(RESETB),
    .read_address(ADB), .found(DO));
endmodule

module SP(
  input CLK, CE, WRE, RESET, OCE, input [2:0] BLKSEL, input [13:0] AD, input [31:0] DI,
  output [31:0] DO);
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
  gowin_block_memory #(
    .BYTE(8), .WRITTEN(BIT_WIDTH), .FOUND(BIT_WIDTH), .READ_MODE(READ_MODE),
    .RESET_MODE(RESET_MODE), .FIRST({
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39,
    INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32,
    INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B,
    INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24,
    INIT_RAM_23, INIT_RAM_22, INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D,
    INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, INIT_RAM_17, INIT_RAM_16,
    INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, INIT_RAM_0F,
    INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08,
    INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, INIT_RAM_03, INIT_RAM_02, INIT_RAM_01,
    INIT_RAM_00})
  ) kept (
    .write_clock(CLK), .write(chosen && WRE), .write_address(AD), .data(DI),
    .read_clock(CLK), .read(chosen && (!WRE || WRITE_MODE != 2'b00)),
    .through(WRE && WRITE_MODE == 2'b01), .reset(RESET), .read_address(AD), .found(DO));
endmodule

module SPX9(
  input CLK, CE, WRE, RESET, OCE, input [2:0] BLKSEL, input [13:0] AD, input [35:0] DI,
  output [35:0] DO);
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
  gowin_block_memory #(
    .BYTE(9), .WRITTEN(BIT_WIDTH), .FOUND(BIT_WIDTH), .READ_MODE(READ_MODE),
    .RESET_MODE(RESET_MODE), .FIRST({
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39,
    INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32,
    INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B,
    INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24,
    INIT_RAM_23, INIT_RAM_22, INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D,
    INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, INIT_RAM_17, INIT_RAM_16,
    INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, INIT_RAM_0F,
    INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08,
    INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, INIT_RAM_03, INIT_RAM_02, INIT_RAM_01,
    INIT_RAM_00})
  ) kept (
    .write_clock(CLK), .write(chosen && WRE), .write_address(AD), .data(DI),
    .read_clock(CLK), .read(chosen && (!WRE || WRITE_MODE != 2'b00)),
    .through(WRE && WRITE_MODE == 2'b01), .reset(RESET), .read_address(AD), .found(DO));
endmodule
