// fp32_rsqrt_step: a Newton step towards 1/sqrt(m): y + y * ((1 - (m*y)*y) / 2).
//
// Latency:       fp32_pkg::RsqrtStepLatency = 3 Mul + OneMinus + Add = 20. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_rsqrt_step
  import fp32_pkg::*;
(
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] m_i,
    input  logic [31:0] y_i,
    output logic [31:0] y_o
);
  logic [31:0] once, y_once, twice, error, y_error;
  fp32_mul u_once (.clk_i, .enable_i, .a_i(m_i), .b_i(y_i), .y_o(once));
  fp32_delay #(.Cycles(MulLatency)) u_y_once (.clk_i, .enable_i, .d_i(y_i), .q_o(y_once));
  fp32_mul u_twice (.clk_i, .enable_i, .a_i(once), .b_i(y_once), .y_o(twice));
  fp32_one_minus u_error (.clk_i, .enable_i, .x_i(twice), .y_o(error));
  fp32_delay #(.Cycles(MulLatency + OneMinusLatency)) u_y_error (.clk_i, .enable_i, .d_i(y_once), .q_o(y_error));
  fp32_mul_add u_y (.clk_i, .enable_i, .a_i(y_error), .b_i(halve(error)), .c_i(y_error), .y_o);
endmodule
