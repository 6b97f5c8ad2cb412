// rms_norm: root mean square norm of every vector of a stream.
//
//   y = (x * rsqrt(sum(x * x) * inv_n + eps)) * gain        inv_n = fp32(1/n); sum: tree of adjacent pairs (fp32_reduce)
//
// A whole vector or the heads of one: heads are shorter vectors that use the stored gains again. While a vector is summed it
// goes into a queue; when its factor is there it leaves the queue through the two multiplications.
//
// Numbers:       those of fp32_mul, fp32_add and fp32_rsqrt, every step rounded. The result does not depend on Lanes.
// Latency:       from a vector's last beat to its first result beat (log2(Lanes) + log2(MaxBeats)) * Add + 4 Mul + Add + Rsqrt + 3
//                = 5 * (log2(Lanes) + log2(MaxBeats)) + 66; the queue holds more than a vector, so this is not a bound:
// Throughput:    one beat a cycle, vectors of equal length back to back, one-beat vectors too. A vector that is much shorter than
//                the one before it may wait until 16 factors have been used.
// Back-pressure: the first half stops when the queue is full or 17 factors wait; every ready depends on registers of this core
//                and, for gains, on nothing but their turn. Until then beats are taken.
// Errors:        error_o stays until the reset: a vector of more than MaxBeats beats (it is cut there), gains that end elsewhere
//                than their vector, or stored gains of another length. Nothing hangs: results still come, wrong ones.
//
// Parameters:
//   Lanes     values in a beat, a power of two; lane 0, the lowest bits, is the first
//   MaxBeats  beats of the longest vector, a power of two, >= 2
// Ports:
//   inv_n_i, eps_i, reuse_gain_i  of the vector, sampled with its last beat, stable while that waits
//   s_axis_gain  one beat for every beat of a vector without reuse_gain_i, tlast on its last; kept for reuse
module rms_norm #(
    parameter int unsigned Lanes = 16,
    parameter int unsigned MaxBeats = 256
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [        31:0] inv_n_i,
    input  logic [        31:0] eps_i,
    input  logic                reuse_gain_i,
    input  logic [32*Lanes-1:0] s_axis_tdata,
    input  logic                s_axis_tlast,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    input  logic [32*Lanes-1:0] s_axis_gain_tdata,
    input  logic                s_axis_gain_tlast,
    input  logic                s_axis_gain_tvalid,
    output logic                s_axis_gain_tready,
    output logic [32*Lanes-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic                error_o
);
  if (Lanes < 1 || Lanes != 1 << $clog2(Lanes)) $error("%m: Lanes is %0d, allowed: powers of two", Lanes);
  if (MaxBeats < 2 || MaxBeats != 1 << $clog2(MaxBeats)) $error("%m: MaxBeats is %0d, allowed: powers of two from 2", MaxBeats);

  localparam int unsigned CountW = $clog2(MaxBeats);
  localparam int unsigned Factors = 16;  // that may wait
  // The longest vector, and what follows it while its factor is on its way.
  localparam int unsigned Depth = MaxBeats + rms_norm_pkg::factor_latency(Lanes, MaxBeats) + 4;
  localparam int unsigned LevelW = $clog2(Depth + 3);

  // ---- in: every beat goes into the queue and to the sum ---------------------------------------------------------
  logic queue_ready, factor_room, factor_found, factor_reuse;
  logic [31:0] factor_new;
  logic [CountW-1:0] count_q;
  logic cut_q;
  wire enable = factor_room || !factor_found;
  wire take = s_axis_tvalid && s_axis_tready;
  wire full = count_q == CountW'(MaxBeats - 1);
  wire last = s_axis_tlast || full;
  assign s_axis_tready = queue_ready && enable;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      cut_q   <= 1'b0;
    end else if (take) begin
      count_q <= last ? '0 : count_q + CountW'(1);
      cut_q   <= cut_q || (full && !s_axis_tlast);
    end
  end

  logic [32*Lanes-1:0] x_data;
  logic x_last, x_valid, x_ready;
  logic [LevelW-1:0] level;
  fifo_block #(.Width(32 * Lanes + 1), .Depth(Depth)) u_queue (
      .clk_i, .rst_ni, .clear_i(1'b0),
      .s_data_i({last, s_axis_tdata}), .s_valid_i(s_axis_tvalid && enable), .s_ready_o(queue_ready),
      .m_data_o({x_last, x_data}), .m_valid_o(x_valid), .m_ready_i(x_ready), .level_o(level)
  );

  rms_norm_factor #(.Lanes(Lanes), .MaxBeats(MaxBeats)) u_factor (
      .clk_i, .rst_ni, .enable_i(enable), .data_i(s_axis_tdata), .valid_i(s_axis_tvalid && queue_ready), .last_i(last),
      .inv_n_i, .eps_i, .reuse_i(reuse_gain_i),
      .factor_o(factor_new), .reuse_o(factor_reuse), .valid_o(factor_found)
  );

  // ---- out -----------------------------------------------------------------------------------------------------------
  logic [31:0] factor;
  logic reuse, factor_valid, factor_ready, gain_error;
  logic [$clog2(Factors+1)-1:0] factors;
  fifo #(.Width(33), .Depth(Factors)) u_factors (
      .clk_i, .rst_ni, .clear_i(1'b0),
      .s_data_i({factor_reuse, factor_new}), .s_valid_i(factor_found), .s_ready_o(factor_room),
      .m_data_o({reuse, factor}), .m_valid_o(factor_valid), .m_ready_i(factor_ready), .level_o(factors)
  );

  rms_norm_apply #(.Lanes(Lanes), .MaxBeats(MaxBeats)) u_apply (
      .clk_i, .rst_ni, .x_data_i(x_data), .x_last_i(x_last), .x_valid_i(x_valid), .x_ready_o(x_ready),
      .factor_i(factor), .reuse_i(reuse), .factor_valid_i(factor_valid), .factor_ready_o(factor_ready),
      .s_axis_gain_tdata, .s_axis_gain_tlast, .s_axis_gain_tvalid, .s_axis_gain_tready,
      .m_axis_tdata, .m_axis_tlast, .m_axis_tvalid, .m_axis_tready, .cut_i(cut_q),
      .error_o(gain_error)
  );
  assign error_o = cut_q || gain_error;
  wire unused = ^{level, factors};

  a_in_queue :  // a factor's vector is in the queue: its first beat comes out first
  assert property (@(posedge clk_i) disable iff (!rst_ni) factor_valid |-> level != '0);
  a_hold :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !enable |=> $stable({factor_found, factor_new}));
  stream_checker #(.Width(32 * Lanes + 1)) u_out_rules (
      .clk_i, .rst_ni, .valid_i(m_axis_tvalid), .ready_i(m_axis_tready), .data_i({m_axis_tlast, m_axis_tdata})
  );
`ifndef SYNTHESIS
  // The last beat of a vector that is alone in the core, its gains waiting: its first result comes Latency cycles later.
  localparam int unsigned Latency =
      rms_norm_pkg::factor_latency(Lanes, MaxBeats) + rms_norm_pkg::ApplyLatency + 2;
  int unsigned vectors_q, age_q;
  wire left = m_axis_tvalid && m_axis_tready && m_axis_tlast;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) vectors_q <= 0;
    else vectors_q <= vectors_q + ((take && last) ? 1 : 0) - (left ? 1 : 0);
    if (!rst_ni || m_axis_tvalid) age_q <= 0;
    else if (take && last && vectors_q == 0) age_q <= 1;
    else if (age_q != 0 && (age_q != Latency - rms_norm_pkg::ApplyLatency - 1 || reuse || s_axis_gain_tvalid)) age_q <= age_q + 1;
  end
  a_latency :
  assert property (@(posedge clk_i) disable iff (!rst_ni) age_q == Latency |-> m_axis_tvalid);
  a_no_sooner :
  assert property (@(posedge clk_i) disable iff (!rst_ni) age_q != 0 && age_q < Latency |-> !m_axis_tvalid);
`endif
endmodule
