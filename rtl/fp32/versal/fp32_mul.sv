// fp32_mul: y = a * b, rounded to nearest even, in a DSPFP32 of Versal: flag `versal` takes this file in place of rtl/fp32/fp32_mul.sv.
//
// Numbers:  those of rtl/fp32/fp32_mul.sv, but a product in [2^-126 - 2^-150, 2^-126 - 2^-151) is zero, see docs/cores/fp32.md.
//
// Latency:       fp32_pkg::MulLatency = 4. Throughput: one product a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_mul (
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    output logic [31:0] y_o
);
  localparam int unsigned Stages = 4;
  if (Stages != fp32_pkg::MulLatency) $error("%m: MulLatency is %0d, allowed: %0d", fp32_pkg::MulLatency, Stages);

  logic [31:0] b_q, product, unused_sum, unused_cascade;
  fp32_dsp #(.Product(1'b1), .Sum(1'b0)) i_dsp (
      .clk_i, .enable_i, .a_i, .b_i(b_q), .c_i('1), .d_i('1), .cascade_i('0), .subtract_i(1'b0), .product_o(product),
      .sum_o(unused_sum), .cascade_o(unused_cascade)
  );

  wire nan = product[30:22] == '1;  // there is no other one
  assign y_o = {product[31] && !nan, product[30:0]};
  always_ff @(posedge clk_i) if (enable_i) b_q <= b_i;
endmodule
