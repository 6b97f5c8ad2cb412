// fp32_dot2: y = a * b + c * d or a * b - c * d in three roundings, of the products and of the sum.
//
// Numbers:  those of fp32_mul, then those of fp32_add.
//
// Latency:       fp32_pkg::Dot2Latency = MulLatency + AddLatency = 9. Throughput: one result a cycle.
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
  logic [31:0] first, second;
  logic subtract;
  fp32_mul u_first (.clk_i, .enable_i, .a_i, .b_i, .y_o(first));
  fp32_mul u_second (.clk_i, .enable_i, .a_i(c_i), .b_i(d_i), .y_o(second));
  fp32_delay #(.Width(1), .Cycles(fp32_pkg::MulLatency)) u_subtract (.clk_i, .enable_i, .d_i(subtract_i), .q_o(subtract));
  fp32_add u_add (.clk_i, .enable_i, .a_i(first), .b_i(second), .subtract_i(subtract), .y_o);
endmodule
