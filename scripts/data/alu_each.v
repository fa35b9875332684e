// Every sum and difference as a carry chain of its own, before alumacc looks for sums to merge.
(* techmap_celltype = "$add $sub" *)
module each_sum (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  parameter _TECHMAP_CELLTYPE_ = "";
  localparam minus = _TECHMAP_CELLTYPE_ == "$sub";
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  wire _TECHMAP_FAIL_ = A_SIGNED != B_SIGNED;
  wire [Y_WIDTH-1:0] halves, carries;
  \$alu #(
    .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED),
    .A_WIDTH(A_WIDTH), .B_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)
  ) _TECHMAP_REPLACE_ (.A(A), .B(B), .CI(minus), .BI(minus), .X(halves), .Y(Y), .CO(carries));
endmodule

(* techmap_celltype = "$neg" *)
module each_negation (A, Y);
  parameter A_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  output [Y_WIDTH-1:0] Y;
  wire [Y_WIDTH-1:0] halves, carries;
  \$alu #(
    .A_SIGNED(A_SIGNED), .B_SIGNED(A_SIGNED),
    .A_WIDTH(1), .B_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)
  ) _TECHMAP_REPLACE_ (.A(1'b0), .B(A), .CI(1'b1), .BI(1'b1), .X(halves), .Y(Y), .CO(carries));
endmodule
