// fp32_mul_add: y = c + a * b or c - a * b in two roundings, of the product and of the sum.
//
// Numbers:  those of fp32_mul, then those of fp32_add.
//
// Latency:       fp32_pkg::MulAddLatency = MulLatency + AddLatency = 9. Throughput: one result a cycle.
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
  logic [31:0] product, c;
  fp32_mul u_mul (.clk_i, .enable_i, .a_i, .b_i, .y_o(product));
  fp32_delay #(.Cycles(fp32_pkg::MulLatency)) u_c (.clk_i, .enable_i, .d_i(c_i), .q_o(c));
  fp32_add u_add (.clk_i, .enable_i, .a_i(c), .b_i(product), .subtract_i(Subtract), .y_o);
endmodule
