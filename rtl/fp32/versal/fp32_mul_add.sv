// fp32_mul_add: y = c + a * b or c - a * b in two roundings, in one DSPFP32 of Versal: flag `versal` takes this file in place of
// rtl/fp32/fp32_mul_add.sv.
//
// Numbers:  those of fp32_mul (of this folder), then those of fp32_add.
//
// Latency:       fp32_pkg::MulAddLatency = 9. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
//
// Parameters:
//   Subtract  1: c - a * b
module fp32_mul_add #(
    parameter bit Subtract = 1'b0
) (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    input  logic [31:0] c_i,
    output logic [31:0] y_o
);
  localparam int unsigned Stages = 9;
  if (Stages != fp32_pkg::MulAddLatency) $error("%m: MulAddLatency is %0d, allowed: %0d", fp32_pkg::MulAddLatency, Stages);

  logic [31:0] b, c, sum, unused_product, unused_cascade;
  fp32_delay #(.Cycles(1)) i_b (.clk_i, .enable_i, .d_i(b_i), .q_o(b));
  fp32_delay #(.Cycles(1)) i_c (.clk_i, .enable_i, .d_i(c_i), .q_o(c));
  fp32_dsp #(.Product(1'b1), .Sum(1'b1)) i_dsp (
      .clk_i, .enable_i, .a_i, .b_i(b), .c_i(c), .d_i('1), .cascade_i('0), .subtract_i(Subtract),
      .product_o(unused_product), .sum_o(sum), .cascade_o(unused_cascade)
  );
  fp32_delay #(.Cycles(Stages - 5)) i_y (.clk_i, .enable_i, .d_i(sum), .q_o(y_o));
endmodule
