// fp32_reciprocal_step: a Newton step towards 1/m: y + y * (1 - m*y).
//
// Latency:       fp32_pkg::ReciprocalStepLatency = 2 Mul + OneMinus + Add = 16. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
module fp32_reciprocal_step
  import fp32_pkg::*;
(
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] m_i,
    input  logic [31:0] y_i,
    output logic [31:0] y_o
);
  logic [31:0] product, error, y_error;
  fp32_mul u_product (.clk_i, .enable_i, .a_i(m_i), .b_i(y_i), .y_o(product));
  fp32_one_minus u_error (.clk_i, .enable_i, .x_i(product), .y_o(error));
  fp32_delay #(.Cycles(MulLatency + OneMinusLatency)) u_y_error (.clk_i, .enable_i, .d_i(y_i), .q_o(y_error));
  fp32_mul_add u_y (.clk_i, .enable_i, .a_i(y_error), .b_i(error), .c_i(y_error), .y_o);
endmodule
