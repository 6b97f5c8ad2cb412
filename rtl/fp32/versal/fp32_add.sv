// fp32_add: y = a + b or a - b, rounded to nearest even, in a DSPFP32 of Versal: flag `versal` takes this file in place of
// rtl/fp32/fp32_add.sv.
//
// Numbers:  those of rtl/fp32/fp32_add.sv, every bit.
//
// Latency:       fp32_pkg::AddLatency = 5. Throughput: one sum a cycle.
// Back-pressure: every register holds while enable_i is low.
//
// Ports:
//   subtract_i  1: a - b
module fp32_add (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    input  logic        subtract_i,
    output logic [31:0] y_o
);
  localparam int unsigned Stages = 5;
  if (Stages != fp32_pkg::AddLatency) $error("%m: AddLatency is %0d, allowed: %0d", fp32_pkg::AddLatency, Stages);

  // plain registers on either side, for the way to and from the block
  logic [31:0] b, sum, unused_product, unused_cascade;
  fp32_delay #(.Cycles(2)) i_b (.clk_i, .enable_i, .d_i(b_i), .q_o(b));
  fp32_dsp #(.Product(1'b0), .Sum(1'b1)) i_dsp (
      .clk_i, .enable_i, .a_i('1), .b_i('1), .c_i(a_i), .d_i(b), .cascade_i('0), .subtract_i, .product_o(unused_product),
      .sum_o(sum), .cascade_o(unused_cascade)
  );
  fp32_delay #(.Cycles(1)) i_y (.clk_i, .enable_i, .d_i(sum), .q_o(y_o));
endmodule
