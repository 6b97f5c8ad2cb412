// rms_norm_apply: y = (x * factor) * gain; keeps the gains of the last vector that brought its own.
//
// A beat is taken from the buffer when its vector's factor is there and, unless the stored gains are used again, a beat of gains.
//
// Latency:       rms_norm_pkg::ApplyLatency + 1 (spill register) from beats taken to the result.
// Throughput:    one beat a cycle.
// Back-pressure: the pipeline moves as long as no result waits at its end, or the spill register has room.
// Errors:        error_o rises at the last beat of a vector whose gains end earlier or later, or whose length is not that of the
//                stored gains. From then on, or from cut_i on, no beat waits for gains any more, so that the core runs empty.
//
// Ports:
//   cut_i  a vector was too long, so its gains need not fit
module rms_norm_apply
  import fp32_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned MaxBeats = 256
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [32*Lanes-1:0] x_data_i,
    input  logic                x_last_i,
    input  logic                x_valid_i,
    output logic                x_ready_o,
    input  logic [        31:0] factor_i,       // of the vector, stays until its last beat is taken
    input  logic                reuse_i,
    input  logic                factor_valid_i,
    output logic                factor_ready_o,
    input  logic [32*Lanes-1:0] s_axis_gain_tdata,
    input  logic                s_axis_gain_tlast,
    input  logic                s_axis_gain_tvalid,
    output logic                s_axis_gain_tready,
    output logic [32*Lanes-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    input  logic                cut_i,
    output logic                error_o
);
  localparam int unsigned IndexW = (MaxBeats > 1) ? $clog2(MaxBeats) : 1;

  logic room, out_valid, out_last;
  wire enable = room || !out_valid;
  wire issue = x_valid_i && factor_valid_i && (reuse_i || s_axis_gain_tvalid || error_o || cut_i);
  wire fresh = !reuse_i && s_axis_gain_tvalid;
  assign x_ready_o = enable && issue;
  assign factor_ready_o = enable && issue && x_last_i;
  assign s_axis_gain_tready = enable && x_valid_i && factor_valid_i && !reuse_i;

  // ---- gains: those of the stream are used and stored; index_q counts the vector's beats -----------------------------
  (* ram_style = "block" *) logic [32*Lanes-1:0] store[MaxBeats];
  logic [IndexW-1:0] index_q, stored_q;  // last index of the gains in the store
  logic [32*Lanes-1:0] x_q, fresh_q, read_q;
  logic [31:0] factor_q;
  logic fresh_now_q;
  always_ff @(posedge clk_i) begin
    if (enable) begin
      if (issue && fresh) store[index_q] <= s_axis_gain_tdata;
      read_q      <= store[index_q];
      fresh_q     <= s_axis_gain_tdata;
      fresh_now_q <= fresh;
      x_q         <= x_data_i;
      factor_q    <= factor_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      index_q  <= '0;
      stored_q <= '0;
      error_o  <= 1'b0;
    end else if (enable && issue) begin
      index_q <= x_last_i ? '0 : index_q + IndexW'(1);
      if (x_last_i && fresh) stored_q <= index_q;
      if (fresh && s_axis_gain_tlast != x_last_i) error_o <= 1'b1;
      if (x_last_i && reuse_i && stored_q != index_q) error_o <= 1'b1;
    end
  end

  // ---- the products ------------------------------------------------------------------------------------------------
  logic [32*Lanes-1:0] gain, y;
  fp32_delay #(.Width(32 * Lanes), .Cycles(MulLatency)) u_gain (
      .clk_i, .enable_i(enable), .d_i(fresh_now_q ? fresh_q : read_q), .q_o(gain)
  );
  for (genvar i = 0; i < Lanes; i++) begin : gen_lanes
    logic [31:0] scaled;
    fp32_mul u_scaled (.clk_i, .enable_i(enable), .a_i(x_q[32*i+:32]), .b_i(factor_q), .y_o(scaled));
    fp32_mul u_y (.clk_i, .enable_i(enable), .a_i(scaled), .b_i(gain[32*i+:32]), .y_o(y[32*i+:32]));
  end
  fp32_valid #(.Cycles(rms_norm_pkg::ApplyLatency)) u_valid (
      .clk_i, .rst_ni, .enable_i(enable), .valid_i(issue), .valid_o(out_valid)
  );
  fp32_delay #(.Width(1), .Cycles(rms_norm_pkg::ApplyLatency)) u_last (
      .clk_i, .enable_i(enable), .d_i(x_last_i), .q_o(out_last)
  );

  spill_register #(.Width(32 * Lanes + 1)) u_out (
      .clk_i, .rst_ni, .s_data_i({out_last, y}), .s_valid_i(out_valid), .s_ready_o(room),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready)
  );
endmodule
