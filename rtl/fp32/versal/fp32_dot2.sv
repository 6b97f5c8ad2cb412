// fp32_dot2: y = a * b + c * d or a * b - c * d in three roundings, in two DSPFP32 of Versal that stand one above the other: flag `versal`
// takes this file in place of rtl/fp32/fp32_dot2.sv.
//
// Numbers:  those of fp32_mul (of this folder), then those of fp32_add.
//
// Latency:       fp32_pkg::Dot2Latency = 9. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
//
// Ports:
//   subtract_i  1: a * b - c * d; with the factors
module fp32_dot2 (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    input  logic [31:0] c_i,
    input  logic [31:0] d_i,
    input  logic        subtract_i,
    output logic [31:0] y_o
);
  localparam int unsigned Stages = 9;
  if (Stages != fp32_pkg::Dot2Latency) $error("%m: Dot2Latency is %0d, allowed: %0d", fp32_pkg::Dot2Latency, Stages);

  logic [31:0] b, d, first, sum, unused_product[2], unused_sum, unused_cascade;
  logic subtract;
  fp32_delay #(.Cycles(1)) i_b (.clk_i, .enable_i, .d_i(b_i), .q_o(b));
  fp32_delay #(.Cycles(1)) i_d (.clk_i, .enable_i, .d_i, .q_o(d));
  fp32_delay #(.Width(1), .Cycles(1)) i_subtract (.clk_i, .enable_i, .d_i(subtract_i), .q_o(subtract));
  fp32_dsp #(.Product(1'b1), .Sum(1'b0)) i_first (
      .clk_i, .enable_i, .a_i, .b_i(b), .c_i('1), .d_i('1), .cascade_i('0), .subtract_i(1'b0),
      .product_o(unused_product[0]), .sum_o(unused_sum), .cascade_o(first)
  );
  fp32_dsp #(.Product(1'b1), .Sum(1'b1), .Cascade(1'b1)) i_second (
      .clk_i, .enable_i, .a_i(c_i), .b_i(d), .c_i('1), .d_i('1), .cascade_i(first), .subtract_i(subtract),
      .product_o(unused_product[1]), .sum_o(sum), .cascade_o(unused_cascade)
  );
  fp32_delay #(.Cycles(Stages - 5)) i_y (.clk_i, .enable_i, .d_i(sum), .q_o(y_o));
endmodule
