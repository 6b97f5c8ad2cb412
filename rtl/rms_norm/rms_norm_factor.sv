// rms_norm_factor: the factor of a vector, r = rsqrt(sum(x * x) * inv_n + eps).
//
// Latency:       rms_norm_pkg::factor_latency(Lanes, MaxBeats) from the last beat.
// Throughput:    one beat a cycle, so up to one vector a cycle.
// Back-pressure: every register holds while enable_i is low.
//
// Parameters:
//   Lanes, MaxBeats  as in fp32_reduce
// Ports:
//   inv_n_i, eps_i, reuse_i  of the vector, with its last beat; reuse_i travels along
module rms_norm_factor
  import fp32_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned MaxBeats = 256
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                enable_i,
    input  logic [32*Lanes-1:0] data_i,
    input  logic                valid_i,
    input  logic                last_i,
    input  logic [        31:0] inv_n_i,
    input  logic [        31:0] eps_i,
    input  logic                reuse_i,
    output logic [        31:0] factor_o,
    output logic                reuse_o,
    output logic                valid_o
);
  // cycles after the last beat; a name stands for the value that is there
  localparam int unsigned AtSum =
      MulLatency + fp32_reduce_pkg::latency(fp32_reduce_pkg::Sum, Lanes, MaxBeats);
  localparam int unsigned AtMean = AtSum + MulLatency;
  localparam int unsigned AtFactor = AtMean + AddLatency + RsqrtLatency;
  if (AtFactor != rms_norm_pkg::factor_latency(Lanes, MaxBeats)) $error("%m: factor_latency, allowed: %0d", AtFactor);

  logic [32*Lanes-1:0] squares;
  for (genvar i = 0; i < Lanes; i++) begin : gen_squares
    fp32_mul u_square (
        .clk_i, .enable_i, .a_i(data_i[32*i+:32]), .b_i(data_i[32*i+:32]), .y_o(squares[32*i+:32])
    );
  end
  logic squares_valid, squares_last;
  fp32_valid #(.Cycles(MulLatency)) u_squares_valid (.clk_i, .rst_ni, .enable_i, .valid_i, .valid_o(squares_valid));
  fp32_delay #(.Width(1), .Cycles(MulLatency)) u_squares_last (.clk_i, .enable_i, .d_i(last_i), .q_o(squares_last));

  logic [31:0] total, inv_n, mean, eps, under_root;
  logic total_valid, too_long;
  fp32_reduce_pipe #(.Op(fp32_reduce_pkg::Sum), .Lanes(Lanes), .MaxBeats(MaxBeats)) u_total (
      .clk_i, .rst_ni, .enable_i, .data_i(squares), .valid_i(squares_valid), .last_i(squares_last),
      .data_o(total), .valid_o(total_valid), .too_long_o(too_long)
  );

  fp32_delay #(.Cycles(AtSum)) u_inv_n (.clk_i, .enable_i, .d_i(inv_n_i), .q_o(inv_n));
  fp32_mul u_mean (.clk_i, .enable_i, .a_i(total), .b_i(inv_n), .y_o(mean));
  fp32_delay #(.Cycles(AtMean)) u_eps (.clk_i, .enable_i, .d_i(eps_i), .q_o(eps));
  fp32_add u_under_root (.clk_i, .enable_i, .a_i(mean), .b_i(eps), .subtract_i(1'b0), .y_o(under_root));
  fp32_rsqrt u_factor (.clk_i, .enable_i, .x_i(under_root), .y_o(factor_o));

  fp32_delay #(.Width(1), .Cycles(AtFactor)) u_reuse (.clk_i, .enable_i, .d_i(reuse_i), .q_o(reuse_o));
  fp32_valid #(.Cycles(AtFactor - AtSum)) u_valid (.clk_i, .rst_ni, .enable_i, .valid_i(total_valid), .valid_o);

  a_cut :  // the core ends a vector in time
  assert property (@(posedge clk_i) disable iff (!rst_ni) !too_long);
endmodule
