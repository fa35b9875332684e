// Simulation models of the ECP5 memories that Yosys maps to, written from Lattice's ECP5 and ECP5-5G
// Memory Usage Guide and FPGA Libraries Reference Guide. Output registers and chip selects that
// Yosys never uses are left out: such a cell stops the simulation.

module TRELLIS_DPR16X4(input [3:0] DI, WAD, input WRE, WCK, input [3:0] RAD, output [3:0] DO);
  parameter WCKMUX = "WCK";
  parameter WREMUX = "WRE";
  parameter [63:0] INITVAL = 64'b0;
  reg [3:0] rows [0:15];
  integer row;
  wire clock = WCKMUX == "INV" ? ~WCK : WCK;
  wire enable = WREMUX == "1" ? 1'b1 : WREMUX == "0" ? 1'b0 : WREMUX == "INV" ? ~WRE : WRE;
  initial for (row = 0; row < 16; row = row + 1) rows[row] = INITVAL[4 * row +: 4];
  always @(posedge clock) if (enable) rows[WAD] <= DI;
  assign DO = rows[RAD];
endmodule

module DP16KD(
  input CLKA, WEA, CEA, OCEA, RSTA, CSA2, CSA1, CSA0,
  input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5,
  DIA4, DIA3, DIA2, DIA1, DIA0,
  output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
  DOA4, DOA3, DOA2, DOA1, DOA0,
  input CLKB, WEB, CEB, OCEB, RSTB, CSB2, CSB1, CSB0,
  input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5,
  DIB4, DIB3, DIB2, DIB1, DIB0,
  output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
  DOB4, DOB3, DOB2, DOB1, DOB0
);
  parameter DATA_WIDTH_A = 18;
  parameter REGMODE_A = "NOREG";
  parameter CSDECODE_A = "0b000";
  parameter WRITEMODE_A = "NORMAL";
  parameter CLKAMUX = "CLKA";
  parameter DATA_WIDTH_B = 18;
  parameter REGMODE_B = "NOREG";
  parameter CSDECODE_B = "0b000";
  parameter WRITEMODE_B = "NORMAL";
  parameter CLKBMUX = "CLKB";
  parameter RESETMODE = "SYNC";
  parameter ASYNC_RESET_RELEASE = "SYNC";
  parameter GSR = "ENABLED";
  parameter [319:0] INITVAL_00 = 320'b0;
  parameter [319:0] INITVAL_01 = 320'b0;
  parameter [319:0] INITVAL_02 = 320'b0;
  parameter [319:0] INITVAL_03 = 320'b0;
  parameter [319:0] INITVAL_04 = 320'b0;
  parameter [319:0] INITVAL_05 = 320'b0;
  parameter [319:0] INITVAL_06 = 320'b0;
  parameter [319:0] INITVAL_07 = 320'b0;
  parameter [319:0] INITVAL_08 = 320'b0;
  parameter [319:0] INITVAL_09 = 320'b0;
  parameter [319:0] INITVAL_0A = 320'b0;
  parameter [319:0] INITVAL_0B = 320'b0;
  parameter [319:0] INITVAL_0C = 320'b0;
  parameter [319:0] INITVAL_0D = 320'b0;
  parameter [319:0] INITVAL_0E = 320'b0;
  parameter [319:0] INITVAL_0F = 320'b0;
  parameter [319:0] INITVAL_10 = 320'b0;
  parameter [319:0] INITVAL_11 = 320'b0;
  parameter [319:0] INITVAL_12 = 320'b0;
  parameter [319:0] INITVAL_13 = 320'b0;
  parameter [319:0] INITVAL_14 = 320'b0;
  parameter [319:0] INITVAL_15 = 320'b0;
  parameter [319:0] INITVAL_16 = 320'b0;
  parameter [319:0] INITVAL_17 = 320'b0;
  parameter [319:0] INITVAL_18 = 320'b0;
  parameter [319:0] INITVAL_19 = 320'b0;
  parameter [319:0] INITVAL_1A = 320'b0;
  parameter [319:0] INITVAL_1B = 320'b0;
  parameter [319:0] INITVAL_1C = 320'b0;
  parameter [319:0] INITVAL_1D = 320'b0;
  parameter [319:0] INITVAL_1E = 320'b0;
  parameter [319:0] INITVAL_1F = 320'b0;
  parameter [319:0] INITVAL_20 = 320'b0;
  parameter [319:0] INITVAL_21 = 320'b0;
  parameter [319:0] INITVAL_22 = 320'b0;
  parameter [319:0] INITVAL_23 = 320'b0;
  parameter [319:0] INITVAL_24 = 320'b0;
  parameter [319:0] INITVAL_25 = 320'b0;
  parameter [319:0] INITVAL_26 = 320'b0;
  parameter [319:0] INITVAL_27 = 320'b0;
  parameter [319:0] INITVAL_28 = 320'b0;
  parameter [319:0] INITVAL_29 = 320'b0;
  parameter [319:0] INITVAL_2A = 320'b0;
  parameter [319:0] INITVAL_2B = 320'b0;
  parameter [319:0] INITVAL_2C = 320'b0;
  parameter [319:0] INITVAL_2D = 320'b0;
  parameter [319:0] INITVAL_2E = 320'b0;
  parameter [319:0] INITVAL_2F = 320'b0;
  parameter [319:0] INITVAL_30 = 320'b0;
  parameter [319:0] INITVAL_31 = 320'b0;
  parameter [319:0] INITVAL_32 = 320'b0;
  parameter [319:0] INITVAL_33 = 320'b0;
  parameter [319:0] INITVAL_34 = 320'b0;
  parameter [319:0] INITVAL_35 = 320'b0;
  parameter [319:0] INITVAL_36 = 320'b0;
  parameter [319:0] INITVAL_37 = 320'b0;
  parameter [319:0] INITVAL_38 = 320'b0;
  parameter [319:0] INITVAL_39 = 320'b0;
  parameter [319:0] INITVAL_3A = 320'b0;
  parameter [319:0] INITVAL_3B = 320'b0;
  parameter [319:0] INITVAL_3C = 320'b0;
  parameter [319:0] INITVAL_3D = 320'b0;
  parameter [319:0] INITVAL_3E = 320'b0;
  parameter [319:0] INITVAL_3F = 320'b0;
  reg [35:0] rows [0:511];
  integer row;
  wire [64*320-1:0] first = {INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B,
  INITVAL_3A, INITVAL_39, INITVAL_38, INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34,
  INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E, INITVAL_2D,
  INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28, INITVAL_27, INITVAL_26,
  INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20, INITVAL_1F,
  INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
  INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11,
  INITVAL_10, INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A,
  INITVAL_09, INITVAL_08, INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03,
  INITVAL_02, INITVAL_01, INITVAL_00};
  initial
    for (row = 0; row < 512; row = row + 1)
      rows[row] = {first[320 * (row / 8) + 40 * (row % 8) + 20 +: 18],
        first[320 * (row / 8) + 40 * (row % 8) +: 18]};

  // A row holds four bytes of nine bits; words of at most four bits leave the ninth bits out.
  // A word of 36 bits is written at port A and read at port B, but has the pins of both.
  function [35:0] read(input [35:0] row, input integer width, input [4:0] address);
    begin
      read = 36'b0;
      case (width)
        36: read = row;
        18: read[17:0] = row[18 * address[4] +: 18];
        9: read[8:0] = row[9 * address[4:3] +: 9];
        4: read[3:0] = row[9 * address[4:3] + 4 * address[2] +: 4];
        2: read[1:0] = row[9 * address[4:3] + 2 * address[2:1] +: 2];
        default: read[0] = row[9 * address[4:3] + address[2:0] +: 1];
      endcase
    end
  endfunction

  function [35:0] merge(input [35:0] row, data, input integer width, input [4:0] address);
    begin
      merge = row;
      case (width)
        36: merge = data;
        18: merge[18 * address[4] +: 18] = data[17:0];
        9: merge[9 * address[4:3] +: 9] = data[8:0];
        4: merge[9 * address[4:3] + 4 * address[2] +: 4] = data[3:0];
        2: merge[9 * address[4:3] + 2 * address[2:1] +: 2] = data[1:0];
        default: merge[9 * address[4:3] + address[2:0] +: 1] = data[0];
      endcase
    end
  endfunction

  // The bytes of a row that a word written covers; for wide words the lowest address bits say so.
  function [3:0] bytes(input integer width, input [4:0] address);
    case (width)
      36: bytes = address[3:0];
      18: bytes = {2'b0, address[1:0]} << 2 * address[4];
      default: bytes = 4'b1 << address[4:3];
    endcase
  endfunction

  wire clock_A = CLKAMUX == "INV" ? ~CLKA : CLKA;
  wire [13:0] address_A = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  wire [17:0] data_A = {
    DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4,
    DIA3, DIA2, DIA1, DIA0
  };
  reg [35:0] out_A = 36'b0;
  wire [35:0] old_A = rows[address_A[13:5]];
  wire [3:0] bytes_A = CEA && WEA ? bytes(DATA_WIDTH_A, address_A[4:0]) : 4'b0;
  wire clock_B = CLKBMUX == "INV" ? ~CLKB : CLKB;
  wire [13:0] address_B = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
  wire [17:0] data_B = {
    DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4,
    DIB3, DIB2, DIB1, DIB0
  };
  reg [35:0] out_B = 36'b0;
  wire [35:0] old_B = rows[address_B[13:5]];
  wire [3:0] bytes_B = CEB && WEB ? bytes(DATA_WIDTH_B, address_B[4:0]) : 4'b0;
  wire [35:0] new_A = merge(old_A, {data_B, data_A}, DATA_WIDTH_A, address_A[4:0]);
  wire [35:0] new_B = merge(old_B, {18'b0, data_B}, DATA_WIDTH_B, address_B[4:0]);
  assign {
    DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4,
    DOA3, DOA2, DOA1, DOA0
  } = DATA_WIDTH_B == 36 ? out_B[17:0] : out_A[17:0];
  assign {
    DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4,
    DOB3, DOB2, DOB1, DOB0
  } = DATA_WIDTH_B == 36 ? out_B[35:18] : out_B[17:0];
  always @(posedge clock_A) begin
    if (bytes_A[0]) rows[address_A[13:5]][8:0] <= new_A[8:0];
    if (bytes_A[1]) rows[address_A[13:5]][17:9] <= new_A[17:9];
    if (bytes_A[2]) rows[address_A[13:5]][26:18] <= new_A[26:18];
    if (bytes_A[3]) rows[address_A[13:5]][35:27] <= new_A[35:27];
    if (RSTA) out_A <= 36'b0;
    else if (CEA && !WEA) out_A <= read(old_A, DATA_WIDTH_A, address_A[4:0]);
    else if (CEA && WRITEMODE_A == "WRITETHROUGH")
      out_A <= read(new_A, DATA_WIDTH_A, address_A[4:0]);
    else if (CEA && WRITEMODE_A == "READBEFOREWRITE")
      out_A <= read(old_A, DATA_WIDTH_A, address_A[4:0]);
  end

  always @(posedge clock_B) begin
    if (bytes_B[0]) rows[address_B[13:5]][8:0] <= new_B[8:0];
    if (bytes_B[1]) rows[address_B[13:5]][17:9] <= new_B[17:9];
    if (bytes_B[2]) rows[address_B[13:5]][26:18] <= new_B[26:18];
    if (bytes_B[3]) rows[address_B[13:5]][35:27] <= new_B[35:27];
    if (RSTB) out_B <= 36'b0;
    else if (CEB && !WEB) out_B <= read(old_B, DATA_WIDTH_B, address_B[4:0]);
    else if (CEB && WRITEMODE_B == "WRITETHROUGH")
      out_B <= read(new_B, DATA_WIDTH_B, address_B[4:0]);
    else if (CEB && WRITEMODE_B == "READBEFOREWRITE")
      out_B <= read(old_B, DATA_WIDTH_B, address_B[4:0]);
  end

`ifdef YOSYS
  generate
    if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG"
        || (DATA_WIDTH_A != 1 && DATA_WIDTH_A != 2 && DATA_WIDTH_A != 4 && DATA_WIDTH_A != 9
            && DATA_WIDTH_A != 18 && DATA_WIDTH_A != 36)
        || (DATA_WIDTH_B != 1 && DATA_WIDTH_B != 2 && DATA_WIDTH_B != 4 && DATA_WIDTH_B != 9
            && DATA_WIDTH_B != 18 && DATA_WIDTH_B != 36))
      $error("DP16KD: this mode is not modelled");
  endgenerate
`else
  always @(RSTA, RSTB)
    if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG" || RESETMODE != "SYNC" && (RSTA || RSTB)) begin
      $display("DP16KD: this mode is not modelled");
      $finish;
    end
`endif
endmodule

module PDPW16KD(
  input CLKW, CEW, CSW2, CSW1, CSW0, BE3, BE2, BE1, BE0,
  input ADW8, ADW7, ADW6, ADW5, ADW4, ADW3, ADW2, ADW1, ADW0,
  input DI35, DI34, DI33, DI32, DI31, DI30, DI29, DI28, DI27, DI26, DI25, DI24, DI23, DI22,
  DI21, DI20, DI19, DI18, DI17, DI16, DI15, DI14, DI13, DI12, DI11, DI10, DI9, DI8, DI7, DI6,
  DI5, DI4, DI3, DI2, DI1, DI0,
  input CLKR, CER, OCER, RST, CSR2, CSR1, CSR0,
  input ADR13, ADR12, ADR11, ADR10, ADR9, ADR8, ADR7, ADR6, ADR5, ADR4, ADR3, ADR2, ADR1, ADR0,
  output DO35, DO34, DO33, DO32, DO31, DO30, DO29, DO28, DO27, DO26, DO25, DO24, DO23, DO22,
  DO21, DO20, DO19, DO18, DO17, DO16, DO15, DO14, DO13, DO12, DO11, DO10, DO9, DO8, DO7, DO6,
  DO5, DO4, DO3, DO2, DO1, DO0
);
  parameter DATA_WIDTH_W = 36;
  parameter DATA_WIDTH_R = 36;
  parameter REGMODE = "NOREG";
  parameter RESETMODE = "SYNC";
  parameter ASYNC_RESET_RELEASE = "SYNC";
  parameter CSDECODE_W = "0b000";
  parameter CSDECODE_R = "0b000";
  parameter CLKWMUX = "CLKW";
  parameter CLKRMUX = "CLKR";
  parameter GSR = "ENABLED";
  parameter [319:0] INITVAL_00 = 320'b0;
  parameter [319:0] INITVAL_01 = 320'b0;
  parameter [319:0] INITVAL_02 = 320'b0;
  parameter [319:0] INITVAL_03 = 320'b0;
  parameter [319:0] INITVAL_04 = 320'b0;
  parameter [319:0] INITVAL_05 = 320'b0;
  parameter [319:0] INITVAL_06 = 320'b0;
  parameter [319:0] INITVAL_07 = 320'b0;
  parameter [319:0] INITVAL_08 = 320'b0;
  parameter [319:0] INITVAL_09 = 320'b0;
  parameter [319:0] INITVAL_0A = 320'b0;
  parameter [319:0] INITVAL_0B = 320'b0;
  parameter [319:0] INITVAL_0C = 320'b0;
  parameter [319:0] INITVAL_0D = 320'b0;
  parameter [319:0] INITVAL_0E = 320'b0;
  parameter [319:0] INITVAL_0F = 320'b0;
  parameter [319:0] INITVAL_10 = 320'b0;
  parameter [319:0] INITVAL_11 = 320'b0;
  parameter [319:0] INITVAL_12 = 320'b0;
  parameter [319:0] INITVAL_13 = 320'b0;
  parameter [319:0] INITVAL_14 = 320'b0;
  parameter [319:0] INITVAL_15 = 320'b0;
  parameter [319:0] INITVAL_16 = 320'b0;
  parameter [319:0] INITVAL_17 = 320'b0;
  parameter [319:0] INITVAL_18 = 320'b0;
  parameter [319:0] INITVAL_19 = 320'b0;
  parameter [319:0] INITVAL_1A = 320'b0;
  parameter [319:0] INITVAL_1B = 320'b0;
  parameter [319:0] INITVAL_1C = 320'b0;
  parameter [319:0] INITVAL_1D = 320'b0;
  parameter [319:0] INITVAL_1E = 320'b0;
  parameter [319:0] INITVAL_1F = 320'b0;
  parameter [319:0] INITVAL_20 = 320'b0;
  parameter [319:0] INITVAL_21 = 320'b0;
  parameter [319:0] INITVAL_22 = 320'b0;
  parameter [319:0] INITVAL_23 = 320'b0;
  parameter [319:0] INITVAL_24 = 320'b0;
  parameter [319:0] INITVAL_25 = 320'b0;
  parameter [319:0] INITVAL_26 = 320'b0;
  parameter [319:0] INITVAL_27 = 320'b0;
  parameter [319:0] INITVAL_28 = 320'b0;
  parameter [319:0] INITVAL_29 = 320'b0;
  parameter [319:0] INITVAL_2A = 320'b0;
  parameter [319:0] INITVAL_2B = 320'b0;
  parameter [319:0] INITVAL_2C = 320'b0;
  parameter [319:0] INITVAL_2D = 320'b0;
  parameter [319:0] INITVAL_2E = 320'b0;
  parameter [319:0] INITVAL_2F = 320'b0;
  parameter [319:0] INITVAL_30 = 320'b0;
  parameter [319:0] INITVAL_31 = 320'b0;
  parameter [319:0] INITVAL_32 = 320'b0;
  parameter [319:0] INITVAL_33 = 320'b0;
  parameter [319:0] INITVAL_34 = 320'b0;
  parameter [319:0] INITVAL_35 = 320'b0;
  parameter [319:0] INITVAL_36 = 320'b0;
  parameter [319:0] INITVAL_37 = 320'b0;
  parameter [319:0] INITVAL_38 = 320'b0;
  parameter [319:0] INITVAL_39 = 320'b0;
  parameter [319:0] INITVAL_3A = 320'b0;
  parameter [319:0] INITVAL_3B = 320'b0;
  parameter [319:0] INITVAL_3C = 320'b0;
  parameter [319:0] INITVAL_3D = 320'b0;
  parameter [319:0] INITVAL_3E = 320'b0;
  parameter [319:0] INITVAL_3F = 320'b0;
  reg [17:0] rows [0:1023];
  integer row;
  wire [64*320-1:0] first = {INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B,
  INITVAL_3A, INITVAL_39, INITVAL_38, INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34,
  INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E, INITVAL_2D,
  INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28, INITVAL_27, INITVAL_26,
  INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20, INITVAL_1F,
  INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
  INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11,
  INITVAL_10, INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A,
  INITVAL_09, INITVAL_08, INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03,
  INITVAL_02, INITVAL_01, INITVAL_00};
  initial
    for (row = 0; row < 1024; row = row + 1)
      rows[row] = first[320 * (row / 16) + 20 * (row % 16) +: 18];

  // A row holds two bytes of nine bits; narrower words leave the ninth bits out.
  function [17:0] read(input [17:0] whole, input integer width, input [3:0] address);
    case (width)
      18: read = whole;
      9: read = whole[9 * address[3] +: 9];
      4: read = whole[9 * address[3] + 4 * address[2] +: 4];
      2: read = whole[9 * address[3] + 2 * address[2:1] +: 2];
      default: read = whole[9 * address[3] + address[2:0] +: 1];
    endcase
  endfunction

  wire clock_w = CLKWMUX == "INV" ? ~CLKW : CLKW;
  wire clock_r = CLKRMUX == "INV" ? ~CLKR : CLKR;
  wire [8:0] address_w = {ADW8, ADW7, ADW6, ADW5, ADW4, ADW3, ADW2, ADW1, ADW0};
  wire [13:0] address_r = {ADR13, ADR12, ADR11, ADR10, ADR9, ADR8, ADR7, ADR6, ADR5, ADR4, ADR3, ADR2, ADR1, ADR0};
  wire [35:0] data = {
    DI35, DI34, DI33, DI32, DI31, DI30, DI29, DI28, DI27, DI26, DI25, DI24, DI23, DI22, DI21,
    DI20, DI19, DI18, DI17, DI16, DI15, DI14, DI13, DI12, DI11, DI10, DI9, DI8, DI7, DI6, DI5,
    DI4, DI3, DI2, DI1, DI0
  };
  reg [35:0] out = 36'b0;
  assign {
    DO35, DO34, DO33, DO32, DO31, DO30, DO29, DO28, DO27, DO26, DO25, DO24, DO23, DO22, DO21,
    DO20, DO19, DO18, DO17, DO16, DO15, DO14, DO13, DO12, DO11, DO10, DO9, DO8, DO7, DO6, DO5,
    DO4, DO3, DO2, DO1, DO0
  } = out;
  always @(posedge clock_w) if (CEW) begin
    if (BE0) rows[{address_w, 1'b0}][8:0] <= data[8:0];
    if (BE1) rows[{address_w, 1'b0}][17:9] <= data[17:9];
    if (BE2) rows[{address_w, 1'b1}][8:0] <= data[26:18];
    if (BE3) rows[{address_w, 1'b1}][17:9] <= data[35:27];
  end
  always @(posedge clock_r)
    if (RST) out <= 36'b0;
    else if (CER) begin
      if (DATA_WIDTH_R == 36) out <= {rows[{address_r[13:5], 1'b1}], rows[{address_r[13:5], 1'b0}]};
      // Narrower words come out in the upper half.
      else out <= {read(rows[address_r[13:4]], DATA_WIDTH_R, address_r[3:0]), 18'b0};
    end

`ifdef YOSYS
  generate
    if (REGMODE != "NOREG") $error("PDPW16KD: this mode is not modelled");
  endgenerate
`else
  always @(RST)
    if (REGMODE != "NOREG" || RESETMODE != "SYNC" && RST) begin
      $display("PDPW16KD: this mode is not modelled");
      $finish;
    end
`endif
endmodule
