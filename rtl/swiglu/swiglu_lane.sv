// swiglu_lane: y = (gate * sigmoid(gate)) * up.
//
// Latency:       swiglu_pkg::Latency = Sigmoid + 2 Mul. Throughput: one result a cycle.
// Back-pressure: every register holds while enable_i is low.
module swiglu_lane
  import fp32_pkg::*;
(
    input  logic        clk_i,
    input  logic        enable_i,
    input  logic [31:0] gate_i,
    input  logic [31:0] up_i,
    output logic [31:0] y_o
);
  logic [31:0] weight, gate, silu, up;
  fp32_sigmoid u_weight (.clk_i, .enable_i, .x_i(gate_i), .y_o(weight));
  fp32_delay #(.Cycles(SigmoidLatency)) u_gate (.clk_i, .enable_i, .d_i(gate_i), .q_o(gate));
  fp32_mul u_silu (.clk_i, .enable_i, .a_i(gate), .b_i(weight), .y_o(silu));
  fp32_delay #(.Cycles(SigmoidLatency + MulLatency)) u_up (.clk_i, .enable_i, .d_i(up_i), .q_o(up));
  fp32_mul u_y (.clk_i, .enable_i, .a_i(silu), .b_i(up), .y_o);
endmodule
