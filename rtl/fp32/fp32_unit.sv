// fp32_unit: any one of the units behind the same ports; what a unit does not use costs nothing.
//
//   Unit  0 a + b (a - b)   1 a * b        2 a * b + c    3 compare a, b    4 int32 a to fp32    5 a to an integer
//         6 a to bf16       7 bf16 a       8 e^a          9 1/a            10 1/sqrt(a)         11 ln a      12 sigmoid(a)
//        13 a * b + c * b (a * b - c * b)
//
// Latency:       fp32_pkg::latency(Unit). Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
//
// Parameters:
//   Unit  fp32_pkg::unit_e, 0..13
//   Bits  of the integer that ToInt gives and FromInt takes, 2..32
// Ports:
//   subtract_i  Add: a - b; Dot2: the difference of the products
//   y_o         an integer is sign-extended, a bf16 in the lower half; Compare: the maximum
//   order_o     Compare: 0 equal, 1 a > b, 3 a < b, 2 NaN; else 0
module fp32_unit
  import fp32_pkg::*;
#(
    parameter int unsigned Unit = 0,
    parameter int unsigned Bits = 32
) (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    input  logic [31:0] c_i,
    input  logic        subtract_i,
    output logic [31:0] y_o,
    output logic [ 1:0] order_o
);
  if (Unit >= Units) $error("%m: Unit is %0d, allowed: 0..13", Unit);
  if (Bits < 2 || Bits > 32) $error("%m: Bits is %0d, allowed: 2..32", Bits);
  localparam unit_e UnitE = unit_e'(Unit);

  if (UnitE != Compare) begin : gen_no_order
    assign order_o = '0;
  end

  if (UnitE == Add) begin : gen_add
    fp32_add u_unit (.clk_i, .enable_i, .a_i, .b_i, .subtract_i, .y_o);
  end else if (UnitE == Mul) begin : gen_mul
    fp32_mul u_unit (.clk_i, .enable_i, .a_i, .b_i, .y_o);
  end else if (UnitE == MulAdd) begin : gen_mul_add
    fp32_mul_add u_unit (.clk_i, .enable_i, .a_i, .b_i, .c_i, .y_o);
  end else if (UnitE == Dot2) begin : gen_dot2
    fp32_dot2 u_unit (.clk_i, .enable_i, .a_i, .b_i, .c_i, .d_i(b_i), .subtract_i, .y_o);
  end else if (UnitE == Compare) begin : gen_compare
    fp32_compare u_unit (.clk_i, .enable_i, .a_i, .b_i, .order_o, .maximum_o(y_o));
  end else if (UnitE == FromInt) begin : gen_from_int
    fp32_from_int #(.Bits(Bits)) u_unit (.clk_i, .enable_i, .a_i(a_i[Bits-1:0]), .y_o);
  end else if (UnitE == ToInt) begin : gen_to_int
    logic [Bits-1:0] y;
    fp32_to_int #(.Bits(Bits)) u_unit (.clk_i, .enable_i, .a_i, .y_o(y));
    assign y_o = 32'($signed(y));
  end else if (UnitE == ToBf16) begin : gen_to_bf16
    assign y_o[31:16] = '0;
    fp32_to_bf16 u_unit (.clk_i, .enable_i, .a_i, .y_o(y_o[15:0]));
  end else if (UnitE == FromBf16) begin : gen_from_bf16
    fp32_from_bf16 u_unit (.clk_i, .enable_i, .a_i(a_i[15:0]), .y_o);
  end else if (UnitE == Exp) begin : gen_exp
    fp32_exp u_unit (.clk_i, .enable_i, .x_i(a_i), .y_o);
  end else if (UnitE == Reciprocal) begin : gen_reciprocal
    fp32_reciprocal u_unit (.clk_i, .enable_i, .x_i(a_i), .y_o);
  end else if (UnitE == Rsqrt) begin : gen_rsqrt
    fp32_rsqrt u_unit (.clk_i, .enable_i, .x_i(a_i), .y_o);
  end else if (UnitE == Log) begin : gen_log
    fp32_log u_unit (.clk_i, .enable_i, .x_i(a_i), .y_o);
  end else begin : gen_sigmoid
    fp32_sigmoid u_unit (.clk_i, .enable_i, .x_i(a_i), .y_o);
  end
  wire unused = ^{a_i, b_i, c_i, subtract_i};
endmodule
