// sampler_score: a logit with its Gumbel noise, logit * inv_temp + (-ln(-ln u)).
//
//   u = (2 * (h >> 9) + 1) * 2^-24,  h = mix(id ^ k0, k1)
//
// Numbers:  those of fp32_from_int (exact here), fp32_log, fp32_mul and fp32_add.
// Latency:  sampler_pkg::ScoreLatency = 7 + FromInt + 1 + 2 Log + Add = 95. Throughput: one a cycle. Never stalls.
// Ports:
//   k0_i, k1_i, inv_temp_i  constant while numbers are inside
module sampler_score
  import fp32_pkg::*;
  import sampler_pkg::*;
(
    input  logic        clk_i,
    input  logic [31:0] logit_i,
    input  logic [31:0] id_i,
    input  logic [31:0] k0_i,
    input  logic [31:0] k1_i,
    input  logic [31:0] inv_temp_i,
    output logic [31:0] score_o
);
  logic [31:0] hash, whole, u_q, inner, outer, logit, scaled;
  sampler_mix u_hash (.clk_i, .x_i(id_i ^ k0_i), .key_i(k1_i), .y_o(hash));
  fp32_from_int #(.Bits(25)) u_whole (.clk_i, .enable_i(1'b1), .a_i({1'b0, hash[31:9], 1'b1}), .y_o(whole));
  always_ff @(posedge clk_i) u_q <= {1'b0, whole[30:23] - 8'd24, whole[22:0]};
  fp32_log u_inner (.clk_i, .enable_i(1'b1), .x_i(u_q), .y_o(inner));
  fp32_log u_outer (.clk_i, .enable_i(1'b1), .x_i({!inner[31], inner[30:0]}), .y_o(outer));

  fp32_delay #(.Cycles(NoiseLatency - MulLatency)) u_logit (.clk_i, .enable_i(1'b1), .d_i(logit_i), .q_o(logit));
  fp32_mul u_scaled (.clk_i, .enable_i(1'b1), .a_i(logit), .b_i(inv_temp_i), .y_o(scaled));
  fp32_add u_score (.clk_i, .enable_i(1'b1), .a_i(scaled), .b_i(outer), .subtract_i(1'b1), .y_o(score_o));
  wire unused = ^{hash[8:0], whole[31]};
endmodule
