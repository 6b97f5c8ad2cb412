// act_quant_factors: from the largest magnitude of a vector to its two factors.
//
//   inverse = qmax * (1 / amax);  scale = amax * fp32(1/qmax);  both 0 where the inverse is infinity
//
// What the second product needs waits in a queue beside the reciprocal: a delay line of 34 cycles would take more.
//
// Latency:       act_quant_pkg::FactorLatency = Reciprocal + Mul = 38. Throughput: one vector a cycle.
// Back-pressure: none: it never stops. At most Vectors may be under way.
//
// Parameters:
//   CountW   bits of the number that travels along
//   Vectors  that may be under way
module act_quant_factors
  import fp32_pkg::*;
  import act_quant_pkg::*;
#(
    parameter int unsigned CountW = 8,
    parameter int unsigned Vectors = 32
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic [      30:0] amax_i,
    input  logic [       3:0] bits_i,
    input  logic [CountW-1:0] beats_i,
    input  logic              valid_i,
    output logic [      31:0] inverse_o,
    output logic [      31:0] scale_o,
    output logic [CountW-1:0] beats_o,
    output logic              valid_o
);
  logic [31:0] reciprocal, inverse, scale;
  logic reciprocal_valid, waiting, ready;
  logic [30:0] amax;
  logic [3:0] bits;
  logic [CountW-1:0] beats;
  logic [$clog2(Vectors+1)-1:0] unused_level;

  fp32_reciprocal u_reciprocal (.clk_i, .enable_i(1'b1), .x_i({1'b0, amax_i}), .y_o(reciprocal));
  fp32_valid #(.Cycles(ReciprocalLatency)) u_reciprocal_valid (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i, .valid_o(reciprocal_valid)
  );
  fifo #(.Width(31 + 4 + CountW), .Depth(Vectors)) u_waiting (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({amax_i, bits_i, beats_i}), .s_valid_i(valid_i), .s_ready_o(ready),
      .m_data_o({amax, bits, beats}), .m_valid_o(waiting), .m_ready_i(reciprocal_valid), .level_o(unused_level)
  );

  fp32_mul u_inverse (.clk_i, .enable_i(1'b1), .a_i(largest(bits)), .b_i(reciprocal), .y_o(inverse));
  fp32_mul u_scale (.clk_i, .enable_i(1'b1), .a_i({1'b0, amax}), .b_i(step(bits)), .y_o(scale));
  fp32_delay #(.Width(CountW), .Cycles(MulLatency)) u_beats (.clk_i, .enable_i(1'b1), .d_i(beats), .q_o(beats_o));
  fp32_valid #(.Cycles(MulLatency)) u_valid (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i(reciprocal_valid), .valid_o
  );

  wire dead = inverse == Infinity;
  assign inverse_o = dead ? '0 : inverse;
  assign scale_o   = dead ? '0 : scale;

  a_waiting :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      (valid_i |-> ready) and (reciprocal_valid |-> waiting));
endmodule
